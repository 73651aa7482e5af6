// SPDX-License-Identifier: BSD-2-Clause
//! Damaged directories and inodes: `--strict` and `--check` agree on each, and restore(8) comes to its end.
//!
//! Dumps are made within this process (see `sink`), and read back there; a sample of them by the program itself and by restore(8).

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::sink::{Options, dump};
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::restore;
use capdump_support::target::{SINCE, Target, VARIANTS, make};
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Finding, Names, Reader, Sink};

const VALUES: [u8; 6] = [0, 1, 3, 0x2f, 0x80, 0xff];
/// The longest that restore(8) may take, beside other work.
const LIMIT: Duration = Duration::from_secs(20);
/// Most that it may say: bytes.
const MOST_SAID: usize = 1 << 20;
/// Tape blocks that a dump may have: a file can be made to be gigabytes of holes.
const MOST_BLOCKS: u64 = 4096;

#[derive(Default)]
struct Findings(Vec<String>);

impl Sink for Findings {
    fn finding(&mut self, finding: Finding, _names: &mut Names) {
        if finding.fault.is_damage() {
            self.0.push(format!("{:?}: {}", finding.ino, finding.fault));
        }
    }
}

/// What `--check` calls damage.
fn check(stream: &[u8]) -> Vec<String> {
    let (mut reader, mut findings) = (Reader::default(), Findings::default());
    reader.begin_volume(1);
    stream.as_chunks::<TP_BSIZE>().0.iter().for_each(|block| reader.block(block, &mut findings));
    let summary = reader.finish(&mut findings);
    assert_eq!(summary.damage > 0, !findings.0.is_empty());
    findings.0
}

fn options(since: Option<i64>) -> Options {
    Options { since, most_blocks: MOST_BLOCKS, ..Options::default() }
}

/// Dumps the image and reads the dump back. Gives the stream, and whether something was lost; none if there is no dump.
fn agreed(image: &[u8], since: Option<i64>, what: &str) -> Option<(Vec<u8>, bool)> {
    let mut dumped = dump(image, &options(since)).ok().filter(|dumped| dumped.whole)?;
    let lost: Vec<String> =
        dumped.notices.iter().filter(|n| n.loss().is_some()).map(|n| format!("{n:?}")).collect();
    let found = check(&dumped.volumes[0]);
    assert_eq!(lost.is_empty(), found.is_empty(), "{what}: the dump says {lost:?}, the check {found:?}");
    Some((dumped.volumes.remove(0), !lost.is_empty()))
}

/// The places that are damaged: all inodes in use, and all directories.
fn places(target: &Target) -> Vec<Range<usize>> {
    target.inodes.iter().chain(&target.directories).cloned().collect()
}

fn sweep(variant: usize, step: usize, since: Option<i64>) {
    let dir = TempDir::new("capdump-damaged");
    let target = make(&dir.join("image"), variant);
    let mut image = target.image.clone();
    let (_, lost) = agreed(&image, since, "undamaged").unwrap();
    assert!(!lost);
    let mut losses = 0;
    for (n, place) in places(&target).into_iter().enumerate() {
        for at in place.clone().skip(n % step).step_by(step) {
            let kept = image[at];
            for value in VALUES.into_iter().filter(|&value| value != kept) {
                image[at] = value;
                let what = format!("{}: place {n} byte {} = {value:#x}", VARIANTS[variant], at - place.start);
                losses += u32::from(agreed(&image, since, &what).is_some_and(|(_, lost)| lost));
            }
            image[at] = kept;
        }
    }
    assert!(losses > 100 / step as u32, "{losses}");
}

#[test]
fn strict_and_check_agree_on_every_byte() {
    sweep(0, 1, None);
}

#[test]
fn strict_and_check_agree_on_other_file_systems() {
    (1..VARIANTS.len()).for_each(|variant| sweep(variant, 3, None));
}

#[test]
fn strict_and_check_agree_on_increments() {
    (0..VARIANTS.len()).for_each(|variant| sweep(variant, 5, Some(SINCE)));
}

/// A place in a directory's block, and what is put there.
type Change = (usize, Vec<u8>);

/// Damage of whole fields of a directory's first block. Entries are `.` at 0, `..` at 12, another at 24.
fn field_damage(big_endian: bool) -> Vec<(&'static str, Change)> {
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }.to_vec();
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }.to_vec();
    let garbage: Vec<u8> = (0..512_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        ("zeros", (0, vec![0; 512])),
        ("garbage", (0, garbage.clone())),
        ("garbage behind the dots", (24, garbage[..488].to_vec())),
        ("ones", (0, vec![0xff; 512])),
        ("d_reclen 0", (28, short(0))),
        ("d_reclen 13", (28, short(13))),
        ("d_reclen past the block", (28, short(1024))),
        ("d_reclen 65535", (28, short(0xffff))),
        ("d_namlen 0", (31, vec![0])),
        ("d_namlen past d_reclen", (31, vec![255])),
        ("a slash", (33, b"/".to_vec())),
        ("a NUL", (33, vec![0])),
        ("d_ino past the last", (24, word(0x7fff_ffff))),
        ("d_ino of the root", (24, word(2))),
        ("d_ino 1", (24, word(1))),
        ("`.' of another inode", (0, word(5))),
        ("`..' past the last", (12, word(0xffff_fff0))),
        ("no `.'", (8, b"x".to_vec())),
        ("no `..'", (20, b"xy".to_vec())),
        ("`.' without an inode", (0, word(0))),
        ("`..' without an inode", (12, word(0))),
    ]
}

