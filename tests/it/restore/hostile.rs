// SPDX-License-Identifier: BSD-2-Clause
//! Dumps and targets that lead out of the target: nothing outside is changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::stream_writer::Stream;

use super::caprestore;

const DIR: u8 = 4;
const FILE: u8 = 8;
const LINK: u8 = 10;

const BESIDE: [&str; 3] = ["dump", "into", "into.answers"];

/// Restores a dump in both ways; gives the exit codes and messages.
fn both(stream: &Stream, prepare: impl Fn(&Place)) -> Vec<(i32, String, Vec<String>)> {
    let mut out = Vec::new();
    for (option, answers) in [("-ryf", ""), ("-xyf", "1\ny\n")] {
        let place = Place::new();
        fs::write(place.join("dump"), stream.bytes()).unwrap();
        fs::create_dir(place.join("into")).unwrap();
        prepare(&place);
        let mut command = caprestore();
        command.arg(option).arg(place.join("dump")).arg("--overwrite");
        let ran = run_in(&mut command, &place.join("into"), answers);
        assert!(ran.took < Duration::from_secs(60), "{:?}", ran.took);
        place.check(&BESIDE);
        let mut names: Vec<String> = fs::read_dir(place.join("into"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "restoresymtable")
            .collect();
        names.sort();
        // Rust's way to remove a folder keeps one descriptor for each level.
        let status = Command::new("rm").arg("-rf").arg(place.join("into")).status().unwrap();
        assert!(status.success());
        out.push((ran.code(), ran.stderr, names));
    }
    out
}

#[test]
fn names_that_are_paths() {
    let mut stream = Stream::new();
    let names: [(&[u8], u32, u8); 7] = [
        (b"../out", 3, DIR),
        (b"..", 4, DIR),
        (b"/tmp/caprestore-must-not-be", 5, FILE),
        (b"sub/../../out", 6, FILE),
        (b"nul\0name", 7, FILE),
        (b".", 8, FILE),
        (b"good", 9, FILE),
    ];
    stream.directory(2, 2, &names).directory(3, 2, &[(b"below", 10, FILE)]).directory(
        4,
        2,
        &[(b"b", 11, FILE)],
    );
    (5..=11).for_each(|ino| _ = stream.file(ino, b"data"));
    for (code, messages, names) in both(&stream, |_| ()) {
        assert_eq!((code, names), (1, vec!["good".to_owned()]), "{messages}");
        assert!(messages.contains("slash or NUL"), "{messages}");
    }
    assert!(!std::path::Path::new("/tmp/caprestore-must-not-be").exists());
}

#[test]
fn links_in_the_way() {
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"dir", 3, DIR), (b"file", 4, FILE), (b"hard", 5, FILE)]);
    stream.directory(3, 2, &[(b"file", 6, FILE)]);
    (4..=6).for_each(|ino| _ = stream.file(ino, b"from the dump"));
    let ran = both(&stream, |place| {
        symlink("../sentinel", place.join("into/dir")).unwrap();
        symlink("../sentinel/file", place.join("into/file")).unwrap();
        fs::hard_link(place.join("sentinel/file"), place.join("into/hard")).unwrap();
    });
    for (code, messages, names) in ran {
        assert_eq!((code, names.len()), (1, 3), "{messages}");
        assert!(
            messages.contains("./dir: File exists") && messages.contains("./file: cannot create file"),
            "{messages}"
        );
    }
}

#[test]
fn links_of_the_dump_itself() {
    let mut stream = Stream::new();
    stream.directory(
        2,
        2,
        &[(b"a", 3, LINK), (b"b", 3, LINK), (b"c", 4, LINK), (b"c", 5, DIR), (b"d", 6, DIR), (b"d", 4, LINK)],
    );
    stream.directory(5, 2, &[(b"file", 7, FILE)]).directory(6, 2, &[(b"file", 8, FILE)]);
    stream.inode(3, 0o120_777, b"../sentinel/file").inode(4, 0o120_777, b"../sentinel");
    stream.file(7, b"data").file(8, b"data");
    for (code, messages, _) in both(&stream, |_| ()) {
        assert_eq!(code, 1, "{messages}");
    }
}

#[test]
fn directories_in_themselves() {
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"a", 3, DIR), (b"root", 2, DIR), (b"again", 3, DIR)]);
    stream.directory(3, 2, &[(b"b", 4, DIR), (b"a", 3, DIR)]);
    stream.directory(4, 3, &[(b"up", 3, DIR), (b"file", 5, FILE)]);
    // A ring that hangs nowhere.
    stream.directory(6, 7, &[(b"x", 7, DIR)]).directory(7, 6, &[(b"y", 6, DIR)]);
    stream.file(5, b"data");
    for (code, messages, names) in both(&stream, |_| ()) {
        assert_eq!((code, names), (1, vec!["a".to_owned()]), "{messages}");
    }
}

#[test]
fn a_file_where_a_directory_was_and_the_other_way() {
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"dir", 3, DIR), (b"file", 4, FILE)]).directory(3, 2, &[(b"f", 5, FILE)]);
    stream.file(4, b"data").file(5, b"data");
    let ran = both(&stream, |place| {
        fs::write(place.join("into/dir"), "a file").unwrap();
        fs::create_dir(place.join("into/file")).unwrap();
    });
    for (code, messages, names) in ran {
        assert_eq!((code, names.len()), (1, 2), "{messages}");
        assert!(messages.contains("./file: cannot create file: Is a directory"), "{messages}");
        assert!(messages.contains("./dir: File exists"), "{messages}");
    }
}

#[test]
fn deep_directories() {
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"d", 3, DIR)]);
    for ino in 3..3000 {
        stream.directory(ino, ino - 1, &[(b"d", ino + 1, DIR)]);
    }
    stream.directory(3000, 2999, &[(b"end", 3001, FILE)]);
    stream.file(3001, b"data");
    for (code, messages, names) in both(&stream, |_| ()) {
        assert_eq!((code, names), (0, vec!["d".to_owned()]), "{messages}");
    }
}
