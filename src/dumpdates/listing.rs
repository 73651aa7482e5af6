// SPDX-License-Identifier: BSD-2-Clause
//! The listings of `-W` and `-w`, in dump's words.

use std::fmt::Write;

use super::{Dumpdates, Entry};
use crate::fstab::Fstab;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// The listing of the newest dump of each device, by name. With `only_due` (`-w`) of those file
/// systems only that fstab(5) wants dumped by `now`; else (`-W`) of all, these marked with `>`.
pub fn last_dumps(
    dumpdates: &Dumpdates,
    fstab: &Fstab,
    now: i64,
    only_due: bool,
    ctime: impl Fn(i64) -> String,
) -> String {
    let mut entries: Vec<&Entry> = dumpdates.entries().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name).then(b.date.cmp(&a.date)));
    entries.dedup_by(|later, first| later.name == first.name);
    let head = match only_due {
        true => "Dump these file systems:\n",
        false => "Last dump(s) done (Dump '>' file systems):\n",
    };
    let mut text = head.to_owned();
    for entry in entries {
        let known = fstab.search(&entry.name);
        let date = ctime(entry.date);
        let due = known.is_some_and(|known| is_due(entry.date, known.freq, now, &date));
        if only_due && !due {
            continue;
        }
        let mark = if due && !only_due { '>' } else { ' ' };
        let name = entry.name.to_string_lossy();
        let file = known.map(|known| known.file.to_string_lossy()).unwrap_or_default();
        // The date without seconds and year.
        let (level, date) = (entry.level, date.get(..16).unwrap_or(&date));
        _ = writeln!(text, "{mark} {name:>8}\t({file:>6}) Last dump: Level {level}, Date {date}");
    }
    text
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
