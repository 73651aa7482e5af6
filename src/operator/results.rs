// SPDX-License-Identifier: BSD-2-Clause
//! The output of reading a dump: the listing and the findings.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::operator::{ChainLine, Change, Difference, LevelLine, Line};
use dumpstream::TP_BSIZE;
use dumpstream::escape::{self, escape_into};
use dumpstream::index;
use dumpstream::reading::{Finding, Place, Summary};
use dumpstream::{Decoded, Dialect};
use ufs::FileType;
use ufs::Ino;

/// Bits of a mode that are permissions (`ALLPERMS`, sys/stat.h).
pub(super) const PERMISSIONS: u16 = 0o7777;

/// A file of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The inode.
    pub ino: Ino,
    /// One of its paths.
    pub path: &'a [u8],
    /// The contents of its header; none if the dump has no header for it.
    pub about: Option<About>,
    /// Where its header is, if that is known.
    pub place: Option<Place>,
}

/// The contents of a file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// `c_mode`.
    pub mode: u16,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
    /// `c_size` in bytes.
    pub size: u64,
    /// `c_mtime`, seconds since 1970.
    pub mtime: i64,
    /// `c_rdev` of a device.
    pub rdev: Option<u32>,
}

/// What a restore came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// All that was requested has been restored.
    pub is_good: bool,
    /// Files that were taken from the dump, directories not among them.
    pub files: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
    /// Lines about what failed.
    pub failures: u64,
    /// Extended attributes that could not be set.
    pub attributes: u64,
    /// Sets of file flags that could not be set.
    pub flags: u64,
    /// Whiteouts that could not be made.
    pub whiteouts: u64,
    /// Devices that were left out.
    pub devices: u64,
}

/// A finding as a line for people.
pub struct FindingLine<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// A path of its inode.
    pub path: Option<&'a [u8]>,
    /// Tape blocks in a record.
    pub ntrec: u32,
}

impl fmt::Display for FindingLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.finding.fault.is_damage() {
            f.write_str("note: ")?;
        }
        let mut comma = "";
        if let Some(Place { volume, block }) = self.finding.place {
            write!(f, "volume {volume}, record {}, tape block {block}", block / u64::from(self.ntrec))?;
            comma = ", ";
        }
        if let Some(ino) = self.finding.ino {
            match self.finding.last {
                Some(last) => write!(f, "{comma}inodes {ino}-{last}")?,
                None => write!(f, "{comma}inode {ino}")?,
            }
            comma = ", ";
        }
        if let Some(path) = self.path {
            write!(f, "{comma}{}", escape::name(OsStr::from_bytes(path)))?;
            comma = ", ";
        }
        let colon = if comma.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.finding.fault)
    }
}

impl Line for FindingLine<'_> {}

/// The last line of a check.
pub struct SummaryLine<'a> {
    /// The sums.
    pub summary: &'a Summary,
    /// The data of files has no checksum.
    pub unchecked: bool,
}

impl fmt::Display for SummaryLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { blocks, inodes, lost, damaged, damage, unseen, complete, .. } = *self.summary;
        if self.unchecked {
            f.write_str("file data has no checksum and was not verified; ")?;
        }
        write!(f, "{blocks} tape blocks with {inodes} inodes: ")?;
        match damage {
            0 => f.write_str("no damage found")?,
            damage => write!(f, "damaged ({damage} findings): {lost} inodes lost, {damaged} damaged")?,
        }
        match (complete, unseen) {
            (true, _) => Ok(()),
            (false, 0) => f.write_str("; not all volumes were specified"),
            (false, unseen) => write!(f, "; not all volumes were specified: {unseen} inodes not seen"),
        }
    }
}

impl Line for SummaryLine<'_> {}

/// Which part of a dump is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleLine {
    /// The number of the part, from 1.
    pub part: u64,
    /// How many there are.
    pub of: u64,
    /// Tape blocks of the files in it.
    pub blocks: u64,
    /// Tape blocks of all files.
    pub all: u64,
}

impl fmt::Display for SampleLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SampleLine { part, of, blocks, all } = *self;
        write!(f, "reading part {part}/{of}: {blocks} of {all} tape blocks")
    }
}

impl Line for SampleLine {}

/// Where results go.
pub struct Results {
    out: io::BufWriter<Box<dyn Write>>,
    json: bool,
    /// How a time is written, in seconds since 1970.
    time: fn(i64) -> String,
    /// The line that is made, whose memory is used again.
    text: Vec<u8>,
}

impl Results {
    /// Results for `out`, as JSON or for people, with times as `time` writes them.
    pub fn new(out: Box<dyn Write>, json: bool, time: fn(i64) -> String) -> Results {
        Results { out: io::BufWriter::with_capacity(1 << 16, out), json, time, text: Vec::new() }
    }

