// SPDX-License-Identifier: BSD-2-Clause
//! `--list`: the same paths as restore(8) lists, and JSON that keeps to its schema.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::check::capdump;
use capdump_support::golden::Golden;
use capdump_support::makefs::makefs;
use capdump_support::program::{TempDir, have, run, skipped, without_tty};
use capdump_support::restore;
use capdump_support::tree;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// Inode and path of each line of `--list`; the path is the last word, since it may hold blanks.
fn listed(dump: &Path) -> BTreeSet<(String, String)> {
    let ran = run(capdump().arg("--list").arg(dump), LIMIT).ok();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let entry = |line: &str| {
        let at = line.find(" .").unwrap();
        (line.split_whitespace().next().unwrap().to_owned(), line[at + 1..].to_owned())
    };
    text.lines().map(entry).collect()
}

/// The same of `restore -t`, whose lines of an inode, a tab and a path come after some others.
fn restored(dump: &Path) -> BTreeSet<(String, String)> {
    let ran = run(restore::command(dump.parent().unwrap()).arg("-tf").arg(dump), LIMIT).ok();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let entry = |line: &str| {
        let (ino, path) = line.split_once('\t')?;
        Some((ino.trim().to_owned(), path.to_owned()))
    };
    text.lines().filter_map(entry).filter(|(ino, _)| ino.parse::<u32>().is_ok()).collect()
}

#[test]
fn the_paths_of_restore() {
    let Some(golden) = Golden::find() else { return };
    if !restore::available() {
        return;
    }
    let dir = TempDir::new("capdump-list");
    let mut count = 0;
    let whole = |c: &&capdump_support::golden::Case| c.outputs.len() == 1 && !c.image.starts_with("trunc");
    for case in golden.cases.iter().filter(whole) {
        let Some(stream) = golden.reference(case, 0) else { continue };
        let path = dir.join("dump");
        std::fs::write(&path, stream).unwrap();
        let (mut ours, mut theirs) = (listed(&path), restored(&path));
        // Debian's restore mangles names of 255 bytes.
        let long = |path: &str| path.rsplit('/').next().unwrap().len() >= 255;
        let mangled: BTreeSet<String> =
            ours.iter().filter(|(_, path)| long(path)).map(|e| e.0.clone()).collect();
        // What we escape, restore prints as it is; whiteouts have no inode, and it does not list them.
        let plain = |path: &str| !path.bytes().any(|byte| byte < b' ' || byte == b'\\' || byte == 127);
        let odd: BTreeSet<String> =
            ours.iter().filter(|(_, path)| !plain(path)).map(|e| e.0.clone()).collect();
        let mangled: BTreeSet<String> = mangled.into_iter().chain(odd).chain(["1".to_owned()]).collect();
        ours.retain(|(ino, _)| !mangled.contains(ino));
        theirs.retain(|(ino, _)| !mangled.contains(ino));
        let found: Vec<_> = ours.symmetric_difference(&theirs).collect();
        assert!(found.is_empty(), "{} {}: {found:?}", case.image, case.name);
        count += ours.len();
    }
    assert!(count > 20_000, "{count}");
}

/// A dump of a small tree.
fn sample(dir: &TempDir) -> Option<std::path::PathBuf> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    let source = dir.join("source");
    tree::mixed(&source);
    std::fs::write(source.join("tab\there"), "x").unwrap();
    makefs(&dir.join("image"), &source, 2, (8192, 1024), &[]);
    let dump = dir.join("dump");
    run(capdump().args(["-0a", "-f"]).arg(&dump).arg(dir.join("image")), LIMIT).ok();
    Some(dump)
}

#[test]
fn lines_for_people() {
    let dir = TempDir::new("capdump-list");
    let Some(dump) = sample(&dir) else { return };
    let ran = run(capdump().arg("--list").arg(&dump), LIMIT).ok();
    let text = String::from_utf8(ran.stdout).unwrap();
    let line = text.lines().find(|line| line.ends_with(" ./size8193")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((words[1].len(), words[4]), (10, "8193"), "{line}");
    assert!(words[1].starts_with("-rw"), "{line}");
    assert!(text.lines().any(|line| line.contains(" d") && line.ends_with(" ./deep/level0")));
    assert!(text.lines().any(|line| line.ends_with(" ./tab\\011here")), "{text}");
    // Through a pipe and compressed it is the same.
    let through = format!("zstd -qc {0} | {1} --list -", dump.display(), env!("CARGO_BIN_EXE_capdump"));
    let ran = run(without_tty(Path::new("sh")).args(["-c", &through]), LIMIT).ok();
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), text);
}

