// SPDX-License-Identifier: BSD-2-Clause
//! The end of a medium at every record of a dump, and volumes of a set size: each set of volumes holds the tree that one volume
//! holds, by our decoder and by restore(8).

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::fuse::{self, Faults, Served};
use capdump_support::listing::{self, Listing};
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::{restore, small};

const LIMIT: Duration = Duration::from_secs(20);
const BLOCK: u64 = 1024;

/// An image and what is on it.
struct Source {
    dir: TempDir,
    image: PathBuf,
    held: Listing,
    /// Tape blocks of a dump to one volume with records of one block.
    blocks: u64,
}

impl Source {
    fn new(make: impl FnOnce(&Path)) -> Source {
        let dir = TempDir::new("capdump-boundaries");
        let image = dir.join("image");
        make(&image);
        let one = dir.join("one");
        dump(&image, &["-a", "-b", "1", "-f"], &one.display().to_string()).ok();
        let stream = fs::read(&one).unwrap();
        let blocks = stream.len() as u64 / BLOCK;
        let held = decode_and_check(&[stream], &Rules::new(1)).unwrap().listing().unwrap();
        Source { dir, image, held, blocks }
    }

    /// The records of a dump to one volume; the last may not be full, so there may be one less.
    fn records(&self, ntrec: u64) -> u64 {
        self.blocks.div_ceil(ntrec)
    }

    /// Dumps to media that take so many bytes, one after the other, and a last one without end. Gives the volumes that were used.
    fn cut(&self, ntrec: u64, workers: u32, rooms: &[u64]) -> Vec<PathBuf> {
        let mut served = Vec::new();
        let mut backing = Vec::new();
        for (n, &room) in rooms.iter().enumerate() {
            let file = self.dir.join(&format!("volume{n}"));
            fs::write(&file, b"").unwrap();
            served.push(Served::new(&self.dir.join(&format!("mnt{n}")), &file, Faults::room(room)));
            backing.push(file);
        }
        let last = self.dir.join("last");
        let _ = fs::remove_file(&last);
        let mut names: Vec<String> = served.iter().map(|s| s.path().display().to_string()).collect();
        names.push(last.display().to_string());
        backing.push(last);
        let (b, w) = (ntrec.to_string(), workers.to_string());
        let ran = dump(&self.image, &["-a", "-b", &b, "--workers", &w, "-f"], &names.join(",")).ok();
        assert!(ran.stderr.contains("DUMP IS DONE"), "{rooms:?}: {}", ran.stderr);
        let used = backing.into_iter().filter(|file| fs::metadata(file).is_ok_and(|m| m.len() > 0));
        used.collect()
    }

    fn assert_held(&self, volumes: &[PathBuf], ntrec: u64, what: &str) {
        let bytes: Vec<Vec<u8>> = volumes.iter().map(|file| fs::read(file).unwrap()).collect();
        let rules = Rules { volumes: Volumes::EndOfMedium, ..Rules::new(ntrec as usize) };
        let dump = decode_and_check(&bytes, &rules).unwrap_or_else(|e| panic!("{what}: {e}"));
        let found = listing::differences(&dump.listing().unwrap(), &self.held);
        assert!(found.is_empty(), "{what}: {found:#?}");
    }

    fn assert_restored(&self, volumes: &[PathBuf], ntrec: u64, what: &str) {
        let into = self.dir.join("restored");
        restore::restore_volumes(volumes, ntrec as usize, &into);
        let mut held = self.held.clone();
        held.values_mut().for_each(|e| (e.atime, e.mtime) = (None, None));
        let found = listing::differences(&restore::listing(&into), &held);
        assert!(found.is_empty(), "{what}: {found:#?}");
        fs::remove_dir_all(&into).unwrap();
    }
}

fn dump(image: &Path, options: &[&str], output: &str) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.arg("-0").args(options).arg(output).arg(image);
    run(&mut command, LIMIT)
}