    /// Whether the results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// What dump it is.
    pub fn dump(&mut self, header: &Decoded) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let of = &header.identity;
        let big = header.swapped != cfg!(target_endian = "big");
        let fields = json!({
            "date": of.date,
            "base_date": of.ddate,
            "level": of.level,
            "format": if header.dialect == Dialect::Ufs2 { "ufs2" } else { "ufs1" },
            "byte_order": if big { "big" } else { "little" },
        });
        let mut object = object("dump", fields);
        for (key, name) in
            [("label", &of.label), ("filesystem", &of.filesys), ("device", &of.dev), ("host", &of.host)]
        {
            put_text(&mut object, key, name);
        }
        self.line(&object)
    }

    fn line(&mut self, object: &Value) -> io::Result<()> {
        let line = object.to_string();
        self.out.write_all(escape::json(&line).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// A file.
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if self.json {
            return self.entry_json(entry);
        }
        let text = &mut self.text;
        text.clear();
        right(entry.ino.0.into(), 10, text);
        match entry.about {
            Some(about) => {
                text.push(b' ');
                push_mode(about.mode, text);
                for id in [about.uid, about.gid] {
                    text.push(b' ');
                    right(id.into(), 5, text);
                }
                text.push(b' ');
                match about.rdev {
                    // major() and minor() of sys/types.h, for numbers of 32 bits.
                    Some(rdev) => {
                        let numbers = format!("{},{}", rdev >> 8 & 0xff, rdev & 0xffff_00ff);
                        text.extend_from_slice(format!("{numbers:>12}").as_bytes());
                    }
                    None => right(about.size, 12, text),
                }
                text.push(b' ');
                text.extend_from_slice((self.time)(about.mtime).as_bytes());
            }
            None => {
                let fields = format!(" ?--------- {:>5} {:>5} {:>12} {:>16}", "-", "-", "-", "-");
                text.extend_from_slice(fields.as_bytes());
            }
        }
        text.push(b' ');
        escape_into(entry.path, text);
        text.push(b'\n');
        self.out.write_all(text)
    }

    fn entry_json(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let mut object = object("entry", json!({ "inode": entry.ino.0 }));
        put_text(&mut object, "path", entry.path);
        if let Some(about) = entry.about {
            object["kind"] = kind(about.mode).0.into();
            object["mode"] = (about.mode & PERMISSIONS).into();
            object["uid"] = about.uid.into();
            object["gid"] = about.gid.into();
            object["size"] = about.size.into();
            object["mtime"] = about.mtime.into();
            if let Some(rdev) = about.rdev {
                object["rdev"] = rdev.into();
            }
        }
        put_place(&mut object, entry.place);
        self.line(&object)
    }

    /// A line of an index: inode, volume, bytes before its header there, tape blocks, path.
    pub fn indexed(&mut self, line: &index::Line) -> io::Result<()> {
        let index::Line { ino, volume, offset, blocks, .. } = *line;
        if self.json {
            let mut object = object("entry", json!({ "inode": ino.0, "tape_blocks": blocks }));
            put_text(&mut object, "path", &line.path);
            put_place(&mut object, Some(Place { volume, block: offset / TP_BSIZE as u64 }));
            return self.line(&object);
        }
        let mut text = format!("{:>10} {volume:>4} {offset:>15} {blocks:>10} ", ino.0).into_bytes();
        escape_into(&line.path, &mut text);
        text.push(b'\n');
        self.out.write_all(&text)
    }

    /// A difference between two dumps.
    pub fn difference(&mut self, path: &[u8], difference: &Difference) -> io::Result<()> {
        if self.json {
            return self.line(&difference.json(path));
        }
        self.text.clear();
        difference.print(path, &mut self.text);
        self.out.write_all(&self.text)
    }

    /// A finding; only as JSON.
    pub fn finding(&mut self, line: &FindingLine<'_>) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let Finding { place, ino, last, fault } = line.finding;
        let fields = json!({ "damage": fault.is_damage(), "what": fault.word(), "text": fault.to_string() });
        let mut object = object("finding", fields);
        put_place(&mut object, *place);
        if let Some(ino) = ino {
            object["inode"] = ino.0.into();
        }
        if let Some(last) = last {
            object["last_inode"] = last.0.into();
        }
        if let Some(path) = line.path {
            put_text(&mut object, "path", path);
        }
        self.line(&object)
    }

    /// What happens to a name when a dump of a chain is restored; only as JSON.
    pub fn change(&mut self, path: &[u8], change: &Change<'_>) -> io::Result<()> {
        if self.json { self.line(&change.json(path)) } else { Ok(()) }
    }

    /// What is worth saying of a file when a dump of a chain is restored; only as JSON.
    pub fn note(&mut self, path: &[u8], text: &str) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut object = object("note", json!({ "text": text }));
        put_text(&mut object, "path", path);
        self.line(&object)
    }

    /// Which part of a dump is read; only as JSON.
    pub fn sample(&mut self, line: &SampleLine) -> io::Result<()> {
        let SampleLine { part, of, blocks, all } = *line;
        match self.json {
            true => self.line(&object(
                "sample",
                json!({ "part": part, "parts": of, "tape_blocks": blocks, "of_tape_blocks": all }),
            )),
            false => Ok(()),
        }
    }

    /// What became of a dump of a chain; only as JSON.
    pub fn level(&mut self, line: &LevelLine) -> io::Result<()> {
        if self.json { self.line(&line.json()) } else { Ok(()) }
    }

    /// What became of a chain; only as JSON.
    pub fn chain(&mut self, line: ChainLine) -> io::Result<()> {
        if self.json { self.line(&line.json()) } else { Ok(()) }
    }

    /// How many findings of a kind were not listed; only as JSON.
    pub fn unlisted(&mut self, word: &str, count: u64) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        self.line(&object("unlisted", json!({ "what": word, "findings": count })))
    }

    /// The sums; only as JSON.
    pub fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let Summary { blocks, inodes, announced, lost, unseen, complete, damaged, damage } = *summary;
        let fields = json!({
            "good": damage == 0,
            "tape_blocks": blocks,
            "inodes": inodes,
            "announced": announced,
            "lost": lost,
            "damaged": damaged,
            "findings": damage,
        });
        let mut object = object("summary", fields);
        if !complete {
            object["complete"] = false.into();
            object["unseen"] = unseen.into();
        }
        self.line(&object)
    }

    /// What could not be restored; only as JSON.
    pub fn failure(&mut self, path: &[u8], text: &str) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut object = object("failure", json!({ "text": text }));
        put_text(&mut object, "path", path);
        self.line(&object)
    }

    /// The sums of a restore; only as JSON.
    pub fn restored(&mut self, restored: &Restored) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let Restored { is_good, files, bytes, failures, attributes, flags, whiteouts, devices } = *restored;
        let fields = json!({
            "good": is_good,
            "files": files,
            "bytes": bytes,
            "failures": failures,
            "lost_attributes": attributes,
            "lost_flags": flags,
            "lost_whiteouts": whiteouts,
            "skipped_devices": devices,
        });
        self.line(&object("summary", fields))
    }

    /// Gives all to the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The word and the letter for a type of file.
