// SPDX-License-Identifier: BSD-2-Clause
//! `--check L0 -- L1 -- L2`: what it says of a chain is what `caprestore -r` does with the same dumps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::age::{self, Key};
use capdump_support::caprestore::{self, run_in};
use capdump_support::header::{Header, change, field};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::stream_writer::Stream;
use capdump_support::zstd;
use serde_json::Value;

use crate::changes::{chain, next_level};

const DIR: u8 = 4;
const FILE: u8 = 8;

fn capdump() -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("TZ", "UTC");
    command
}

/// Checks dumps of one volume each.
fn check(options: &[&str], dumps: &[&Path]) -> Ran {
    let mut command = capdump();
    command.arg("--check").args(options);
    for (number, dump) in dumps.iter().enumerate() {
        command.args((number > 0).then_some("--")).arg(dump);
    }
    run(&mut command, caprestore::LIMIT)
}

fn json(ran: &Ran) -> Vec<Value> {
    let text = std::str::from_utf8(&ran.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// What a level does: counts, and the names that are removed, made, linked and extracted, each with a letter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    removed: u64,
    removed_directories: u64,
    renamed: u64,
    directories: u64,
    links: u64,
    files: u64,
    names: BTreeSet<String>,
}

/// The same from what `caprestore -rv` prints.
fn done(printed: &str) -> Done {
    let mut done = Done::default();
    for line in printed.lines().filter(|line| !line.ends_with("restoresymtable.d")) {
        let mut name = |letter: char, name: &str| _ = done.names.insert(format!("{letter} {name}"));
        if line.starts_with("Remove leaf ") || line.starts_with("Delete whiteout ") {
            done.removed += 1;
        } else if line.starts_with("Remove node ") {
            done.removed_directories += 1;
        } else if let Some(path) = line.strip_prefix("Make node ") {
            name('d', path);
            done.directories += 1;
        } else if let Some((_, to)) = line.strip_prefix("rename ").and_then(|both| both.split_once(" to ")) {
            if !to.contains("restoresymtable.d/") {
                name('r', to);
                done.renamed += 1;
            }
        } else if let Some(path) = line.strip_prefix("Create hard link ") {
            name('l', path.split_once("->").unwrap().0);
            done.links += 1;
        } else if let Some(path) = line.strip_prefix("Create symbolic link ") {
            name('x', path.split_once("->").unwrap().0);
            done.files += 1;
        } else if let Some(path) = ["extract file ", "extract fifo ", "extract special file "]
            .iter()
            .find_map(|p| line.strip_prefix(p))
        {
            name('x', path);
            done.files += 1;
        }
    }
    done
}

/// The same from the lines of the check that belong to one level.
fn said(lines: &[Value]) -> Done {
    let level = of_type(lines, "level")[0];
    let count = |key: &str| level[key].as_u64().unwrap_or_default();
    let mut names = BTreeSet::new();
    for change in of_type(lines, "change") {
        let letter = match change["what"].as_str().unwrap() {
            "remove" | "remove-directory" => continue,
            "make-directory" => 'd',
            "rename" => 'r',
            "link" => 'l',
            "extract" => 'x',
            other => panic!("{other}"),
        };
        names.insert(format!("{letter} {}", change["path"].as_str().unwrap()));
    }
    Done {
        removed: count("removed"),
        removed_directories: count("removed_directories"),
        renamed: count("renamed"),
        directories: count("directories"),
        links: count("links"),
        files: count("files"),
        names,
    }
}

/// Checks that a chain is said to be what it is when it is restored: the same counts and names, the same refusals, the same status for each
/// level. Returns which levels are good.
pub fn agrees(dumps: &[&Path]) -> Vec<bool> {
    let ran = check(&["--json"], dumps);
    let lines = json(&ran);
    let levels: Vec<&[Value]> = lines.split_inclusive(|line| line["type"] == "level").collect();
    assert_eq!(levels.len(), dumps.len() + 1, "{}{lines:#?}", ran.stderr);
    let dir = TempDir::new("capdump-chain");
    let mut good = Vec::new();
    for (&dump, lines) in dumps.iter().zip(&levels) {
        let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
        let restored = run_in(command.arg("-rvf").arg(dump), &dir.join("into"), "");
        let level = lines.last().unwrap();
        let shown = || format!("{}\n{}\n{lines:#?}", dump.display(), restored.stderr);
        assert_eq!(level["good"] == true, restored.code() == 0, "{}", shown());
        good.push(restored.code() == 0);
        match level["refused"].as_str() {
            Some(refused) => assert!(agree_on_refusal(refused, &restored.stderr), "{}", shown()),
            None => {
                let mut done = done(std::str::from_utf8(&restored.stdout).unwrap());
                if said(lines).names.is_empty() {
                    // Those of a first dump are not listed.
                    done.names.clear();
                }
                assert_eq!(said(lines), done, "{}", shown());
            }
        }
    }
    let bad = good.iter().filter(|good| !**good).count();
    let last = lines.last().unwrap();
    assert_eq!((last["type"].as_str(), last["bad"].as_u64()), (Some("chain"), Some(bad as u64)));
    assert_eq!(ran.code(), if bad == 0 { 0 } else { 3 }, "{}", ran.stderr);
    let text = check(&[], dumps);
    assert_eq!(text.code(), ran.code());
    let count =
        text.stderr.lines().filter(|line| line.contains(" can be restored one after the other")).count();
    assert_eq!(count, usize::from(bad == 0), "{}", text.stderr);
    good
}

/// Whether caprestore refuses a dump for the reason that the check gives.
fn agree_on_refusal(refused: &str, stderr: &str) -> bool {
    let other = [
        ("a full dump does not build on another dump", "the directory is not empty; "),
        ("it builds on another dump, and none has been restored", "cannot open symbol table file "),
        ("it does not begin with a header", "Tape is not a dump tape\n"),
        ("it does not begin with volume 1", "Tape is not volume 1 of the dump\n"),
        ("its maps of inodes are missing", "Cannot find file removal list\n"),
        ("its directories are missing", ""),
        ("it does not end on these volumes", "the restore is not complete; "),
    ];
    match other.iter().find(|(of, _)| *of == refused) {
        Some((_, said)) => stderr.contains(said),
        None => stderr.contains(&format!("{refused}\n")),
    }
}

/// Files of these streams.
fn files(dir: &TempDir, streams: &[&Stream]) -> Vec<PathBuf> {
    let file = |(number, stream): (usize, &&Stream)| {
        let path = dir.join(&format!("dump{number}"));
        fs::write(&path, stream.bytes()).unwrap();
        path
    };
    streams.iter().enumerate().map(file).collect()
}

fn agrees_on(streams: &[&Stream]) -> Vec<bool> {
    let dir = TempDir::new("capdump-chain-dumps");
    let files = files(&dir, streams);
    agrees(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())
}

#[test]
fn all_that_can_happen_to_names() {
    let [zero, one, two] = chain();
    assert_eq!(agrees_on(&[&zero, &one, &two]), [true; 3]);
}

#[test]
fn removed_and_renamed_names_are_listed() {
    let dir = TempDir::new("capdump-chain-names");
    let mut zero = Stream::new();
    zero.directory(2, 2, &[(b"a", 3, DIR), (b"d", 4, DIR), (b"f", 10, FILE), (b"gone", 11, FILE)]);
    zero.directory(3, 2, &[(b"in", 12, FILE)]).directory(4, 2, &[]);
    zero.file(10, b"f").file(11, b"gone").file(12, b"in");
    let mut one = next_level(&zero);
    one.directory(2, 2, &[(b"b", 3, DIR), (b"g", 10, FILE), (b"new", 13, FILE)]).file(13, b"new");
    one.used = vec![3, 10, 12];
    let files = files(&dir, &[&zero, &one]);
    let ran = check(&["--json"], &[&files[0], &files[1]]);
    let changes: BTreeSet<String> = of_type(&json(&ran), "change")
        .iter()
        .map(|change| {
            let from = change["from"].as_str().unwrap_or("-");
            format!("{} {} {from}", change["what"].as_str().unwrap(), change["path"].as_str().unwrap())
        })
        .collect();
    let want =
        ["extract ./new -", "remove ./gone -", "remove-directory ./d -", "rename ./b ./a", "rename ./g ./f"];
    assert_eq!(changes, want.map(str::to_owned).into(), "{}", ran.stderr);
    let text = check(&[], &[&files[0], &files[1]]).ok().stderr;
    let line = "level 1: 1 names and 1 directories removed, 2 renamed, 0 directories and 0 links made, 1 files (3 bytes) extracted\n";
    assert!(text.contains(line), "{text}");
    assert!(text.ends_with("  DUMP: 2 dumps can be restored one after the other\n"), "{text}");
}

#[test]
fn levels_that_do_not_fit() {
    let [zero, one, two] = chain();
    assert_eq!(agrees_on(&[&zero, &two]), [true, false]);
    assert_eq!(agrees_on(&[&one, &two]), [false, false]);
    assert_eq!(agrees_on(&[&zero, &two, &one]), [true, false, true]);
    assert_eq!(agrees_on(&[&zero, &one, &one]), [true, true, false]);
    assert_eq!(agrees_on(&[&zero, &zero, &one]), [true, false, true]);
    let later = Stream { ddate: zero.date + 5, ..one.clone() };
    assert_eq!(agrees_on(&[&zero, &later]), [true, false]);
    let same_level = Stream { level: 0, ..one.clone() };
    assert_eq!(agrees_on(&[&zero, &same_level]), [true, false]);
    // Nothing is known of later levels when one has no end.
    let dir = TempDir::new("capdump-chain-cut");
    let files = files(&dir, &[&zero, &one, &two]);
    let bytes = one.bytes();
    fs::write(&files[1], &bytes[..bytes.len() - 10 * 1024]).unwrap();
    assert_eq!(agrees(&[&files[0], &files[1], &files[2]]), [true, false, false]);
}

#[test]
fn another_file_system() {
    let [zero, one, _] = chain();
    let dir = TempDir::new("capdump-chain-other");
    let files = files(&dir, &[&zero, &one]);
    let mut bytes = one.bytes();
    rename_host(&mut bytes);
    fs::write(&files[1], bytes).unwrap();
    assert_eq!(agrees(&[&files[0], &files[1]]), [true, false]);
    let ran = check(&[], &[&files[0], &files[1]]);
    assert!(ran.stderr.contains("level 1: it cannot be restored: it is a dump of "), "{}", ran.stderr);
}

/// Gives all headers another `c_host`.
fn rename_host(bytes: &mut [u8]) {
    let (host, _) = field("c_host");
    for block in bytes.chunks_mut(1024).filter(|block| Header::parse(block).is_some()) {
        change(block, |block| block[host..host + 4].copy_from_slice(b"else"));
    }
}

#[test]
fn damage_anywhere() {
    let [zero, one, _] = chain();
    let dir = TempDir::new("capdump-chain-damage");
    let files = files(&dir, &[&zero, &one]);
    let bytes = one.bytes();
    let mut found = [0; 2];
    for at in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x55;
        fs::write(&files[1], &bad).unwrap();
        found[usize::from(agrees(&[&files[0], &files[1]])[1])] += 1;
    }
    assert!(found[0] > 5 && found[1] > 5, "{found:?}");
}

