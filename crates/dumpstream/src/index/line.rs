// SPDX-License-Identifier: BSD-2-Clause
//! The lines of an index.

use std::fmt;

use crate::escape::{escape, escape_into, unescape};
use crate::{Digest, TP_BSIZE};
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

/// A volume, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its length in bytes.
    pub bytes: u64,
    /// Their BLAKE3.
    pub digest: Digest,
}

/// Bytes of the longest first line that is read: about 100000 volumes.
pub const MOST_HEAD: usize = 10 << 20;

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
    /// `c_ddate`: the date of the dump that this one builds on, 0 for none; none in an index of version 0.2.0.
    pub base: Option<i64>,
    /// Where the first file that is not a directory begins: the volume, and the bytes before it in its uncompressed stream. What is
    /// before it is what restore(8) needs of a dump to find a name.
    pub files: Option<(u32, u64)>,
    /// The volumes, in order; none in an index of version 0.2.0.
    pub volumes: Vec<Volume>,
}

/// Bytes of `c_label` and `c_filesys` that count (`LBLSIZE`, `NAMELEN`, protocols/dumprestore.h).
const COUNT: [usize; 2] = [15, 63];

impl Head {
    /// The first line of the index of a dump with these headers: names are truncated as in the headers.
    pub fn new(date: i64, level: i32, label: &[u8], filesystem: &[u8]) -> Head {
        let [label, filesystem] = [(label, COUNT[0]), (filesystem, COUNT[1])]
            .map(|(name, most)| name[..name.len().min(most)].to_vec());
        Head { date, level, label, filesystem, ..Head::default() }
    }

    /// The line, with its newline.
    pub fn print(&self) -> Vec<u8> {
        let mut out = format!("capdump-index\tversion=1\tdate={}\tlevel={}\tlabel=", self.date, self.level)
            .into_bytes();
        escape_into(&self.label, &mut out);
        out.extend_from_slice(b"\tfilesystem=");
        escape_into(&self.filesystem, &mut out);
        if let Some(base) = self.base {
            out.extend_from_slice(format!("\tbase={base}").as_bytes());
        }
        for (number, volume) in (1..).zip(&self.volumes) {
            out.extend_from_slice(format!("\tvolume={number}:{}:blake3=", volume.bytes).as_bytes());
            hex(&volume.digest, &mut out);
        }
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
                b"base" => head.base = Some(number(value).ok_or(Error::Field("base"))?),
                b"files" => head.files = Some(place(value).ok_or(Error::Field("files"))?),
                b"volume" => {
                    let number = head.volumes.len() as u64 + 1;
                    head.volumes.push(volume(value, number).ok_or(Error::Field("volume"))?);
                }
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
    /// The digest of its content, see [`Content`](crate::Content).
    pub digest: Option<Digest>,
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
        if let Some(digest) = &self.digest {
            out.extend_from_slice(DIGEST);
            hex(digest, out);
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
        let frame = match frame {
            b"-" => None,
            frame => {
                let start = fields.next().and_then(number);
                Some(number(frame).zip(start).ok_or(Error::Field("frame"))?)
            }
        };
        let digest = fields.find_map(|field| field.strip_prefix(&DIGEST[1..]));
        let digest = digest.map(|text| unhex(text).ok_or(Error::Field("digest"))).transpose()?;
        let blocks = blocks.ok_or(Error::Field("number of tape blocks"))?;
        let line = Line { path, ino, volume, offset, frame, blocks, digest };
        match line.frame {
            Some((_, start)) if start > line.offset => Err(Error::Field("frame")),
            _ => Ok(line),
        }
    }
}

/// What is before a digest in a line.
const DIGEST: &[u8] = b"\tblake3=";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a digest.
fn hex(digest: &Digest, out: &mut Vec<u8>) {
    digest.iter().for_each(|byte| out.extend([byte >> 4, byte & 15].map(|at| HEX[usize::from(at)])));
}

/// Volume `number`.
fn volume(value: &[u8], number: u64) -> Option<Volume> {
    let mut parts = value.splitn(3, |&byte| byte == b':');
    parts.next().and_then(self::number).filter(|&given: &u64| given == number)?;
    let bytes = self::number(parts.next()?)?;
    let digest = unhex(parts.next()?.strip_prefix(&DIGEST[1..])?)?;
    Some(Volume { bytes, digest })
}

/// The bytes of a digest, two digits each, in lower case.
fn unhex(text: &[u8]) -> Option<Digest> {
    let mut digest = Digest::default();
    let digit = |byte: u8| HEX.iter().position(|&digit| digit == byte);
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != digest.len() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(digest)
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
