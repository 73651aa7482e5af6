// SPDX-License-Identifier: BSD-2-Clause
//! Maps a file to its disk blocks and holes.

use super::dinode::Dinode;
use super::error::Error;
use super::fields::index;
use super::filesystem::FileSystem;
use super::read::ReadAt;
use super::superblock::Superblock;
use super::{NDADDR, NIADDR};
use crate::{FileBlock, FileSize, FragAddr, Ino};
use std::rc::Rc;

/// A stretch of a file's blocks: all of them holes, or one after the other on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them.
    pub first: FileBlock,
    /// How many, at least 1. The file's last block may be shorter: [`Superblock::block_size`].
    pub count: u64,
    /// Where the first is; `None`: they are holes. All of the run is inside the file system.
    pub addr: Option<FragAddr>,
}

/// Walks over a file's blocks in order: a small value, whose clone goes on from the same place.
///
/// Two runs in a row may both be holes. The indirect blocks on the way to the next block are kept, so
/// that none is read twice in a row. [`Error::BadBlock`] and [`Error::TooManyBlocks`] report which range of
/// the file cannot be found; the walk has then gone past it and can go on as if it were a hole.
/// It ends whatever the disk says: a file that has more blocks than the file system is cut off.
#[derive(Clone, Debug)]
pub struct BlockMap {
    ino: Ino,
    size: FileSize,
    /// Blocks in the file.
    blocks: u64,
    /// The next block to map.
    next: u64,
    /// Fragments given out or read as indirect blocks since the start or the last seek.
    taken: u64,
    db: [u64; NDADDR],
    ib: [u64; NIADDR],
    /// By level, the indirect block in use: its address and entries.
    path: [Option<(u64, Rc<[u64]>)>; NIADDR],
}

/// A range found by [`BlockMap::locate`], not longer than requested.
struct Found {
    count: u64,
    addr: Option<FragAddr>,
}

impl BlockMap {
    /// The map of `dinode`, which is a regular file, a directory or a long symbolic link of `size` bytes.
    pub fn new(superblock: &Superblock, dinode: &Dinode, size: FileSize) -> BlockMap {
        BlockMap {
            ino: dinode.ino,
            size,
            blocks: superblock.file_blocks(size),
            next: 0,
            taken: 0,
            db: dinode.db,
            ib: dinode.ib,
            path: [const { None }; NIADDR],
        }
    }

    /// The block that the next run begins with; past the last one at the end.
    pub fn position(&self) -> FileBlock {
        FileBlock(self.next)
    }

    /// Blocks in the file.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Goes on from `block`; past the end there are no more runs.
    pub fn seek(&mut self, block: FileBlock) {
        self.next = block.0;
        self.taken = 0;
    }

    /// The next run, as long as it can be.
    ///
    /// Errors: [`Error::BadBlock`], [`Error::TooManyBlocks`] (see above); [`Error::Read`].
    pub fn next<R: ReadAt>(&mut self, fs: &FileSystem<R>) -> Result<Option<Run>, Error> {
        self.next_up_to(fs, u64::MAX)
    }

    /// The next run, of at most `most` blocks (at least 1 is taken).
    ///
    /// Errors: as [`Self::next`].
    pub fn next_up_to<R: ReadAt>(&mut self, fs: &FileSystem<R>, most: u64) -> Result<Option<Run>, Error> {
        let left = self.blocks.saturating_sub(self.next);
        if left == 0 {
            return Ok(None);
        }
        let first = FileBlock(self.next);
        match self.locate(fs, left.min(most.max(1))) {
            Ok(Found { count, addr }) => {
                self.next = self.next.saturating_add(count);
                Ok(Some(Run { first, count, addr }))
            }
            Err(error) => {
                if let Error::BadBlock { count, .. } | Error::TooManyBlocks { count, .. } = &error {
                    self.next = self.next.saturating_add(*count);
                }
                Err(error)
            }
        }
    }

