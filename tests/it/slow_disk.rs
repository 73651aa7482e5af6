// SPDX-License-Identifier: BSD-2-Clause
//! A disk that takes its time and serves many requests at once: what is dumped, what is said, in which order, and how it ends is as on one
//! that serves a request at a time, with faults inside of merged reads, when the disk is gone, and when a process is killed that waits.
//!
//! `CAPDUMP_SWEEP_SECONDS` says how long faults are tried; without it, 10.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use capdump_support::canonical;
use capdump_support::fuse::{Faults, Pace, Served, available};
use capdump_support::loop_device::Loop;
use capdump_support::program::{self, Ran, TempDir, run, skipped, without_aio, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What, attribute};
use capdump_support::ufs_writer::{ROOT, Writer};
use capdump_support::{procs, target};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(60);
const BLOCK: u64 = 8192;
const SECTOR: u64 = 512;
/// Where the superblock has ended: without it there is no dump.
const BEHIND_SUPERBLOCK: u64 = 65536 + 8192;

const FULL: &[&str] = &["-0a"];
/// Since a time between old and new files, so that pass II reads the directories.
const INCREMENT: &[&str] = &["-1a", "-T", "Fri Apr 15 05:20:00 2022"];

/// Files whose blocks alternate, small ones with directories between them, and a large one with indirect blocks and attributes.
fn image(path: &Path) {
    let mut w = Writer::create(path, &Geometry::new(2, (BLOCK, 1024), 3, 300, 5 << 20), &Attrs::perm(0o755));
    let new = Attrs { ctime: (target::SINCE + 1_000_000, 0), ..Attrs::default() };
    let file = |bytes, seed| Content::full(bytes, BLOCK, Fill::Pattern(seed));
    let files: Vec<_> =
        (0..40).map(|n| (format!("a{n}").into_bytes(), file(12 * BLOCK - n * 700, n))).collect();
    let dir = w.mkdir(ROOT, b"alternating", &Attrs::perm(0o755));
    w.add_alternating(dir, &new, &files);
    for n in 0..80 {
        let dir = w.mkdir(ROOT, format!("dir{n}").as_bytes(), &Attrs::perm(0o755));
        let attrs = if n % 4 == 0 { &new } else { &Attrs::default() };
        w.add(dir, b"file", attrs, &What::File(file(n * 397, 100 + n)));
        w.finish_dir(dir);
    }
    let attrs = Attrs { ext: attribute(1, b"name", &[7; 9000]), ..new };
    w.add(ROOT, b"large", &attrs, &What::File(file(2_000_000, 200)));
    w.finish();
}

/// The disk, and how it is served.
struct Place {
    dir: TempDir,
    image: PathBuf,
}

impl Place {
    fn new() -> Option<Place> {
        if !available() {
            return None;
        }
        let dir = TempDir::new("capdump-slow");
        let path = dir.join("image");
        image(&path);
        Some(Place { dir, image: path })
    }

    fn serve(&self, image: &Path, faults: Faults, pace: Pace) -> Served {
        Served::paced(&self.dir.join("mnt"), image, faults, pace)
    }

    /// A dump of a disk with many requests under way; with how it was served.
    fn many(&self, faults: Faults, args: &[&str]) -> (Ran, Served) {
        let served = self.serve(&self.image, faults, Pace::latency(Duration::from_micros(200)));
        (dump(without_tty(capdump()), &served.path(), args), served)
    }

    /// The same one request at a time.
    fn single(&self, image: &Path, faults: Faults, args: &[&str]) -> (Ran, Served) {
        let served = self.serve(image, faults, Pace::default());
        (dump(without_aio(capdump()), &served.path(), args), served)
    }

