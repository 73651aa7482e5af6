// SPDX-License-Identifier: BSD-2-Clause
//! Tests against files written by FreeBSD's dump.

use crate::dumpdates::*;
use crate::fstab::Fstab;

/// Dates that the tests know, in UTC.
const DATES: &[(&str, i64)] = &[
    ("Thu Jan  1 00:00:00 1970", 0),
    ("Mon May  3 00:00:00 2021", 1_620_000_000),
    ("Mon Aug  8 23:06:40 2022", 1_660_000_000),
    ("Tue Nov 14 22:13:20 2023", 1_700_000_000),
    ("Sat Mar  9 16:00:00 2024", 1_710_000_000),
    ("Wed Jul  3 09:46:40 2024", 1_720_000_000),
    ("Wed Dec 31 23:59:58 1969", -2),
];

fn parse_date(text: &str) -> Option<i64> {
    DATES.iter().find(|(known, _)| *known == text).map(|&(_, date)| date)
}

fn ctime(date: i64) -> String {
    let known = DATES.iter().find(|&&(_, known)| known == date);
    known.unwrap_or_else(|| panic!("the tests have no date {date}")).0.to_owned()
}

fn parse(text: &str) -> Dumpdates {
    Dumpdates::parse(text.as_bytes(), parse_date).expect("a file of usual size")
}

fn text(dumpdates: &Dumpdates) -> String {
    String::from_utf8(dumpdates.text()).expect("the tests' files are text")
}

fn entry(name: &str, level: i32, date: i64) -> Entry {
    Entry { name: name.into(), level, date }
}

const IMAGE: &str = "w1_8192_1024.img";

/// FreeBSD 12.1's dump -u: the level, the date, the dump it built on, and the file afterwards.
type Step = (i32, i64, Option<(i32, i64)>, &'static str);
const STEPS: &[Step] = &[
    (
        0,
        1_620_000_000,
        None,
        "w1_8192_1024.img                                      0 Mon May  3 00:00:00 2021\n",
    ),
    (
        1,
        1_660_000_000,
        Some((0, 1_620_000_000)),
        "w1_8192_1024.img                                      0 Mon May  3 00:00:00 2021\n\
         w1_8192_1024.img                                      1 Mon Aug  8 23:06:40 2022\n",
    ),
    (
        2,
        1_700_000_000,
        Some((1, 1_660_000_000)),
        "w1_8192_1024.img                                      0 Mon May  3 00:00:00 2021\n\
         w1_8192_1024.img                                      1 Mon Aug  8 23:06:40 2022\n\
         w1_8192_1024.img                                      2 Tue Nov 14 22:13:20 2023\n",
    ),
    (
        1,
        1_710_000_000,
        Some((0, 1_620_000_000)),
        "w1_8192_1024.img                                      0 Mon May  3 00:00:00 2021\n\
         w1_8192_1024.img                                      1 Sat Mar  9 16:00:00 2024\n\
         w1_8192_1024.img                                      2 Tue Nov 14 22:13:20 2023\n",
    ),
    (
        0,
        1_720_000_000,
        None,
        "w1_8192_1024.img                                      0 Wed Jul  3 09:46:40 2024\n\
         w1_8192_1024.img                                      1 Sat Mar  9 16:00:00 2024\n\
         w1_8192_1024.img                                      2 Tue Nov 14 22:13:20 2023\n",
    ),
];

#[test]
fn a_series_of_dumps_as_dump_recorded_it() {
    let mut file = String::new();
    for &(level, date, base, after) in STEPS {
        let mut dumpdates = parse(&file);
        let got = dumpdates.newest_below(OsStr::new(IMAGE), level).map(|e| (e.level, e.date));
        assert_eq!(got, base, "level {level} at {date}");
        dumpdates.record(entry(IMAGE, level, date), ctime).expect("the name fits");
        file = text(&dumpdates);
        assert_eq!(file, after);
        assert_eq!(parse(&file), dumpdates);
    }
}

#[test]
fn the_newest_of_any_lower_level_counts() {
    let dumpdates = parse(
        "a 0 Wed Jul  3 09:46:40 2024\n\
         a 3 Sat Mar  9 16:00:00 2024\n\
         b 1 Tue Nov 14 22:13:20 2023\n\
         b 0 Tue Nov 14 22:13:20 2023\n\
         c 0 Thu Jan  1 00:00:00 1970\n",
    );
    let newest = |name: &str, level| dumpdates.newest_below(OsStr::new(name), level).cloned();
    assert_eq!(newest("a", 9), Some(entry("a", 0, 1_720_000_000)));
    assert_eq!(newest("a", 0), None);
    assert_eq!(newest("b", 2), Some(entry("b", 1, 1_700_000_000)), "the first of two as new");
    assert_eq!(newest("b", 1), Some(entry("b", 0, 1_700_000_000)));
    assert_eq!(newest("c", 9), None, "the epoch is no date");
    assert_eq!(newest("A", 9), None);
}

#[test]
fn lines_that_are_none_stay_and_are_counted() {
    let file = "# a comment\n\
         /dev/a 0 Mon May  3 00:00:00 2021\n\
         \n\
         /dev/a x Mon May  3 00:00:00 2021\n\
         /dev/a 1 Mon May  3 00:00:00 2021 \n\
         /dev/a -1 Mon May  3 00:00:00 2021\n\
         /dev/a 1 Wed Dec 31 23:59:58 1969\n\
         /dev/a 99999999999 Mon May  3 00:00:00 2021\n\
         /dev/a 1\n\
         \x20\t/dev/b\t 7Mon Aug  8 23:06:40 2022\n";
    let mut dumpdates = parse(file);
    assert_eq!(dumpdates.unknown_lines().collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7, 8, 9]);
    let entries = [entry("/dev/a", 0, 1_620_000_000), entry("/dev/b", 7, 1_660_000_000)];
    assert!(dumpdates.entries().eq(&entries));
    assert_eq!(text(&dumpdates), file);
    dumpdates.record(entry("/dev/c", 1, 0), ctime).expect("the name fits");
    let line = format!("{:53} 1 Thu Jan  1 00:00:00 1970\n", "/dev/c");
    assert_eq!(text(&dumpdates), format!("{file}{line}"));
}