/// Holds one object to the schema of the manual page: `keys` are name, kind (`i`, `s`, `b`) and whether it has to be there.
fn hold(value: &Value, keys: &[(&str, char, bool)]) {
    let object = value.as_object().unwrap();
    for (name, kind, must) in keys {
        match object.get(*name) {
            None => assert!(!must, "{name} is missing: {value}"),
            Some(found) => {
                let fits = match kind {
                    'i' => found.is_i64() || found.is_u64(),
                    's' => found.is_string(),
                    _ => found.is_boolean(),
                };
                assert!(fits, "{name}: {value}");
            }
        }
    }
    let unknown: Vec<_> = object.keys().filter(|key| !keys.iter().any(|k| k.0 == *key)).collect();
    assert!(unknown.is_empty(), "{unknown:?}: {value}");
}

fn hold_to_schema(value: &Value) {
    let kind = value["type"].as_str().unwrap();
    let keys: &[(&str, char, bool)] = match kind {
        "dump" => &[
            ("type", 's', true),
            ("date", 'i', true),
            ("base_date", 'i', true),
            ("level", 'i', true),
            ("label", 's', true),
            ("filesystem", 's', true),
            ("device", 's', true),
            ("host", 's', true),
            ("format", 's', true),
            ("byte_order", 's', true),
        ],
        "entry" => &[
            ("type", 's', true),
            ("inode", 'i', true),
            ("path", 's', true),
            ("path_bytes", 's', false),
            ("kind", 's', false),
            ("mode", 'i', false),
            ("uid", 'i', false),
            ("gid", 'i', false),
            ("size", 'i', false),
            ("mtime", 'i', false),
            ("rdev", 'i', false),
            ("volume", 'i', false),
            ("tape_block", 'i', false),
            ("tape_blocks", 'i', false),
        ],
        "finding" => &[
            ("type", 's', true),
            ("damage", 'b', true),
            ("what", 's', true),
            ("text", 's', true),
            ("volume", 'i', false),
            ("tape_block", 'i', false),
            ("inode", 'i', false),
            ("path", 's', false),
            ("path_bytes", 's', false),
        ],
        "summary" => &[
            ("type", 's', true),
            ("good", 'b', true),
            ("tape_blocks", 'i', true),
            ("inodes", 'i', true),
            ("announced", 'i', true),
            ("lost", 'i', true),
            ("damaged", 'i', true),
            ("findings", 'i', true),
        ],
        other => panic!("{other}: {value}"),
    };
    hold(value, keys);
}

fn objects(stdout: &[u8]) -> Vec<Value> {
    stdout
        .split(|&b| b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect()
}

#[test]
fn json_keeps_to_its_schema() {
    let dir = TempDir::new("capdump-list");
    let Some(dump) = sample(&dir) else { return };
    let ran = run(capdump().args(["--list", "--json"]).arg(&dump), LIMIT).ok();
    let list = objects(&ran.stdout);
    list.iter().for_each(hold_to_schema);
    assert_eq!((list[0]["type"].as_str(), list[0]["level"].as_i64()), (Some("dump"), Some(0)));
    let last = list.last().unwrap();
    assert_eq!((last["type"].as_str(), last["good"].as_bool()), (Some("summary"), Some(true)));
    let entry = list.iter().find(|e| e["path"] == "./size1024").unwrap();
    assert_eq!((entry["kind"].as_str(), entry["size"].as_i64()), (Some("file"), Some(1024)));
    // A file's header is where it is said to be.
    let stream = std::fs::read(&dump).unwrap();
    let at = entry["tape_block"].as_u64().unwrap() as usize * 1024;
    assert_eq!(stream[at..at + 4], [2, 0, 0, 0], "TS_INODE");

    let mut bad = stream.clone();
    bad[at + 5] ^= 1;
    std::fs::write(&dump, &bad).unwrap();
    for mode in ["--list", "--check"] {
        let ran = run(capdump().args([mode, "--json"]).arg(&dump), LIMIT);
        assert_eq!(ran.code(), 3);
        let list = objects(&ran.stdout);
        list.iter().for_each(hold_to_schema);
        let lost = list.iter().find(|f| f["what"] == "lost").unwrap();
        assert_eq!((&lost["path"], &lost["inode"]), (&entry["path"], &entry["inode"]));
        assert_eq!(list.last().unwrap()["lost"], 1);
    }
}
