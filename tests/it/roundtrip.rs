// SPDX-License-Identifier: BSD-2-Clause
//! A tree goes through makefs, capdump and Debian's restore and comes out the same; and so by the decoder, which sees
//! the times and longest names that restore loses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::listing::{self, Listing};
use capdump_support::makefs::makefs;
use capdump_support::program::{TempDir, have, run, skipped, without_tty};
use capdump_support::restore;
use capdump_support::tree;

const LIMIT: Duration = Duration::from_secs(120);

/// Dumps an image at level 0 to a file.
fn dump(image: &Path, to: &Path, ntrec: usize) {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0a", "-b", &ntrec.to_string(), "-f"]).arg(to).arg(image);
    run(&mut command, LIMIT).ok();
}

/// What a dump holds, but for what makefs takes from elsewhere than from the tree.
fn decoded(dump: &Path, ntrec: usize) -> Listing {
    let stream = std::fs::read(dump).unwrap();
    let dump = decode_and_check(&[stream], &Rules::new(ntrec)).unwrap();
    let mut listing = dump.listing().unwrap();
    for entry in listing.values_mut() {
        (entry.atime, entry.birthtime, entry.flags) = (None, None, None);
    }
    listing
}

struct Trip {
    dir: TempDir,
    source: PathBuf,
}

impl Trip {
    fn new(make: impl FnOnce(&Path)) -> Option<Trip> {
        if !have("makefs") {
            skipped("makefs(8) is not there");
            return None;
        }
        let dir = TempDir::new("capdump-roundtrip");
        let source = dir.join("source");
        make(&source);
        Some(Trip { dir, source })
    }

    /// All the way for one geometry.
    fn go(&self, version: u8, blocks: (u32, u32), ntrec: usize, with_restore: bool) {
        let name = format!("ufs{version}-{}-{}", blocks.0, blocks.1);
        let (image, out) = (self.dir.join(&name), self.dir.join(&format!("{name}.dump")));
        makefs(&image, &self.source, version, blocks, &[]);
        dump(&image, &out, ntrec);
        let mut source = tree::listing(&self.source, &[]);
        // Debian's makefs leaves out the nanoseconds.
        source.values_mut().for_each(|e| e.mtime = e.mtime.map(|t| (t.0, 0)));
        let found = listing::differences(&decoded(&out, ntrec), &source);
        assert!(found.is_empty(), "{name}, decoded: {found:#?}");
        if with_restore && restore::available() {
            let into = self.dir.join("restored");
            restore::restore(&out, &into);
            let found = listing::differences(&restore::listing(&into), &source);
            assert!(found.is_empty(), "{name}, restored: {found:#?}");
            std::fs::remove_dir_all(&into).unwrap();
        }
        std::fs::remove_file(&image).unwrap();
        std::fs::remove_file(&out).unwrap();
    }
}

#[test]
fn ufs1_through_restore() {
    let Some(trip) = Trip::new(tree::mixed) else {
        return;
    };
    for (blocks, ntrec) in [((4096, 512), 10), ((8192, 1024), 1), ((65536, 8192), 64)] {
        trip.go(1, blocks, ntrec, true);
    }
}

#[test]
fn ufs2_through_restore() {
    let Some(trip) = Trip::new(tree::mixed) else {
        return;
    };
    for (blocks, ntrec) in [((8192, 1024), 10), ((16384, 2048), 32), ((32768, 4096), 1000)] {
        trip.go(2, blocks, ntrec, true);
    }
}

#[test]
fn names_of_255_bytes() {
    let Some(trip) = Trip::new(|top| {
        std::fs::create_dir(top).unwrap();
        for n in 0..50 {
            let name = format!("{n:03}{}", "m".repeat(252));
            tree::file(&top.join(name), &tree::bytes(n, 100));
        }
    }) else {
        return;
    };
    trip.go(2, (32768, 4096), 10, false);
    trip.go(1, (8192, 1024), 10, false);
}

#[test]
fn twenty_thousand_files() {
    let Some(trip) = Trip::new(|top| tree::many(top, 20_000)) else {
        return;
    };
    trip.go(2, (32768, 4096), 64, true);
}

#[test]
fn deep_directories() {
    let Some(trip) = Trip::new(|top| tree::deep(top, 200)) else {
        return;
    };
    trip.go(2, (4096, 512), 10, true);
}
