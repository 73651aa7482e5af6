// SPDX-License-Identifier: BSD-2-Clause
//! `--check --index --sample`: all parts together are the whole dump, and each reads little more than itself.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use capdump_support::age::{self, Key};
use capdump_support::program::{Ran, TempDir, run, skipped};
use serde_json::Value;

use crate::compress::{self, list};
use crate::indexed::{LIMIT, capdump, dump};
use crate::skipping::bytes_read;

/// Checks a part of a dump.
fn check(index: &Path, sample: &str, more: &[&str], volumes: &[PathBuf]) -> Ran {
    let index = index.to_str().unwrap();
    run(capdump(&["--check", "--index", index, "--sample", sample]).args(more).args(volumes), LIMIT)
}

/// The parts that find fault.
fn finders(index: &Path, of: u32, more: &[&str], volumes: &[PathBuf]) -> Vec<u32> {
    let finds = |part: &u32| {
        let ran = check(index, &format!("{part}/{of}"), more, volumes);
        assert!([0, 3].contains(&ran.code()), "{}", ran.stderr);
        ran.code() == 3
    };
    (1..=of).filter(finds).collect()
}

/// Damages every so many bytes of a volume; gives how often so many parts out of `of` found that, if a check of the whole does.
fn found_by(index: &Path, of: u32, more: &[&str], volumes: &[PathBuf], at: usize, step: usize) -> Vec<usize> {
    assert_eq!(finders(index, of, more, volumes), [0; 0]);
    let bytes = fs::read(&volumes[at]).unwrap();
    let mut counts = vec![0; of as usize + 1];
    let mut parts = BTreeSet::new();
    for place in (0..bytes.len()).step_by(step) {
        let file = fs::File::options().write(true).open(&volumes[at]).unwrap();
        file.write_all_at(&[bytes[place] ^ 0x41], place as u64).unwrap();
        let mut command = capdump(&["--check", "--json", "--index", index.to_str().unwrap()]);
        let whole = run(command.args(more).args(volumes), LIMIT);
        let text = String::from_utf8(whole.stdout).unwrap();
        let findings = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        // What only the digest of the volume covers is in no part.
        let is_in_a_part = |line: &Value| line["damage"] == true && line["what"] != "volume";
        let is_found = findings.filter(|line| line["type"] == "finding").any(|line| is_in_a_part(&line));
        let found = finders(index, of, more, volumes);
        if !is_found {
            assert_eq!(found, [0; 0], "byte {place}: {text}");
        } else {
            assert!(!found.is_empty(), "byte {place}: {text}");
            assert!(found.windows(2).all(|two| two[0] + 1 == two[1]), "byte {place}: {found:?}");
            counts[found.len()] += 1;
            parts.extend(found);
        }
        file.write_all_at(&[bytes[place]], place as u64).unwrap();
    }
    assert!(parts.len() > 1, "{parts:?}");
    counts
}

#[test]
fn each_byte_is_of_one_part() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let (index, out) = (dir.join("index"), dir.join("out"));
    dump(&["-a", "-f", out.to_str().unwrap()], &index, &image).ok();
    let length = fs::metadata(&out).unwrap().len() as usize;
    let counts = found_by(&index, 5, &[], &[out], 0, length / 40);
    assert_eq!((counts[0], counts[1] > 30), (0, true), "{counts:?}");
    assert_eq!(counts[2..], [0; 4]);
}

#[test]
fn of_several_volumes() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let index = dir.join("index");
    let names: Vec<PathBuf> = (0..9).map(|n| dir.join(&format!("v{n}"))).collect();
    dump(&["-B", "3000", "--batch", "-f", &list(&names)], &index, &image).ok();
    let names: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
    assert!(names.len() > 3);
    let counts = found_by(&index, 7, &[], &names, 1, 3000 * 1024 / 15);
    assert!(counts[1] > 10 && counts[2..] == [0; 6], "{counts:?}");
    // All volumes are needed.
    let ran = check(&index, "1/2", &[], &names[..2]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("--sample requires all volumes"), "{}", ran.stderr);
}

