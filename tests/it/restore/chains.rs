// SPDX-License-Identifier: BSD-2-Clause
//! Chains of levels, made by hand: names that change places, types that change, levels that do not fit, and restores that are interrupted.
//! tests/it/levels.rs restores those that capdump makes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use capdump_support::caprestore::{Place, differences, listing, run_in};
use capdump_support::listing;
use capdump_support::makefs::makefs;
use capdump_support::program::{have, is_root, run, skipped, without_tty};
use capdump_support::stream_writer::Stream;
use capdump_support::tree;

use super::{caprestore, decoded};
use crate::changes::{chain, next_level};

const DIR: u8 = 4;
const FILE: u8 = 8;

/// Restores the levels one after the other; gives what is in the folder.
fn restored(place: &Place, levels: &[&Stream]) -> BTreeMap<String, String> {
    for stream in levels {
        fs::write(place.join("dump"), stream.bytes()).unwrap();
        let ran = run_in(caprestore().arg("-rf").arg(place.join("dump")), &place.join("into"), "").ok();
        assert_eq!(ran.stderr, "");
    }
    place.check(&["dump", "into", "into.answers"]);
    contents(&place.join("into"))
}

/// Paths and contents; a directory has `/`.
fn contents(into: &Path) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for path in tree::listing(into, &["restoresymtable"]).into_keys().filter(|path| !path.is_empty()) {
        let path = String::from_utf8(path).unwrap();
        let full = into.join(&path[1..]);
        let kind = fs::symlink_metadata(&full).unwrap().file_type();
        let text = match () {
            () if kind.is_dir() => "/".to_owned(),
            () if kind.is_symlink() => format!("-> {}", fs::read_link(&full).unwrap().display()),
            () if kind.is_fifo() => "fifo".to_owned(),
            () => fs::read_to_string(&full).unwrap(),
        };
        out.insert(path, text);
    }
    out
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn directories_and_files_change_places() {
    let mut zero = Stream::new();
    zero.directory(
        2,
        2,
        &[(b"a", 3, DIR), (b"b", 4, DIR), (b"x", 10, FILE), (b"y", 11, FILE), (b"gone", 12, FILE)],
    );
    zero.directory(3, 2, &[(b"sub", 5, DIR), (b"f", 13, FILE)]).directory(4, 2, &[(b"old", 14, FILE)]);
    zero.directory(5, 3, &[(b"deep", 15, FILE)]);
    for (ino, text) in [(10, "x"), (11, "y"), (12, "gone"), (13, "f"), (14, "old"), (15, "deep")] {
        zero.file(ino, text.as_bytes());
    }
    let mut one = next_level(&zero);
    one.directory(
        2,
        2,
        &[(b"b", 3, DIR), (b"a", 5, DIR), (b"y", 10, FILE), (b"x", 11, FILE), (b"hard", 10, FILE)],
    );
    one.directory(3, 2, &[(b"f", 13, FILE), (b"new", 16, FILE)]).directory(
        5,
        2,
        &[(b"deep", 15, FILE), (b"f2", 13, FILE)],
    );
    one.file(15, b"changed").file(16, b"new");
    one.used = vec![10, 11, 13];
    let place = Place::new();
    let found = restored(&place, &[&zero, &one]);
    let want = map(&[
        ("/a", "/"),
        ("/a/deep", "changed"),
        ("/a/f2", "f"),
        ("/b", "/"),
        ("/b/f", "f"),
        ("/b/new", "new"),
        ("/hard", "x"),
        ("/x", "y"),
        ("/y", "x"),
    ]);
    assert_eq!(found, want);
    let inode = |name: &str| fs::metadata(place.join("into").join(name)).unwrap().ino();
    assert_eq!((inode("b/f"), inode("hard")), (inode("a/f2"), inode("y")));
}