    /// The image with zeros in these places.
    fn zeroed(&self, places: &[std::ops::Range<u64>]) -> PathBuf {
        let (path, mut bytes) = (self.dir.join("zeroed"), fs::read(&self.image).unwrap());
        places.iter().for_each(|place| bytes[place.start as usize..place.end as usize].fill(0));
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// A dump to standard output, of a date that does not change.
fn dump(mut command: Command, disk: &Path, args: &[&str]) -> Ran {
    command.args(args).args(["--max-read-errors", "0", "-f", "-"]).arg(disk);
    command.env("SOURCE_DATE_EPOCH", "1700000000").env("TZ", "UTC");
    let ran = run(&mut command, LIMIT);
    assert!(procs::ended(ran.id), "{}", ran.stderr);
    ran
}

/// What was said, without how long it took.
fn said(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| !line.contains("finished in")).collect()
}

fn assert_same(one: &Ran, other: &Ran, what: &str) {
    assert_eq!(one.code(), other.code(), "{what}: {}\n{}", one.stderr, other.stderr);
    assert_eq!(said(one), said(other), "{what}");
    assert!(one.stdout == other.stdout, "{what}: {}", one.stderr);
}

#[test]
fn a_disk_is_dumped_as_its_image_is() {
    let Some(place) = Place::new() else { return };
    for args in [FULL, INCREMENT] {
        let plain = dump(without_tty(capdump()), &place.image, args).ok();
        // The disk's name is in the headers.
        let assert_plain = |ran: Ran, what: &str| {
            let found = canonical::differences(&plain.stdout, &ran.ok().stdout, &["c_dev"]);
            assert!(found.is_empty(), "{args:?}, {what}: {found:#?}");
        };
        assert_plain(place.single(&place.image, Faults::default(), args).0, "one at a time");
        let (ran, served) = place.many(Faults::default(), args);
        assert_plain(ran, "many at once");
        let most = served.log.lock().unwrap().most_under_way;
        assert!(most >= 16, "{args:?}: {most} reads under way at most");
        for sector in ["512", "4096"] {
            let Some(disk) = Loop::attach(&served.path(), &["--read-only", "--direct-io=on", "-b", sector])
            else {
                skipped("no loop device can be had");
                continue;
            };
            assert_plain(dump(without_tty(capdump()), disk.path(), args), &format!("sectors of {sector}"));
        }
    }
}

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// A sector of one of these reads.
    fn sector(&mut self, reads: &[(u64, usize)]) -> u64 {
        let (offset, length) = reads[self.below(reads.len() as u64) as usize];
        let at = offset + self.below((length as u64).div_ceil(SECTOR)) * SECTOR;
        (at / SECTOR * SECTOR).max(BEHIND_SUPERBLOCK)
    }
}

