// SPDX-License-Identifier: BSD-2-Clause
//! The digest of a file's content, as an index has it: made of what is in the dump.
//!
//! It is the BLAKE3 of the content, as b3sum(1) prints it, unless the file has holes or extended attributes. Of a file that has it is the
//! BLAKE3 of four things one after the other: the BLAKE3 of its data, holes left out; the BLAKE3 of all entries of `c_addr` that are in use,
//! in order, 0 or 1 each; its size, 8 bytes, little-endian; and the BLAKE3 of its extended attributes. So the digest of a hole of any size
//! costs no more than its headers.

use std::collections::VecDeque;

use blake3::Hasher;

use crate::{Block, Header, TP_BSIZE};

/// Bytes that single tape blocks are collected to: fewer do not use all of the processor. What is longer is not copied.
const AT_ONCE: usize = 64 << 10;

/// A digest: 32 bytes.
pub type Digest = [u8; 32];

/// The content of one file, from its `TS_INODE` on.
#[derive(Clone, Debug)]
pub struct Content {
    size: u64,
    /// Bytes of extended attributes, and what is to come of them.
    extsize: u64,
    attributes_left: u64,
    /// Tape blocks announced so far, holes included.
    announced: u64,
    /// Tape blocks of data to come: the number in the file of the first, and how many follow each other.
    runs: VecDeque<(u64, u64)>,
    /// The digest of all data, if it came at once.
    whole: Option<Digest>,
    /// A hasher takes 2 KB, and most files need none.
    data: Option<Box<Hasher>>,
    /// What is not hashed yet of it.
    waiting: Vec<u8>,
    /// Only of a file with holes.
    map: Option<Box<Entries>>,
    attributes: Option<Box<Hasher>>,
}

impl Content {
    /// The file that a `TS_INODE` begins.
    pub fn new(header: &Header) -> Content {
        let mut content = Content {
            size: header.inode.size,
            extsize: header.inode.extsize.into(),
            attributes_left: header.inode.extsize.into(),
            announced: 0,
            runs: VecDeque::new(),
            whole: None,
            data: None,
            waiting: Vec::new(),
            map: None,
            attributes: None,
        };
        content.announce(header);
        content
    }

    /// A header of the file: the first, or a `TS_ADDR`.
    pub fn announce(&mut self, header: &Header) {
        // What did not come is missing.
        self.runs.clear();
        for run in header.runs() {
            let blocks = u64::from(run.blocks);
            if !run.is_data && self.map.is_none() {
                self.map = Some(Entries::without_holes(self.announced));
            }
            match self.runs.back_mut() {
                _ if !run.is_data => {}
                Some((first, count)) if *first + *count == self.announced => *count += blocks,
                _ => self.runs.push_back((self.announced, blocks)),
            }
            if let Some(map) = &mut self.map {
                map.add(blocks, run.is_data);
            }
            self.announced += blocks;
        }
    }

    /// Tape blocks that come next, of data and then of extended attributes.
    pub fn blocks(&mut self, mut blocks: &[Block]) {
        while let Some((first, count)) = self.runs.front_mut().filter(|_| !blocks.is_empty()) {
            let mut now = usize::try_from(*count).unwrap_or(usize::MAX).min(blocks.len());
            // Attributes begin at a tape block of their own.
            let data = self.size.div_ceil(TP_BSIZE as u64).saturating_sub(*first);
            if data > 0 {
                now = now.min(usize::try_from(data).unwrap_or(usize::MAX));
            }
            let (these, rest) = blocks.split_at(now);
            let left = self.size.saturating_sub(*first * TP_BSIZE as u64);
            (*first, *count) = (*first + now as u64, *count - now as u64);
            if *count == 0 {
                self.runs.pop_front();
            }
            let bytes = these.as_flattened();
            let at_most = |left: u64| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match data {
                0 => {
                    let attributes = &bytes[..at_most(self.attributes_left)];
                    self.attributes_left -= attributes.len() as u64;
                    self.attributes.get_or_insert_default().update(attributes);
                }
                _ => self.update(&bytes[..at_most(left)], left),
            }
            blocks = rest;
        }
    }

    /// Data, of which `left` bytes come from here on, holes included.
    fn update(&mut self, bytes: &[u8], left: u64) {
        if self.size == left && bytes.len() as u64 == left {
            self.whole = Some(blake3::hash(bytes).into());
        } else if self.waiting.is_empty() && bytes.len() > TP_BSIZE {
            self.data.get_or_insert_default().update(bytes);
        } else {
            self.waiting.extend_from_slice(bytes);
            if self.waiting.len() >= AT_ONCE {
                self.data.get_or_insert_default().update(&self.waiting);
                self.waiting.clear();
            }
        }
    }

