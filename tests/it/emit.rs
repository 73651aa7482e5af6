// SPDX-License-Identifier: BSD-2-Clause
//! `--emit`: small dumps that restore(8) reads and that keep every rule of the format.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::capdump;
use capdump_support::decode::Dump;
use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::{listing, restore, swap, tree};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

struct Sample {
    dir: TempDir,
    dump: PathBuf,
}

impl Sample {
    fn new() -> Option<Sample> {
        if !have("makefs") {
            skipped("makefs(8) is not there");
            return None;
        }
        let dir = TempDir::new("capdump-emit");
        tree::mixed(&dir.join("source"));
        makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
        let dump = dir.join("dump");
        run(capdump().args(["-0a", "-f"]).arg(&dump).arg(dir.join("image")), LIMIT).ok();
        Some(Sample { dir, dump })
    }

    /// Writes a dump of `paths`.
    fn emit(&self, paths: &[&str], more: &[&str], volumes: &[PathBuf]) -> Ran {
        let mut command = capdump();
        paths.iter().for_each(|path| _ = command.args(["--emit", path]));
        command.args(more).arg("-f").arg(self.dir.join("small")).args(volumes);
        run(&mut command, LIMIT)
    }

    fn small(&self) -> Dump {
        Dump::one(std::fs::read(self.dir.join("small")).unwrap()).unwrap()
    }

    /// What is wrong with the small dump as one of just these paths, compared with the whole one.
    fn differences(&self, paths: &[&str]) -> Vec<String> {
        let whole = Dump::one(std::fs::read(&self.dump).unwrap()).unwrap().listing().unwrap();
        let mut small = self.small().listing().unwrap();
        let of = |path: &[u8]| {
            let path = String::from_utf8_lossy(path).into_owned();
            paths.iter().any(|p| path == format!("/{p}") || path.starts_with(&format!("/{p}/")))
        };
        // The directories above them have other data places, no other attributes.
        let mut want: listing::Listing = whole
            .iter()
            .filter(|(path, _)| small.contains_key(*path) || of(path))
            .map(|(p, e)| (p.clone(), e.clone()))
            .collect();
        // A further name of a file may be left out, so that another one is its first.
        for list in [&mut want, &mut small] {
            for entry in list.values_mut() {
                (entry.same_as, entry.runs) = (Vec::new(), None);
            }
        }
        listing::differences(&small, &want)
    }
}

#[test]
fn one_file_and_its_directories() {
    let Some(sample) = Sample::new() else { return };
    let ran = sample.emit(&["./other/hard"], &[], std::slice::from_ref(&sample.dump)).ok();
    assert!(ran.stderr.ends_with(" tape blocks written\n"), "{}", ran.stderr);
    let paths: Vec<Vec<u8>> = sample.small().paths().unwrap().into_keys().collect();
    assert_eq!(paths, [b"".to_vec(), b"/other".to_vec(), b"/other/hard".to_vec()]);
    assert_eq!(sample.differences(&["other/hard"]), [""; 0]);
    run(capdump().arg("--check").arg(sample.dir.join("small")), LIMIT).ok();
    let size = std::fs::metadata(sample.dir.join("small")).unwrap().len();
    assert!(size.is_multiple_of(10 * 1024) && size < 60_000, "{size}");
}

#[test]
fn trees_through_restore() {
    let Some(sample) = Sample::new() else { return };
    let paths = ["deep/level0/level1", "large", "names", "holes", "link900"];
    sample.emit(&paths, &["-b", "32"], std::slice::from_ref(&sample.dump)).ok();
    assert_eq!(sample.differences(&paths), [""; 0]);
    if !restore::available() {
        return;
    }
    let into = sample.dir.join("into");
    restore::restore(&sample.dir.join("small"), &into);
    let restored = restore::listing(&into);
    let mut source = tree::listing(&sample.dir.join("source"), &[]);
    source.retain(|path, _| restored.contains_key(path));
    source.values_mut().for_each(|entry| entry.mtime = None);
    assert!(restored.len() > 240, "{}", restored.len());
    assert_eq!(listing::differences(&restored, &source), [""; 0]);
}

#[test]
fn what_is_not_there() {
    let Some(sample) = Sample::new() else { return };
    let ran = sample.emit(&["large", "none/such"], &[], std::slice::from_ref(&sample.dump));
    assert_eq!(ran.code(), 1);
    assert_eq!(ran.stderr, "  DUMP: none/such: not on the dump\n");
    assert_eq!(std::fs::metadata(sample.dir.join("small")).unwrap().len(), 0);
    // A file that the dump lost is told.
    let mut bad = std::fs::read(&sample.dump).unwrap();
    let half = bad.len() / 2;
    bad.truncate(half - half % 1024);
    let cut = sample.dir.join("cut");
    std::fs::write(&cut, bad).unwrap();
    let ran = sample.emit(&["."], &[], &[cut]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("lost: in the map, but not in the dump"), "{}", ran.stderr);
}