/// How long faults are tried.
fn seconds() -> Duration {
    let wanted = std::env::var("CAPDUMP_SWEEP_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(wanted.unwrap_or(10))
}

/// Sectors that cannot be read, and reads that end early, many of each in one dump: as on a disk that serves one request at a time, and,
/// but for what is said, as where those sectors are zeros.
#[test]
fn faults_are_told_in_the_same_order() {
    let Some(place) = Place::new() else { return };
    let end = Instant::now() + seconds();
    let mut random = Random(1);
    let mut told = 0;
    for round in 0.. {
        let args = [FULL, INCREMENT][round % 2];
        let (whole, served) = place.single(&place.image, Faults::default(), args);
        let reads = served.log.lock().unwrap().reads.clone();
        drop((whole.ok(), served));
        let mut bad: Vec<_> = (0..8).map(|_| random.sector(&reads)).collect();
        bad.sort_unstable();
        let bad: Vec<_> = bad.iter().map(|at| *at..at + SECTOR * (1 + random.below(3))).collect();
        let cuts = if round % 4 < 2 { 0 } else { 8 };
        let read_short: Vec<_> = (0..cuts).map(|_| random.sector(&reads) + random.below(2) * 200).collect();
        let faults = || Faults { read_eio: bad.clone(), read_short: read_short.clone(), ..Faults::default() };
        let what = format!("round {round}: {args:?}, {bad:?}, {read_short:?}");
        let (many, _) = place.many(faults(), args);
        let (single, _) = place.single(&place.image, faults(), args);
        assert_same(&many, &single, &what);
        if read_short.is_empty() {
            let (zeros, _) = place.single(&place.zeroed(&bad), Faults::default(), args);
            let found = canonical::differences(&zeros.stdout, &many.stdout, &[]);
            // Without a root there is no dump.
            let alike = found.is_empty() || (zeros.stdout.is_empty() && many.stdout.is_empty());
            assert!(alike, "{what}: {found:?}: {}", many.stderr);
        }
        told += usize::from(many.stderr.contains("read error"));
        if Instant::now() > end {
            break;
        }
    }
    assert!(told > 0, "no fault was met");
}

/// Places at which a sector cannot be read, if there is time for all.
const PLACES: usize = 1000;

/// One sector that cannot be read, within what is read at once with other data: it alone is lost, and reported, as on a disk that serves one
/// request at a time.
#[test]
fn a_bad_sector_at_each_place_of_merged_reads() {
    let Some(place) = Place::new() else { return };
    let end = Instant::now() + seconds() / 2;
    let (whole, served) = place.many(Faults::default(), FULL);
    let whole = whole.ok();
    let merged =
        served.log.lock().unwrap().reads.iter().filter(|read| read.1 as u64 > BLOCK).copied().collect();
    drop(served);
    let sectors = sectors(merged);
    assert!(sectors.len() > PLACES, "{}", sectors.len());
    // Each 381st of them, so that any part of the places is spread over the disk.
    let order = (0..PLACES).map(|n| sectors[n * 381 % PLACES * sectors.len() / PLACES]);
    let (mut tried, mut lost) = (0, 0);
    for at in order.take_while(|_| Instant::now() < end) {
        let faults = || Faults { read_eio: std::iter::once(at..at + SECTOR).collect(), ..Faults::default() };
        let what = format!("sector {}", at / SECTOR);
        let (many, _) = place.many(faults(), FULL);
        let (single, _) = place.single(&place.image, faults(), FULL);
        assert_same(&many, &single, &what);
        let named: Vec<&str> = many.stderr.lines().filter(|line| line.contains("[sector ")).collect();
        let is_this = |line: &&str| line.contains(&format!("[sector {}]", at / SECTOR));
        assert!(named.iter().all(is_this), "{what}: {}", many.stderr);
        // What lies between files and is read with them is nobody's.
        assert!(!named.is_empty() || many.stdout == whole.stdout, "{what}: {}", many.stderr);
        let zeroed = place.zeroed(&faults().read_eio);
        let (zeros, _) = place.single(&zeroed, Faults::default(), FULL);
        // Without a root there is no dump.
        let found = canonical::differences(&zeros.stdout, &many.stdout, &[]);
        let alike = found.is_empty() || (zeros.stdout.is_empty() && many.stdout.is_empty());
        assert!(alike, "{what}: {found:?}: {}", many.stderr);
        (tried, lost) = (tried + 1, lost + usize::from(!named.is_empty()));
    }
    println!("{tried} of {PLACES} places, {lost} of them with data that is lost");
    assert!(lost > 0);
}

/// The sectors that reads are of, behind the superblock, each once.
fn sectors(reads: Vec<(u64, usize)>) -> Vec<u64> {
    let of = |(at, length): (u64, usize)| (at..at + length as u64).step_by(SECTOR as usize);
    let all: std::collections::BTreeSet<u64> = reads.into_iter().flat_map(of).collect();
    all.into_iter().filter(|at| *at >= BEHIND_SUPERBLOCK).collect()
}

#[test]
fn a_disk_that_is_gone_ends_the_dump_once() {
    let Some(place) = Place::new() else { return };
    for args in [FULL, INCREMENT] {
        let (whole, served) = place.many(Faults::default(), args);
        let reads = served.log.lock().unwrap().reads.len();
        drop((whole.ok(), served));
        let mut ended = 0;
        for number in (0..reads).step_by((reads / 10).max(1)) {
            let faults = Faults { read_error_from: Some((number, Errno::ENXIO)), ..Faults::default() };
            let (ran, _) = place.many(faults, args);
            let what = format!("{args:?} from read {number} of {reads}: {}", ran.stderr);
            if ran.code() == 1 && !ran.stderr.contains("Pass I") {
                continue;
            }
            assert_eq!(ran.code(), 3, "{what}");
            let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("read error")).collect();
            assert!(lines.len() == 1 && lines[0].ends_with("the disk no longer responds"), "{what}");
            ended += 1;
        }
        assert!(ended > 2, "{args:?}: {ended} of {reads}");
    }
}

