// SPDX-License-Identifier: BSD-2-Clause
//! Announces what will be read, so that a disk can read it meanwhile, and reads it without reporting failures.
//!
//! Whoever asks for the same thing in earnest reads what could not be had here again, and then failures are reported in their order.

use super::cylinder::CylinderGroup;
use super::dinode::{Dinode, RawDinode};
use super::fields::index;
use super::filesystem::FileSystem;
use super::read::ReadAt;
use super::span::{Announced, Span};
use crate::{FileBlock, FragAddr, Ino};

/// Blocks of inodes that are announced at most, and not read yet.
const MOST_BLOCKS: u32 = 64;

/// Blocks of a directory that are announced: few have more.
const MOST_OF_DIRECTORY: usize = 4;

impl<R: ReadAt> FileSystem<R> {
    /// Announces the header of cylinder group `cg`.
    pub fn announce_group(&self, cg: u32) {
        let sb = self.superblock();
        if let Ok(addr) = sb.group_addr(cg) {
            self.announce(addr, sb.frags_of(sb.cgsize));
        }
    }

    /// The header of a cylinder group, if it can be read.
    pub fn peek_group(&self, cg: u32) -> Option<CylinderGroup> {
        let sb = self.superblock();
        let addr = sb.group_addr(cg).ok()?;
        let mut bytes = vec![0; index(sb.frags_of(sb.cgsize).saturating_mul(sb.fsize))];
        self.try_read(addr, &mut bytes).then_some(())?;
        bytes.truncate(index(sb.cgsize));
        CylinderGroup::parse(sb, cg, bytes).ok()
    }

    /// Announces what [`FileSystem::inode_table`] will read.
    pub fn announce_table(&self, cg: u32, first: u32, count: u32) {
        let sb = self.superblock();
        let Ok(start) = sb.group_start(cg) else { return };
        let (each, fsize) = (u64::from(sb.inode_size()), u64::from(sb.fsize).max(1));
        let from = each.saturating_mul(first.into());
        let to = from.saturating_add(each.saturating_mul(count.into()));
        let before = from.checked_div(fsize).unwrap_or(0);
        let addr = start.0.saturating_add(sb.iblkno.into()).saturating_add(before);
        let frags = to.div_ceil(fsize).saturating_sub(before);
        self.announce(FragAddr(addr), u32::try_from(frags).unwrap_or(0));
    }

    /// Announces the blocks in which `inodes` are, which ascend. Gives how many of the inodes that was done for: there is a limit to
    /// what is announced and was not read.
    pub fn announce_inodes(&self, inodes: &[Ino]) -> usize {
        let sb = self.superblock();
        let mut announced = self.announced().borrow_mut();
        let waiting = announced.spans.iter().fold(0_u32, |sum, span| sum.saturating_add(span.blocks));
        let mut room = MOST_BLOCKS.saturating_sub(waiting);
        let mut last_known = announced.spans.back().copied();
        let mut new: Vec<Span> = Vec::new();
        let mut done: usize = 0;
        for &ino in inodes {
            done = done.saturating_add(1);
            let Ok((addr, within)) = sb.inode_block(ino) else { continue };
            let block = Span { first: ino.0.saturating_sub(within), blocks: 1, addr };
            if new.last().or(last_known.as_ref()).is_some_and(|span| span.holds(ino, sb)) {
                continue;
            }
            last_known = None;
            if room == 0 {
                done = done.saturating_sub(1);
                break;
            }
            room = room.saturating_sub(1);
            match new.last_mut() {
                Some(span) if span.leads_to(&block, sb) => span.blocks = span.blocks.saturating_add(1),
                _ => new.push(block),
            }
        }
        for span in &new {
            self.announce(span.addr, span.blocks.saturating_mul(sb.frag));
        }
        announced.spans.extend(new);
        done
    }

    /// An inode that was announced, if it can be read. Those before it are given up.
    pub fn peek_inode(&self, ino: Ino) -> Option<Dinode> {
        let sb = self.superblock();
        let mut announced = self.announced().borrow_mut();
        let Announced { spans, bytes, kept } = &mut *announced;
        if !kept.is_some_and(|span| span.holds(ino, sb)) {
            *kept = None;
            while spans.front().is_some_and(|span| span.end(sb) <= ino.0) {
                spans.pop_front();
            }
            let span = *spans.front().filter(|span| span.holds(ino, sb))?;
            spans.pop_front();
            bytes.set_length(index(sb.bsize.saturating_mul(span.blocks)));
            self.try_read(span.addr, bytes).then_some(())?;
            *kept = Some(span);
        }
        let at = ino.0.saturating_sub((*kept)?.first);
        let raw = bytes.get(index(at).saturating_mul(index(sb.inode_size()))..)?;
        RawDinode::new(sb, ino, raw).map(|raw| raw.to_dinode())
    }

