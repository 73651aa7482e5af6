// SPDX-License-Identifier: BSD-2-Clause
//! The hour that comes twice when the clocks are set back: what changed in it is in the next incremental dump.

use std::fs;
use std::path::Path;

use capdump_support::decode::Dump;
use capdump_support::header::Header;
use capdump_support::program::{Ran, TempDir, has_zone, run};
use capdump_support::restore;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

use super::{LIMIT, capdump};

/// The rules of Europe/Berlin, which need no file.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// Zones, the first second after the clocks were set back, and by how many.
const CHANGES: [(&str, i64, i64); 7] = [
    (BERLIN, 1_792_890_000, 3600),
    ("America/New_York", 1_699_164_000, 3600),
    ("America/Sao_Paulo", 1_550_368_800, 3600),
    ("Australia/Sydney", 1_743_868_800, 3600),
    ("Australia/Lord_Howe", 1_743_865_200, 1800),
    ("Europe/Moscow", 1_414_274_400, 3600),
    ("Asia/Pyongyang", 1_439_564_400, 1800),
];

/// An image with an old file, and one that was changed at `time`.
fn image(path: &Path, time: i64) {
    let geometry = Geometry::new(2, (8192, 1024), 1, 64, 4 << 20);
    let at = |time: i64| {
        let time = (time, 0);
        Attrs { atime: time, mtime: time, ctime: time, birthtime: time, ..Attrs::perm(0o755) }
    };
    let mut w = Writer::create(path, &geometry, &at(1_000_000_000));
    let what = What::File(Content::full(1000, geometry.bsize, Fill::Pattern(1)));
    w.add(ROOT, b"old", &at(1_000_000_000), &what);
    w.add(ROOT, b"changed", &at(time), &what);
    w.finish();
}

fn dump(dir: &TempDir, zone: &str, now: i64, words: &[&str]) -> Ran {
    let mut command = capdump(dir, words);
    command.env("TZ", zone).env("SOURCE_DATE_EPOCH", now.to_string());
    run(&mut command, LIMIT).ok()
}

fn decoded(dir: &TempDir, name: &str) -> Dump {
    Dump::one(fs::read(dir.join(name)).unwrap()).unwrap()
}

fn dates(dir: &TempDir, name: &str) -> (i64, i64) {
    let bytes = fs::read(dir.join(name)).unwrap();
    let head = Header::parse(&bytes[..1024]).unwrap();
    (head.i64("c_date"), head.i64("c_ddate"))
}

/// Whether the incremental dump has the file that was changed, and not the other one.
fn has_changed(dir: &TempDir, name: &str) -> bool {
    let dump = decoded(dir, name);
    let names: Vec<Vec<u8>> =
        dump.files.values().map(|file| dump.content(file)).filter(|c| c.len() == 1000).collect();
    assert!(names.len() < 2, "the old file as well");
    names.len() == 1
}

#[test]
fn what_changed_in_it_is_dumped() {
    for (zone, back, by) in CHANGES {
        if !has_zone(zone) {
            continue;
        }
        // Dumped in the first and in the second of these hours; changed a little later, before and after the clocks go back.
        for now in [back - by + by / 2, back + by / 2] {
            for changed in [now + 1, now + by / 3, now + by - 1] {
                let dir = TempDir::new("capdump-hour");
                image(&dir.join("image"), changed);
                dump(&dir, zone, now, &["-0uaD", "dd", "-f", "full", "image"]);
                dump(&dir, zone, now + 86_400, &["-1uaD", "dd", "-f", "more", "image"]);
                assert!(has_changed(&dir, "more"), "{zone}: dumped at {now}, changed at {changed}");
                // restore(8) wants an incremental dump's base date to be the date of the dump before.
                assert_eq!(dates(&dir, "full").0, dates(&dir, "more").1, "{zone}: {now}");
            }
        }
        // The same date, typed.
        let dir = TempDir::new("capdump-hour");
        image(&dir.join("image"), back - by / 2 + 1);
        let now = back + by / 2;
        let said = dump(&dir, zone, now, &["-0uaD", "dd", "-f", "full", "image"]).stderr;
        let date =
            said.lines().find_map(|line| line.strip_prefix("  DUMP: Date of this level 0 dump: ")).unwrap();
        dump(&dir, zone, now + 86_400, &["-1aT", date, "-f", "more", "image"]);
        assert_eq!(dates(&dir, "more").1, now - by, "{zone}");
        assert!(has_changed(&dir, "more"), "{zone}");
    }
}

/// A dump that is not recorded has the time that it was made at.
#[test]
fn without_a_record_the_date_is_now() {
    let dir = TempDir::new("capdump-hour");
    let (zone, back, _) = CHANGES[0];
    image(&dir.join("image"), 1_000_000_000);
    dump(&dir, zone, back + 1800, &["-0a", "-f", "full", "image"]);
    assert_eq!(dates(&dir, "full").0, back + 1800);
}

#[test]
fn a_time_that_never_was_is_an_earlier_one() {
    let dir = TempDir::new("capdump-hour");
    image(&dir.join("image"), 1_000_000_000);
    let (zone, now) = (BERLIN, 1_775_000_000);
    dump(&dir, zone, now, &["-1aT", "Sun Mar 29 02:30:00 2026", "-f", "typed", "image"]);
    fs::write(dir.join("dd"), format!("{:53} 0 Sun Mar 29 02:30:00 2026\n", "image")).unwrap();
    dump(&dir, zone, now, &["-1aD", "dd", "-f", "recorded", "image"]);
    // 01:30, half an hour before the clocks were set forward.
    assert_eq!((dates(&dir, "typed").1, dates(&dir, "recorded").1), (1_774_744_200, 1_774_744_200));
}

#[test]
fn restore_takes_the_chain() {
    if !restore::available() {
        return;
    }
    let (zone, back, by) = CHANGES[0];
    for now in [back - by + 600, back + 600] {
        let dir = TempDir::new("capdump-hour");
        image(&dir.join("image"), now + 60);
        dump(&dir, zone, now, &["-0uaD", "dd", "-f", "full", "image"]);
        dump(&dir, zone, now + 86_400, &["-1uaD", "dd", "-f", "more", "image"]);
        let into = dir.join("into");
        restore::restore(&dir.join("full"), &into);
        restore::restore(&dir.join("more"), &into);
        assert_eq!(fs::read(into.join("changed")).unwrap().len(), 1000);
    }
}
