// SPDX-License-Identifier: BSD-2-Clause
//! What is told of a dump that is read: the listing, and what is wrong.

use std::fmt;
use std::io::{self, Write};

use super::Line;
use crate::format::{Decoded, Dialect};
use crate::index::{self, escape_into};
use crate::reading::{
    Finding, IFBLK, IFCHR, IFDIR, IFIFO, IFLNK, IFMT, IFREG, IFSOCK, IFWHT, Place, Summary,
};
use crate::units::{Ino, TP_BSIZE};

/// A file of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The inode.
    pub ino: Ino,
    /// One of its paths.
    pub path: &'a [u8],
    /// What its header says; none if it has none on the dump.
    pub about: Option<About>,
    /// Where its header is, if that is known.
    pub place: Option<Place>,
}

/// What the header of a file says.
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
            write!(f, "{comma}inode {ino}")?;
            comma = ", ";
        }
        if let Some(path) = self.path {
            let mut shown = Vec::new();
            escape_into(path, &mut shown);
            write!(f, "{comma}{}", String::from_utf8_lossy(&shown))?;
            comma = ", ";
        }
        let colon = if comma.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.finding.fault)
    }
}

impl Line for FindingLine<'_> {}

/// The last line of a check.
pub struct SummaryLine<'a>(pub &'a Summary);

impl fmt::Display for SummaryLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { blocks, inodes, lost, damaged, damage, .. } = *self.0;
        write!(f, "{blocks} tape blocks with {inodes} inodes: ")?;
        match damage {
            0 => f.write_str("no damage found"),
            damage => write!(f, "damaged ({damage} findings): {lost} inodes lost, {damaged} damaged"),
        }
    }
}

impl Line for SummaryLine<'_> {}

/// Where results go.
pub struct Results {
    out: io::BufWriter<Box<dyn Write>>,
    json: bool,
}

impl Results {
    /// Results for `out`, as JSON or for people.
    pub fn new(out: Box<dyn Write>, json: bool) -> Results {
        Results { out: io::BufWriter::with_capacity(1 << 16, out), json }
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
        let mut object = Object::new("dump");
        object.number("date", of.date);
        object.number("base_date", of.ddate);
        object.number("level", i64::from(of.level));
        object.text("label", &of.label);
        object.text("filesystem", &of.filesys);
        object.text("device", &of.dev);
        object.text("host", &of.host);
        let format = if header.dialect == Dialect::Ufs2 { "ufs2" } else { "ufs1" };
        object.text("format", format.as_bytes());
        let big = header.swapped != cfg!(target_endian = "big");
        object.text("byte_order", if big { b"big" } else { b"little" });
        self.out.write_all(&object.finish())
    }

    /// A file.
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if self.json {
            return self.entry_json(entry);
        }
        let mut line = match entry.about {
            Some(about) => {
                let size = match about.rdev {
                    // major() and minor() of sys/types.h, for numbers of 32 bits.
                    Some(rdev) => format!("{},{}", rdev >> 8 & 0xff, rdev & 0xffff_00ff),
                    None => about.size.to_string(),
                };
                let (mode, uid, gid) = (mode_text(about.mode), about.uid, about.gid);
                format!("{:>10} {mode} {uid:>5} {gid:>5} {size:>12} ", entry.ino.0)
            }
            None => format!("{:>10} ?--------- {:>5} {:>5} {:>12} ", entry.ino.0, "-", "-", "-"),
        }
        .into_bytes();
        escape_into(entry.path, &mut line);
        line.push(b'\n');
        self.out.write_all(&line)
    }

    fn entry_json(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let mut object = Object::new("entry");
        object.number("inode", i64::from(entry.ino.0));
        object.path("path", entry.path);
        if let Some(about) = entry.about {
            object.text("kind", kind(about.mode).0.as_bytes());
            object.number("mode", i64::from(about.mode & !IFMT));
            object.number("uid", i64::from(about.uid));
            object.number("gid", i64::from(about.gid));
            object.unsigned("size", about.size);
            object.number("mtime", about.mtime);
            if let Some(rdev) = about.rdev {
                object.number("rdev", i64::from(rdev));
            }
        }
        object.place(entry.place);
        self.out.write_all(&object.finish())
    }

    /// A line of an index: inode, volume, bytes before its header there, tape blocks, path.
    pub fn indexed(&mut self, line: &index::Line) -> io::Result<()> {
        let index::Line { ino, volume, offset, blocks, .. } = *line;
        if self.json {
            let mut object = Object::new("entry");
            object.number("inode", i64::from(ino.0));
            object.path("path", &line.path);
            object.place(Some(Place { volume, block: offset / TP_BSIZE as u64 }));
            object.unsigned("tape_blocks", blocks);
            return self.out.write_all(&object.finish());
        }
        let mut text = format!("{:>10} {volume:>4} {offset:>15} {blocks:>10} ", ino.0).into_bytes();
        escape_into(&line.path, &mut text);
        text.push(b'\n');
        self.out.write_all(&text)
    }

    /// A finding; only as JSON.
    pub fn finding(&mut self, line: &FindingLine<'_>) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let finding = line.finding;
        let mut object = Object::new("finding");
        object.flag("damage", finding.fault.is_damage());
        object.text("what", finding.fault.word().as_bytes());
        object.text("text", finding.fault.to_string().as_bytes());
        object.place(finding.place);
        if let Some(ino) = finding.ino {
            object.number("inode", i64::from(ino.0));
        }
        if let Some(path) = line.path {
            object.path("path", path);
        }
        self.out.write_all(&object.finish())
    }

    /// The sums; only as JSON.
    pub fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut object = Object::new("summary");
        object.flag("good", summary.damage == 0);
        object.unsigned("tape_blocks", summary.blocks);
        object.unsigned("inodes", summary.inodes);
        object.unsigned("announced", summary.announced);
        object.unsigned("lost", summary.lost);
        object.unsigned("damaged", summary.damaged);
        object.unsigned("findings", summary.damage);
        self.out.write_all(&object.finish())
    }

    /// Gives all to the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The word and the letter for a type of file.