#[test]
fn a_last_line_without_newline_gets_one() {
    let mut dumpdates = parse("/dev/a 0 Mon May  3 00:00:00 2021");
    dumpdates.record(entry("b", 0, 0), ctime).expect("the name fits");
    assert_eq!(text(&dumpdates).lines().count(), 2);
    assert_eq!(text(&parse("")), "");
    assert_eq!(text(&parse("\n")), "\n");
}

#[test]
fn names() {
    let longest = "n".repeat(NAME_WIDTH);
    let mut dumpdates = Dumpdates::default();
    dumpdates.record(entry(&longest, 0, 0), ctime).expect("53 bytes fit");
    assert_eq!(text(&dumpdates), format!("{longest} 0 Thu Jan  1 00:00:00 1970\n"));
    let longer = longest + "n";
    let error = dumpdates.record(entry(&longer, 0, 0), ctime).expect_err("54 bytes do not");
    assert_eq!(error.to_string(), format!("Name '{longer}' exceeds DUMPFMTLEN (53) bytes"));
    for name in ["", "a b", "a\nb", "a\tb", "a\0b"] {
        let error = check_name(OsStr::new(name)).expect_err(name);
        assert_eq!(error, DumpdatesError::NameNotAWord(name.into()));
    }
    assert_eq!(check_name(OsStr::new("/dev/é")), Ok(()));
}

#[test]
fn hostile_files() {
    let long = format!("{} 0 Mon May  3 00:00:00 2021\n", "x".repeat(MAX_LINE));
    assert_eq!(parse(&long).unknown_lines().count(), 1);
    let fits = format!("{} 0 Mon May  3 00:00:00 2021\n", "x".repeat(MAX_LINE - 27));
    assert_eq!(parse(&fits).entries().count(), 1);
    let with_nul = parse("a\0b 0 Mon May  3 00:00:00 2021\n");
    assert_eq!(with_nul.entries().count(), 0);
    // A million lines take an interpreter too long.
    let full = vec![b'\n'; if cfg!(miri) { 1000 } else { MAX_FILE }];
    assert!(Dumpdates::parse(&full, parse_date).is_ok());
    let over = vec![b'\n'; MAX_FILE + 1];
    assert_eq!(Dumpdates::parse(&over, parse_date), Err(DumpdatesError::TooLarge));
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let dumpdates = Dumpdates::parse(&bytes, parse_date).expect("a small file");
    assert_eq!(dumpdates.text(), [&bytes[..], b"\n"].concat());
}

#[test]
fn listings() {
    let dumpdates = parse(
        "/dev/da1 0 Mon May  3 00:00:00 2021\n\
         /dev/da0 0 Mon Aug  8 23:06:40 2022\n\
         /dev/da0 1 Tue Nov 14 22:13:20 2023\n\
         x.img 0 Sat Mar  9 16:00:00 2024\n\
         /dev/da2 5 Sat Mar  9 16:00:00 2024\n",
    );
    let fstab = b"/dev/da0 / ufs rw 2 1\n/dev/da1 /usr ufs rw 0 2\n/dev/da2 /long/name ufs rw 1 2\n";
    let fstab = Fstab::parse(fstab, None);
    // Two days after the midnight before Nov 14 22:13:20.
    let due = 1_700_000_000 - (22 * 3600 + 13 * 60 + 20) + 2 * 86_400;
    let list = |now, only_due| last_dumps(&dumpdates, &fstab, now, only_due, ctime);
    let all = |mark: char| {
        format!(
            "Last dump(s) done (Dump '>' file systems):\n\
             {mark} /dev/da0\t(     /) Last dump: Level 1, Date Tue Nov 14 22:13\n\
             \x20 /dev/da1\t(  /usr) Last dump: Level 0, Date Mon May  3 00:00\n\
             \x20 /dev/da2\t(/long/name) Last dump: Level 5, Date Sat Mar  9 16:00\n\
             \x20    x.img\t(      ) Last dump: Level 0, Date Sat Mar  9 16:00\n"
        )
    };
    assert_eq!(list(due, false), all(' '));
    assert_eq!(list(due + 1, false), all('>'));
    assert_eq!(list(due, true), "Dump these file systems:\n");
    assert_eq!(
        list(due + 1, true),
        "Dump these file systems:\n  /dev/da0\t(     /) Last dump: Level 1, Date Tue Nov 14 22:13\n"
    );
}

