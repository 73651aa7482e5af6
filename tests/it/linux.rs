// SPDX-License-Identifier: BSD-2-Clause
//! Dumps of ext4 by Linux's dump: 0.4b47, and later ones that write runs into `c_addr`. tests/data/README says how they were made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::{capdump, check};
use capdump_support::decode::Dump;
use capdump_support::program::{TempDir, run};

const LIMIT: Duration = Duration::from_secs(120);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format!("linux-{name}.zst"))
}

/// All dumps, volume by volume.
fn dumps() -> Vec<Vec<PathBuf>> {
    let volumes = |version: &str| (1..=3).map(|n| data(&format!("{version}.vol{n}"))).collect::<Vec<_>>();
    let whole = ["0.4b47.dump", "0.4b49.dump", "0.4b56.dump"].map(|name| vec![data(name)]);
    whole.into_iter().chain(["0.4b49", "0.4b56"].map(volumes)).collect()
}

/// What seq(1) prints, in `digits` digits.
fn numbers(last: u32, digits: usize) -> Vec<u8> {
    (1..=last).flat_map(|n| format!("{n:0digits$}\n").into_bytes()).collect()
}

/// The regular files of the tree, by path.
fn files() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut add = |path: &str, content: Vec<u8>| _ = files.insert(path.as_bytes().to_vec(), content);
    add("/small", b"hello\n".to_vec());
    add("/dir/hard", b"hello\n".to_vec());
    add("/dir/large", numbers(30_000, 8));
    add("/dir/sub/mid", numbers(9000, 7));
    (1..=40).for_each(|n| add(&format!("/names/file_with_a_longer_name_{n}"), format!("{n}\n").into_bytes()));
    let mut sparse = vec![0; 50 << 20];
    sparse[1_000_000..1_000_004].copy_from_slice(b"data");
    let lines = numbers(1000, 1);
    sparse[9765 * 4096..][..lines.len()].copy_from_slice(&lines);
    add("/sparse", sparse);
    add("/hole", vec![0; 3 << 20]);
    files
}

#[test]
fn sound_dumps_pass() {
    for volumes in dumps() {
        let ran = check(&volumes).ok();
        assert!(ran.stderr.contains(" with 54 inodes: no damage found\n"), "{volumes:?}: {}", ran.stderr);
    }
}

#[test]
fn every_file_comes_back_whole() {
    let dir = TempDir::new("capdump-linux");
    let small = dir.join("small");
    let want = files();
    for volumes in dumps() {
        run(capdump().args(["--emit", ".", "-f"]).arg(&small).args(&volumes), LIMIT).ok();
        check(std::slice::from_ref(&small)).ok();
        let dump = Dump::one(std::fs::read(&small).unwrap()).unwrap();
        let paths = dump.paths().unwrap();
        for (path, content) in &want {
            let file = &dump.files[&paths[path]];
            assert!(dump.content(file) == *content, "{volumes:?}: {}", String::from_utf8_lossy(path));
        }
        assert_eq!(paths[b"/small".as_slice()], paths[b"/dir/hard".as_slice()]);
        let link = |path: &[u8]| dump.content(&dump.files[&paths[path]]);
        assert_eq!(link(b"/link"), b"small");
        assert_eq!(link(b"/longlink"), [b'x'; 200]);
        assert_eq!(dump.files[&paths[b"/null".as_slice()]].rdev, 0x103);
        // Holes stay holes.
        let sparse = &dump.files[&paths[b"/sparse".as_slice()]];
        assert_eq!(sparse.places(), [(976 << 10, 4096), (9765 * 4096, 4096)]);
        // lost+found, dir, dir/sub, names, the root; two links, a device, a fifo.
        assert_eq!(paths.len(), want.len() + 9);
    }
}

#[test]
fn the_listing() {
    for volumes in dumps() {
        let ran = run(capdump().arg("--list").args(&volumes), LIMIT).ok();
        let text = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(text.lines().count(), files().len() + 9, "{volumes:?}");
        assert!(text.contains("52428800 ") && text.contains(" ./dir/sub/mid\n"), "{text}");
    }
}

/// A volume without the ones before it: what is on it is of files that began before.
#[test]
fn a_later_volume_alone() {
    for version in ["0.4b49", "0.4b56"] {
        let ran = check(&[data(&format!("{version}.vol3"))]).ok();
        assert!(ran.stderr.contains("volume 3"), "{}", ran.stderr);
    }
}

/// Without the second of three volumes, the files on it are missed.
#[test]
fn a_volume_is_missing() {
    let ran = check(&[data("0.4b49.vol1"), data("0.4b49.vol3")]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("this is volume 3, should be 2"), "{}", ran.stderr);
    assert!(ran.stderr.contains(", ./dir/sub/mid: "), "{}", ran.stderr);
}