#[test]
fn of_a_compressed_and_of_an_encrypted_dump() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let (index, out) = (dir.join("index"), dir.join("out"));
    dump(&["-a", "--compress", "zstd:1", "-f", out.to_str().unwrap()], &index, &image).ok();
    let length = fs::metadata(&out).unwrap().len() as usize;
    // A frame in which one part ends and the next one begins is read by both.
    let counts = found_by(&index, 4, &[], std::slice::from_ref(&out), 0, length / 20);
    assert!(counts[1] > 10 && counts[3..] == [0; 2], "{counts:?}");
    if !age::available() {
        return;
    }
    let key = Key::new(&dir, "key");
    dump(&["-a", "--encrypt", &key.recipient, "-f", out.to_str().unwrap()], &index, &image).ok();
    let identity = ["--identity", key.file.to_str().unwrap()];
    assert_eq!(finders(&index, 4, &identity, std::slice::from_ref(&out)), [0; 0]);
    let length = fs::metadata(&out).unwrap().len();
    let file = fs::File::options().write(true).read(true).open(&out).unwrap();
    let found_at = |at| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        let found = finders(&index, 4, &identity, std::slice::from_ref(&out));
        file.write_all_at(&byte, at).unwrap();
        found
    };
    let found = found_at(length / 2);
    assert!([1, 2].contains(&found.len()), "{found:?}");
    // The first chunk of the payload is read by none but the first part.
    assert_eq!(found_at(1000), [1]);
}

#[test]
fn a_share_is_another_one_each_time() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let (index, out) = (dir.join("index"), dir.join("out"));
    dump(&["-a", "-f", out.to_str().unwrap()], &index, &image).ok();
    let mut parts = BTreeSet::new();
    for _ in 0..30 {
        let ran = check(&index, "20%", &["--json"], std::slice::from_ref(&out)).ok();
        let text = String::from_utf8(ran.stdout).unwrap();
        let line: Value = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["type"] == "sample")
            .unwrap();
        assert_eq!(line["parts"], 5);
        parts.insert(line["part"].as_u64().unwrap());
    }
    assert!(parts.len() > 1 && parts.iter().all(|part| (1..=5).contains(part)), "{parts:?}");
    let ran = check(&index, "2/5", &[], &[out]).ok();
    assert!(ran.stderr.contains("  DUMP: reading part 2/5: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("no damage found") && !ran.stderr.contains("not verified"), "{}", ran.stderr);
}

#[test]
fn little_more_is_read() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let (index, out) = (dir.join("index"), dir.join("out"));
    dump(&["-a", "-f", out.to_str().unwrap()], &index, &image).ok();
    let length = fs::metadata(&out).unwrap().len();
    let read =
        |sample: &str| bytes_read(&["--check", "--index", index.to_str().unwrap(), "--sample", sample], &out);
    let parts: Option<Vec<u64>> = (1..=4).map(|part| read(&format!("{part}/4"))).collect();
    let Some(parts) = parts else { return skipped("/proc/PID/io cannot be read") };
    // The beginning and the index besides, and what was read beyond the end of the part.
    assert!(parts.iter().all(|&read| read < length / 2 + (4 << 20)), "{parts:?} of {length}");
    assert!(parts.iter().sum::<u64>() < length + (16 << 20), "{parts:?} of {length}");
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let dir = TempDir::new("capdump-sample");
    let (image, _) = compress::image(&dir);
    let (index, out) = (dir.join("index"), dir.join("out"));
    dump(&["-a", "-f", out.to_str().unwrap()], &index, &image).ok();
    let out = out.to_str().unwrap();
    let said = |words: &[&str]| {
        let ran = run(capdump(words).stdin(Stdio::null()), LIMIT);
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        ran.stderr
    };
    let needs = "capdump: --sample requires --index, which says where the files are\n";
    assert_eq!(said(&["--check", "--sample", "1/2", out]), needs);
    let stray = "capdump: --sample cannot be used here\n";
    assert_eq!(said(&["--list", "--sample", "1/2", out]), stray);
    assert_eq!(said(&["-0", "--sample", "1/2", "-f", "/dev/null", image.to_str().unwrap()]), stray);
    for bad in ["0/2", "3/2", "2", "0%", "a%"] {
        let text = said(&["--check", "--sample", bad, "--index", index.to_str().unwrap(), out]);
        assert!(text.starts_with("capdump: the sample must be n/t, such as 2/7, or a percentage"), "{text}");
    }
    let text = said(&["--check", "--sample", "1/2", "--index", index.to_str().unwrap(), "-"]);
    assert!(text.contains("-: not a file, as --sample requires"), "{text}");
}
