// SPDX-License-Identifier: BSD-2-Clause
//! Maps a file to its disk blocks and holes.

use super::dinode::Dinode;
use super::error::Error;
use super::fields::index;
use super::filesystem::FileSystem;
use super::read::{ReadAt, ReadError};
use super::superblock::Superblock;
use super::{NDADDR, NIADDR};
use crate::{FileBlock, FileSize, FragAddr, Ino};
use std::rc::Rc;

/// Consecutive blocks of a file whose addresses are together in the inode or in an indirect block, or that are all holes.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The first of them.
    pub first: FileBlock,
    /// How many, at least 1.
    pub count: u64,
    /// Bytes of the file in them.
    pub bytes: u64,
    /// Why they are taken for holes: [`Error::BadBlock`] or [`Error::TooManyBlocks`].
    pub fault: Option<Error>,
    place: Place,
}

/// Where a segment's addresses are.
#[derive(Clone, Debug)]
enum Place {
    Inode([u64; NDADDR]),
    Indirect(Rc<[u64]>),
    Holes,
}

impl Segment {
    /// The fragment address of each block, not checked, 0 for a hole; empty if all are holes without addresses.
    pub fn addresses(&self) -> &[u64] {
        let addresses = match &self.place {
            Place::Inode(addresses) => addresses,
            Place::Indirect(addresses) => &**addresses,
            Place::Holes => return &[],
        };
        addresses.get(..usize::try_from(self.count).unwrap_or(usize::MAX)).unwrap_or(addresses)
    }

    /// The address of block `which` of the segment, not checked, 0 for a hole.
    pub fn address(&self, which: u64) -> u64 {
        let addresses = self.addresses();
        usize::try_from(which).ok().and_then(|which| addresses.get(which)).copied().unwrap_or(0)
    }
}

/// Walks over a file's blocks in order: a small value, whose clone goes on from the same place.
///
/// It ends whatever the disk says: what is left of a file when more blocks than the file system has were found is one segment of
/// holes, as its blocks may go round in circles.
#[derive(Clone, Debug)]
pub struct BlockMap {
    ino: Ino,
    size: FileSize,
    db: [u64; NDADDR],
    ib: [u64; NIADDR],
    /// The first block of the next segment.
    next: u64,
    /// By level, the indirect block that the next block is under: 0 single, 1 double, 2 triple.
    path: [Option<Rc<[u64]>>; NIADDR],
    /// Blocks of data found in indirect blocks.
    found: u64,
    /// Indirect blocks read.
    read: u64,
}

impl BlockMap {
    /// The map of `dinode`, which is a regular file, a directory or a long symbolic link of `size` bytes.
    pub fn new(dinode: &Dinode, size: FileSize) -> BlockMap {
        let path = [const { None }; NIADDR];
        let &Dinode { ino, db, ib, .. } = dinode;
        BlockMap { ino, size, db, ib, next: 0, path, found: 0, read: 0 }
    }

    /// Whether there are no more segments.
    pub fn is_at_end(&self, superblock: &Superblock) -> bool {
        self.left(superblock) == 0
    }

    /// Blocks that no segment has had.
    fn left(&self, sb: &Superblock) -> u64 {
        sb.file_blocks(self.size).saturating_sub(self.next)
    }

    /// The next segment.
    ///
    /// Errors: an indirect block cannot be read.
    pub fn next<R: ReadAt>(&mut self, fs: &FileSystem<R>) -> Result<Option<Segment>, ReadError> {
        let sb = fs.superblock();
        let (block, left) = (FileBlock(self.next), self.left(sb));
        if left == 0 {
            return Ok(None);
        }
        let direct = u64::try_from(NDADDR).unwrap_or(0);
        if self.next < direct {
            return Ok(Some(self.segment(sb, direct, Place::Inode(self.db))));
        }
        if self.found.max(self.read) > sb.size.0.checked_div(sb.frag.into()).unwrap_or(0) {
            let fault = Error::TooManyBlocks { ino: self.ino, block, count: left };
            return Ok(Some(self.lost(sb, left, fault)));
        }
        let Some((mut level, mut rest)) = self.tree(sb) else { return Ok(None) };
        let mut addr = self.ib.get(index(level)).copied().unwrap_or(0);
        loop {
            let span = sb.entry_span(level.saturating_add(1)).get();
            // An indirect block is read for its first block, and kept until the last one.
            if rest == 0 {
                if addr == 0 {
                    return Ok(Some(self.segment(sb, span, Place::Holes)));
                }
                match fs.indirect(FragAddr(addr)) {
                    Ok(entries) => self.keep(level, entries),
                    Err(Error::Read(error)) => return Err(error),
                    Err(_) => {
                        let level = u8::try_from(level).unwrap_or(u8::MAX).saturating_add(1);
                        let (ino, count, size) = (self.ino, span.min(left), sb.size.0);
                        let fault = Error::BadBlock { ino, level, block, count, addr, size };
                        return Ok(Some(self.lost(sb, span, fault)));
                    }
                }
            }
            let Some(entries) = self.path.get(index(level)).and_then(Option::as_ref) else { return Ok(None) };
            let Some(lower) = level.checked_sub(1) else {
                let entries = Rc::clone(entries);
                let data = entries.iter().filter(|&&addr| addr != 0).count();
                self.found = self.found.saturating_add(u64::try_from(data).unwrap_or(u64::MAX));
                return Ok(Some(self.segment(sb, span, Place::Indirect(entries))));
            };
            let each = sb.entry_span(level);
            let entries = entries.get(usize::try_from(rest / each).unwrap_or(usize::MAX)..).unwrap_or(&[]);
            let holes = entries.iter().take_while(|&&entry| entry == 0).count();
            if holes > 0 {
                let holes = u64::try_from(holes).unwrap_or(u64::MAX).saturating_mul(each.get());
                return Ok(Some(self.segment(sb, holes, Place::Holes)));
            }
            (level, rest, addr) = (lower, rest % each, entries.first().copied().unwrap_or(0));
        }
    }