/// The first medium ends behind each record, exactly or within the next.
fn at_every_record(workers: u32) {
    if !fuse::available() {
        return;
    }
    let source = Source::new(small::mixed);
    for ntrec in [1, 3, 7, 10] {
        for record in 1..=source.records(ntrec) {
            let room = record * ntrec * BLOCK + (record % 3) * 500;
            let volumes = source.cut(ntrec, workers, &[room]);
            let what = format!("-b {ntrec}, {workers} workers, {room} bytes");
            source.assert_held(&volumes, ntrec, &what);
            assert_eq!(fs::metadata(&volumes[0]).unwrap().len() % (ntrec * BLOCK), 0, "{what}");
        }
    }
}

#[test]
fn with_one_worker() {
    at_every_record(1);
}

#[test]
fn with_three_workers() {
    at_every_record(3);
}

#[test]
fn with_eight_workers() {
    at_every_record(8);
}

#[test]
fn two_and_three_ends_in_a_row() {
    if !fuse::available() {
        return;
    }
    let source = Source::new(small::mixed);
    for ntrec in [1, 3] {
        let record = ntrec * BLOCK;
        for first in (1..=source.records(ntrec)).step_by(5) {
            // A second volume of one record holds, with records of one block, nothing but its header.
            for rest in [vec![1], vec![2], vec![1, 1], vec![2, 1, 3]] {
                let rooms: Vec<u64> = [vec![first], rest].concat().iter().map(|n| n * record).collect();
                let volumes = source.cut(ntrec, 3, &rooms);
                source.assert_held(&volumes, ntrec, &format!("-b {ntrec}, {rooms:?}"));
            }
        }
    }
}

#[test]
fn where_chunks_meet() {
    if !fuse::available() {
        return;
    }
    let source = Source::new(|path| small::one_file(path, 5 << 20));
    let chunk = 1 << 20;
    for workers in [1, 3, 8] {
        for near in [-1024, -1, 0, 1, 1500] {
            let rooms: Vec<u64> =
                [chunk, 3 * chunk, 2 * chunk].iter().map(|n: &i64| (n + near).cast_unsigned()).collect();
            for rooms in [&rooms[..1], &rooms[1..2], &rooms] {
                let volumes = source.cut(1, workers, rooms);
                source.assert_held(&volumes, 1, &format!("{workers} workers, {rooms:?}"));
            }
        }
    }
}

#[test]
fn a_full_file_system_at_every_page() {
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let source = Source::new(small::mixed);
    let last = source.dir.join("last");
    for pages in 1..=source.records(4) {
        let _ = fs::remove_file(&last);
        let medium = Tmpfs::new(&source.dir.join("tmpfs"), pages * 4);
        let first = medium.path().join("volume");
        let names = format!("{},{}", first.display(), last.display());
        dump(&source.image, &["-a", "-b", "4", "-f"], &names).ok();
        let mut volumes = vec![first];
        volumes.extend(last.exists().then(|| last.clone()));
        source.assert_held(&volumes, 4, &format!("{pages} pages"));
    }
}

#[test]
fn restore_reads_the_volumes() {
    if !fuse::available() || !restore::available() {
        return;
    }
    let source = Source::new(small::mixed);
    for ntrec in [1, 3, 10] {
        let records = source.records(ntrec);
        let step = if ntrec == 1 { 5 } else { 2 };
        for first in (2..=records).step_by(step) {
            let rooms = if first % 2 == 0 { vec![first] } else { vec![first, 2, 3] };
            let rooms: Vec<u64> = rooms.iter().map(|n| n * ntrec * BLOCK).collect();
            let volumes = source.cut(ntrec, 3, &rooms);
            source.assert_restored(&volumes, ntrec, &format!("-b {ntrec}, {rooms:?}"));
        }
    }
}

