// SPDX-License-Identifier: BSD-2-Clause
//! The digests in an index: those of the contents, and what `--check --index` finds by them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::age::{self, Key};
use capdump_support::index::{Line, read};
use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::tree;

const LIMIT: Duration = Duration::from_secs(60);

fn capdump(options: &[&str], operands: &[&Path]) -> Ran {
    run(without_tty(Path::new(env!("CARGO_BIN_EXE_capdump"))).args(options).args(operands), LIMIT)
}

/// An image of some files, and what is in them.
fn image(dir: &TempDir) -> Option<(PathBuf, BTreeMap<String, Vec<u8>>)> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    let source = dir.join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    let mut files = BTreeMap::new();
    for (seed, (name, length)) in
        [("empty", 0), ("one", 1), ("sub/kib", 1024), ("sub/odd", 70_001), ("large", 1_300_000)]
            .into_iter()
            .enumerate()
    {
        let bytes = tree::bytes(seed as u64 + 1, length);
        fs::write(source.join(name), &bytes).unwrap();
        files.insert(format!("./{name}"), bytes);
    }
    tree::file_with_holes(&source.join("holes"), 3_000_000, &[1_000_000, 2_999_000]);
    std::os::unix::fs::symlink("sub/odd", source.join("link")).unwrap();
    makefs(&dir.join("image"), &source, 2, (8192, 1024), &[]);
    Some((dir.join("image"), files))
}

/// Dumps with these options; gives the dump and the index.
fn dump(dir: &TempDir, image: &Path, name: &str, options: &[&str]) -> (PathBuf, PathBuf) {
    let (out, index) = (dir.join(name), dir.join(&format!("{name}.index")));
    let to = ["-0a", "--index", index.to_str().unwrap(), "-f", out.to_str().unwrap()];
    capdump(&[&to, options].concat(), &[image]).ok();
    (out, index)
}

fn lines(index: &Path) -> BTreeMap<String, Line> {
    read(index).1.into_iter().map(|line| (line.printed.clone(), line)).collect()
}

#[test]
fn a_digest_is_that_of_the_content() {
    let dir = TempDir::new("capdump-digests");
    let Some((image, files)) = image(&dir) else { return };
    let (_, index) = dump(&dir, &image, "plain", &[]);
    let plain = lines(&index);
    for (name, bytes) in &files {
        assert_eq!(plain[name].digest, blake3::hash(bytes).to_hex().to_string(), "{name}");
    }
    let mut digests: Vec<&str> = plain.values().map(|line| line.digest.as_str()).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), plain.len(), "two have the same");
    // They do not depend on how it is written.
    for options in [&["--compress", "zstd"][..], &["--workers", "1", "-b", "64"], &["-B", "500", "--batch"]] {
        let name = options.join("").replace(['-', ':'], "");
        let (out, index) = (dir.join(&name), dir.join(&format!("{name}.index")));
        let names: Vec<String> = (1..20).map(|n| format!("{}{n}", out.display())).collect();
        let to = ["-0a", "--index", index.to_str().unwrap(), "-f", &names.join(",")];
        let to = if options[0] == "-B" { [&["-0"], &to[1..]].concat() } else { to.to_vec() };
        capdump(&[&to, options].concat(), &[&image]).ok();
        for (name, line) in lines(&index) {
            assert_eq!(line.digest, plain[&name].digest, "{options:?} {name}");
        }
    }
}

