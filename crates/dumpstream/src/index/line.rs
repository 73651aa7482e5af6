// SPDX-License-Identifier: BSD-2-Clause
//! The lines of an index.

use std::fmt;

use crate::TP_BSIZE;
use crate::escape::{escape, escape_into, unescape};
use ufs::Ino;

/// The version that is written and read.
const VERSION: &[u8] = b"1";
/// What every index begins with.
pub const WORD: &[u8] = b"capdump-index";

/// Why a line is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The first line is not that of an index.
    NotAnIndex,
    /// It is one of another version.
    Version,
    /// The line has too few fields, or a field is not a number or not a path.
    Field(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotAnIndex => f.write_str("not an index of a dump"),
            Error::Version => f.write_str("an index of another version"),
            Error::Field(name) => write!(f, "the {name} is missing or wrong"),
        }
    }
}

impl std::error::Error for Error {}

/// The first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `c_date`, seconds since 1970.
    pub date: i64,
    /// `c_level`.
    pub level: i32,
    /// `c_label`.
    pub label: Vec<u8>,
    /// `c_filesys`.
    pub filesystem: Vec<u8>,
    /// Where the first file that is not a directory begins: the volume, and the bytes before it in its uncompressed stream. What is
    /// before it is what restore(8) needs of a dump to find a name.
    pub files: Option<(u32, u64)>,
}

/// Bytes of `c_label` and `c_filesys` that count (`LBLSIZE`, `NAMELEN`, protocols/dumprestore.h).
const COUNT: [usize; 2] = [15, 63];

impl Head {
    /// The first line of the index of a dump with these headers: names are truncated as in the headers.
    pub fn new(date: i64, level: i32, label: &[u8], filesystem: &[u8]) -> Head {
        let [label, filesystem] = [(label, COUNT[0]), (filesystem, COUNT[1])]
            .map(|(name, most)| name[..name.len().min(most)].to_vec());
        Head { date, level, label, filesystem, files: None }
    }

    /// The line, with its newline.
    pub fn print(&self) -> Vec<u8> {
        let mut out = format!("capdump-index\tversion=1\tdate={}\tlevel={}\tlabel=", self.date, self.level)
            .into_bytes();
        escape_into(&self.label, &mut out);
        out.extend_from_slice(b"\tfilesystem=");
        escape_into(&self.filesystem, &mut out);
        if let Some((volume, offset)) = self.files {
            out.extend_from_slice(format!("\tfiles={volume}:{offset}").as_bytes());
        }
        out.push(b'\n');
        out
    }

    /// Reads the line, without its newline.
    ///
    /// Errors: it is none of version 1.
    pub fn parse(line: &[u8]) -> Result<Head, Error> {
        let mut fields = line.split(|&byte| byte == b'\t');
        if fields.next() != Some(WORD) {
            return Err(Error::NotAnIndex);
        }
        let (mut head, mut version) = (Head::default(), None);
        for field in fields {
            let Some(at) = field.iter().position(|&byte| byte == b'=') else { continue };
            let (name, value) = (&field[..at], &field[at + 1..]);
            match name {
                b"version" => version = Some(value),
                b"date" => head.date = number(value).ok_or(Error::Field("date"))?,
                b"level" => head.level = number(value).ok_or(Error::Field("level"))?,
                b"files" => head.files = Some(place(value).ok_or(Error::Field("files"))?),
                b"label" => head.label = unescape(value).ok_or(Error::Field("label"))?,
                b"filesystem" => head.filesystem = unescape(value).ok_or(Error::Field("filesystem"))?,
                _ => {}
            }
        }
        if version == Some(VERSION) { Ok(head) } else { Err(Error::Version) }
    }
}

/// The line of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The path as it is, not escaped; `.`, or beginning with `./`.
    pub path: Vec<u8>,
    /// The inode.
    pub ino: Ino,
    /// The number of the volume, from 1.
    pub volume: u32,
    /// Bytes in the volume's uncompressed stream before its `TS_INODE`.
    pub offset: u64,
    /// Of the compressed frame that the header begins in: bytes of the file before it, and bytes of the uncompressed stream
    /// before it.
    pub frame: Option<(u64, u64)>,
    /// Tape blocks from its header to its end.
    pub blocks: u64,
}

impl Line {
    /// What lines are sorted by: the path as it is printed.
    pub fn key(&self) -> Vec<u8> {
        escape(&self.path)
    }

    /// Appends the line, with its newline.
    pub fn print(&self, out: &mut Vec<u8>) {
        escape_into(&self.path, out);
        for number in [self.ino.0.into(), self.volume.into(), self.offset] {
            field(number, out);
        }
        match self.frame {
            Some((file, _)) => field(file, out),
            None => out.extend_from_slice(b"\t-"),
        }
        field(self.blocks, out);
        if let Some((_, stream)) = self.frame {
            field(stream, out);
        }
        out.push(b'\n');
    }

    /// Reads a line, without its newline. Further fields are passed over.
    ///
    /// Errors: the first field that is missing or wrong.
    pub fn parse(line: &[u8]) -> Result<Line, Error> {
        let mut fields = line.split(|&byte| byte == b'\t');
        let path = fields.next().and_then(unescape);
        let is_path = |path: &Vec<u8>| path == b"." || path.starts_with(b"./");
        let path = path.filter(is_path).ok_or(Error::Field("path"))?;
        let ino = number(fields.next().unwrap_or_default()).filter(|&ino| ino > 0);
        let ino = Ino(ino.ok_or(Error::Field("inode"))?);
        let volume = number(fields.next().unwrap_or_default()).filter(|&volume| volume > 0);
        let volume = volume.ok_or(Error::Field("volume"))?;
        let offset = number(fields.next().unwrap_or_default());
        let offset = offset.filter(|offset: &u64| offset.is_multiple_of(TP_BSIZE as u64));
        let offset = offset.ok_or(Error::Field("offset"))?;
        let frame = fields.next().unwrap_or_default();
        let blocks = number(fields.next().unwrap_or_default()).filter(|&blocks| blocks > 0);
        let start = fields.next().and_then(number);
        let frame = match frame {
            b"-" => None,
            frame => Some(number(frame).zip(start).ok_or(Error::Field("frame"))?),
        };
        let blocks = blocks.ok_or(Error::Field("number of tape blocks"))?;
        let line = Line { path, ino, volume, offset, frame, blocks };
        match line.frame {
            Some((_, start)) if start > line.offset => Err(Error::Field("frame")),
            _ => Ok(line),
        }
    }
}

/// Appends a tab and a number. There are millions of them, so that they do not go through `format!`.
fn field(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push(b'\t');
    out.extend_from_slice(&digits[first..]);
}

/// A volume and an offset.
fn place(text: &[u8]) -> Option<(u32, u64)> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    number(&text[..colon]).zip(number(&text[colon + 1..]))
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}