/// Who is killed while reads are under way: the one that was started, or a child of it; the first is the planner, the rest are workers.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Started(Signal),
    Other(usize, Signal),
}

const VICTIMS: [Victim; 7] = [
    Victim::Started(Signal::SIGTERM),
    Victim::Started(Signal::SIGINT),
    Victim::Started(Signal::SIGKILL),
    Victim::Other(0, Signal::SIGTERM),
    Victim::Other(0, Signal::SIGKILL),
    Victim::Other(1, Signal::SIGTERM),
    Victim::Other(1, Signal::SIGKILL),
];

/// One dump that gets its signal when so many reads were made; how long the end of all took. `None` if it was done before, or went on.
fn strike(place: &Place, args: &[&str], victim: Victim, reads: usize) -> Option<Duration> {
    let served = place.serve(&place.image, Faults::default(), Pace::latency(Duration::from_millis(50)));
    let dates = place.dir.join("dumpdates");
    // A date on the command line cannot be recorded: it is that of a level 0 then.
    let (args, before) = match args {
        [level, "-T", date] => (&[*level][..], format!("{:<53} 0 {date}\n", served.path().display())),
        _ => (args, String::new()),
    };
    fs::write(&dates, &before).unwrap();
    let mut command = without_tty(capdump());
    command.args(args).args(["-u", "-D"]).arg(&dates).arg("-f").arg(place.dir.join("out")).arg(served.path());
    let err = place.dir.join("err");
    let mut child = command.stderr(File::create(&err).unwrap()).spawn().unwrap();
    let leader = child.id();
    let what = format!("{args:?}: {victim:?} at read {reads}");
    let mut others = Vec::new();
    // There are no workers before passes III and IV.
    let least = if let Victim::Other(n, _) = victim { n } else { 0 };
    let ready = || {
        others = procs::descendants(leader);
        others.sort_unstable();
        let read = served.log.lock().unwrap().reads.len() >= reads && others.len() > least;
        read || child.try_wait().unwrap().is_some()
    };
    assert!(procs::until(LIMIT, ready), "{what}: {}", fs::read_to_string(&err).unwrap());
    let (id, signal) = match victim {
        Victim::Started(signal) => (leader, signal),
        Victim::Other(n, signal) => (*others.get(n)?, signal),
    };
    let start = Instant::now();
    // It may have ended just now.
    let _ = kill(Pid::from_raw(id.cast_signed()), signal);
    let status = program::wait(&mut child, LIMIT).unwrap_or_else(|| panic!("{what}: still there"));
    assert!(procs::until(LIMIT, || procs::session(leader).is_empty()), "{what}: processes are left");
    let took = start.elapsed();
    let said = fs::read_to_string(&err).unwrap();
    let entered = fs::read_to_string(&dates).unwrap() != before;
    assert_eq!(status.success(), entered, "{what}: {said}");
    (!status.success()).then_some(took)
}

#[test]
fn a_kill_while_reads_are_under_way_ends_all() {
    const SECOND: Duration = Duration::from_secs(1);
    const TRIES: usize = 5;
    let Some(place) = Place::new() else { return };
    for args in [FULL, INCREMENT] {
        let (whole, served) = place.many(Faults::default(), args);
        let all = served.log.lock().unwrap().reads.len();
        drop((whole.ok(), served));
        for victim in VICTIMS {
            let mut ended = 0;
            for reads in [all / 8, all / 3] {
                // Beside other work one may take long by chance; what takes long by itself does so every time.
                let mut slow = Vec::new();
                while slow.len() < TRIES {
                    let Some(took) = strike(&place, args, victim, reads) else { break };
                    ended += 1;
                    if took <= SECOND {
                        break;
                    }
                    slow.push(took);
                }
                assert!(slow.len() < TRIES, "{args:?}: {victim:?} at read {reads}: {slow:?}");
            }
            // A signal that is not a kill may be survived by a process that does not wait for the operator.
            let survived = matches!(victim, Victim::Other(_, Signal::SIGTERM));
            assert!(ended > 0 || survived, "{args:?}: {victim:?}: nothing was ended");
        }
    }
}