#[test]
fn types_change() {
    let mut zero = Stream::new();
    zero.directory(
        2,
        2,
        &[(b"dir", 3, DIR), (b"file", 4, FILE), (b"link", 5, 10), (b"two", 6, FILE), (b"three", 6, FILE)],
    );
    zero.directory(3, 2, &[(b"in", 7, FILE)]);
    zero.file(4, b"file").inode(5, 0o120_777, b"target").file(6, b"six").file(7, b"seven");
    let mut one = next_level(&zero);
    one.directory(
        2,
        2,
        &[(b"dir", 3, FILE), (b"file", 4, DIR), (b"link", 5, FILE), (b"two", 6, 1), (b"three", 6, 1)],
    );
    one.directory(4, 2, &[(b"in", 7, FILE)]);
    one.file(3, b"was a directory").file(5, b"was a link").inode(6, 0o010_600, b"");
    one.used = vec![7];
    let place = Place::new();
    let want = map(&[
        ("/dir", "was a directory"),
        ("/file", "/"),
        ("/file/in", "seven"),
        ("/link", "was a link"),
        ("/three", "fifo"),
        ("/two", "fifo"),
    ]);
    assert_eq!(restored(&place, &[&zero, &one]), want);
}

/// Runs `-r` of the second stream after that of the first, and gives the messages of the failure.
fn refused(zero: &Stream, one: &Stream, prepare: impl Fn(&Path)) -> String {
    let place = Place::new();
    fs::write(place.join("dump"), zero.bytes()).unwrap();
    run_in(caprestore().arg("-rf").arg(place.join("dump")), &place.join("into"), "").ok();
    prepare(&place.join("into"));
    let before = listing(&place.join("into"));
    fs::write(place.join("dump"), one.bytes()).unwrap();
    let ran = run_in(caprestore().arg("-rf").arg(place.join("dump")), &place.join("into"), "");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert_eq!(listing::differences(&listing(&place.join("into")), &before), [""; 0]);
    ran.stderr
}

#[test]
fn levels_that_do_not_fit() {
    let mut zero = Stream::new();
    zero.directory(2, 2, &[(b"f", 4, FILE)]).file(4, b"data");
    let mut one = next_level(&zero);
    one.directory(2, 2, &[]);
    let said = refused(&zero, &Stream { ddate: zero.date - 5, ..one.clone() }, |_| ());
    assert!(
        said.starts_with("Incremental tape too high\nit builds on a dump of Tue Nov 14 22:13:15 2023, but "),
        "{said}"
    );
    let said = refused(&zero, &Stream { ddate: zero.date + 5, ..one.clone() }, |_| ());
    assert!(said.starts_with("Incremental tape too low\n"), "{said}");
    let said = refused(&zero, &Stream { level: 0, ..one.clone() }, |_| ());
    assert_eq!(said, "a dump of level 0 does not build on one of level 0\n");
    let said = refused(&zero, &zero, |_| ());
    assert!(said.starts_with("the directory is not empty; --overwrite "), "{said}");
    let said = refused(&zero, &one, |into| fs::write(into.join("restoresymtable"), [7; 600]).unwrap());
    assert!(said.starts_with("./restoresymtable: not written by caprestore; "), "{said}");
    let said = refused(&zero, &one, |into| {
        let mut state = fs::read(into.join("restoresymtable")).unwrap();
        state[60] ^= 1;
        fs::write(into.join("restoresymtable"), state).unwrap();
    });
    assert_eq!(said, "./restoresymtable: damaged: its checksum is wrong\n");
    let said = refused(&zero, &one, |into| fs::remove_file(into.join("restoresymtable")).unwrap());
    assert!(said.contains("cannot open symbol table file ./restoresymtable\n"), "{said}");
}

