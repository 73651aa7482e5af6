// SPDX-License-Identifier: BSD-2-Clause
//! Blocks of inodes that are read ahead.

use super::superblock::Superblock;
use crate::{Buffer, FragAddr, Ino};
use std::collections::VecDeque;

/// Blocks of inodes that are announced as one, at most.
const MOST_AT_ONCE: u32 = 8;

/// Inodes that were announced, and those of them that were read last.
#[derive(Default)]
pub(super) struct Announced {
    /// Announced, and not read.
    pub spans: VecDeque<Span>,
    /// What `kept` holds.
    pub bytes: Buffer,
    pub kept: Option<Span>,
}

/// Consecutive blocks of inodes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub first: u32,
    pub blocks: u32,
    pub addr: FragAddr,
}

impl Span {
    /// The inode behind it.
    pub fn end(&self, sb: &Superblock) -> u32 {
        self.first.saturating_add(self.blocks.saturating_mul(sb.inodes_per_block()))
    }

    pub fn holds(&self, ino: Ino, sb: &Superblock) -> bool {
        (self.first..self.end(sb)).contains(&ino.0)
    }

    /// Whether `block` comes next, on the disk too, and one read may bring both.
    pub fn leads_to(&self, block: &Span, sb: &Superblock) -> bool {
        let next = self.addr.0.saturating_add(self.blocks.saturating_mul(sb.frag).into());
        self.blocks < MOST_AT_ONCE && self.end(sb) == block.first && next == block.addr.0
    }
}
