// SPDX-License-Identifier: BSD-2-Clause
//! Every byte of the superblock, the first group, the root's inode, a file's inode, a directory and an indirect block, set to five
//! values in turn: a dump that keeps the rules, or a named error; and in bounded time and memory.
//!
//! All dumps are made within this process (see `sink`), for it is tens of thousands of them on UFS2 alone. There each stream that is unlike
//! those before it in what `restore -t` looks at is listed by that, if its directories hold no other names than they did. Of the other file
//! systems every few bytes are swept. Some of the damaged
//! images are dumped by the program itself, which has to come to the same end.

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sink::{Dumped, Options, Refused, dump};
use allocation_counter::measure;
use capdump::internals::passes;
use capdump_support::check::{Rules, decode_and_check};
use capdump_support::decode::{Dump, S_IFDIR, S_IFMT};
use capdump_support::header::{BLOCK, Header, Kind};
use capdump_support::listing::ContentHash;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::restore;
use capdump_support::target::{SINCE, Target, VARIANTS, make};

const VALUES: [u8; 5] = [0, 1, 0x7f, 0x80, 0xff];
const NTREC: u32 = 2;
/// The longest that one dump may take, with a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(5);
/// The most memory that a dump may allocate: bytes. It is counted for the test's own thread, since the peak of a process counts tests that
/// run beside it, and its `ru_maxrss` what the parent had before execve(2).
const MEMORY: u64 = 32 << 20;
/// The address space that a process of the program itself may have: KiB. It is limited and not measured, for the same reason.
const ADDRESSES: u32 = 256 << 10;
/// Tape blocks that a dump may have: a file's size can be made to be gigabytes of holes, which are headers on the tape.
const MOST_BLOCKS: u64 = 4096;

/// The places that are swept.
fn places(target: &Target) -> Vec<(&'static str, Range<usize>)> {
    let mut places = vec![
        ("superblock", target.superblock.clone()),
        ("group", target.groups[0].clone()),
        ("root", target.root.clone()),
        ("file", target.inodes[1].clone()),
        ("directory", target.directories[0].clone()),
        ("directory", target.directories[1].clone()),
        ("indirect", target.indirect[0].clone()),
        ("indirect", target.indirect[1].clone()),
    ];
    places.extend(target.attributes.iter().map(|place| ("attributes", place.clone())));
    places
}

fn options(since: Option<i64>) -> Options {
    Options { since, ntrec: NTREC, honor_nodump: true, most_blocks: MOST_BLOCKS, ..Options::default() }
}

/// What a dump of the damaged image came to: a stream, or none.
fn checked(image: &[u8], options: &Options, what: &str) -> Option<Dumped> {
    let start = Instant::now();
    let mut result = None;
    let memory = measure(|| result = Some(dump(image, options)));
    assert!(start.elapsed() < LIMIT, "{what}: {:?}", start.elapsed());
    assert!(memory.bytes_max < MEMORY, "{what}: {} bytes of memory", memory.bytes_max);
    match result.expect("it was run") {
        Ok(dumped) if dumped.whole => {
            let rules = Rules { may_miss: dumped.may_miss.clone(), ..Rules::new(NTREC as usize) };
            decode_and_check(&dumped.volumes, &rules).unwrap_or_else(|error| panic!("{what}: {error}"));
            Some(dumped)
        }
        Ok(_) => None,
        Err(refused) => {
            assert!(!refused.to_string().contains('\n'), "{what}: {refused}");
            None
        }
    }
}

/// A damaged image.
struct Case<'a> {
    image: &'a [u8],
    options: &'a Options,
    what: &'a str,
    /// The names that a dump of the undamaged image has.
    right: &'a BTreeMap<Vec<u8>, u32>,
}

/// A full dump and, since it looks into other places, an increment.
const BOTH: &[Option<i64>] = &[None, Some(SINCE)];