/// Each whole field in each directory: all are losses, and restore(8) comes to its end.
#[test]
fn fields_of_directories_are_lost_and_restore_ends() {
    let restores = restore::available();
    for (variant, kind) in VARIANTS.iter().enumerate().take(4) {
        let dir = TempDir::new("capdump-damaged");
        let target = make(&dir.join("image"), variant);
        for (n, block) in target.directories.iter().enumerate() {
            for (name, (at, bytes)) in field_damage(target.geometry.big_endian) {
                let what = format!("{kind}: directory {n}: {name}");
                let mut image = target.image.clone();
                image[block.start + at..][..bytes.len()].copy_from_slice(&bytes);
                let (stream, lost) = agreed(&image, None, &what).unwrap();
                assert!(lost, "{what}");
                if restores && (n < 2 || name == "zeros") {
                    restores_in_time(&dir, &stream, &what);
                }
            }
        }
    }
}

/// Sizes of directories that their blocks do not have, of an image where they stand in one block each.
#[test]
fn a_directory_has_the_blocks_that_it_has() {
    let restores = restore::available();
    for (variant, kind) in VARIANTS.iter().enumerate().take(4) {
        let dir = TempDir::new("capdump-damaged");
        let target = make(&dir.join("image"), variant);
        let at = if target.geometry.version == 1 { 8 } else { 16 };
        // The high byte of `di_mode` has the type: S_IFDIR is 0o040000.
        let high = usize::from(!target.geometry.big_endian);
        let is_directory = |inode: &&Range<usize>| target.image[inode.start + high] >> 4 == 4;
        let inodes: Vec<usize> = target.inodes.iter().filter(is_directory).map(|inode| inode.start).collect();
        assert_eq!(inodes.len(), 4);
        for (n, inode) in inodes.into_iter().enumerate() {
            for size in [0, 1, 513, 1000, 1024, 1536, 4096, 4097, 8192, 1 << 20, 1 << 40, 1 << 51, u64::MAX] {
                let what = format!("{kind}: di_size of directory {n} is {size}");
                let mut image = target.image.clone();
                let bytes = if target.geometry.big_endian { size.to_be_bytes() } else { size.to_le_bytes() };
                image[inode + at..inode + at + 8].copy_from_slice(&bytes);
                let (stream, lost) = agreed(&image, None, &what).unwrap_or_else(|| panic!("{what}: no dump"));
                assert!(lost, "{what}");
                assert!(stream.len() < 300 << 10, "{what}: {} bytes", stream.len());
                if restores && [0, 1536, 1 << 51].contains(&size) {
                    restores_in_time(&dir, &stream, &what);
                }
            }
        }
    }
}

/// restore(8) reads it, both ways, and comes to its end: whatever it thinks of it.
fn restores_in_time(dir: &TempDir, stream: &[u8], what: &str) {
    let dump = dir.join("stream");
    fs::write(&dump, stream).unwrap();
    let into = dir.join("into");
    for how in ["-tf", "-rf"] {
        fs::create_dir_all(&into).unwrap();
        let mut command: Command = without_tty(Path::new("restore"));
        command.args([how, "stream", "-T", "."]).current_dir(dir.path());
        if how == "-rf" {
            command = without_tty(Path::new("restore"));
            command.args([how, "../stream", "-T", ".."]).current_dir(&into);
        }
        let ran = run(&mut command, LIMIT);
        assert!(
            ran.stdout.len() + ran.stderr.len() < MOST_SAID,
            "{what}: restore {how} does not stop talking"
        );
        assert!(ran.status.code().is_some(), "{what}: restore {how} crashed: {}", ran.stderr);
        fs::remove_dir_all(&into).unwrap();
    }
}

/// The program says by its exit codes what is said within this process.
#[test]
fn the_program_agrees() {
    let dir = TempDir::new("capdump-damaged");
    let capdump = Path::new(env!("CARGO_BIN_EXE_capdump"));
    for variant in 0..2 {
        let target = make(&dir.join("image"), variant);
        let changes = field_damage(false);
        let damaged = changes.iter().map(|(name, change)| (*name, Some(change)));
        for (name, change) in damaged.chain([("undamaged", None)]) {
            let mut image = target.image.clone();
            let block = target.directories[1].start;
            if let Some((at, bytes)) = change {
                image[block + at..][..bytes.len()].copy_from_slice(bytes);
            }
            let (file, out) = (dir.join("damaged.img"), dir.join("dump"));
            fs::write(&file, &image).unwrap();
            let mut command = without_tty(capdump);
            command.args(["-0a", "--strict", "--verify", "-f"]).arg(&out).arg(&file);
            let dumped = run(&mut command, LIMIT);
            let mut command = without_tty(capdump);
            command.arg("--check").arg(&out);
            let checked = run(&mut command, LIMIT);
            let want = if change.is_some() { (4, 3) } else { (0, 0) };
            assert_eq!((dumped.code(), checked.code()), want, "{name}: {} {}", dumped.stderr, checked.stderr);
            assert_eq!(
                dumped.stderr.contains("directory inode 3"),
                change.is_some(),
                "{name}: {}",
                dumped.stderr
            );
        }
    }
}