#[test]
fn a_changed_byte_of_any_file_is_named() {
    let dir = TempDir::new("capdump-digests");
    let Some((image, files)) = image(&dir) else { return };
    let (out, index) = dump(&dir, &image, "plain", &[]);
    let check = |volume: &Path| capdump(&["--check", "--index", index.to_str().unwrap()], &[volume]);
    let good = check(&out).ok();
    assert!(
        good.stderr.contains("no damage found") && !good.stderr.contains("not verified"),
        "{}",
        good.stderr
    );
    let whole = fs::read(&out).unwrap();
    let bad = dir.join("bad");
    let mut tried = 0;
    for (name, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let first = lines(&index)[name].offset / 1024 + 1;
        for at in (0..bytes.len()).step_by(bytes.len() / 7 + 1).chain([bytes.len() - 1]) {
            // Headers come in between.
            let part = &bytes[at / 1024 * 1024..bytes.len().min((at / 1024 + 1) * 1024)];
            let block = whole.chunks(1024).skip(first).position(|block| block.starts_with(part)).unwrap();
            let place = (first + block) * 1024 + at % 1024;
            let mut changed = whole.clone();
            assert_eq!(changed[place], bytes[at]);
            changed[place] ^= 0x20;
            fs::write(&bad, &changed).unwrap();
            let ran = check(&bad);
            assert_eq!(ran.code(), 3, "{name} {at}: {}", ran.stderr);
            let line = ran.stderr.lines().find(|line| line.contains("its content is not what was dumped"));
            assert!(line.is_some_and(|line| line.contains(name)), "{name} {at}: {}", ran.stderr);
            tried += 1;
        }
    }
    assert!(tried > 20);
}

#[test]
fn a_change_anywhere_in_a_small_dump() {
    let dir = TempDir::new("capdump-digests");
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let source = dir.join("source");
    fs::create_dir_all(&source).unwrap();
    // It fills its tape blocks.
    fs::write(source.join("file"), tree::bytes(5, 4096)).unwrap();
    makefs(&dir.join("image"), &source, 2, (8192, 1024), &[]);
    let (out, index) = dump(&dir, &dir.join("image"), "plain", &[]);
    let whole = fs::read(&out).unwrap();
    let (_, lines) = read(&index);
    let start = lines.iter().map(|line| line.offset).max().unwrap();
    let bad = dir.join("bad");
    for at in (start..start + 5 * 1024).step_by(41) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&bad, &changed).unwrap();
        let ran = capdump(&["--check", "--index", index.to_str().unwrap()], &[&bad]);
        assert_eq!(ran.code(), 3, "byte {at}: {}", ran.stderr);
        assert!(ran.stderr.contains("./file"), "byte {at}: {}", ran.stderr);
    }
}

#[test]
fn an_index_that_does_not_belong_to_the_dump_is_refused() {
    let dir = TempDir::new("capdump-digests");
    let Some((image, _)) = image(&dir) else { return };
    let (out, index) = dump(&dir, &image, "plain", &[]);
    let check = |index: &Path| capdump(&["--check", "--index", index.to_str().unwrap()], &[&out]);
    let text = fs::read_to_string(&index).unwrap();
    let other = dir.join("other");
    let date = text.split("date=").nth(1).unwrap().split('\t').next().unwrap();
    fs::write(&other, text.replacen(date, "1234567890", 1)).unwrap();
    let ran = check(&other);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("other: an index of another dump"), "{}", ran.stderr);
    // As version 0.2.0 wrote it.
    let old: String =
        text.lines().map(|line| format!("{}\n", line.split("\tblake3=").next().unwrap())).collect();
    fs::write(&other, old).unwrap();
    let ran = check(&other);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("other: an index without digests"), "{}", ran.stderr);
    let listed = capdump(&["--list", "--index", other.to_str().unwrap()], &[]).ok();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("./large"));
    let ran = check(&image);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
}

#[test]
fn of_an_encrypted_dump() {
    let dir = TempDir::new("capdump-digests");
    if !age::available() {
        return;
    }
    let Some((image, _)) = image(&dir) else { return };
    let key = Key::new(&dir, "key");
    let (out, index) = dump(&dir, &image, "sealed", &["--encrypt", &key.recipient]);
    let options = ["--check", "--index", index.to_str().unwrap(), "--identity", key.file.to_str().unwrap()];
    let ran = capdump(&options, &[&out]).ok();
    assert!(ran.stderr.contains("no damage found"), "{}", ran.stderr);
}