#[test]
fn file_systems_that_were_never_dumped_are_listed() {
    let dumpdates = parse("/dev/b 0 Mon May  3 00:00:00 2021\n");
    let fstab = b"/dev/c /c ufs rw 7 2\n/dev/b /b ufs rw 0 2\n/dev/a /a ufs rw 1 2\n/dev/d /d ufs rw 0 2\n";
    let fstab = Fstab::parse(fstab, None);
    let list = |only_due| last_dumps(&dumpdates, &fstab, 1_700_000_000, only_due, ctime);
    assert_eq!(
        list(false),
        "Last dump(s) done (Dump '>' file systems):\n\
         >   /dev/a\t(    /a) Last dump: never\n\
         \x20   /dev/b\t(    /b) Last dump: Level 0, Date Mon May  3 00:00\n\
         >   /dev/c\t(    /c) Last dump: never\n"
    );
    assert_eq!(
        list(true),
        "Dump these file systems:\n\
         \x20   /dev/a\t(    /a) Last dump: never\n\
         \x20   /dev/c\t(    /c) Last dump: never\n"
    );
}

/// What one write makes of a file.
fn changed(old: &str, new: &Entry) -> (Change, String) {
    let mut dumpdates = parse(old);
    dumpdates.record(new.clone(), ctime).expect("the name fits");
    let new = dumpdates.text();
    let change = change(old.as_bytes(), &new);
    let mut file = old.as_bytes().to_vec();
    file.resize(file.len().max(change.at + change.bytes.len()), b'?');
    file[change.at..change.at + change.bytes.len()].copy_from_slice(&change.bytes);
    assert_eq!(file, new);
    (change, String::from_utf8(new).expect("the tests' files are text"))
}

#[test]
fn an_update_writes_the_bytes_of_the_date_that_differ() {
    let line = |name: &str, date: &str| format!("{name:53} 0 {date}\n");
    let old = line("a", "Sat Mar  9 16:00:00 2024") + &line("b", "Sat Mar  9 16:00:00 2024");
    let (change, new) = changed(&old, &entry("a", 0, 1_720_000_000));
    assert_eq!(new, line("a", "Wed Jul  3 09:46:40 2024") + &line("b", "Sat Mar  9 16:00:00 2024"));
    assert_eq!(change, Change { at: 56, bytes: b"Wed Jul  3 09:46:4".to_vec() });
    let (change, new) = changed(&new, &entry("a", 0, 1_720_000_000));
    assert!(change.bytes.is_empty() && new.len() == old.len());
}

#[test]
fn a_new_line_is_one_write_at_the_end() {
    let line = format!("{:53} 1 Sat Mar  9 16:00:00 2024\n", "a");
    for (old, more) in [("", ""), ("a 0 Mon May  3 00:00:00 2021\n", ""), ("# no newline", "\n")] {
        let (change, _) = changed(old, &entry("a", 1, 1_710_000_000));
        assert_eq!(change, Change { at: old.len(), bytes: format!("{more}{line}").into_bytes() });
    }
}

#[test]
fn lines_of_another_width() {
    let date = "Mon May  3 00:00:00 2021";
    // Wider than dump's, and no shorter afterwards.
    let wide = format!("a{:70}0 {date}\nb 0 {date}\n", "");
    let (change, new) = changed(&wide, &entry("a", 0, 1_710_000_000));
    assert_eq!(new, wide.replacen(date, "Sat Mar  9 16:00:00 2024", 1));
    assert!(change.bytes.len() <= 24);
    // Narrower: what follows moves.
    let narrow = format!("a 0 {date}\nb 0 {date}\n");
    let (change, new) = changed(&narrow, &entry("a", 0, 1_710_000_000));
    assert_eq!(new, format!("{:53} 0 Sat Mar  9 16:00:00 2024\nb 0 {date}\n", "a"));
    assert_eq!((change.at, new.len()), (2, change.at + change.bytes.len()));
}

#[test]
fn a_line_that_was_broken_off_is_no_dump() {
    let whole = format!("{:53} 0 Wed Jul  3 09:46:40 2024\n", "a");
    // A year that was broken off is one before 1970.
    let parse_date = |text: &str| parse_date(text).or((text.len() > 20).then_some(-1));
    for length in 1..whole.len() - 1 {
        let cut = Dumpdates::parse(&whole.as_bytes()[..length], parse_date).expect("a small file");
        assert_eq!(cut.entries().count(), 0, "{length}");
    }
}