    /// The digest, at the end of the file.
    pub fn digest(mut self) -> Digest {
        let data = match (self.whole, &mut self.data) {
            (Some(whole), _) => whole,
            (None, Some(data)) => data.update(&self.waiting).finalize().into(),
            (None, None) => blake3::hash(&self.waiting).into(),
        };
        if self.map.is_none() && self.extsize == 0 {
            return data;
        }
        let map = self.map.unwrap_or_else(|| Entries::without_holes(self.announced));
        let attributes = self.attributes.unwrap_or_default();
        let mut all = Hasher::new();
        all.update(&data).update(&map.digest()).update(&self.size.to_le_bytes());
        all.update(attributes.finalize().as_bytes());
        all.finalize().into()
    }
}

/// The entries of `c_addr` that are in use.
#[derive(Clone, Debug, Default)]
struct Entries {
    hasher: Hasher,
    /// What is not hashed yet.
    waiting: Vec<u8>,
}

impl Entries {
    /// Those of so many tape blocks of data.
    fn without_holes(blocks: u64) -> Box<Entries> {
        let mut entries = Box::<Entries>::default();
        entries.add(blocks, true);
        entries
    }

    /// So many that are the same.
    fn add(&mut self, mut count: u64, is_data: bool) {
        while count > 0 {
            let now = (AT_ONCE - self.waiting.len()).min(usize::try_from(count).unwrap_or(usize::MAX));
            self.waiting.resize(self.waiting.len() + now, u8::from(is_data));
            count -= now as u64;
            if self.waiting.len() == AT_ONCE {
                self.hasher.update(&self.waiting);
                self.waiting.clear();
            }
        }
    }

    fn digest(mut self) -> Digest {
        self.hasher.update(&self.waiting).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordType;
    use ufs::Ino;

    fn header(size: u64, addr: &[u8]) -> Header {
        let mut header = Header::new(RecordType::Inode, Ino(5));
        header.inode.size = size;
        header.addr[..addr.len()].copy_from_slice(addr);
        header.count = addr.len() as u32;
        header
    }

    fn blocks(count: usize) -> Vec<Block> {
        (0..count).map(|n| [n as u8 + 1; TP_BSIZE]).collect()
    }

    #[test]
    fn without_holes_it_is_the_contents() {
        for (size, count) in [(0_u64, 0), (1, 1), (1024, 1), (100_000, 98), (200_000, 196)] {
            let all = blocks(count + 1);
            for parts in [1, 7, 70, 1000] {
                let mut content = Content::new(&header(size, &vec![1; count]));
                // The last one is an attribute's.
                all.chunks(parts).for_each(|part| content.blocks(part));
                let bytes = &all.as_flattened()[..size as usize];
                assert_eq!(content.digest(), *blake3::hash(bytes).as_bytes(), "{size} in {parts}");
            }
        }
    }

    #[test]
    fn the_map_of_a_large_hole() {
        let mut content = Content::new(&header(u64::MAX, &[0; 512]));
        let mut map = vec![0; 512];
        for n in 0..300_usize {
            let addr = vec![u8::from(n.is_multiple_of(7)); 1 + n];
            content.announce(&header(u64::MAX, &addr));
            map.extend(addr);
        }
        let mut all = Hasher::new();
        all.update(Hasher::new().finalize().as_bytes()).update(blake3::hash(&map).as_bytes());
        all.update(&u64::MAX.to_le_bytes()).update(Hasher::new().finalize().as_bytes());
        assert_eq!(content.digest(), *all.finalize().as_bytes());
    }

    #[test]
    fn attributes_count() {
        let digest = |extsize: u32, attribute: u8| {
            let mut header = header(1500, &[1, 1, 1]);
            header.inode.extsize = extsize;
            let mut content = Content::new(&header);
            content.blocks(&[[1; TP_BSIZE], [2; TP_BSIZE], [attribute; TP_BSIZE]]);
            content.digest()
        };
        assert_ne!(digest(100, 1), digest(100, 2));
        assert_ne!(digest(100, 1), digest(101, 1));
        assert_eq!(digest(0, 1), digest(0, 2));
    }

    #[test]
    fn a_hole_is_not_zeros_and_has_a_place() {
        let digest = |addr: &[u8], second: &[u8]| {
            let mut content = Content::new(&header(6000, addr));
            let data = blocks(6);
            let first = addr.iter().filter(|&&entry| entry == 1).count();
            content.blocks(&data[..first]);
            content.announce(&header(6000, second));
            content.blocks(&data[first..]);
            content.digest()
        };
        // As the head of this file says.
        let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
        let data = hash(&blocks(5).as_flattened()[..4 * TP_BSIZE + 880]);
        let parts = [data, hash(&[1, 1, 1, 1, 0, 1])].concat();
        let parts = [parts, 6000_u64.to_le_bytes().to_vec(), hash(&[]).to_vec()].concat();
        assert_eq!(digest(&[1, 1, 1], &[1, 0, 1]), hash(&parts));
        let all = [
            digest(&[1, 0, 1], &[1, 1, 1]),
            digest(&[0, 1, 1], &[1, 1, 1]),
            digest(&[1, 1, 1], &[1, 1, 0]),
            digest(&[1, 1, 1], &[1, 1, 1]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
        assert_eq!(digest(&[1, 0, 1], &[1, 1, 1]), all[0]);
    }
}
