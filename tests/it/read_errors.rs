// SPDX-License-Identifier: BSD-2-Clause
//! A sector that cannot be read, in each part of a file system: it is told, it comes out as zeros, and all else is as if it were zeros.
//! (Messages and the question after 32 of them are in `faults`.)

#![cfg(target_os = "linux")]

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::fuse::{Faults, Served, available};
use capdump_support::program::{Ran, TempDir, command, run, skipped, without_tty};
use capdump_support::target::{FRAGMENT, Target, VARIANTS, make};

const LIMIT: Duration = Duration::from_secs(20);
const SECTOR: usize = 512;

/// A dump of the disk to standard output, of a date that does not change.
fn dump(disk: &Path, args: &[&str]) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(args).args(["-f", "-"]).arg(disk);
    command.env("SOURCE_DATE_EPOCH", "1700000000").env("TZ", "UTC");
    run(&mut command, LIMIT)
}

const FULL: &[&str] = &["-0a"];
/// Since a time between old and new files, so that pass II reads the directories.
const INCREMENT: &[&str] = &["-1a", "-T", "Fri Apr 15 05:20:00 2022"];

/// The sectors that are tried.
fn sectors(target: &Target) -> Vec<(&'static str, usize)> {
    let each = |place: &Range<usize>| place.clone().step_by(SECTOR).collect::<Vec<_>>();
    let some = |place: &Range<usize>| vec![place.start, place.end - SECTOR];
    // The fragment of a file's last bytes, and the last one of the disk.
    let data = target.indirect[0].start - SECTOR;
    let mut list = Vec::new();
    list.extend(each(&target.groups[0]).into_iter().map(|at| ("group", at)));
    list.extend(each(&target.groups[1]).into_iter().map(|at| ("group", at)));
    list.extend(target.inodes.iter().map(|place| ("inodes", place.start / SECTOR * SECTOR)));
    list.extend(target.directories.iter().flat_map(each).map(|at| ("directory", at)));
    list.extend(target.indirect.iter().flat_map(some).map(|at| ("indirect", at)));
    list.extend([("data", data), ("last", target.image.len() - SECTOR)]);
    list.dedup();
    list
}

