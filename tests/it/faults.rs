// SPDX-License-Identifier: BSD-2-Clause
//! A disk with bad sectors, and an output that can't be written: what is said of them, and what the dump holds.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::fuse::{Faults, Served, available};
use capdump_support::procs;
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use nix::errno::Errno;

const LIMIT: Duration = Duration::from_secs(20);
const BLOCK: u64 = 32768;

fn geometry() -> Geometry {
    Geometry::new(2, (BLOCK, 4096), 2, 200, 16 << 20)
}

/// An image with one file, whose first 12 blocks stand together at the beginning of the data.
fn image(dir: &TempDir) -> PathBuf {
    let (path, g) = (dir.join("image"), geometry());
    let mut w = Writer::create(&path, &g, &Attrs::perm(0o755));
    w.add(ROOT, b"file", &Attrs::default(), &What::File(content()));
    w.finish();
    path
}

fn content() -> Content {
    Content::full(6_000_000, BLOCK, Fill::Pattern(3))
}

/// Where the file's data begins: after the directory's group's own blocks and the summary's.
fn data_at() -> u64 {
    let g = geometry();
    g.dblkno() * g.fsize + BLOCK
}

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

fn dump(disk: &Path, out: &Path) -> Ran {
    let mut command = without_tty(capdump());
    command.args(["-0a", "-f"]).arg(out).arg(disk);
    let ran = run(&mut command, LIMIT);
    assert!(procs::ended(ran.id));
    ran
}

#[test]
fn a_bad_sector_is_zeros_and_the_rest_is_there() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let bad = data_at() + 3 * BLOCK + 512;
    let faults = Faults { read_eio: std::iter::once(bad..bad + 512).collect(), ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), &image(&dir), faults);
    let out = dir.join("out");
    let ran = dump(&served.path(), &out).ok();
    assert!(ran.stderr.contains("read error from"), "{}", ran.stderr);
    let sector = format!("[sector {}]", bad / 512);
    assert!(ran.stderr.contains(&sector), "{sector} in {}", ran.stderr);
    let stream = std::fs::read(&out).unwrap();
    let held = decode_and_check(&[stream], &Rules::new(10)).unwrap();
    let file = held.files.values().find(|f| f.size == 6_000_000).unwrap();
    let mut expected = vec![0; 6_000_000_usize.next_multiple_of(BLOCK as usize)];
    content().parts[0].fill(0, BLOCK, 6_000_000, &mut expected);
    let hole = (3 * BLOCK + 512) as usize;
    expected[hole..hole + 512].fill(0);
    assert!(held.content(file) == expected[..6_000_000]);
}

#[test]
fn what_a_short_read_left_out_is_read_again() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let image = image(&dir);
    let cuts = (1..40).map(|n| data_at() + n * 20_480).collect();
    let faults = Faults { read_short: cuts, ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), &image, faults);
    let (one, two) = (dir.join("one"), dir.join("two"));
    dump(&image, &one).ok();
    dump(&served.path(), &two).ok();
    let held = |path: &Path| decode_and_check(&[std::fs::read(path).unwrap()], &Rules::new(10)).unwrap();
    assert_eq!(held(&one).listing().unwrap(), held(&two).listing().unwrap());
}

/// A disk on which the first 80 blocks of the file can't be read.
fn bad_beginning(dir: &TempDir) -> Served {
    let bad = data_at()..data_at() + 80 * BLOCK;
    let faults = Faults { read_eio: std::iter::once(bad).collect(), ..Faults::default() };
    Served::new(&dir.join("mnt"), &image(dir), faults)
}

fn at_terminal(disk: &Path, out: &Path) -> Session {
    let mut command: Command = Session::command(capdump());
    command.args(["-0a", "-f"]).arg(out).arg(disk);
    Session::start(command)
}

#[test]
fn after_32_bad_blocks_the_operator_is_asked_and_no_ends_the_dump() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let served = bad_beginning(&dir);
    let mut session = at_terminal(&served.path(), &dir.join("out"));
    session.expect("More than 32 block read errors", LIMIT);
    session.expect("Do you want to attempt to continue?", LIMIT);
    session.send("no");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.unwrap().code(), Some(3), "{shown}");
    assert!(!shown.contains("DUMP IS DONE"), "{shown}");
}

#[test]
fn after_32_bad_blocks_yes_goes_on() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let served = bad_beginning(&dir);
    let mut session = at_terminal(&served.path(), &dir.join("out"));
    let mut asked = 0;
    let texts = ["Do you want to attempt to continue?", "DUMP IS DONE"];
    while session.expect_any(&texts, LIMIT) == 0 {
        session.send("yes");
        asked += 1;
    }
    let (status, shown) = session.finish(LIMIT);
    assert!(status.unwrap().success(), "{shown}");
    assert!(asked > 0);
    // Every block of the disk is asked for, the good ones after the bad ones too.
    let stream = std::fs::read(dir.join("out")).unwrap();
    let held = decode_and_check(&[stream], &Rules::new(10)).unwrap();
    let file = held.files.values().find(|f| f.size == 6_000_000).unwrap();
    let mut expected = vec![0; 6_000_000_usize.next_multiple_of(BLOCK as usize)];
    content().parts[0].fill(0, BLOCK, 6_000_000, &mut expected);
    expected[..(80 * BLOCK) as usize].fill(0);
    assert!(held.content(file) == expected[..6_000_000]);
}

