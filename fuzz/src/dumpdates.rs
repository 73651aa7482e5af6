// SPDX-License-Identifier: BSD-2-Clause
//! The dumpdates file, that somebody has written anything into.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use capdump::internals::Fstab;
use capdump::internals::dumpdates::{Dumpdates, Entry, change, check_name, last_dumps};
use capdump::internals::{ctime, parse_ctime};

use crate::input::Input;

/// Runs an input: a level, a name of so many bytes, and the file.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (level, length) = (input.byte().into(), input.byte());
    let name = OsStr::from_bytes(input.bytes(usize::from(length % 64))).to_owned();
    let old = input.rest();
    let Ok(mut file) = Dumpdates::parse(old, parse_ctime) else { return };
    _ = file.unknown_lines().count();
    for entry in file.entries() {
        assert!(entry.level >= 0 && entry.date >= 0);
    }
    if let Some(below) = file.newest_below(&name, level) {
        assert!(below.level < level && below.name == name && below.date > 0);
    }
    let fstab = Fstab::parse(old, None);
    for only_due in [false, true] {
        _ = last_dumps(&file, &fstab, 1_750_000_000, only_due, ctime);
    }
    // A line that is entered is found again, all others stay as they were, and the change of the file is that and no other.
    let others: Vec<Entry> = file.entries().filter(|e| e.name != name || e.level != level).cloned().collect();
    let entry = Entry { name: name.clone(), level, date: 1_750_000_000 };
    let entered = file.record(entry.clone(), ctime);
    assert_eq!(entered.is_ok(), check_name(&name).is_ok());
    if entered.is_err() {
        return;
    }
    let new = file.text();
    assert!(new.len() >= old.len());
    let change = change(old, &new);
    let mut changed = old.to_vec();
    changed.resize(changed.len().max(change.at + change.bytes.len()), 0);
    changed[change.at..change.at + change.bytes.len()].copy_from_slice(&change.bytes);
    assert!(changed == new);
    let again = Dumpdates::parse(&new, parse_ctime).unwrap_or_else(|error| panic!("{error}"));
    assert!(again.entries().any(|e| *e == entry));
    let kept: Vec<Entry> = again.entries().filter(|e| e.name != name || e.level != level).cloned().collect();
    assert_eq!(kept, others);
}