pub(super) fn kind(mode: u16) -> (&'static str, u8) {
    match FileType::of(mode) {
        FileType::Fifo => ("fifo", b'p'),
        FileType::Char => ("character-device", b'c'),
        FileType::Dir => ("directory", b'd'),
        FileType::Block => ("block-device", b'b'),
        FileType::Regular => ("file", b'-'),
        FileType::Link => ("symlink", b'l'),
        FileType::Socket => ("socket", b's'),
        FileType::Whiteout => ("whiteout", b'w'),
        FileType::Free | FileType::Undefined(_) => ("unknown", b'?'),
    }
}

/// Appends a number in a column of `width` bytes, or more if it is longer. There are millions of them, so that they do not go through
/// `format!`.
fn right(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b' '; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first.min(digits.len() - width)..]);
}

/// Appends a mode as ls(1) shows it.
fn push_mode(mode: u16, text: &mut Vec<u8>) {
    text.push(kind(mode).1);
    for shift in [6, 3, 0] {
        let bits = mode >> shift;
        text.extend([(4, b'r'), (2, b'w')].map(|(bit, letter)| if bits & bit != 0 { letter } else { b'-' }));
        let special = mode >> (9 + shift / 3) & 1 != 0;
        let letter = if shift == 0 { b't' } else { b's' };
        text.push(match (special, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => b'x',
            (false, false) => b'-',
        });
    }
}

/// An object of this type, with `fields`.
pub(super) fn object(kind: &str, mut fields: Value) -> Value {
    fields["type"] = kind.into();
    fields
}

fn put_place(object: &mut Value, place: Option<Place>) {
    if let Some(Place { volume, block }) = place {
        object["volume"] = volume.into();
        object["tape_block"] = block.into();
    }
}

/// A name; if it is not UTF-8, U+FFFD stands for what is not, and its bytes follow in hexadecimal digits.
pub(super) fn put_text(object: &mut Value, key: &str, name: &[u8]) {
    object[key] = String::from_utf8_lossy(name).into();
    if std::str::from_utf8(name).is_err() {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        object[format!("{key}_bytes")] = hex.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o40_755, "drwxr-xr-x"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o41_777, "drwxrwxrwt"),
            (0o41_776, "drwxrwxrwT"),
            (0o120_777, "lrwxrwxrwx"),
            (0, "?---------"),
        ] {
            let mut found = Vec::new();
            push_mode(mode, &mut found);
            assert_eq!(String::from_utf8(found).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_in_columns() {
        for (number, width) in [(0, 1), (7, 5), (99_999, 5), (100_000, 5), (u64::MAX, 12), (u64::MAX, 20)] {
            let mut found = Vec::new();
            right(number, width, &mut found);
            assert_eq!(String::from_utf8(found).unwrap(), format!("{number:>width$}"));
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_keeps_its_bytes() {
        let every: Vec<u8> = (0..=255).collect();
        let mut strange = json!({});
        put_text(&mut strange, "path", &every);
        assert_eq!(strange["path"].as_str().unwrap(), String::from_utf8_lossy(&every));
        assert!(strange["path_bytes"].as_str().unwrap().starts_with("000102"));
        let mut good = json!({});
        put_text(&mut good, "path", "naïve \u{1f600}\n".as_bytes());
        assert_eq!(good, json!({ "path": "naïve \u{1f600}\n" }));
    }
}