    /// The level of the indirect block in the inode under which the next block is (0: single), and
    /// how many blocks under it come before.
    fn tree(&self, sb: &Superblock) -> Option<(u32, u64)> {
        let mut rest = self.next.checked_sub(u64::try_from(NDADDR).ok()?)?;
        for level in 0u32..3 {
            let span = sb.entry_span(level.saturating_add(1)).get();
            if rest < span {
                return Some((level, rest));
            }
            rest = rest.saturating_sub(span);
        }
        None
    }

    fn keep(&mut self, level: u32, entries: Rc<[u64]>) {
        self.read = self.read.saturating_add(1);
        if let Some(slot) = self.path.get_mut(index(level)) {
            *slot = Some(entries);
        }
    }

    /// Goes past the next `count` blocks, as far as the file has them.
    fn segment(&mut self, sb: &Superblock, count: u64, place: Place) -> Segment {
        let (first, bsize) = (FileBlock(self.next), u64::from(sb.bsize));
        let count = count.min(self.left(sb));
        let left = self.size.bytes().saturating_sub(self.next.saturating_mul(bsize));
        self.next = self.next.saturating_add(count);
        Segment { first, count, bytes: left.min(count.saturating_mul(bsize)), fault: None, place }
    }

    fn lost(&mut self, sb: &Superblock, count: u64, fault: Error) -> Segment {
        Segment { fault: Some(fault), ..self.segment(sb, count, Place::Holes) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, SIZE, Sample, segments};
    use super::super::{ByteOrder, Version};
    use super::*;
    use crate::ByteOffset;
    use std::cell::RefCell;

    const BLOCK: u64 = 4096;

    /// First block, how many, the addresses that are not 0 by block, and the fault.
    type Seen = (u64, u64, Vec<(u64, u64)>, Option<Error>);

    fn seen(segment: &Segment) -> Seen {
        let Segment { first, count, fault, .. } = segment.clone();
        let addresses = (first.0..).zip(segment.addresses().iter().copied()).filter(|&(_, addr)| addr != 0);
        (first.0, count, addresses.collect(), fault)
    }

    /// What is seen of inode 3.
    fn walk(sample: &Sample) -> Vec<Seen> {
        segments(&sample.open(), 3, 100_000).iter().map(seen).collect()
    }

    fn hole(first: u64, count: u64) -> Seen {
        (first, count, vec![], None)
    }

    #[test]
    fn direct_blocks_are_one_segment_until_the_size() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            sample.file(3, BLOCK * 6 + 1, &[100, 104, 0, 0, 108, 200, 499, 7], [9, 9, 9]);
            let found = segments(&sample.open(), 3, 99);
            let [segment] = &found[..] else { panic!("{found:?}") };
            assert_eq!((segment.first, segment.count, segment.bytes), (FileBlock(0), 7, BLOCK * 6 + 1));
            assert_eq!(segment.addresses(), [100, 104, 0, 0, 108, 200, 499]);
            assert_eq!((segment.address(1), segment.address(6), segment.address(7)), (104, 499, 0));
            sample.file(4, 0, &[100], [0; 3]);
            assert!(segments(&sample.open(), 4, 99).is_empty());
        }
    }

    #[test]
    fn all_levels_are_walked_and_holes_are_cheap() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let n = sample.nindir();
            let end = 12 + n + n * n + n * n * n;
            // Single: its last entry only. Double: entry 2, there entry 1. Triple: last of last of last.
            sample.file(3, end * BLOCK, &[0; 12], [100, 104, 108]);
            let last = n as usize - 1;
            sample.entry(100, last, 300);
            sample.entry(104, 2, 112);
            sample.entry(112, 1, 304);
            sample.entry(108, last, 116);
            sample.entry(116, last, 120);
            sample.entry(120, last, 308);
            sample.entry(120, last - 1, 304);
            let (double, triple) = (12 + n, 12 + n + n * n);
            let expected = [
                hole(0, 12),
                (12, n, vec![(11 + n, 300)], None),
                hole(double, 2 * n),
                (double + 2 * n, n, vec![(double + 2 * n + 1, 304)], None),
                hole(double + 3 * n, n * n - 3 * n),
                hole(triple, (n - 1) * n * n),
                hole(end - n * n, n * n - n),
                (end - n, n, vec![(end - 2, 304), (end - 1, 308)], None),
            ];
            assert_eq!(walk(&sample), expected);
        }
    }

    #[test]
    fn a_zero_indirect_address_is_a_hole_up_to_the_size() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        sample.file(3, (12 + 512 + 700) * BLOCK - 1, &[0; 12], [0, 0, 0]);
        assert_eq!(walk(&sample), [hole(0, 12), hole(12, 512), hole(524, 700)]);
        let last = segments(&sample.open(), 3, 9).pop().unwrap();
        assert_eq!((last.bytes, last.addresses()), (700 * BLOCK - 1, &[][..]));
    }

    #[test]
    fn bad_addresses_are_named_and_taken_for_holes() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let n = sample.nindir();
            let bad = if version == Version::Ufs1 { 0xffff_ffff } else { u64::MAX };
            sample.file(3, (12 + n + n + 1) * BLOCK, &[0; 12], [bad, 108, 0]);
            sample.entry(108, 0, SIZE);
            sample.entry(108, 1, 112);
            sample.entry(112, 0, 116);
            let wrong = |level, block, addr| {
                let (ino, first) = (Ino(3), FileBlock(block));
                let error = Error::BadBlock { ino, level, block: first, count: n, addr, size: SIZE };
                (block, n, vec![], Some(error))
            };
            let found = walk(&sample);
            let (double, last) = (12 + n, 12 + 2 * n);
            let expected =
                [hole(0, 12), wrong(1, 12, bad), wrong(1, double, SIZE), (last, 1, vec![(last, 116)], None)];
            assert_eq!(found, expected);
            assert_eq!(
                found[2].3.as_ref().unwrap().to_string(),
                format!(
                    "inode 3: single indirect address 500 of file blocks {double} to {} is outside the \
                     file system of 500 fragments",
                    last - 1
                )
            );
        }
    }

    #[test]
    fn blocks_that_are_used_again_and_again_come_to_an_end() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let n = sample.nindir();
            let end = 12 + n + n * n + n * n * n;
            sample.file(3, end * BLOCK, &[100; 12], [100, 100, 100]);
            for which in 0..n as usize {
                sample.entry(100, which, 100); // to itself
                sample.entry(104, which, 108); // to an empty one
            }
            let too_many = |block, count| {
                let (ino, first) = (Ino(3), FileBlock(block));
                (block, count, vec![], Some(Error::TooManyBlocks { ino, block: first, count }))
            };
            let found = walk(&sample);
            assert_eq!(found[2..], [too_many(12 + n, end - 12 - n)]);
            sample.file(3, end * BLOCK, &[100; 12], [0, 104, 0]);
            let found = walk(&sample);
            let block = 12 + n + (SIZE / 4) * n; // one is read, and this many under it
            assert_eq!(found.last(), Some(&too_many(block, end - block)));
        }
    }

    /// Notes where it is read.
    struct Noted<'a>(&'a [u8], &'a RefCell<Vec<u64>>);

    impl ReadAt for Noted<'_> {
        fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
            self.1.borrow_mut().push(offset.0 / 1024);
            self.0.read_at(offset, buf)
        }
    }

    #[test]
    fn indirect_blocks_are_read_once_and_a_clone_goes_on() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        sample.file(3, (12 + 512 + 512 + 20) * BLOCK, &[0; 12], [100, 104, 0]);
        sample.entry(104, 0, 108);
        sample.entry(104, 1, 112);
        let reads = RefCell::default();
        let (fs, _) = FileSystem::open(Noted(&sample.bytes, &reads)).unwrap();
        let inode = fs.inode(Ino(3)).unwrap();
        let mut map = BlockMap::new(&inode, inode.size(fs.superblock()).unwrap());
        reads.borrow_mut().clear();
        for expected in [&[][..], &[100], &[100, 104, 108]] {
            assert!(map.next(&fs).unwrap().is_some() && !map.is_at_end(fs.superblock()));
            assert_eq!(*reads.borrow(), expected);
        }
        let mut clone = map.clone();
        for map in [&mut map, &mut clone] {
            reads.borrow_mut().clear();
            assert_eq!(map.next(&fs).unwrap().as_ref().map(seen), Some(hole(12 + 1024, 20)));
            assert_eq!(*reads.borrow(), [112]);
            assert!(map.is_at_end(fs.superblock()) && map.next(&fs).unwrap().is_none());
        }
    }
}