/// Tries the values on every `step`th byte of every place; for increments where it is not only data.
fn sweep(
    variant: usize,
    step: usize,
    dumps: &[Option<i64>],
    mut see: impl FnMut(&Case<'_>, Option<&Dumped>),
) {
    let dir = TempDir::new("capdump-corruption");
    let target = make(&dir.join("image"), variant);
    let mut image = target.image.clone();
    for &since in dumps {
        let options = options(since);
        let right = checked(&image, &options, "undamaged").expect("a dump of the undamaged image");
        let names = tree(&right).expect("a tree");
        assert!(right.volumes[0].len() > 30 << 10, "{} bytes", right.volumes[0].len());
        let places = places(&target).into_iter().filter(|(name, _)| since.is_none() || *name != "indirect");
        for (name, place) in places {
            for at in place.clone().step_by(step) {
                let kept = image[at];
                for value in VALUES.into_iter().filter(|&value| value != kept) {
                    image[at] = value;
                    let what =
                        format!("{}: {name} byte {} = {value:#x}", VARIANTS[variant], at - place.start);
                    let dumped = checked(&image, &options, &what);
                    let case = Case { image: &image, options: &options, what: &what, right: &names };
                    see(&case, dumped.as_ref());
                }
                image[at] = kept;
            }
        }
        assert!(image == target.image);
    }
}

/// What `restore -t` looks at: everything before the first file.
fn listed_part(stream: &[u8]) -> &[u8] {
    let is_file = |block: &[u8]| {
        let header = Header::parse(block)?;
        let directory = header.u32("c_mode") & S_IFMT == S_IFDIR;
        (header.kind() == Kind::Inode && !directory).then_some(())
    };
    let first = stream.chunks_exact(BLOCK).position(|block| is_file(block).is_some());
    &stream[..first.map_or(stream.len(), |block| block * BLOCK)]
}

/// All names of a dump and their inodes, if each directory names itself and no other holds it.
fn tree(dumped: &Dumped) -> Option<BTreeMap<Vec<u8>, u32>> {
    let dump = Dump::decode(&dumped.volumes).ok()?;
    let paths = dump.paths().ok()?;
    let names_itself =
        |ino: &u32| dump.directory(*ino).is_ok_and(|names| names.contains(&(b".".to_vec(), *ino)));
    let is_dir = |ino: &&u32| dump.files.get(*ino).is_some_and(|file| file.kind() == S_IFDIR);
    paths.values().filter(is_dir).all(names_itself).then_some(paths)
}

/// Whether it has no names but those of the right dump. What stands in a damaged directory is dumped as it is, and of one that holds itself
/// restore(8) lists no end.
fn is_part_of(dumped: &Dumped, right: &BTreeMap<Vec<u8>, u32>) -> bool {
    tree(dumped).is_some_and(|tree| tree.iter().all(|(path, ino)| right.get(path) == Some(ino)))
}

/// `restore -t` of a stream: its exit code, and the beginning of what it said.
fn list(stream: &Path) -> (i32, String) {
    let mut command = restore::command(stream.parent().unwrap());
    command.args(["-b", &NTREC.to_string(), "-tf"]).arg(stream);
    let ran = run(&mut command, Duration::from_secs(20));
    (ran.code(), ran.stderr.chars().take(1000).collect())
}

/// The program itself on a damaged image: it comes to the same end.
fn run_program(dir: &TempDir, image: &[u8], options: &Options, what: &str, whole: bool) {
    let path = dir.join("damaged");
    fs::write(&path, image).unwrap();
    let mut command = without_tty(Path::new("sh"));
    let limited = format!("ulimit -v {ADDRESSES} && exec \"$@\"");
    command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_capdump")]);
    command.args(["-a", "-h", "0", "-b", &NTREC.to_string(), "--workers", "2"]);
    match options.since {
        None => command.arg("-0"),
        Some(_) => command.args(["-1", "-T", "Fri Apr 15 05:20:00 2022"]),
    };
    command.arg("-f").arg(dir.join("out")).arg(&path).env("TZ", "UTC");
    let ran = run(&mut command, Duration::from_secs(60));
    assert!(matches!(ran.code(), 0 | 1 | 3), "{what}: {}: {}", ran.code(), ran.stderr);
    assert_eq!(ran.code() == 0, whole, "{what}: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
}

/// How much of a sweep is given to other programs.
struct Samples {
    /// Every so many of the streams that differ in what restore looks at.
    restored: usize,
    /// Every so many of all cases.
    run: usize,
}

fn sweep_with(variant: usize, step: usize, dumps: &[Option<i64>], samples: &Samples) {
    let with_restore = restore::available();
    let dir = TempDir::new("capdump-corruption");
    let (mut seen, mut cases, mut whole, mut read) = (BTreeSet::new(), 0, 0, 0);
    sweep(variant, step, dumps, |&Case { image, options, what, right }, dumped| {
        cases += 1;
        if cases % samples.run == 0 {
            run_program(&dir, image, options, what, dumped.is_some());
        }
        let Some(dumped) = dumped else { return };
        whole += 1;
        let stream = &dumped.volumes[0];
        let new = seen.insert(ContentHash::of(listed_part(stream)));
        if with_restore && new && seen.len() % samples.restored == 0 && is_part_of(dumped, right) {
            read += 1;
            let path = dir.join("stream");
            fs::write(&path, stream).unwrap();
            let (code, said) = list(&path);
            assert_eq!(code, 0, "{what}: {said}");
        }
    });
    assert!(cases > 1000 && whole > 0 && whole < cases);
    println!(
        "{}: {cases} cases, {whole} whole, {} unlike each other, {read} read",
        VARIANTS[variant],
        seen.len(),
    );
}

#[test]
fn ufs2() {
    sweep_with(0, 1, &[None], &Samples { restored: 1, run: 997 });
}

#[test]
fn ufs2_increment() {
    sweep_with(0, 1, &[Some(SINCE)], &Samples { restored: 1, run: 997 });
}

#[test]
fn ufs1() {
    sweep_with(1, 3, BOTH, &Samples { restored: 9, run: 997 });
}

#[test]
fn big_endian() {
    for variant in [2, 3] {
        sweep_with(variant, 5, BOTH, &Samples { restored: 9, run: 997 });
    }
}

#[test]
fn soft_updates() {
    sweep_with(4, 5, BOTH, &Samples { restored: 9, run: 997 });
}

/// What stands in a chunk's memory before it is filled is in no header and no padding.
#[test]
fn nothing_of_the_memory_gets_out() {
    let dir = TempDir::new("capdump-corruption");
    for (variant, name) in VARIANTS.iter().enumerate() {
        let target = make(&dir.join("image"), variant);
        for since in [None, Some(SINCE)] {
            // Ends of media, since what is left over is placed once more.
            for ends in [vec![], vec![1, 3], vec![0, 2, 9]] {
                let with = |poison| {
                    let options = Options { poison, ends: ends.clone(), ..options(since) };
                    dump(&target.image, &options).unwrap().volumes
                };
                let first = with(0);
                assert!(first == with(0xa5) && first == with(0xff), "{name}: {since:?} {ends:?}");
            }
        }
    }
}

/// The root with the flag nodump: everything below it is left out, but what is written can be read.
#[test]
fn a_root_that_is_not_to_be_dumped() {
    let dir = TempDir::new("capdump-corruption");
    for (variant, name) in VARIANTS.iter().enumerate() {
        let mut target = make(&dir.join("image"), variant);
        let flags = target.root.start + if target.geometry.version == 1 { 100 } else { 88 };
        target.image[flags + if target.geometry.big_endian { 3 } else { 0 }] = 1;
        for since in [None, Some(SINCE)] {
            let dumped = checked(&target.image, &options(since), name).expect("a whole dump");
            let dump = Dump::decode(&dumped.volumes).unwrap();
            assert_eq!(dump.order, [2], "{name}");
        }
    }
}

/// An image whose root is a file: no reader could find anything.
#[test]
fn a_root_that_is_no_directory() {
    let dir = TempDir::new("capdump-corruption");
    let mut target = make(&dir.join("image"), 0);
    target.image[target.root.start + 1] = 0x81;
    let refused = dump(&target.image, &options(None)).unwrap_err();
    assert!(matches!(refused, Refused::Pass(passes::Error::NoRoot)), "{refused:?}");
    run_program(&dir, &target.image, &options(None), "a root that is a file", false);
}
