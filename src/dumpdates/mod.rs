// SPDX-License-Identifier: BSD-2-Clause
//! The record of dumps (dumpdates(5)): parsing and printing. Pure: operates on the text of the file.
//!
//! The text has no time zone, so what makes dates of it and it of dates is handed in too: in ctime(3)'s
//! form without its newline, in local time.

mod change;
mod listing;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use dumpstream::escape;

pub use change::{Change, change};
pub use listing::last_dumps;

/// The most bytes of a name that has a place in the file (`DUMPFMTLEN`, sbin/dump/dump.h).
pub const NAME_WIDTH: usize = 53;
/// The largest file that is read, in bytes; some 13,000 dumps.
pub const MAX_FILE: usize = 1 << 20;
/// The longest line that is looked into, in bytes (`BUFSIZ` - 1, which dump reads at once).
const MAX_LINE: usize = 1023;

/// A dump that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The device.
    pub name: OsString,
    /// The level, 0 or more.
    pub level: i32,
    /// The date of the dump, in seconds since 1970, not negative.
    pub date: i64,
}

/// Why the file cannot be used or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpdatesError {
    /// The file is larger than [`MAX_FILE`].
    TooLarge,
    /// The name has more than [`NAME_WIDTH`] bytes.
    NameTooLong(OsString),
    /// The name is empty or has blanks or a NUL in it, so that it would not be found again.
    NameNotAWord(OsString),
}

impl fmt::Display for DumpdatesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpdatesError::TooLarge => write!(f, "larger than {MAX_FILE} bytes"),
            DumpdatesError::NameTooLong(name) => {
                write!(f, "Name '{}' exceeds DUMPFMTLEN ({NAME_WIDTH}) bytes", escape::name(name))
            }
            DumpdatesError::NameNotAWord(name) => {
                write!(f, "Name '{}' is empty or has blanks or a NUL in it", escape::name(name))
            }
        }
    }
}

impl std::error::Error for DumpdatesError {}

/// One line of the file, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    text: Vec<u8>,
    /// `None` for a malformed line.
    entry: Option<Entry>,
}

/// The file: dump's lines in order, and others, which stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dumpdates {
    lines: Vec<Line>,
}

impl Dumpdates {
    /// Reads the text of the file. `parse_date` is given the rest of a line after the level.
    ///
    /// Errors: `DumpdatesError::TooLarge`.
    pub fn parse(text: &[u8], parse_date: impl Fn(&str) -> Option<i64>) -> Result<Dumpdates, DumpdatesError> {
        if text.len() > MAX_FILE {
            return Err(DumpdatesError::TooLarge);
        }
        if text.is_empty() {
            return Ok(Dumpdates::default());
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text
            .split(|&b| b == b'\n')
            .map(|text| Line { text: text.to_vec(), entry: parse_line(text, &parse_date) });
        Ok(Dumpdates { lines: lines.collect() })
    }

    /// The numbers of malformed lines, counted from 1.
    pub fn unknown_lines(&self) -> impl Iterator<Item = u64> {
        (1..).zip(&self.lines).filter(|(_, line)| line.entry.is_none()).map(|(number, _)| number)
    }

    /// The dumps, in the file's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| line.entry.as_ref())
    }

    /// The dump that one of this level builds on: the newest of any lower level. `None`: the epoch.
    pub fn newest_below(&self, name: &OsStr, level: i32) -> Option<&Entry> {
        self.newest_among(level, |other| other == name)
    }

    /// The newest dump of any lower level of the disks whose names are `wanted`.
    pub fn newest_among(&self, level: i32, mut wanted: impl FnMut(&OsStr) -> bool) -> Option<&Entry> {
        let lower = self.entries().filter(|e| e.level < level && e.date > 0 && wanted(&e.name));
        lower.reduce(|newest, e| if e.date > newest.date { e } else { newest })
    }

    /// Enters a dump in the place of the one with the same name and level, or at the end. The line gets no shorter
    /// than it was: one that a hand has made wider stays as wide, by more blanks after the name.
    ///
    /// Errors: those of [`check_name`].
    pub fn record(&mut self, entry: Entry, ctime: impl Fn(i64) -> String) -> Result<(), DumpdatesError> {
        check_name(&entry.name)?;
        let same = |line: &&mut Line| {
            line.entry.as_ref().is_some_and(|e| e.name == entry.name && e.level == entry.level)
        };
        let place = self.lines.iter_mut().find(same);
        let rest = format!(" {} {}", entry.level, ctime(entry.date));
        let width = place.as_ref().map_or(0, |line| line.text.len().saturating_sub(rest.len()));
        let mut text = entry.name.as_bytes().to_vec();
        text.resize(width.max(NAME_WIDTH), b' ');
        text.extend(rest.bytes());
        let line = Line { text, entry: Some(entry) };
        match place {
            Some(place) => *place = line,
            None => self.lines.push(line),
        }
        Ok(())
    }

    /// The text of the file.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for line in &self.lines {
            text.extend_from_slice(&line.text);
            text.push(b'\n');
        }
        text
    }
}

/// Whether a dump of this device can be recorded.
///
/// Errors: `DumpdatesError::NameTooLong`, `DumpdatesError::NameNotAWord`.
pub fn check_name(name: &OsStr) -> Result<(), DumpdatesError> {
    let bytes = name.as_bytes();
    if bytes.len() > NAME_WIDTH {
        return Err(DumpdatesError::NameTooLong(name.to_owned()));
    }
    if bytes.is_empty() || bytes.iter().any(|&b| b == 0 || blank(b)) {
        return Err(DumpdatesError::NameNotAWord(name.to_owned()));
    }
    Ok(())
}

/// What scanf(3) takes for a blank.
fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads a line as dump's scanf(3) format `%s %d %[^\n]` does.
fn parse_line(text: &[u8], parse_date: impl Fn(&str) -> Option<i64>) -> Option<Entry> {
    if text.len() > MAX_LINE || text.contains(&0) {
        return None;
    }
    let (name, rest) = cut(skip_blanks(text), |b| !blank(b));
    let (level, rest) = cut(skip_blanks(rest), |b| b.is_ascii_digit());
    let level = std::str::from_utf8(level).ok()?.parse().ok()?;
    let date = std::str::from_utf8(skip_blanks(rest)).ok().and_then(parse_date)?;
    let name = OsStr::from_bytes(name).to_owned();
    (date >= 0).then_some(Entry { name, level, date })
}

/// The text after the blanks at its start.
fn skip_blanks(text: &[u8]) -> &[u8] {
    cut(text, blank).1
}

/// The bytes of one kind at the start of a text, and the rest.
fn cut(text: &[u8], kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|&b| !kind(b)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