fn kind(mode: u16) -> (&'static str, u8) {
    match mode & IFMT {
        IFIFO => ("fifo", b'p'),
        IFCHR => ("character-device", b'c'),
        IFDIR => ("directory", b'd'),
        IFBLK => ("block-device", b'b'),
        IFREG => ("file", b'-'),
        IFLNK => ("symlink", b'l'),
        IFSOCK => ("socket", b's'),
        IFWHT => ("whiteout", b'w'),
        _ => ("unknown", b'?'),
    }
}

/// A mode as ls(1) shows it.
fn mode_text(mode: u16) -> String {
    let mut text = vec![kind(mode).1];
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
    String::from_utf8_lossy(&text).into_owned()
}

/// A JSON object (RFC 8259) on one line, in the making.
struct Object(Vec<u8>);

impl Object {
    fn new(kind: &str) -> Object {
        let mut object = Object(vec![b'{']);
        object.text("type", kind.as_bytes());
        object
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(format!("\"{key}\":").as_bytes());
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        self.0.extend_from_slice(value.to_string().as_bytes());
    }

    fn unsigned(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.extend_from_slice(value.to_string().as_bytes());
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn place(&mut self, place: Option<Place>) {
        if let Some(Place { volume, block }) = place {
            self.number("volume", i64::from(volume));
            self.unsigned("tape_block", block);
        }
    }

    /// A text; what is not UTF-8 becomes U+FFFD.
    fn text(&mut self, key: &str, value: &[u8]) {
        self.key(key);
        self.0.push(b'"');
        for c in String::from_utf8_lossy(value).chars() {
            match c {
                '"' | '\\' => self.0.extend([b'\\', c as u8]),
                '\0'..=' ' | '\x7f' if c != ' ' => {
                    self.0.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                c => self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.0.push(b'"');
    }

    /// A path; if it is not UTF-8, its bytes follow in hexadecimal digits, named so with `_bytes`.
    fn path(&mut self, key: &str, value: &[u8]) {
        self.text(key, value);
        if std::str::from_utf8(value).is_err() {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            self.text(&format!("{key}_bytes"), hex.as_bytes());
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
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
            assert_eq!(mode_text(mode), text);
        }
    }

    #[test]
    fn any_text_is_json() {
        let every: Vec<u8> = (0..=255).collect();
        let mut object = Object::new("entry");
        object.path("path", &every);
        object.path("good", "naïve \u{1f600}\n".as_bytes());
        let value: serde_json::Value = serde_json::from_slice(&object.finish()).unwrap();
        assert_eq!(value["path"].as_str().unwrap(), String::from_utf8_lossy(&every));
        assert_eq!(value["good"], "naïve \u{1f600}\n");
        assert!(value["path_bytes"].as_str().unwrap().starts_with("000102"));
        assert_eq!(value.get("good_bytes"), None);
    }
}
