// SPDX-License-Identifier: BSD-2-Clause
//! The listings of `-W` and `-w`, in dump's words.

use std::ffi::OsStr;
use std::fmt::Write;

use crate::dumpdates::{Dumpdates, Entry};
use crate::fstab;
use crate::fstab::Fstab;
use dumpstream::escape;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// A line of a listing: a device, what fstab(5) says of it, and its newest dump; it has at least one of the two.
struct Line<'a> {
    name: &'a OsStr,
    known: Option<&'a fstab::Entry>,
    newest: Option<&'a Entry>,
}

/// The listing of the newest dump of each device, by name. With `only_due` (`-w`) of those file
/// systems only that are due by `now` according to fstab(5); otherwise (`-W`) of all, with those marked by `>`.
///
/// File systems with a dump frequency that have never been dumped are listed as well; dump omits them.
pub fn last_dumps(
    dumpdates: &Dumpdates,
    fstab: &Fstab,
    now: i64,
    only_due: bool,
    ctime: impl Fn(i64) -> String,
) -> String {
    let head = match only_due {
        true => "Dump these file systems:\n",
        false => "Last dump(s) done (Dump '>' file systems):\n",
    };
    let mut text = head.to_owned();
    for Line { name, known, newest } in lines(dumpdates, fstab) {
        let date = newest.map(|newest| ctime(newest.date));
        let due = match (known, newest, &date) {
            (Some(known), Some(newest), Some(date)) => is_due(newest.date, known.freq, now, date),
            (_, newest, _) => newest.is_none(),
        };
        if only_due && !due {
            continue;
        }
        let mark = if due && !only_due { '>' } else { ' ' };
        let name = escape::name(name);
        let file = known.map(|known| escape::name(&known.file)).unwrap_or_default();
        _ = write!(text, "{mark} {name:>8}\t({file:>6}) Last dump: ");
        _ = match (newest, &date) {
            // The date without seconds and year.
            (Some(Entry { level, .. }), Some(date)) => {
                writeln!(text, "Level {level}, Date {}", date.get(..16).unwrap_or(date))
            }
            _ => writeln!(text, "never"),
        };
    }
    text
}

/// One line for each device, by name.
fn lines<'a>(dumpdates: &'a Dumpdates, fstab: &'a Fstab) -> Vec<Line<'a>> {
    let mut entries: Vec<&Entry> = dumpdates.entries().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name).then(b.date.cmp(&a.date)));
    entries.dedup_by(|later, first| later.name == first.name);
    let mut lines: Vec<Line> = entries
        .into_iter()
        .map(|e| Line { name: &e.name, known: fstab.search(&e.name), newest: Some(e) })
        .collect();
    for wanted in fstab.entries().filter(|wanted| wanted.freq != 0) {
        if !lines.iter().any(|line| line.known.is_some_and(|known| known.spec == wanted.spec)) {
            lines.push(Line { name: &wanted.spec, known: Some(wanted), newest: None });
        }
    }
    lines.sort_by_key(|line| line.name);
    lines
}

/// Whether `freq` days have gone by since the midnight before the dump.
fn is_due(date: i64, freq: i32, now: i64, ctime: &str) -> bool {
    let midnight = date.saturating_sub(time_of_day(ctime));
    freq != 0 && now > midnight.saturating_add(i64::from(freq) * DAY)
}

/// The seconds since midnight of ctime(3)'s `Www Mmm dd hh:mm:ss yyyy`; 0 if it is something else.
fn time_of_day(ctime: &str) -> i64 {
    let clock = ctime.get(11..19).unwrap_or_default();
    clock.split(':').map(|part| part.parse().unwrap_or(0)).fold(0, |sum, part: i64| sum * 60 + part)
}
