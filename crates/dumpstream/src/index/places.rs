// SPDX-License-Identifier: BSD-2-Clause
//! The positions of the headers of all inodes, 12 bytes each, the digests of their contents, 32 bytes each, and a few bytes for each volume
//! and each compressed frame.
//!
//! Places are counted in tape blocks of the whole dump without the headers of volumes, so that a file's tape blocks are the way to
//! the next header, on whichever volume that is.

use crate::{Digest, TP_BSIZE};
use ufs::Ino;

/// A `TS_INODE`.
#[derive(Clone, Copy, Debug)]
struct Inode {
    ino: Ino,
    /// Tape blocks before it, in two halves: together with the inode's number they take 12 bytes.
    before: [u32; 2],
}

impl Inode {
    fn before(&self) -> u64 {
        u64::from(self.before[0]) << 32 | u64::from(self.before[1])
    }
}

/// A compressed frame.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Tape blocks before it.
    before: u64,
    /// Bytes before it in the volume's file, and in the volume's uncompressed stream.
    offsets: (u64, u64),
}

/// The places of all headers so far.
#[derive(Debug, Default)]
pub struct Places {
    /// In the order of the dump: directories by their numbers, then all others by theirs.
    inodes: Vec<Inode>,
    /// Of the contents of the first inodes, in the same order.
    digests: Vec<Digest>,
    /// The first inode whose number is not above that of the one before.
    descent: Option<usize>,
    /// Tape blocks before each volume.
    volumes: Vec<u64>,
    frames: Vec<Frame>,
    blocks: u64,
    /// Tape blocks before the first `TS_END`.
    end: Option<u64>,
}

/// How far places had got.
#[derive(Clone, Copy, Debug)]
pub struct PlacesMark {
    inodes: usize,
    digests: usize,
    volumes: usize,
    frames: usize,
    blocks: u64,
}

/// The place of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderPlace {
    /// The number of the volume, from 1.
    pub volume: u32,
    /// Bytes before it in the volume's uncompressed stream.
    pub offset: u64,
    /// Of its compressed frame: bytes of the file before it, and of the uncompressed stream.
    pub frame: Option<(u64, u64)>,
    /// Tape blocks from the header to the next one.
    pub blocks: u64,
    /// Of the content.
    pub digest: Option<Digest>,
}

impl Places {
    /// Room for so many inodes, so that it need not be made anew as they come.
    pub fn with_room(inodes: usize) -> Places {
        let digests = Vec::with_capacity(inodes);
        Places { inodes: Vec::with_capacity(inodes), digests, ..Places::default() }
    }

    /// The next volume begins, with its header.
    pub fn begin_volume(&mut self) {
        self.volumes.push(self.blocks);
    }

    /// A compressed frame begins, behind so many bytes of the volume's file, and of its uncompressed stream.
    pub fn begin_frame(&mut self, file: u64, stream: u64) {
        self.frames.push(Frame { before: self.blocks, offsets: (file, stream) });
    }

    /// The `TS_INODE` of an inode.
    pub fn inode(&mut self, ino: Ino) {
        if self.inodes.last().is_some_and(|last| ino <= last.ino) {
            self.descent.get_or_insert(self.inodes.len());
        }
        let before = [(self.blocks >> 32) as u32, self.blocks as u32];
        self.inodes.push(Inode { ino, before });
        self.blocks += 1;
    }

    /// The digest of the inode that began last.
    pub fn digest(&mut self, digest: Digest) {
        self.digests.push(digest);
    }

    /// A `TS_END`.
    pub fn end(&mut self) {
        self.end.get_or_insert(self.blocks);
        self.blocks += 1;
    }

    /// So many other tape blocks, headers of volumes left out.
    pub fn blocks(&mut self, count: u32) {
        self.blocks += u64::from(count);
    }

    /// How far it has got.
    pub fn mark(&self) -> PlacesMark {
        let (inodes, volumes, frames) = (self.inodes.len(), self.volumes.len(), self.frames.len());
        PlacesMark { inodes, digests: self.digests.len(), volumes, frames, blocks: self.blocks }
    }

