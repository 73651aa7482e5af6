// SPDX-License-Identifier: BSD-2-Clause
//! Announces what will be read, so that a disk can read it meanwhile, and reads it without reporting failures.
//!
//! Whoever asks for the same thing in earnest reads what could not be had here again, and then failures are reported in their order.

use super::cylinder::CylinderGroup;
use super::dinode::{Dinode, RawDinode};
use super::fields::index;
use super::filesystem::FileSystem;
use super::read::ReadAt;
use super::superblock::Superblock;
use crate::{Buffer, FileBlock, FragAddr, Ino};
use std::collections::VecDeque;

/// Blocks of inodes that are announced at most, and not read yet.
const MOST_BLOCKS: u32 = 64;

/// Blocks of inodes that are announced as one, at most.
const MOST_AT_ONCE: u32 = 8;

/// Blocks of a directory that are announced: few have more.
const MOST_OF_DIRECTORY: usize = 4;

/// Inodes that were announced, and those of them that were read last.
#[derive(Default)]
pub(super) struct Announced {
    /// Announced, and not read.
    spans: VecDeque<Span>,
    /// What `kept` holds.
    bytes: Buffer,
    kept: Option<Span>,
}

/// Consecutive blocks of inodes.
#[derive(Clone, Copy)]
struct Span {
    first: u32,
    blocks: u32,
    addr: FragAddr,
}

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

impl Span {
    /// The inode behind it.
    fn end(&self, sb: &Superblock) -> u32 {
        self.first.saturating_add(self.blocks.saturating_mul(sb.inodes_per_block()))
    }

    fn holds(&self, ino: Ino, sb: &Superblock) -> bool {
        (self.first..self.end(sb)).contains(&ino.0)
    }

    /// Whether `block` comes next, on the disk too, and one read may bring both.
    fn leads_to(&self, block: &Span, sb: &Superblock) -> bool {
        let next = self.addr.0.saturating_add(self.blocks.saturating_mul(sb.frag).into());
        self.blocks < MOST_AT_ONCE && self.end(sb) == block.first && next == block.addr.0
    }
}