/// A bad sector against a sector of zeros, for one kind of file system and one kind of dump.
fn bad_or_zero(variant: usize, args: &[&str]) {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-read");
    let (image, on) = (dir.join("image"), dir.join("mnt"));
    let target = make(&image, variant);
    for (name, at) in sectors(&target) {
        let what = format!("{}: {name}, sector {}", VARIANTS[variant], at / SECTOR);
        let mut zeroed = target.image.clone();
        zeroed[at..at + SECTOR].fill(0);
        fs::write(&image, &zeroed).unwrap();
        let zeros = dump(&Served::new(&on, &image, Faults::default()).path(), args);
        fs::write(&image, &target.image).unwrap();
        let bad = std::iter::once(at as u64..(at + SECTOR) as u64).collect();
        let served = Served::new(&on, &image, Faults { read_eio: bad, ..Faults::default() });
        let failed = dump(&served.path(), args);
        let reads = served.log.lock().unwrap().reads.clone();
        drop(served);
        assert_eq!(failed.code(), zeros.code(), "{what}: {}\n{}", failed.stderr, zeros.stderr);
        assert!(matches!(failed.code(), 0 | 3), "{what}: {}", failed.stderr);
        assert!(failed.stdout == zeros.stdout, "{what}: {}\n{}", failed.stderr, zeros.stderr);
        // Told if and only if it was asked for.
        let asked = reads.iter().any(|&(from, length)| from as usize <= at && at < from as usize + length);
        let told = failed.stderr.contains(&format!("[sector {}]", at / SECTOR));
        assert!(told || !asked || !needed(&reads, at), "{what}: {}", failed.stderr);
        assert!(asked || !told, "{what}: {}", failed.stderr);
        if failed.code() == 0 {
            // Inodes that are zeros now may be in no map, or in the map and undumped.
            let any = Rules { may_miss: (0..200).collect(), ..Rules::new(10) };
            decode_and_check(&[failed.stdout], &any).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
    }
}

/// Whether the sector was asked for by itself, as it is when it matters; else it was read along with others that were wanted.
fn needed(reads: &[(u64, usize)], at: usize) -> bool {
    reads.iter().any(|&(from, length)| from as usize == at && length == SECTOR)
}

#[test]
fn in_ufs2() {
    bad_or_zero(0, FULL);
    bad_or_zero(0, INCREMENT);
}

#[test]
fn in_ufs1() {
    bad_or_zero(1, INCREMENT);
}

#[test]
fn in_ufs2_of_the_other_byte_order() {
    bad_or_zero(2, FULL);
}

#[test]
fn in_soft_updates() {
    bad_or_zero(4, FULL);
}

#[test]
fn in_the_superblock() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-read");
    let image = dir.join("image");
    let target = make(&image, 0);
    fs::write(&image, &target.image).unwrap();
    for place in [0, 1] {
        let bad = target.superblock.start as u64 + place * FRAGMENT;
        let faults = Faults { read_eio: std::iter::once(bad..bad + 1).collect(), ..Faults::default() };
        let served = Served::new(&dir.join("mnt"), &image, faults);
        let ran = dump(&served.path(), FULL);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        let said = format!("cannot read at byte {}: Input/output error", target.superblock.start);
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
}

/// A loop device over a file; none where that cannot be had.
struct Loop(String);

impl Loop {
    fn new(file: &Path, sector: usize) -> Option<Loop> {
        let mut command = command(Path::new("losetup"));
        command.args(["--find", "--show", "--read-only", "--sector-size", &sector.to_string()]).arg(file);
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(Loop(String::from_utf8(output.stdout).ok()?.trim().to_owned()))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(&self.0)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // If it stays, the kernel lets go of it with its file.
        let _ = command(Path::new("losetup")).args(["--detach", &self.0]).status();
    }
}

/// Disks with sectors of 512 and of 4096 bytes. The kernel reads pages of them, so a whole one is lost.
#[test]
fn on_disks_of_both_sector_sizes() {
    const PAGE: usize = 4096;
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-read");
    let (image, on) = (dir.join("image"), dir.join("mnt"));
    let target = make(&image, 0);
    let mut zeroed = target.image.clone();
    let at = target.indirect[0].start;
    assert!(at.is_multiple_of(SECTOR));
    let page = at / PAGE * PAGE..at / PAGE * PAGE + PAGE;
    zeroed[page.clone()].fill(0);
    for sector in [512, 4096] {
        let run_on = |bytes: &[u8], bad: Option<Range<u64>>| {
            fs::write(&image, bytes).unwrap();
            let served =
                Served::new(&on, &image, Faults { read_eio: bad.into_iter().collect(), ..Faults::default() });
            let disk = Loop::new(&served.path(), sector)?;
            let ran = dump(&disk.path(), FULL);
            drop(disk);
            Some((ran, served))
        };
        let Some((zeros, served)) = run_on(&zeroed, None) else {
            return skipped("no loop device can be had");
        };
        drop(served);
        let Some((failed, _served)) = run_on(&target.image, Some(at as u64..at as u64 + 1)) else { return };
        assert_eq!((zeros.code(), failed.code()), (0, 0), "{}\n{}", zeros.stderr, failed.stderr);
        assert!(failed.stderr.contains("read error from"), "{}", failed.stderr);
        // Their names are in the headers, and may differ.
        let held = |stream: &[u8]| {
            let rules = Rules { may_miss: (0..200).collect(), ..Rules::new(10) };
            decode_and_check(&[stream.to_vec()], &rules).unwrap().listing().unwrap()
        };
        assert_eq!(held(&failed.stdout), held(&zeros.stdout), "sectors of {sector} bytes");
    }
}