#[test]
fn an_error_of_the_output_ends_the_dump() {
    if !available() {
        return;
    }
    for errno in [Errno::EIO, Errno::ENXIO] {
        let dir = TempDir::new("capdump-faults");
        std::fs::write(dir.join("tape"), b"").unwrap();
        let faults = Faults { write_error: Some((1 << 20, errno)), ..Faults::default() };
        let served = Served::new(&dir.join("mnt"), &dir.join("tape"), faults);
        let ran = dump(&image(&dir), &served.path());
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        assert!(ran.stderr.contains("write error"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    }
}

/// A dump of `disk` with `options`, where nobody can be asked.
fn dump_with(disk: &Path, out: &Path, options: &[&str]) -> Ran {
    let mut command = without_tty(capdump());
    command.args(["-0a"]).args(options).arg("-f").arg(out).arg(disk);
    run(&mut command, LIMIT)
}

/// The inode of the file, and where its indirect block, its directory and itself stand on the disk.
struct Places {
    ino: u32,
    indirect: u64,
    directory: u64,
    inode: u64,
}

fn places(image: &Path) -> Places {
    use ufs::FileSystem;
    use ufs::{FragAddr, Ino};
    let fs = FileSystem::open(std::fs::read(image).unwrap()).unwrap().0;
    let sb = fs.superblock();
    let mut inos = (3..sb.ipg).map(Ino).filter(|&ino| fs.inode(ino).unwrap().raw_size() == 6_000_000);
    let ino = inos.next().unwrap();
    let inode = |ino| {
        let (block, within) = sb.inode_block(ino).unwrap();
        sb.offset_of(block).0 + u64::from(within * sb.inode_size())
    };
    // What an address in an inode of UFS2 (`di_db`, `di_ib`) names.
    let named = |ino, field: u64| {
        let (address, _) = fs.disk()[(inode(ino) + field) as usize..].split_first_chunk().unwrap();
        sb.offset_of(FragAddr(u64::from_le_bytes(*address))).0
    };
    Places { ino: ino.0, indirect: named(ino, 208), directory: named(Ino::ROOT, 112), inode: inode(ino) }
}

const SUMMARY: &str = "  DUMP: errors have cost some of the data:\n";

/// What is said after the dump is done, of a disk of which `bad` cannot be read.
fn summary(dir: &TempDir, image: &Path, bad: std::ops::Range<u64>) -> String {
    let faults = Faults { read_eio: vec![bad], ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), image, faults);
    let ran = dump_with(&served.path(), &dir.join("out"), &["--strict"]);
    assert_eq!(ran.code(), 4, "{}", ran.stderr);
    let (_, rest) = ran.stderr.split_once("DUMP IS DONE\n").expect(&ran.stderr);
    rest.strip_prefix(SUMMARY).expect(&ran.stderr).to_owned()
}

#[test]
fn what_is_lost_is_named_at_the_end() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let image = image(&dir);
    let Places { ino, indirect, directory, inode } = places(&image);
    let data = data_at() + 3 * BLOCK + 512;
    let said = summary(&dir, &image, data..data + 1024);
    assert_eq!(
        said,
        format!("  DUMP: inode {ino}: 1024 bytes could not be read and were replaced by zeros\n")
    );
    // 64 addresses are in the sector, but its blocks are holes now, of which nobody can tell.
    let said = summary(&dir, &image, indirect..indirect + 512);
    assert_eq!(said, format!("  DUMP: inode {ino}: part of its blocks or entries could not be read\n"));
    let said = summary(&dir, &image, directory..directory + 512);
    assert_eq!(said, "  DUMP: inode 2: 512 bytes could not be read and were replaced by zeros\n");
    // The sector behind the one with the root, without which there is no dump.
    let said = summary(&dir, &image, inode + 512..inode + 513);
    let first = (ino & !1) + 2;
    let last = first + 1;
    let line =
        format!("  DUMP: inodes {first} to {last}: could not be read, not dumped if they were in use\n");
    assert!(said.contains(&line), "{line} in {said}");
}

#[test]
fn without_strict_the_status_is_dumps() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let image = image(&dir);
    let bad = data_at()..data_at() + 512;
    let served = Served::new(&dir.join("mnt"), &image, Faults { read_eio: vec![bad], ..Faults::default() });
    let ran = dump_with(&served.path(), &dir.join("out"), &[]).ok();
    assert!(ran.stderr.contains(SUMMARY), "{}", ran.stderr);
    // Nothing lost: no line, and 0 with --strict too.
    let ran = dump_with(&image, &dir.join("out"), &["--strict"]).ok();
    assert!(ran.stderr.ends_with("DUMP IS DONE\n"), "{}", ran.stderr);
}

#[test]
fn read_errors_are_forgiven_as_often_as_is_said() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-faults");
    let served = bad_beginning(&dir);
    let lost = |ran: &Ran| ran.stderr.contains(&format!(": {} bytes could not be read", 80 * BLOCK));
    let ran = dump_with(&served.path(), &dir.join("out"), &["--max-read-errors", "0"]).ok();
    assert!(lost(&ran) && !ran.stderr.contains("More than"), "{}", ran.stderr);
    let ran = dump_with(&served.path(), &dir.join("out"), &["--max-read-errors", "100000", "--batch"]).ok();
    assert!(lost(&ran), "{}", ran.stderr);
    let ran = dump_with(&served.path(), &dir.join("out"), &["--max-read-errors", "3", "--batch"]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("More than 3 block read errors from"), "{}", ran.stderr);
    assert!(ran.stderr.contains("continue? (--batch: not asked, taken as \"no\")"), "{}", ran.stderr);
}
