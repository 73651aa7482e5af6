// SPDX-License-Identifier: BSD-2-Clause
//! Writes dumps header by header, with names and links that no file system has: what a reader may be handed.

use crate::directory;
use crate::header::{BLOCK, C_ADDR, MAGIC, change, field};

/// Inodes of a tape block of a map.
const INODES: u32 = 8192;

/// An inode of a dump.
#[derive(Clone, Debug, Default)]
pub struct Inode {
    /// Its number.
    pub ino: u32,
    /// `c_mode`.
    pub mode: u32,
    /// `c_rdev`.
    pub rdev: u32,
    /// `c_mtime`, seconds.
    pub mtime: i64,
    /// Its data; of a directory the entries as they are on disk.
    pub data: Vec<u8>,
    /// Tape blocks of zeros are holes.
    pub sparse: bool,
    /// Its extended attributes, as UFS2 keeps them.
    pub attributes: Vec<u8>,
}

/// A dump in the making.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `c_date`.
    pub date: i64,
    /// `c_ddate`.
    pub ddate: i64,
    /// `c_level`.
    pub level: u32,
    /// The inodes, in the order of the stream.
    pub inodes: Vec<Inode>,
    /// Inodes in use beside those.
    pub used: Vec<u32>,
}

impl Stream {
    /// A level 0 dump without any inode.
    pub fn new() -> Stream {
        Stream { date: 1_700_000_000, ddate: 0, level: 0, inodes: Vec::new(), used: Vec::new() }
    }

    /// Adds a directory with these names; `.` and `..` come first by themselves.
    pub fn directory(&mut self, ino: u32, parent: u32, names: &[(&[u8], u32, u8)]) -> &mut Stream {
        let mut builder = directory::Builder::new(false);
        builder.add(b".", ino, 4);
        builder.add(b"..", parent, 4);
        names.iter().for_each(|(name, ino, kind)| builder.add(name, *ino, *kind));
        self.inode(ino, 0o040_755, &builder.finish())
    }

    /// Adds a regular file.
    pub fn file(&mut self, ino: u32, data: &[u8]) -> &mut Stream {
        self.inode(ino, 0o100_644, data)
    }

    /// Adds a regular file with holes where there are zeros.
    pub fn sparse(&mut self, ino: u32, data: &[u8]) -> &mut Stream {
        self.file(ino, data);
        self.inodes.iter_mut().next_back().expect("it was added").sparse = true;
        self
    }

    /// Adds any inode.
    pub fn inode(&mut self, ino: u32, mode: u32, data: &[u8]) -> &mut Stream {
        let data = data.to_vec();
        self.inodes.push(Inode { ino, mode, data, mtime: 1_600_000_000, ..Inode::default() });
        self
    }

    /// Gives the last inode an extended attribute of users (`struct extattr`, ufs/ufs/extattr.h).
    pub fn attribute(&mut self, name: &[u8], value: &[u8]) -> &mut Stream {
        let head = (7 + name.len()).next_multiple_of(8);
        let length = (head + value.len()).next_multiple_of(8);
        let pad = length - head - value.len();
        let out = &mut self.inodes.iter_mut().next_back().expect("it was added").attributes;
        let start = out.len();
        out.extend((length as u32).to_le_bytes());
        out.extend([1, pad as u8, name.len() as u8]);
        out.extend(name);
        out.resize(start + head, 0);
        out.extend(value);
        out.resize(start + length, 0);
        self
    }

    /// The dump, in records of 10 tape blocks.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.header(&mut out, 1, 0, |_| ());
        let dumped: Vec<u32> = self.inodes.iter().map(|inode| inode.ino).collect();
        let used: Vec<u32> = dumped.iter().chain(&self.used).copied().collect();
        // The last inode that the maps have room for.
        let last = used.iter().max().map_or(0, |ino| ino / INODES) * INODES + INODES - 1;
        for (kind, map) in [(6, &used), (3, &dumped)] {
            self.header(&mut out, kind, if kind == 6 { last } else { 2 }, |block| {
                put(block, "c_count", u64::from(last / INODES + 1))
            });
            let mut bits = vec![0; BLOCK * (last / INODES + 1) as usize];
            map.iter().for_each(|ino| bits[(ino - 1) as usize / 8] |= 1 << ((ino - 1) % 8));
            out.extend(bits);
        }
        for inode in &self.inodes {
            let is_hole = |data: &[u8]| inode.sparse && data.iter().all(|&byte| byte == 0);
            let mut blocks = inode.data.chunks(BLOCK).chain(inode.attributes.chunks(BLOCK)).peekable();
            let mut kind = 2;
            loop {
                let part: Vec<&[u8]> = blocks.by_ref().take(512).collect();
                self.header(&mut out, kind, inode.ino, |block| {
                    put(block, "c_mode", inode.mode.into());
                    put(block, "c_size", inode.data.len() as u64);
                    put(block, "c_extsize", inode.attributes.len() as u64);
                    put(block, "c_rdev", inode.rdev.into());
                    put(block, "c_mtime", inode.mtime.cast_unsigned());
                    put(block, "c_count", part.len() as u64);
                    for (entry, data) in block[C_ADDR..].iter_mut().zip(&part) {
                        *entry = u8::from(!is_hole(data));
                    }
                });
                for data in part.into_iter().filter(|data| !is_hole(data)) {
                    let at = out.len();
                    out.extend_from_slice(data);
                    out.resize(at + BLOCK, 0);
                }
                kind = 4;
                if blocks.peek().is_none() {
                    break;
                }
            }
        }
        self.header(&mut out, 5, last, |_| ());
        while !out.len().is_multiple_of(10 * BLOCK) {
            self.header(&mut out, 5, last, |_| ());
        }
        out
    }

    fn header(&self, out: &mut Vec<u8>, kind: u64, ino: u32, fill: impl FnOnce(&mut [u8])) {
        let tapea = (out.len() / BLOCK) as u64;
        let mut block = vec![0; BLOCK];
        change(&mut block, |block| {
            for (name, value) in [
                ("c_type", kind),
                ("c_inumber", ino.into()),
                ("c_magic", MAGIC.into()),
                ("c_volume", 1),
                ("c_level", self.level.into()),
                ("c_date", self.date.cast_unsigned()),
                ("c_ddate", self.ddate.cast_unsigned()),
                ("c_tapea", tapea),
            ] {
                put(block, name, value);
            }
            let (at, _) = field("c_host");
            block[at..at + 4].copy_from_slice(b"test");
            fill(block);
        });
        out.extend(block);
    }
}

impl Default for Stream {
    fn default() -> Stream {
        Stream::new()
    }
}

fn put(block: &mut [u8], name: &str, value: u64) {
    let (at, length) = field(name);
    block[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
}
