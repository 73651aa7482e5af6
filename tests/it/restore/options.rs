// SPDX-License-Identifier: BSD-2-Clause
//! The long options of caprestore's own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use capdump_support::caprestore::{Place, listing, run_in};
use capdump_support::program::{is_root, run, skipped, without_tty};
use capdump_support::stream_writer::Stream;
use capdump_support::tree;
use serde_json::Value;

use super::caprestore;
use super::trees::dump;

const LIMIT: Duration = Duration::from_secs(120);

/// The paths below a folder.
fn names(into: &Path) -> BTreeSet<String> {
    let below = listing(into).into_keys().map(|path| String::from_utf8_lossy(&path).into_owned());
    below.map(|path| path.trim_start_matches('/').to_owned()).filter(|path| !path.is_empty()).collect()
}

/// `./dir/{a.c,b.o,.h}`, `./other/{b2,deep/x.o}`, where `b2` is a further name of `b.o`, and `./top`.
fn small(place: &Place) {
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"dir", 3, 4), (b"other", 4, 4), (b"top", 9, 8)]);
    stream.directory(3, 2, &[(b"a.c", 6, 8), (b"b.o", 7, 8), (b".h", 8, 8)]);
    stream.directory(4, 2, &[(b"b2", 7, 8), (b"deep", 5, 4)]).directory(5, 4, &[(b"x.o", 10, 8)]);
    for ino in 6..=10 {
        stream.file(ino, format!("file {ino}").as_bytes());
    }
    fs::write(place.join("dump"), stream.bytes()).unwrap();
}

#[test]
fn excluded_names_and_patterns() {
    let place = Place::new();
    small(&place);
    let extract = |patterns: &[&str], more: &[&str]| {
        let into = place.join("into");
        _ = fs::remove_dir_all(&into);
        let mut command = caprestore();
        command.arg("-xf").arg(place.join("dump"));
        patterns.iter().for_each(|pattern| _ = command.arg("--exclude").arg(pattern));
        let ran = run_in(command.args(more), &into, "1\ny\n");
        (ran, names(&into))
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let (ran, found) = extract(&["dir"], &[]);
    assert_eq!(
        found,
        set(&["other", "other/b2", "other/deep", "other/deep/x.o", "top"]),
        "{}",
        ran.ok().stderr
    );
    let (ran, found) = extract(&["*/*.o", "./other/deep/"], &[]);
    assert_eq!(
        found,
        set(&["dir", "dir/a.c", "dir/.h", "other", "top"]),
        "all names of b.o: {}",
        ran.ok().stderr
    );
    let (ran, found) = extract(&["dir/*", "nothing*"], &["dir"]);
    assert_eq!(found, set(&["dir", "dir/.h"]), "{}", ran.ok().stderr);
    let (ran, found) = extract(&["dir"], &["dir/a.c", "top"]);
    assert!(ran.code() == 1 && ran.stderr.contains("./dir/a.c is not on the tape\n"), "{}", ran.stderr);
    assert_eq!(found, set(&["top"]));
    for (pattern, text) in
        [("dri", "./dri is not on the tape\n"), ("/", "the root of the dump cannot be excluded\n")]
    {
        let (ran, found) = extract(&[pattern], &[]);
        assert!(ran.code() == 1 && ran.stderr == text && found.is_empty(), "{pattern}: {}", ran.stderr);
    }
    let ran = run_in(
        caprestore().args(["-t", "--exclude=other", "-f"]).arg(place.join("dump")),
        &place.join("into"),
        "",
    );
    let out = String::from_utf8_lossy(&ran.ok().stdout).into_owned();
    assert!(out.contains("./dir/b.o\n") && !out.contains("other"), "{out}");
    let commands = "add .\ncd other\nextract\n1\nn\n";
    _ = fs::remove_dir_all(place.join("into"));
    run_in(
        caprestore().args(["-i", "--exclude=other/deep", "-f"]).arg(place.join("dump")),
        &place.join("into"),
        commands,
    )
    .ok();
    assert!(!place.join("into/other/deep").exists() && place.join("into/other/b2").exists());
}

#[test]
fn directories_alone_and_by_inode() {
    let place = Place::new();
    small(&place);
    let dump = place.join("dump");
    let run = |options: &str, name: &str, answers: &str| {
        let into = place.join("into");
        _ = fs::remove_dir_all(&into);
        let ran = run_in(caprestore().arg(options).arg(&dump).arg(name), &into, answers).ok();
        (String::from_utf8_lossy(&ran.stdout).into_owned(), names(&into).into_iter().collect::<Vec<_>>())
    };
    let (out, _) = run("-thf", "dir", "");
    assert_eq!(out.lines().skip(2).collect::<Vec<_>>(), ["         3\t./dir"]);
    assert_eq!(run("-xhf", "other", "1\nn\n").1, ["other"]);
    assert_eq!(run("-xhmf", "other", "1\nn\n").1, [""; 0]);
    assert_eq!(run("-xmf", "other", "1\nn\n").1, ["10", "7"]);
    assert_eq!(run("-xmf", "top", "1\ny\n").1, ["9"]);
}

#[test]
fn owners_devices_and_set_id_bits_are_left_out() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    if !is_root() {
        return skipped("owners and devices need root");
    }
    let into = place.join("into");
    let extract = |option: &str| {
        _ = fs::remove_dir_all(&into);
        let mut command = caprestore();
        command.args(["-rf"]).arg(&dump).args([option, "--numeric-owner"]);
        run_in(&mut command, &into, "").ok()
    };
    let about = |name: &str| {
        let meta = fs::metadata(into.join(name)).unwrap();
        (meta.uid(), meta.gid(), meta.mode() & 0o7777)
    };
    extract("--strict");
    assert_eq!(about("owners/mode4755"), (65_536, 32_768, 0o4755));
    extract("--no-setuid");
    assert_eq!(about("owners/mode4755"), (65_536, 32_768, 0o755));
    assert_eq!(about("owners/mode1777"), (65_535, 32_767, 0o1777));
    extract("--no-owner");
    assert_eq!((about("owners/mode4755"), about("owners/mode2711")), ((0, 0, 0o755), (0, 0, 0o711)));
    let ran = extract("--no-devices");
    assert!(ran.stderr.contains("left out: 2 devices\n"), "{}", ran.stderr);
    assert!(into.join("special/fifo").exists() && fs::symlink_metadata(into.join("special/null")).is_err());
}