#[test]
fn volumes_of_every_size() {
    let source = Source::new(small::mixed);
    for ntrec in [1, 3, 10] {
        for records in [2, 3, 4, 7, source.records(ntrec) - 1, source.records(ntrec)] {
            let limit = records * ntrec;
            let count = if ntrec == 1 { source.blocks / (records - 1) } else { source.records(ntrec) } + 2;
            let names: Vec<PathBuf> = (0..count).map(|n| source.dir.join(&format!("v{n}"))).collect();
            let list: Vec<String> = names.iter().map(|n| n.display().to_string()).collect();
            let (b, limit) = (ntrec.to_string(), limit.to_string());
            dump(&source.image, &["-b", &b, "-B", &limit, "-f"], &list.join(",")).ok();
            let used: Vec<Vec<u8>> = names.iter().filter_map(|name| fs::read(name).ok()).collect();
            let what = format!("-b {b} -B {limit}: {} volumes", used.len());
            let dump = decode_and_check(&used, &Rules::new(ntrec as usize));
            let dump = dump.unwrap_or_else(|e| panic!("{what}: {e}"));
            let found = listing::differences(&dump.listing().unwrap(), &source.held);
            assert!(found.is_empty(), "{what}: {found:#?}");
            let full = used[..used.len() - 1].iter().all(|v| v.len() as u64 == records * ntrec * BLOCK);
            assert!(full, "{what}");
            names.iter().for_each(|name| drop(fs::remove_file(name)));
        }
    }
}

/// A medium that ends before the limit, and then the limit.
#[test]
fn an_end_before_the_limit() {
    if !fuse::available() {
        return;
    }
    let source = Source::new(small::mixed);
    let volume = source.dir.join("volume");
    for records in 1..8 {
        fs::write(&volume, b"").unwrap();
        let served = Served::new(&source.dir.join("mnt"), &volume, Faults::room(records * 3 * BLOCK + 7));
        let rest: Vec<PathBuf> = (0..12).map(|n| source.dir.join(&format!("v{n}"))).collect();
        let names: Vec<String> = rest.iter().map(|n| n.display().to_string()).collect();
        let list = format!("{},{}", served.path().display(), names.join(","));
        dump(&source.image, &["-b", "3", "-B", "24", "-f"], &list).ok();
        drop(served);
        let mut bytes = vec![fs::read(&volume).unwrap()];
        bytes.extend(rest.iter().filter_map(|name| fs::read(name).ok()));
        assert_eq!(bytes[0].len() as u64, records * 3 * BLOCK);
        let dump = Dump::decode(&bytes).unwrap();
        let found = listing::differences(&dump.listing().unwrap(), &source.held);
        assert!(found.is_empty(), "{records} records: {found:#?}");
        rest.iter().for_each(|name| drop(fs::remove_file(name)));
    }
}

#[test]
fn a_medium_too_small_for_a_record() {
    if !fuse::available() {
        return;
    }
    let source = Source::new(small::mixed);
    for room in [0, 1, 10 * BLOCK - 1] {
        let volume = source.dir.join("volume");
        fs::write(&volume, b"").unwrap();
        let served = Served::new(&source.dir.join("mnt"), &volume, Faults::room(room));
        let ran = dump(&source.image, &["-a", "-f"], &served.path().display().to_string());
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        assert!(ran.stderr.contains("too small for one record of 10 tape blocks"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    }
    let ran = dump(&source.image, &["-b", "10", "-B", "9", "-f"], "nowhere");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
}

/// A volume of one tape block would hold nothing but its header, and so would all after it.
#[test]
fn a_limit_of_one_tape_block() {
    let source = Source::new(small::mixed);
    let names: Vec<String> =
        (0..5).map(|n| source.dir.join(&format!("v{n}")).display().to_string()).collect();
    let ran = dump(&source.image, &["-b", "1", "-B", "1", "-f"], &names.join(","));
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(!Path::new(&names[0]).exists());
}