    /// Announces the first blocks of a directory.
    pub fn announce_directory(&self, inode: &Dinode) {
        let sb = self.superblock();
        let Ok(size) = inode.size(sb) else { return };
        for (block, &addr) in (0..sb.file_blocks(size)).zip(&inode.db).take(MOST_OF_DIRECTORY) {
            if addr != 0 {
                self.announce(FragAddr(addr), sb.frags_of(sb.block_size(size, FileBlock(block))));
            }
        }
    }

    /// Announces fragments, if the file system has them.
    pub(super) fn announce(&self, addr: FragAddr, frags: u32) {
        let sb = self.superblock();
        if frags > 0
            && let Ok(addr) = sb.check_blocks(addr.0, frags)
        {
            self.disk().will_read(sb.offset_of(addr), index(frags.saturating_mul(sb.fsize)));
        }
    }

    /// Fills `bytes`, a whole number of fragments, from `addr` on, if that can be done and nothing is to be reported.
    pub(super) fn try_read(&self, addr: FragAddr, bytes: &mut [u8]) -> bool {
        let sb = self.superblock();
        let frags = u32::try_from(bytes.len()).map_or(u32::MAX, |length| sb.frags_of(length));
        sb.check_blocks(addr.0, frags).is_ok() && self.disk().try_read_at(sb.offset_of(addr), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, Sample};
    use super::super::{ByteOrder, Version};
    use super::*;
    use crate::{ByteOffset, ReadError};
    use std::cell::RefCell;

    /// A disk that takes note of what is announced.
    struct Noting {
        bytes: Vec<u8>,
        announced: RefCell<Vec<(ByteOffset, usize)>>,
    }

    impl ReadAt for Noting {
        fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
            self.bytes.read_at(offset, buf)
        }

        fn will_read(&self, offset: ByteOffset, length: usize) {
            self.announced.borrow_mut().push((offset, length));
        }
    }

    fn open(bytes: &[u8]) -> FileSystem<Noting> {
        let disk = Noting { bytes: bytes.to_vec(), announced: RefCell::default() };
        FileSystem::open(disk).unwrap().0
    }

    #[test]
    fn what_is_announced_is_what_is_there() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            for ino in 2..20 {
                sample.file(ino, u64::from(ino) * 1000, &[100 + u64::from(ino)], [0; 3]);
            }
            let fs = open(&sample.bytes);
            assert_eq!(fs.peek_inode(Ino(3)), None, "it was not announced");
            let inodes: Vec<Ino> =
                (2..20).chain([70, 71]).map(Ino).filter(|&ino| fs.inode(ino).is_ok()).collect();
            assert_eq!(fs.announce_inodes(&inodes), inodes.len());
            let announced = fs.disk().announced.take();
            assert!(!announced.is_empty() && announced.len() < inodes.len(), "{announced:?}");
            for &ino in &inodes {
                assert_eq!(fs.peek_inode(ino), fs.inode(ino).ok(), "{ino}");
            }
            assert_eq!(fs.announce_inodes(&inodes[..1]), 1);
            fs.announce_directory(&fs.inode(Ino(5)).unwrap());
            fs.announce_group(0);
            fs.announce_table(0, 0, 16);
            for (offset, length) in fs.disk().announced.take() {
                assert!(fs.disk().try_read_at(offset, &mut vec![0; length]), "{offset} {length}");
            }
            assert_eq!(fs.peek_group(1).map(|group| group.cg), Some(1));
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_not_there_is_left_out() {
        let sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        let fs = open(&sample.bytes[..(256 + 84) * 1024]);
        assert_eq!(fs.announce_inodes(&[Ino(32), Ino(u32::MAX)]), 2);
        assert_eq!((fs.peek_inode(Ino(32)), fs.peek_inode(Ino(u32::MAX))), (None, None));
        assert!(fs.peek_group(7).is_none());
        fs.disk().announced.take();
        fs.announce_group(7);
        fs.announce_table(7, 0, 16);
        fs.announce_table(0, u32::MAX, u32::MAX);
        fs.announce(FragAddr(u64::MAX), 8);
        assert_eq!(fs.disk().announced.take(), []);
    }
}