#[test]
fn what_others_made_stays() {
    let mut zero = Stream::new();
    zero.directory(2, 2, &[(b"dir", 3, DIR), (b"f", 4, FILE)]).directory(3, 2, &[(b"in", 5, FILE)]);
    zero.file(4, b"data").file(5, b"in");
    let mut one = next_level(&zero);
    one.directory(2, 2, &[(b"f", 4, FILE)]).file(4, b"changed");
    let place = Place::new();
    restored(&place, &[&zero]);
    fs::write(place.join("into/dir/mine"), "mine").unwrap();
    fs::remove_file(place.join("into/dir/in")).unwrap();
    fs::write(place.join("dump"), one.bytes()).unwrap();
    let ran = run_in(caprestore().arg("-rf").arg(place.join("dump")), &place.join("into"), "");
    assert_eq!((ran.code(), ran.stderr.as_str()), (1, "warning: ./dir: Directory not empty\n"));
    let want = map(&[("/dir", "/"), ("/dir/mine", "mine"), ("/f", "changed")]);
    assert_eq!(contents(&place.join("into")), want);
}

#[test]
fn an_interrupted_restore_goes_on() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let place = Place::new();
    tree::mixed(&place.join("source"));
    makefs(&place.join("image"), &place.join("source"), 2, (8192, 1024), &[]);
    let dump = place.join("dump");
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(command.arg("-0af").arg(&dump).arg(place.join("image")), Duration::from_secs(60)).ok();
    let whole = decoded(&fs::read(&dump).unwrap());
    let (mut resumed, mut step) = (0, 0);
    loop {
        step += 1;
        let into = place.join("into");
        fs::create_dir(&into).unwrap();
        let mut command = caprestore();
        command.arg("-rf").arg(&dump).current_dir(&into).stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(step * 1500));
        _ = child.kill();
        let ended = child.wait().unwrap().success();
        if into.join("restoresymtable").exists() {
            let ran = run_in(caprestore().arg("-Rf").arg(&dump), &into, "").ok();
            resumed += u32::from(ran.stderr != "the restore is complete\n");
            assert_eq!(differences(&into, &whole), [""; 0], "{}", ran.stderr);
            let names: Vec<_> =
                fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(
                !names.iter().any(|name| name.to_string_lossy().starts_with("restoresymtable.")),
                "{names:?}"
            );
        }
        fs::remove_dir_all(&into).unwrap();
        if ended || step == 60 {
            break;
        }
    }
    assert!(resumed > 0 || step < 5, "{step} runs, none was interrupted");
}

/// The lines that restore prints with -v between those about files.
#[test]
fn headings_of_a_chain() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let into = place.join("into");
    let headings = |letter: &str, dump: &Path| {
        let ran = run_in(caprestore().arg(format!("-{letter}vf")).arg(dump), &into, "").ok();
        let out = String::from_utf8(ran.stdout).unwrap();
        let about =
            ["Make node ", "Remove ", "rename ", "extract ", "Create ", "Tape block", "Dump", "Delete "];
        let is_heading = |line: &&str| {
            line.ends_with("(directories).") || !about.iter().any(|word| line.starts_with(word))
        };
        out.lines().filter(is_heading).map(str::to_owned).collect::<Vec<_>>()
    };
    let begin = ["Verify tape and initialize maps"];
    let end = [
        "Extract new leaves.",
        "Checkpointing the restore",
        "Add links",
        "Set directory mode, owner, and times.",
        "Check the symbol table.",
        "Checkpointing the restore",
    ];
    for (number, stream) in chain().iter().enumerate() {
        let dump = place.join("dump");
        fs::write(&dump, stream.bytes()).unwrap();
        let middle: &[&str] = match number {
            0 => &[
                "Begin level 0 restore",
                "Initialize symbol table.",
                "Extract directories from tape",
                "Calculate extraction list.",
            ],
            _ => &[
                "Begin incremental restore",
                "Initialize symbol table.",
                "Extract directories from tape",
                "Mark entries to be removed.",
                "Calculate node updates.",
                "Find unreferenced names.",
                "Remove old nodes (directories).",
            ],
        };
        assert_eq!(headings("r", &dump), [&begin, middle, &end].concat());
    }
}
