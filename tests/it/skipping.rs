// SPDX-License-Identifier: BSD-2-Clause
//! `--list` and `--emit` skip data that they do not need: they read little of a file, and find and write the same as of a pipe.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capdump_support::program::{Ran, TempDir, run, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::spec::{Kind, Spec};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(60);

/// Bytes of a large file.
const LARGE: u64 = 8 << 20;

fn capdump() -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    command
}

/// An image of 70 directories, and of files of less than 2 KB, of 30 to 60 KB, and of 8 MB: 3 of these.
fn image(dir: &TempDir) -> PathBuf {
    let g = Geometry::new(2, (32768, 4096), 2, 1000, 40 << 20);
    let mut spec = Spec::default();
    let mut add = |folder, name: String, size: u64, seed: u64| {
        let content = Content::full(size, g.bsize, Fill::Pattern(seed));
        spec.add(folder, &name, Attrs::default(), Kind::Leaf(What::File(content)));
    };
    for n in 0..3 {
        add(None, format!("large{n}"), LARGE + n * 700, n);
    }
    for n in 0..70 {
        add(None, format!("early{n}"), n * 29, n);
    }
    for n in 0..70 {
        let folder = spec.add(None, &format!("folder{n}"), Attrs::perm(0o755), Kind::Dir);
        for (name, size) in [("tiny", n * 31), ("middle", 30_000 + n * 400)] {
            let content = Content::full(size, g.bsize, Fill::Pattern(n));
            spec.add(Some(folder), name, Attrs::default(), Kind::Leaf(What::File(content)));
        }
    }
    let path = dir.join("image");
    spec.write(&path, &g);
    path
}

/// A dump of it, plain or compressed.
fn dump(dir: &TempDir, options: &[&str]) -> Vec<u8> {
    let path = dir.join("dump");
    run(capdump().arg("-0a").args(options).arg("-f").arg(&path).arg(image(dir)), LIMIT).ok();
    fs::read(path).unwrap()
}

/// Runs it with its last operand as a file, or as a pipe.
fn read(purpose: &[&str], dump: &Path, from_pipe: bool) -> Ran {
    if from_pipe {
        let script = r#"file=$1; shift; cat "$file" | "$@" -"#;
        let mut command = without_tty(Path::new("sh"));
        command.args(["-c", script, "sh"]).arg(dump).arg(env!("CARGO_BIN_EXE_capdump")).args(purpose);
        return run(&mut command, LIMIT);
    }
    run(capdump().args(purpose).arg(dump), LIMIT)
}

const PURPOSES: [&[&str]; 5] = [
    &["--list"],
    &["--list", "--json"],
    &["--emit", "./folder7/middle", "--emit", "./early69"],
    &["--emit", "./large1"],
    &["--emit", "./folder69"],
];

/// A file and a pipe lead to the same results, messages and status.
fn assert_same(dir: &TempDir, bytes: &[u8], what: &str) {
    let path = dir.join("damaged");
    fs::write(&path, bytes).unwrap();
    for purpose in PURPOSES {
        let (file, pipe) = (read(purpose, &path, false), read(purpose, &path, true));
        let names = |text: &str| text.replace(&path.display().to_string(), "-");
        assert_eq!(file.code(), pipe.code(), "{what} {purpose:?}: {} {}", file.stderr, pipe.stderr);
        assert_eq!(names(&file.stderr), pipe.stderr, "{what} {purpose:?}");
        assert!(file.stdout == pipe.stdout, "{what} {purpose:?}");
    }
}

/// Bytes at which a stream is cut or damaged: some at random, some near the ends of tape blocks.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (1..10_usize).map(move |n| match n % 3 {
        0 => (n.wrapping_mul(0x9e37_79b9) % length) / 1024 * 1024,
        1 => n.wrapping_mul(0x9e37_79b9) % length,
        _ => length - n * 5000,
    })
}

#[test]
fn a_file_and_a_pipe_are_read_alike() {
    let dir = TempDir::new("capdump-skipping");
    let whole = dump(&dir, &["-b", "64"]);
    assert_same(&dir, &whole, "whole");
    for at in places(whole.len()) {
        assert_same(&dir, &whole[..at], &format!("cut at {at}"));
        let mut bad = whole.clone();
        bad[at / 1024 * 1024 + 40] ^= 0x40;
        bad[at] ^= 1;
        assert_same(&dir, &bad, &format!("changed at {at}"));
        let gap = [&whole[..at / 1024 * 1024], &whole[(at + 3000).min(whole.len())..]].concat();
        assert_same(&dir, &gap, &format!("a gap at {at}"));
    }
}

#[test]
fn a_compressed_file_and_a_pipe_are_read_alike() {
    let dir = TempDir::new("capdump-skipping");
    let whole = dump(&dir, &["--compress", "zstd:1"]);
    assert_same(&dir, &whole, "whole");
    for at in places(whole.len()) {
        assert_same(&dir, &whole[..at], &format!("cut at {at}"));
    }
    // More volumes: data goes on in the next one.
    let lists = ["-B", "9000", "--compress", "zstd:1"];
    let volumes: Vec<PathBuf> = (0..4).map(|n| dir.join(&format!("volume{n}"))).collect();
    let names: Vec<String> = volumes.iter().map(|name| name.display().to_string()).collect();
    run(capdump().arg("-0").args(lists).args(["-f", &names.join(",")]).arg(dir.join("image")), LIMIT).ok();
    let listed = run(capdump().arg("--list").args(&volumes), LIMIT).ok();
    fs::write(dir.join("damaged"), &whole).unwrap();
    assert!(listed.stdout == read(&["--list"], &dir.join("damaged"), true).stdout);
}

/// Bytes that a run reads, the least of three: a read that seems to wait for a disk makes the next ones larger.
pub fn bytes_read(purpose: &[&str], dump: &Path) -> Option<u64> {
    let once = || {
        let mut command = capdump();
        command.args(purpose).arg(dump).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        let io = fs::read_to_string(format!("/proc/{pid}/io"));
        assert!(child.wait().unwrap().success());
        let line = io.ok()?.lines().find_map(|line| line.strip_prefix("rchar: ").map(str::to_owned))?;
        line.trim().parse::<u64>().ok()
    };
    (0..3).map(|_| once()).min()?
}

#[test]
fn little_is_read() {
    let dir = TempDir::new("capdump-skipping");
    let length = dump(&dir, &["-b", "64"]).len() as u64;
    assert!(length > 25 << 20, "{length}");
    for purpose in [&["--list"][..], &["--emit", "./folder7/middle"]] {
        let Some(read) = bytes_read(purpose, &dir.join("dump")) else {
            return skipped("/proc/PID/io cannot be read");
        };
        assert!(read < 3 << 20, "{purpose:?}: {read} of {length} bytes");
    }
}
