// SPDX-License-Identifier: BSD-2-Clause
//! Parts of a file system: what is left out, what alone is dumped, and that restore(8) takes what is left.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::listing::differences;
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::{restore, small};

const LIMIT: Duration = Duration::from_secs(20);

fn capdump(dir: &TempDir, line: &str) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(line.split(' ')).current_dir(dir.path()).env("TZ", "UTC");
    run(&mut command, LIMIT)
}

fn with_image() -> TempDir {
    let dir = TempDir::new("capdump-selection");
    small::mixed(&dir.join("image"));
    dir
}

/// The dump that a command line writes to `out`.
fn dumped(dir: &TempDir, line: &str) -> Dump {
    capdump(dir, line).ok();
    decode_and_check(&[fs::read(dir.join("out")).unwrap()], &Rules::new(10)).unwrap()
}

fn paths(dump: &Dump) -> BTreeSet<String> {
    dump.paths().unwrap().into_keys().map(|path| String::from_utf8(path).unwrap()).collect()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// What restore(8) lists and restores of `out`, against what the dump holds.
fn assert_restores(dir: &TempDir, dump: &Dump) {
    if !restore::available() {
        return;
    }
    let mut list = restore::command(dir.path());
    list.arg("-tf").arg(dir.join("out"));
    let listed = String::from_utf8(run(&mut list, LIMIT).ok().stdout).unwrap();
    let names = listed.lines().filter_map(|line| line.split_once("\t.").map(|(_, name)| name.to_owned()));
    let names: BTreeSet<String> = names.map(|name| name.trim_end_matches('/').to_owned()).collect();
    assert_eq!(names, paths(dump), "{listed}");
    let into = dir.join("restored");
    restore::restore(&dir.join("out"), &into);
    let mut whole = dump.listing().unwrap();
    whole.values_mut().for_each(|entry| (entry.atime, entry.mtime) = (None, None));
    assert_eq!(differences(&restore::listing(&into), &whole), [""; 0]);
}

#[test]
fn a_directory_left_out_goes_with_all_below_it() {
    let dir = with_image();
    let all = dumped(&dir, "-0a -f out image");
    let dump = dumped(&dir, "-0a -f out --exclude dir image");
    // The file that dir/hard is one name of has another one.
    assert_eq!(paths(&dump), set(&["", "/empty", "/file", "/link", "/long", "/null"]));
    assert_eq!(dump.clri, all.clri, "what is in use stays so");
    assert_restores(&dir, &dump);
}

#[test]
fn what_is_left_out_by_number_has_no_name_left() {
    let dir = with_image();
    let all = dumped(&dir, "-0a -f out image");
    let paths_of_all = all.paths().unwrap();
    let ino = |path: &str| paths_of_all[path.as_bytes()];
    fs::write(dir.join("list"), format!("# not wanted\n{}\n\n{} # long\n", ino("/empty"), ino("/long")))
        .unwrap();
    let line =
        format!("-0a -f out --exclude-inode {},{} --exclude-file list image", ino("/file"), ino("/null"));
    let dump = dumped(&dir, &line);
    assert_eq!(paths(&dump), set(&["", "/dir", "/dir/holes", "/dir/small", "/link"]));
    assert_restores(&dir, &dump);
    let dump = dumped(&dir, &format!("-0a -f out --exclude-inode {} image", ino("/dir")));
    assert_eq!(paths(&dump), set(&["", "/empty", "/file", "/link", "/long", "/null"]));
}

#[test]
fn an_increment_leaves_out_too() {
    let dir = with_image();
    // Nothing is as old as that: all is dumped, by way of pass II.
    let line = |more: &str| {
        ["-1a", "-T", "Thu Jan  1 00:00:00 1970", "-f", "out"]
            .map(str::to_owned)
            .into_iter()
            .chain(more.split(' ').map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let run_line = |more: &str| {
        let mut command: Command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(line(more)).current_dir(dir.path()).env("TZ", "UTC");
        run(&mut command, LIMIT).ok();
        decode_and_check(&[fs::read(dir.join("out")).unwrap()], &Rules::new(10)).unwrap()
    };
    assert!(paths(&run_line("image")).contains("/dir/small"));
    let dump = run_line("--exclude dir/ image");
    assert_eq!(paths(&dump), set(&["", "/empty", "/file", "/link", "/long", "/null"]));
}

#[test]
fn a_part_is_dumped_with_the_way_to_it() {
    let dir = with_image();
    fs::write(dir.join("dates"), "").unwrap();
    let ran = capdump(&dir, "-3ua -D dates -f out image dir/small /link").ok();
    for said in [
        "  DUMP: Ignoring u flag for subdir dump\n",
        "  DUMP: Subdir dump is done at level 0\n",
        "  DUMP: Dumping sub files/directories from image\n",
        "  DUMP: Dumping file/directory dir/small\n",
        "  DUMP: Date of this level 0 dump: ",
    ] {
        assert!(ran.stderr.contains(said), "{said} in {}", ran.stderr);
    }
    assert_eq!(fs::read(dir.join("dates")).unwrap(), b"");
    let dump = decode_and_check(&[fs::read(dir.join("out")).unwrap()], &Rules::new(10)).unwrap();
    assert_eq!(paths(&dump), set(&["", "/dir", "/dir/small", "/link"]));
    assert_eq!(dump.head().text("c_filesys"), "a subset of an unlisted file system");
    assert_restores(&dir, &dump);
    let dump = dumped(&dir, "-0a -f out --exclude dir/small image ./dir");
    assert_eq!(paths(&dump), set(&["", "/dir", "/dir/hard", "/dir/holes", "/file"]));
}

#[test]
fn the_estimate_is_of_what_is_dumped() {
    let dir = with_image();
    let estimate = |line: &str| -> i64 {
        let ran = capdump(&dir, line).ok();
        let (_, rest) = ran.stderr.split_once("estimated ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let all = estimate("-0Sa image");
    let (without, only) = (estimate("-0Sa --exclude dir/holes image"), estimate("-0Sa image dir/holes"));
    // Four blocks of data and one of addresses, 8 KB each, and two headers.
    let holes = 5 * 8 + 2;
    assert_eq!(all - without, holes);
    // The maps and the trailer, two directories of a block and a header each, and the file.
    assert_eq!(only, 3 * 4 + 10 + 2 * 2 + holes);
}

#[test]
fn what_is_not_there_is_named() {
    let dir = with_image();
    fs::write(dir.join("bad"), "5\nseven\n").unwrap();
    for (line, said) in [
        ("--exclude none image", "none: none is not in the file system"),
        ("--exclude dir/../.. image", "dir/../..: dir/../.. leads out of the file system"),
        ("--exclude file/x image", "file/x: file is not a directory of the file system"),
        ("--exclude / image", "the root of the file system cannot be excluded"),
        ("--exclude-inode 2 image", "the root of the file system cannot be excluded"),
        ("--exclude-inode 19000 image", "inode 19000: not in use"),
        ("--exclude-inode 4000000 image", "inode 4000000: the file system has "),
        ("--exclude-file none image", "Cannot open none: No such file or directory"),
        ("--exclude-file bad image", "bad, line 2: \"seven\" is not an inode number"),
        ("image dir/none", "dir/none: dir/none is not in the file system"),
        ("image dir/small none", "none: none is not in the file system"),
        ("--exclude dir image dir/small", "dir/small: to be dumped, but inode "),
    ] {
        let ran = capdump(&dir, &format!("-0a -f out {line}"));
        assert_eq!(ran.code(), 1, "{line}: {}", ran.stderr);
        let last = ran.stderr.lines().last().unwrap();
        assert!(last.starts_with(&format!("capdump: {said}")), "{line}: {last}");
        assert!(!dir.join("out").exists(), "{line}");
    }
}

#[test]
fn a_label_is_in_every_header() {
    let dir = with_image();
    let dump = dumped(&dir, "-0a -f out --label fifteen-letters image");
    assert_eq!(dump.head().text("c_label"), "fifteen-letters");
    assert_eq!(dumped(&dir, "-0a -f out image").head().text("c_label"), "none");
}
