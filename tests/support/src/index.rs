// SPDX-License-Identifier: BSD-2-Clause
//! Reads an index by what the manual page says of it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

/// A line of an index.
#[derive(Debug)]
pub struct Line {
    /// As it is printed.
    pub printed: String,
    /// As it is.
    pub path: Vec<u8>,
    /// The inode.
    pub ino: u32,
    /// The volume, from 1.
    pub volume: usize,
    /// Bytes before its header in the volume.
    pub offset: usize,
    /// Of its frame: bytes before it in the file, and in the stream.
    pub frame: Option<(usize, usize)>,
    /// Tape blocks to the next header.
    pub blocks: usize,
    /// Of its content, in hexadecimal.
    pub digest: String,
}

/// A volume in the first line of an index.
#[derive(Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its bytes.
    pub bytes: u64,
    /// Their digest, in hexadecimal.
    pub digest: String,
}

/// The volumes in an index.
///
/// Panics if it is none.
pub fn volumes(path: &Path) -> Vec<Volume> {
    let (head, _) = read(path);
    let fields = head.split('\t').filter_map(|field| field.strip_prefix("volume="));
    let volume = |(number, field): (usize, &str)| {
        let (given, rest) = field.split_once(':').unwrap();
        let (bytes, digest) = rest.split_once(":blake3=").unwrap();
        assert_eq!(given, number.to_string());
        Volume { bytes: bytes.parse().unwrap(), digest: digest.to_owned() }
    };
    (1..).zip(fields).map(volume).collect()
}

fn unescape(printed: &[u8]) -> Vec<u8> {
    let mut parts = printed.split(|&byte| byte == b'\\');
    let mut out = parts.next().unwrap().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(std::str::from_utf8(&part[..3]).unwrap(), 8).unwrap());
        out.extend_from_slice(&part[3..]);
    }
    out
}

/// Reads an index: its first line, and the others, which have to be sorted.
///
/// Panics if it is none.
pub fn read(path: &Path) -> (String, Vec<Line>) {
    let text = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(text.last(), Some(&b'\n'));
    let mut lines = text[..text.len() - 1].split(|&byte| byte == b'\n');
    let head = String::from_utf8(lines.next().unwrap().to_vec()).unwrap();
    let lines = lines.map(|line| line.split(|&byte| byte == b'\t').collect::<Vec<&[u8]>>());
    let lines: Vec<Vec<&[u8]>> = lines.collect();
    assert!(lines.is_sorted_by(|a, b| a[0] < b[0]));
    (head, lines.iter().map(|fields| line(fields)).collect())
}

fn line(fields: &[&[u8]]) -> Line {
    let number = |n: usize| std::str::from_utf8(fields[n]).unwrap().parse::<usize>().unwrap();
    let frame = (fields[4] != b"-").then(|| (number(4), number(6)));
    let at = if frame.is_some() { 7 } else { 6 };
    assert_eq!(fields.len(), at + 1);
    let digest = std::str::from_utf8(fields[at]).unwrap().strip_prefix("blake3=").unwrap().to_owned();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let (path, ino, volume) = (unescape(fields[0]), number(1) as u32, number(2));
    let printed = String::from_utf8_lossy(fields[0]).into_owned();
    Line { printed, path, ino, volume, offset: number(3), frame, blocks: number(5), digest }
}
