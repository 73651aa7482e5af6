// SPDX-License-Identifier: BSD-2-Clause
//! Every way in which a write can go wrong, at every record and with any number of workers: either the dump is there as a whole, or the exit
//! status says that it is not and dumpdates is as it was. (The end of a medium at every record is in `boundaries`.)

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::fuse::{Faults, Served, available};
use capdump_support::listing::{self, Listing};
use capdump_support::procs;
use capdump_support::program::{self, Ran, TempDir, run, without_tty};
use capdump_support::small;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

const LIMIT: Duration = Duration::from_secs(20);
const NTREC: usize = 10;
const RECORD: u64 = NTREC as u64 * 1024;
/// What a dumpdates file holds before the dump; an older dump of another disk.
const BEFORE: &str = "/dev/ada0p9                                           0 Tue Nov 14 22:13:20 2023\n";

/// An image, and what a dump of it holds.
struct Source {
    dir: TempDir,
    image: PathBuf,
    held: Listing,
    bytes: u64,
}

impl Source {
    fn new(make: impl FnOnce(&Path)) -> Source {
        let dir = TempDir::new("capdump-write");
        let image = dir.join("image");
        make(&image);
        let out = dir.join("whole");
        run(dump(&image, 3).arg(&out).arg(&image), LIMIT).ok();
        let stream = fs::read(&out).unwrap();
        let bytes = stream.len() as u64;
        let held = decode_and_check(&[stream], &Rules::new(NTREC)).unwrap().listing().unwrap();
        Source { dir, image, held, bytes }
    }

    /// Dumps to a file that fails so.
    fn attempt(&self, faults: Faults, workers: u64, what: &str) -> bool {
        let (out, dates) = (self.dir.join("out"), self.dir.join("dumpdates"));
        fs::write(&out, b"").unwrap();
        fs::write(&dates, BEFORE).unwrap();
        let served = Served::new(&self.dir.join("mnt"), &out, faults);
        let mut command = dump(&self.image, workers);
        command.arg(served.path()).args(["-u", "-D"]).arg(&dates).arg(&self.image);
        let ran = run(&mut command, LIMIT);
        drop(served);
        self.settle(&ran, &out, &dates, what)
    }

    /// Holds a run to its promise; whether it was a success.
    fn settle(&self, ran: &Ran, out: &Path, dates: &Path, what: &str) -> bool {
        let gone = procs::ended(ran.id);
        assert!(gone, "{what}: processes are left");
        let done = ran.stderr.contains("DUMP IS DONE");
        assert_eq!(done, ran.code() == 0, "{what}: {}: {}", ran.code(), ran.stderr);
        let dates = fs::read_to_string(dates).unwrap();
        if done {
            self.assert_held(fs::read(out).unwrap(), what);
            assert!(dates.starts_with(BEFORE) && dates.lines().count() == 2, "{what}: {dates}");
        } else {
            assert_eq!(ran.code(), 3, "{what}: {}", ran.stderr);
            assert_eq!(dates, BEFORE, "{what}");
        }
        done
    }

    fn assert_held(&self, stream: Vec<u8>, what: &str) {
        let dump = decode_and_check(&[stream], &Rules::new(NTREC)).unwrap_or_else(|e| panic!("{what}: {e}"));
        let found = listing::differences(&dump.listing().unwrap(), &self.held);
        assert!(found.is_empty(), "{what}: {found:#?}");
    }
}

fn dump(image: &Path, workers: u64) -> Command {
    // A name for dumpdates that fits into its place, wherever temporary files are.
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.current_dir(image.parent().unwrap()).env("TZ", "UTC");
    command.args(["-0a", "-b", &NTREC.to_string(), "--workers", &workers.to_string(), "-f"]);
    command
}

/// What can go wrong at a byte of the output, and whether the dump can be whole all the same.
fn kinds(at: u64) -> [(&'static str, Faults, bool); 6] {
    let none = Faults::default;
    let fails = |errno| Faults { write_short: Some(at), write_error: Some((at, errno)), ..none() };
    [
        ("EIO", fails(Errno::EIO), false),
        ("EPERM", fails(Errno::EPERM), false),
        ("ENOSPC", fails(Errno::ENOSPC), false),
        ("0", Faults { write_short: Some(at), write_zero: Some(at), ..none() }, false),
        ("short", Faults { write_short: Some(at), ..none() }, false),
        ("EINTR", Faults { write_interrupted: Some(at), ..none() }, true),
    ]
}

/// Tries all kinds at each place; the number of workers goes round.
fn at_places(source: &Source, places: impl Iterator<Item = u64>) {
    let mut workers = 0;
    for at in places {
        for (name, faults, whole) in kinds(at) {
            workers = workers % 8 + 1;
            let what = format!("{name} at byte {at}, {workers} workers");
            let done = source.attempt(faults, workers, &what);
            // A short write where a write begins anyway is none. And within a write of more than 1 MiB, which the kernel asks for in parts,
            // a signal makes a short write, after which a file is not trusted.
            let either = name == "short" || source.bytes > 1 << 20 && name == "EINTR";
            assert!(done == whole || either, "{what}: {done}");
        }
    }
}

#[test]
fn at_every_record() {
    if !available() {
        return;
    }
    let source = Source::new(small::mixed);
    at_places(&source, (0..source.bytes).step_by(RECORD as usize));
}

#[test]
fn within_records() {
    if !available() {
        return;
    }
    let source = Source::new(small::mixed);
    at_places(&source, (0..source.bytes).step_by(RECORD as usize * 2).map(|at| at + 1 + at / 20 % 9000));
}

#[test]
fn where_chunks_meet() {
    if !available() {
        return;
    }
    let source = Source::new(|path| small::one_file(path, 12 << 20));
    let chunk = (19 << 17) / RECORD * RECORD;
    at_places(&source, [chunk - RECORD, chunk - 1, chunk, chunk + RECORD, 3 * chunk].into_iter());
}

/// A pipe that does not block, and is full most of the time (`EAGAIN`).
#[test]
fn a_pipe_that_does_not_block() {
    let source = Source::new(|path| small::one_file(path, 5 << 20));
    for workers in [1, 2, 3, 8] {
        let dates = source.dir.join("dumpdates");
        fs::write(&dates, BEFORE).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        fcntl(writer.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let mut command = dump(&source.image, workers);
        command.arg("-").args(["-u", "-D"]).arg(&dates).arg(&source.image);
        let errors = source.dir.join("err");
        command.stdout(Stdio::from(writer)).stderr(File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        // The writing end that this process has goes with the command.
        drop(command);
        let (mut stream, mut piece) = (Vec::new(), [0; 3000]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                n => stream.extend_from_slice(&piece[..n]),
            }
        }
        let status = program::wait(&mut child, LIMIT).expect("the end of the dump");
        let what = format!("{workers} workers");
        assert!(status.success(), "{what}: {}", fs::read_to_string(&errors).unwrap());
        source.assert_held(stream, &what);
        assert_eq!(fs::read_to_string(&dates).unwrap().lines().count(), 2);
    }
}
