// SPDX-License-Identifier: BSD-2-Clause
//! Another process swaps directories for links in the target, all the time while caprestore writes: it never follows one.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use capdump_support::caprestore::{Place, run_in};
use capdump_support::listing::{self, Listing};
use capdump_support::program::{is_root, skipped};
use capdump_support::tree;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::caprestore;
use super::mutated::seconds;
use crate::changes::chain;

/// Names that are swapped, and where the links beside them lead to.
const SWAPPED: [(&str, &str); 5] = [
    ("a", "../watched/a"),
    ("a", "inside/a"),
    ("b", "../watched/a"),
    ("d2f", "../watched/a"),
    ("f2d", "inside/a"),
];

/// What nothing may change: outside of the target and within it.
fn watched(place: &Place) -> [Listing; 2] {
    ["watched", "into/inside"].map(|name| tree::listing(&place.join(name), &[]))
}

fn make_watched(folder: &Path) {
    for sub in ["a/sub", "a/x"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    for file in ["a/f", "a/old", "a/in", "a/hard3", "a/sub/deep", "a/sub/m30", "a/x/y", "a/new"] {
        fs::write(folder.join(file), "untouched").unwrap();
    }
}

/// Says at its end that all is to end, also when a test fails: a scope waits for its threads first.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps until it is told to end; how often that could be done.
fn swap(into: &Path, ends: &AtomicBool, done: &AtomicU64) {
    let links: Vec<(PathBuf, PathBuf)> = SWAPPED
        .iter()
        .enumerate()
        .map(|(number, (name, text))| {
            let name = into.join(name);
            let link = name.with_file_name(format!("link{number}"));
            _ = symlink(text, &link);
            (name, link)
        })
        .collect();
    while !ends.load(Ordering::Relaxed) {
        for ((name, link), (_, text)) in links.iter().zip(SWAPPED) {
            // The directory above may be away, or the link, which has been restored over.
            match renameat2(AT_FDCWD, name, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE) {
                Ok(()) => _ = done.fetch_add(1, Ordering::Relaxed),
                Err(_) if fs::symlink_metadata(link).is_err() => _ = symlink(text, link),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn directories_become_links() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let into = place.join("into");
    fs::create_dir(&into).unwrap();
    make_watched(&place.join("watched"));
    make_watched(&into.join("inside"));
    let levels = chain();
    for (number, level) in levels.iter().enumerate() {
        fs::write(place.join(&format!("dump{number}")), level.bytes()).unwrap();
    }
    let before = watched(&place);
    let (ends, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut runs = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| swap(&into, &ends, &swaps));
        let _ends = Ends(&ends);
        let end = Instant::now() + seconds();
        while Instant::now() < end || runs == 0 {
            for (option, number) in [("-rf", 0), ("-xf", 0), ("-rf", 1), ("-Rf", 1), ("-xuf", 1), ("-rf", 2)]
            {
                let mut command = caprestore();
                command.arg(option).arg(place.join(&format!("dump{number}"))).args(["--jobs", "2"]);
                if option == "-rf" && number == 0 {
                    command.arg("--overwrite");
                }
                let ran = run_in(&mut command, &into, "1\nn\n");
                assert!(matches!(ran.code(), 0 | 1), "{}", ran.stderr);
                runs += 1;
            }
        }
    });
    for (now, before) in watched(&place).iter().zip(&before) {
        assert_eq!(listing::differences(now, before), [""; 0]);
    }
    place.check(&["into", "into.answers", "watched", "dump0", "dump1", "dump2"]);
    let swaps = swaps.into_inner();
    println!("{runs} restores, {swaps} swaps");
    assert!(swaps > 1000, "{swaps}");
}