#[test]
fn contents_go_to_standard_output() {
    let place = Place::new();
    let mut data = vec![0; 300_000];
    data[200_000..230_000].copy_from_slice(&tree::bytes(3, 30_000));
    let mut stream = Stream::new();
    stream.directory(2, 2, &[(b"dir", 3, 4), (b"holes", 5, 8), (b"link", 6, 10), (b"all", 8, 8)]);
    stream.directory(3, 2, &[(b"below", 7, 8), (b"again", 7, 8)]);
    stream.sparse(5, &data).inode(6, 0o120_777, b"to").file(7, b"below").sparse(8, &[0; 70_000]);
    fs::write(place.join("dump"), stream.bytes()).unwrap();
    let ran = run_in(
        caprestore().args(["-x", "-v", "--to-stdout", "-f"]).arg(place.join("dump")),
        &place.join("into"),
        "",
    )
    .ok();
    assert!(ran.stdout == [&data[..], b"below", &[0; 70_000]].concat(), "{}", ran.stdout.len());
    assert!(
        ran.stderr.contains("extract file ./holes\n") && !ran.stderr.contains("owner/mode"),
        "{}",
        ran.stderr
    );
    assert!(names(&place.join("into")).is_empty());
    let ran = run_in(
        caprestore().args(["-x", "--to-stdout", "-f"]).arg(place.join("dump")).args(["dir/below", "absent"]),
        &place.join("into"),
        "",
    );
    assert_eq!((ran.code(), &ran.stdout[..]), (1, &b"below"[..]), "{}", ran.stderr);
    let full = format!(
        "{} -xf {} --to-stdout >/dev/full",
        env!("CARGO_BIN_EXE_caprestore"),
        place.join("dump").display()
    );
    let ran = run_in(without_tty(Path::new("sh")).args(["-c", &full]), &place.join("into"), "");
    assert!(ran.code() == 1 && ran.stderr.contains("standard output: No space left"), "{}", ran.stderr);
}

/// Lines of JSON.
fn lines(out: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(out).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_listing_is_that_of_capdump() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    let wanted = lines(&run(command.args(["--list", "--json"]).arg(&dump), LIMIT).ok().stdout);
    let list = |more: &[&str]| {
        let ran =
            run_in(caprestore().args(["-t", "--json", "-f"]).arg(&dump).args(more), &place.join("into"), "");
        lines(&ran.ok().stdout)
    };
    let sorted = |lines: Vec<Value>| {
        let mut lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        lines.sort_unstable();
        lines
    };
    assert!(wanted.len() > 200);
    assert_eq!(sorted(list(&[])), sorted(wanted));
    let some = list(&["other"]);
    let paths: BTreeSet<&str> = some.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, BTreeSet::from(["./other", "./other/hard", "./other/harder"]));
}

#[test]
fn a_summary_of_a_restore() {
    let place = Place::new();
    small(&place);
    let into = place.join("into");
    let json =
        |more: &[&str]| run_in(caprestore().args(more).arg("-f").arg(place.join("dump")), &into, "1\nn\n");
    let ran = json(&["-xv", "--json"]).ok();
    let [summary] = &lines(&ran.stdout)[..] else { panic!("{:?}", lines(&ran.stdout)) };
    assert_eq!((&summary["type"], &summary["good"]), (&"summary".into(), &true.into()));
    assert_eq!(
        (&summary["files"], &summary["bytes"], &summary["failures"]),
        (&5.into(), &31.into(), &0.into())
    );
    assert!(ran.stderr.contains("extract file ./top\n"), "{}", ran.stderr);
    fs::remove_file(into.join("top")).unwrap();
    fs::create_dir(into.join("top")).unwrap();
    let ran = json(&["-x", "--json"]);
    assert_eq!(ran.code(), 1);
    let found = lines(&ran.stdout);
    // The further name of a file that was replaced is in the way of itself, too.
    let [failures @ .., summary] = &found[..] else { panic!("{found:?}") };
    assert!(failures.iter().all(|failure| failure["type"] == "failure"), "{found:?}");
    assert!(failures.iter().any(|failure| failure["path"] == "./top"), "{found:?}");
    assert_eq!((&summary["good"], &summary["failures"]), (&false.into(), &failures.len().into()));
}