/// What a program makes of a file.
fn piped(command: &mut Command, from: &Path, to: &Path) -> PathBuf {
    fs::write(to, run(command.arg(from), caprestore::LIMIT).ok().stdout).unwrap();
    to.to_owned()
}

#[test]
fn compressed_and_encrypted() {
    if !age::available() || !zstd::available() {
        return;
    }
    let [zero, one, _] = chain();
    let dir = TempDir::new("capdump-chain-packed");
    let files = files(&dir, &[&zero, &one]);
    let key = Key::new(&dir, "key");
    let packed = piped(Command::new("zstd").arg("-qc"), &files[1], &dir.join("packed"));
    assert_eq!(check(&[], &[&files[0], &packed]).code(), 0);
    let sealed = piped(Command::new("age").args(["-r", &key.recipient]), &files[0], &dir.join("sealed"));
    let identity = ["--identity", key.file.to_str().unwrap()];
    let ran = check(&identity, &[&sealed, &packed]).ok();
    assert!(ran.stderr.contains("2 dumps can be restored"), "{}", ran.stderr);
    assert_eq!(check(&[], &[&sealed, &packed]).code(), 1);
    assert_eq!(check(&[], &[&packed, &sealed]).code(), 3);
}

/// Cuts a dump into two volumes at a header.
fn split(bytes: &[u8]) -> [Vec<u8>; 2] {
    let (kind, _) = field("c_type");
    let is_inode = |at: &usize| Header::parse(&bytes[*at..at + 1024]).is_some_and(|_| bytes[at + kind] == 2);
    let cut = (1..bytes.len() / 1024).map(|n| n * 1024).rfind(is_inode).expect("an inode");
    let mut second = bytes[..1024].to_vec();
    let tapea = (cut / 1024) as u64;
    change(&mut second, |block| {
        for (name, value) in [("c_volume", 2), ("c_tapea", tapea)] {
            let (at, length) = field(name);
            block[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
        }
    });
    second.extend_from_slice(&bytes[cut..]);
    [bytes[..cut].to_vec(), second]
}

#[test]
fn levels_of_several_volumes() {
    let [zero, one, _] = chain();
    let dir = TempDir::new("capdump-chain-volumes");
    let files = files(&dir, &[&zero, &one]);
    let [first, second] = split(&zero.bytes());
    let (a, b) = (dir.join("a"), dir.join("b"));
    fs::write(&a, first).unwrap();
    fs::write(&b, second).unwrap();
    let line = |ran: &Ran| {
        ran.stderr.lines().filter(|line| line.contains("DUMP: level ")).collect::<Vec<_>>().join("\n")
    };
    let whole = check(&[], &[&files[0], &files[1]]).ok();
    let ran = run(capdump().arg("--check").args([&a, &b]).arg("--").arg(&files[1]), caprestore::LIMIT).ok();
    assert_eq!(line(&ran), line(&whole), "{}", ran.stderr);
    // The second volume was not given.
    let ran = run(capdump().arg("--check").arg(&a).arg("--").arg(&files[1]), caprestore::LIMIT);
    assert!(ran.code() == 3 && ran.stderr.contains("2 of 2 dumps are damaged"), "{}", ran.stderr);
}

#[test]
fn command_line() {
    let said = |words: &[&str]| {
        let ran = run(capdump().args(words), caprestore::LIMIT);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        ran.stderr
    };
    let want = "capdump: -- requires a dump before and after it\n";
    for words in
        [&["--check", "a", "--"][..], &["--check", "a", "--", "--", "b"], &["--check", "--", "--", "b"]]
    {
        assert_eq!(said(words), want, "{words:?}");
    }
    assert_eq!(said(&["--check", "--index", "i", "a", "--", "b"]), "capdump: --index cannot be used here\n");
}