    /// Forgets what came after a mark.
    pub fn go_back(&mut self, mark: &PlacesMark) {
        self.inodes.truncate(mark.inodes);
        self.digests.truncate(mark.digests);
        self.volumes.truncate(mark.volumes);
        self.frames.truncate(mark.frames);
        self.blocks = mark.blocks;
        self.descent = self.descent.filter(|&at| at < mark.inodes);
        self.end = self.end.filter(|&at| at < mark.blocks);
    }

    /// How many inodes there are.
    pub fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inodes.is_empty()
    }

    /// The number, from 0 in the order of the dump, of an inode.
    pub fn find(&self, ino: Ino) -> Option<usize> {
        let (first, second) = self.inodes.split_at(self.descent.unwrap_or(self.inodes.len()));
        let search = |part: &[Inode]| part.binary_search_by_key(&ino, |inode| inode.ino).ok();
        search(first).or_else(|| search(second).map(|at| first.len() + at))
    }

    /// The inode of that number.
    pub fn ino(&self, number: usize) -> Ino {
        self.inodes.get(number).map_or(Ino(0), |inode| inode.ino)
    }

    /// The place of the header of the inode of that number.
    pub fn place(&self, number: usize) -> Option<HeaderPlace> {
        let before = self.inodes.get(number)?.before();
        let next = self.inodes.get(number + 1).map(Inode::before);
        let next = next.or(self.end).unwrap_or(self.blocks);
        let volume = self.volumes.partition_point(|&first| first <= before);
        let first = self.volumes.get(volume.checked_sub(1)?)?;
        let frame = self.frames.partition_point(|frame| frame.before <= before).checked_sub(1);
        Some(HeaderPlace {
            volume: u32::try_from(volume).ok()?,
            // The header of the volume is before it, too.
            offset: (before - first + 1) * TP_BSIZE as u64,
            frame: frame.map(|frame| self.frames[frame].offsets),
            blocks: next.saturating_sub(before),
            digest: self.digests.get(number).copied(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_takes_12_bytes() {
        assert_eq!(size_of::<Inode>(), 12);
        let high = Inode { ino: Ino(1), before: [3, 5] };
        assert_eq!(high.before(), 3 << 32 | 5);
    }

    #[test]
    fn files_go_over_from_volume_to_volume() {
        let mut places = Places::default();
        places.begin_volume();
        places.blocks(5);
        places.inode(Ino(2));
        places.blocks(1);
        places.inode(Ino(9));
        places.inode(Ino(4));
        places.blocks(10);
        let mark = places.mark();
        // A volume that is written twice.
        for ino in [5, 6] {
            places.go_back(&mark);
            places.begin_volume();
            places.blocks(20);
            places.inode(Ino(ino));
            places.end();
            places.end();
        }
        let place = |ino| {
            let place = places.place(places.find(Ino(ino))?)?;
            Some((place.volume, place.offset / 1024, place.blocks))
        };
        assert_eq!(place(2), Some((1, 6, 2)));
        assert_eq!(place(9), Some((1, 8, 1)));
        assert_eq!(place(4), Some((1, 9, 31)));
        assert_eq!(place(5), None);
        assert_eq!(place(6), Some((2, 21, 1)));
        assert_eq!((places.len(), places.ino(1)), (4, Ino(9)));
    }

    #[test]
    fn frames_are_those_that_headers_begin_in() {
        let mut places = Places::default();
        places.begin_volume();
        places.begin_frame(0, 0);
        places.inode(Ino(2));
        places.blocks(8);
        places.begin_frame(700, 10 << 10);
        places.blocks(3);
        places.inode(Ino(3));
        places.begin_volume();
        places.begin_frame(0, 0);
        places.inode(Ino(5));
        let frames: Vec<_> = (0..3).map(|n| places.place(n).unwrap()).collect();
        assert_eq!(frames[0].frame, Some((0, 0)));
        assert_eq!((frames[1].frame, frames[1].offset), (Some((700, 10 << 10)), 13 << 10));
        assert_eq!((frames[2].volume, frames[2].frame, frames[2].offset), (2, Some((0, 0)), 1 << 10));
    }
}