#[test]
fn of_a_dump_of_the_other_byte_order_and_of_linux() {
    let Some(sample) = Sample::new() else { return };
    let big = sample.dir.join("big");
    std::fs::write(&big, swap::stream(&std::fs::read(&sample.dump).unwrap())).unwrap();
    sample.emit(&["deep", "large"], &[], &[big]).ok();
    assert_eq!(sample.differences(&["deep", "large"]), [""; 0]);
    if have("zstd") {
        let linux = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/linux.dump.zst");
        sample.emit(&["a/b/f", "dir2"], &[], &[linux]).ok();
        let small = sample.small();
        let paths = small.paths().unwrap();
        let names: BTreeSet<String> = paths.keys().map(|p| String::from_utf8_lossy(p).into_owned()).collect();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["", "/a", "/a/b", "/a/b/f", "/dir2", "/dir2/random"]
        );
        let f = &small.files[&paths[b"/a/b/f".as_slice()]];
        assert_eq!(small.content(f), b"hi\n");
        assert_eq!(small.files[&paths[b"/dir2/random".as_slice()]].size, 5000);
    }
}

/// An index as `dumpstream::index` has it, made of what `--list --json` says.
fn index(dump: &[PathBuf]) -> String {
    let ran = run(capdump().args(["--list", "--json"]).args(dump), LIMIT).ok();
    let objects: Vec<Value> =
        String::from_utf8(ran.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut lines = Vec::new();
    for entry in objects.iter().filter(|e| e["type"] == "entry" && e["volume"].is_u64()) {
        let offset = entry["tape_block"].as_u64().unwrap() * 1024;
        let path = entry["path"].as_str().unwrap();
        lines.push(format!("{path}\t{}\t{}\t{offset}\t-\t1\n", entry["inode"], entry["volume"]));
    }
    lines.sort();
    let mut text = String::new();
    writeln!(
        text,
        "capdump-index\tversion=1\tdate={}\tlevel=0\tlabel=none\tfilesystem=x",
        objects[0]["date"]
    )
    .unwrap();
    text + &lines.concat()
}

#[test]
fn with_an_index() {
    let Some(sample) = Sample::new() else { return };
    // On several volumes, so that files go over from one to the next.
    let volumes: Vec<PathBuf> = (1..=12).map(|n| sample.dir.join(&format!("v{n}"))).collect();
    let list: Vec<String> = volumes.iter().map(|name| name.display().to_string()).collect();
    let image = sample.dir.join("image");
    run(capdump().args(["-0", "-B", "400", "-f", &list.join(",")]).arg(image), LIMIT).ok();
    let volumes: Vec<PathBuf> = volumes.into_iter().filter(|name| name.exists()).collect();
    assert!(volumes.len() > 3);
    let path = sample.dir.join("index");
    std::fs::write(&path, index(&volumes)).unwrap();
    let option = path.display().to_string();
    let paths = ["large", "names", "holes", "size40000"];
    let ran = sample.emit(&paths, &["--index", &option], &volumes).ok();
    assert!(ran.stderr.ends_with(" tape blocks written\n"), "{}", ran.stderr);
    assert_eq!(sample.differences(&paths), [""; 0]);

    let ran = run(capdump().args(["--list", "--index", &option]), LIMIT).ok();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.lines().any(|line| line.ends_with(" ./size40000")), "{text}");

    std::fs::write(&path, index(&volumes).replace("date=", "date=9")).unwrap();
    let ran = sample.emit(&paths, &["--index", &option], &volumes);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("an index of another dump"), "{}", ran.stderr);
    std::fs::write(&path, "capdump-index\tversion=1\tdate=0\n./x\t5\n").unwrap();
    let ran = run(capdump().args(["--list", "--index", &option]), LIMIT);
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr.contains("index: line 2: the volume is missing or wrong"), "{}", ran.stderr);
}

#[test]
fn from_a_pipe_to_a_pipe() {
    let Some(sample) = Sample::new() else { return };
    let command = format!("cat {} | {} --emit large -", sample.dump.display(), env!("CARGO_BIN_EXE_capdump"));
    let ran = run(without_tty(Path::new("sh")).args(["-c", &command]), LIMIT).ok();
    std::fs::write(sample.dir.join("small"), ran.stdout).unwrap();
    assert_eq!(sample.differences(&["large"]), [""; 0]);
}