    /// Finds up to `room` blocks from the next one on.
    fn locate<R: ReadAt>(&mut self, fs: &FileSystem<R>, room: u64) -> Result<Found, Error> {
        let sb = fs.superblock();
        let next = usize::try_from(self.next).unwrap_or(usize::MAX);
        let direct = self.db;
        if let Some(addresses) = direct.get(next..).filter(|rest| !rest.is_empty()) {
            return self.run_of(sb, addresses, room);
        }
        let Some((mut level, mut rest)) = self.tree(sb) else {
            return Err(self.nowhere()); // `new` has refused such a size
        };
        let mut addr = self.ib.get(index(level)).copied().unwrap_or(0);
        if addr == 0 {
            let span = sb.entry_span(level.saturating_add(1)).get();
            return Ok(Found { count: span.saturating_sub(rest).min(room), addr: None });
        }
        loop {
            let entries = self.indirect(fs, level, addr, rest)?;
            let span = sb.entry_span(level);
            let which = usize::try_from(rest / span).unwrap_or(usize::MAX);
            rest %= span;
            let entries = entries.get(which..).unwrap_or(&[]);
            if level == 0 {
                return self.run_of(sb, entries, room);
            }
            let holes = entries.iter().take_while(|&&entry| entry == 0).count();
            let holes = u64::try_from(holes).unwrap_or(0);
            if holes > 0 {
                let count = holes.saturating_mul(span.get()).saturating_sub(rest);
                return Ok(Found { count: count.min(room), addr: None });
            }
            addr = entries.first().copied().unwrap_or(0);
            level = level.saturating_sub(1);
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

    /// The entries of the indirect block at `addr`, of which `rest` blocks are already behind.
    fn indirect<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        level: u32,
        addr: u64,
        rest: u64,
    ) -> Result<Rc<[u64]>, Error> {
        let kept = self.path.get(index(level)).and_then(Option::as_ref);
        if let Some((_, entries)) = kept.filter(|(of, _)| *of == addr) {
            return Ok(Rc::clone(entries));
        }
        let sb = fs.superblock();
        let Ok(checked) = sb.check_blocks(addr, sb.frag) else {
            let span = sb.entry_span(level.saturating_add(1)).get();
            return Err(self.bad(sb, level.saturating_add(1), span.saturating_sub(rest), addr));
        };
        self.take(sb, sb.frag.into())?;
        let entries = fs.indirect(checked)?;
        if let Some(slot) = self.path.get_mut(index(level)) {
            *slot = Some((addr, Rc::clone(&entries)));
        }
        Ok(entries)
    }

    /// The run at the start of `addresses`, which are those of the next blocks.
    fn run_of(&mut self, sb: &Superblock, addresses: &[u64], room: u64) -> Result<Found, Error> {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let addresses = addresses.get(..room).unwrap_or(addresses);
        let Some(&first) = addresses.first() else {
            return Err(self.nowhere()); // an indirect block has as many entries as it is asked for
        };
        if first == 0 {
            let holes = addresses.iter().take_while(|&&addr| addr == 0).count();
            return Ok(Found { count: u64::try_from(holes).unwrap_or(1), addr: None });
        }
        let Ok(addr) = sb.check_blocks(first, self.frags(sb, self.next)) else {
            return Err(self.bad(sb, 0, 1, first));
        };
        let (mut count, mut expected) = (0u64, first);
        for &each in addresses {
            let block = self.next.saturating_add(count);
            let here = each == expected && sb.check_blocks(each, self.frags(sb, block)).is_ok();
            if !here {
                break;
            }
            count = count.saturating_add(1);
            expected = expected.saturating_add(sb.frag.into());
        }
        self.take(sb, count.saturating_mul(sb.frag.into()))?;
        Ok(Found { count, addr: Some(addr) })
    }

    /// Fragments of block `block`.
    fn frags(&self, sb: &Superblock, block: u64) -> u32 {
        sb.frags_of(sb.block_size(self.size, FileBlock(block)))
    }

    /// Counts `frags` more: no file has more of them than the file system.
    fn take(&mut self, sb: &Superblock, frags: u64) -> Result<(), Error> {
        self.taken = self.taken.saturating_add(frags);
        // The last block of a file may have fewer fragments than was counted.
        match self.taken > sb.size.0.saturating_add(sb.frag.into()) {
            true => Err(self.nowhere()),
            false => Ok(()),
        }
    }

    /// The rest of the file cannot be mapped.
    fn nowhere(&self) -> Error {
        let count = self.blocks.saturating_sub(self.next);
        Error::TooManyBlocks { ino: self.ino, block: FileBlock(self.next), count }
    }

    fn bad(&self, sb: &Superblock, level: u32, count: u64, addr: u64) -> Error {
        Error::BadBlock {
            ino: self.ino,
            level: u8::try_from(level).unwrap_or(u8::MAX),
            block: FileBlock(self.next),
            count: count.min(self.blocks.saturating_sub(self.next)),
            addr,
            size: sb.size.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, SIZE, Sample, data, hole, runs};
    use super::super::{ByteOrder, ReadError, Version};
    use super::*;
    use crate::ByteOffset;
    use std::cell::RefCell;

    const BLOCK: u64 = 4096;

    #[test]
    fn direct_blocks_run_together_until_the_size() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            sample.file(3, BLOCK * 6 + 1, &[100, 104, 0, 0, 108, 200, 499, 7], [9, 9, 9]);
            let expected = [data(0, 2, 100), hole(2, 2), data(4, 1, 108), data(5, 1, 200), data(6, 1, 499)];
            assert_eq!(runs(&sample.open(), 3, 99), expected);
            sample.file(4, 0, &[100], [0; 3]);
            assert_eq!(runs(&sample.open(), 4, 99), []);
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
                hole(12, n - 1),
                data(11 + n, 1, 300),
                hole(double, 2 * n),
                hole(double + 2 * n, 1),
                data(double + 2 * n + 1, 1, 304),
                hole(double + 2 * n + 2, n - 2),
                hole(double + 3 * n, n * n - 3 * n),
                hole(triple, (n - 1) * n * n),
                hole(end - n * n, n * n - n),
                hole(end - n, n - 2),
                data(end - 2, 2, 304),
            ];
            assert_eq!(runs(&sample.open(), 3, 99), expected);
        }
    }

    #[test]
    fn a_zero_indirect_address_is_a_hole_up_to_the_size() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        sample.file(3, (12 + 512 + 700) * BLOCK, &[0; 12], [0, 0, 0]);
        assert_eq!(runs(&sample.open(), 3, 9), [hole(0, 12), hole(12, 512), hole(524, 700)]);
    }

    #[test]
    fn bad_addresses_are_named_and_passed_over() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let n = sample.nindir();
            let bad = if version == Version::Ufs1 { 0xffff_ffff } else { u64::MAX };
            let blocks = 12 + n + n + 1;
            sample.file(3, blocks * BLOCK, &[100, 497, bad, 104], [bad, 108, 0]);
            sample.entry(108, 0, SIZE);
            sample.entry(108, 1, 112);
            sample.entry(112, 0, 116);
            let wrong = |level, block, count, addr| {
                let (ino, block) = (Ino(3), FileBlock(block));
                Err(Error::BadBlock { ino, level, block, count, addr, size: SIZE })
            };
            let found = runs(&sample.open(), 3, 99);
            let expected = [
                data(0, 1, 100),
                wrong(0, 1, 1, 497), // its last fragment is outside
                wrong(0, 2, 1, bad),
                data(3, 1, 104),
                hole(4, 8),
                wrong(1, 12, n, bad),
                wrong(1, 12 + n, n, SIZE),
                data(12 + 2 * n, 1, 116),
            ];
            assert_eq!(found, expected);
            assert_eq!(
                found[6].as_ref().unwrap_err().to_string(),
                format!(
                    "inode 3: single indirect address 500 of file blocks {} to {} is outside the \
                     file system of 500 fragments",
                    12 + n,
                    11 + 2 * n
                )
            );
        }
    }

    #[test]
    fn a_block_that_points_to_itself_comes_to_an_end() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let n = sample.nindir();
            let blocks = 12 + n + n * n + n * n * n;
            sample.file(3, blocks * BLOCK, &[100; 12], [100, 100, 100]);
            for which in 0..n as usize {
                sample.entry(100, which, 100);
            }
            let found = runs(&sample.open(), 3, 100_000);
            assert!(found.len() < SIZE as usize, "{} runs", found.len());
            let (last, rest) = found.split_last().unwrap();
            let left = blocks - rest.len() as u64;
            let (ino, block) = (Ino(3), FileBlock(rest.len() as u64));
            assert_eq!(last, &Err(Error::TooManyBlocks { ino, block, count: left }));
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
        for which in 0..30 {
            sample.entry(100, which, 120 + 8 * which as u64);
            sample.entry(108, which, 124 + 8 * which as u64);
            sample.entry(112, which, 360 + 4 * which as u64);
        }
        let reads = RefCell::default();
        let (fs, _) = FileSystem::open(Noted(&sample.bytes, &reads)).unwrap();
        let inode = fs.inode(Ino(3)).unwrap();
        let mut map = BlockMap::new(fs.superblock(), &inode, inode.size(fs.superblock()).unwrap());
        reads.borrow_mut().clear();
        let mut blocks = 0;
        while map.position() < FileBlock(12 + 512 + 15) {
            blocks += map.next_up_to(&fs, 4).unwrap().unwrap().count;
        }
        assert_eq!(*reads.borrow(), [100, 104, 108]);
        let mut clone = map.clone();
        let mut rest = Vec::new();
        while let Some(run) = map.next(&fs).unwrap() {
            rest.push(run);
            blocks += run.count;
        }
        assert_eq!(blocks, map.blocks());
        assert_eq!(*reads.borrow(), [100, 104, 108, 112]);
        assert_eq!(rest.last(), data(12 + 1024, 20, 360).as_ref().ok());
        let mut again = Vec::new();
        while let Some(run) = clone.next(&fs).unwrap() {
            again.push(run);
        }
        assert_eq!(again, rest);
        map.seek(FileBlock(12 + 1024 + 19));
        assert_eq!(map.next(&fs).transpose(), Some(data(12 + 1024 + 19, 1, 360 + 4 * 19)));
        assert_eq!(map.next(&fs), Ok(None));
        map.seek(FileBlock(u64::MAX));
        assert_eq!(map.next(&fs), Ok(None));
    }
}
