// SPDX-License-Identifier: BSD-2-Clause
//! The data of a file's segments, in tape blocks.

use dumpstream::TP_BSIZE;
use ufs::{Error, FileBlock, FragAddr, Ino, Superblock};

/// Tape blocks of a segment of `bytes` bytes: whole fragments, but on UFS2 only what the last fragment needs.
pub(super) fn tape_blocks_of(sb: &Superblock, bytes: u64) -> u64 {
    let tp = TP_BSIZE as u64;
    let fsize = u64::from(sb.fsize);
    let fragments = bytes.div_ceil(fsize);
    let blocks = fragments.saturating_mul(fsize).div_ceil(tp);
    let rest = (bytes % fsize).div_ceil(tp);
    if sb.version == ufs::Version::Ufs2 && rest > 0 {
        return blocks.saturating_sub(fsize.div_ceil(tp).saturating_sub(rest));
    }
    blocks
}

/// Tape blocks of one file system block.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// Its fragment address as the disk has it.
    pub address: u64,
    /// The block of the file.
    pub block: FileBlock,
    /// How many tape blocks are wanted.
    pub count: u64,
}

impl Blocks {
    /// Where they are, if all of them are inside the file system.
    ///
    /// Errors: [`Error::BadBlock`].
    pub fn locate(&self, sb: &Superblock, ino: Ino) -> Result<FragAddr, Error> {
        // A tape block may be longer than a fragment; what is past the last one is not the file's.
        let whole = (self.count * TP_BSIZE as u64).div_ceil(u64::from(sb.fsize)).max(1);
        let whole = u32::try_from(whole).unwrap_or(u32::MAX);
        let check = |frags| sb.check_data(ino, self.block, self.address, frags);
        check(whole).or_else(|_| check(whole.saturating_sub(1).max(1)))
    }
}
