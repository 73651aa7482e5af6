// SPDX-License-Identifier: BSD-2-Clause
//! The size of a file, compared with what a file can have.

use super::superblock::Superblock;
use super::{NDADDR, NIADDR};
use crate::FileBlock;

/// Bytes in a file: no more than `fs_maxfilesize` of the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileSize(u64);

impl FileSize {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// This size, but no more than `bytes`.
    #[must_use]
    pub fn cut(self, bytes: u64) -> FileSize {
        FileSize(self.0.min(bytes))
    }
}

impl Superblock {
    /// The largest size that a file can have.
    pub fn max_file_size(&self) -> FileSize {
        FileSize(self.maxfilesize)
    }

    /// The size of a file of `bytes` bytes; `None`: no file can have as many.
    #[inline]
    pub fn file_size(&self, bytes: u64) -> Option<FileSize> {
        (bytes <= self.maxfilesize).then_some(FileSize(bytes))
    }

    /// Blocks of a file of `size` bytes, the last one counted whole.
    pub fn file_blocks(&self, size: FileSize) -> u64 {
        size.0.div_ceil(u64::from(self.bsize).max(1))
    }

    /// Bytes that block `block` of a file of `size` bytes takes up on disk (`sblksize`): all of
    /// `fs_bsize`, but for the last direct block, which is a whole number of fragments.
    #[inline]
    pub fn block_size(&self, size: FileSize, block: FileBlock) -> u32 {
        let bsize = u64::from(self.bsize);
        let before = block.0.saturating_mul(bsize);
        if block.0 >= 12 || size.0 >= before.saturating_add(bsize) {
            return self.bsize;
        }
        let rest = u32::try_from(size.0.saturating_sub(before)).unwrap_or(self.bsize);
        self.frags_of(rest).saturating_mul(self.fsize).min(self.bsize)
    }

    /// Bytes that a file's block map has room for.
    pub(super) fn mappable_bytes(&self) -> u64 {
        let indirect = (1..=NIADDR).filter_map(|level| u32::try_from(level).ok());
        let direct = u64::try_from(NDADDR).unwrap_or(0);
        let blocks = indirect.fold(direct, |sum, level| sum.saturating_add(self.entry_span(level).get()));
        blocks.saturating_mul(self.bsize.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::super::{ByteOrder, Version};
    use super::*;

    #[test]
    fn only_the_last_direct_block_can_be_short() {
        let (sb, _) = Sample::new(Version::Ufs2, ByteOrder::Little).find().unwrap();
        let size = |size, block| sb.block_size(FileSize(size), FileBlock(block));
        assert_eq!((size(1, 0), size(1024, 0), size(1025, 0)), (1024, 1024, 2048));
        assert_eq!((size(3073, 0), size(4096, 0), size(4097, 0)), (4096, 4096, 4096));
        assert_eq!((size(4097, 1), size(4096 * 12 - 1024, 11)), (1024, 3072));
        assert_eq!((size(4096 * 12 + 1, 12), size(u64::MAX, u64::MAX)), (4096, 4096));
        let blocks = |size| sb.file_blocks(FileSize(size));
        assert_eq!((blocks(0), blocks(1), blocks(4097)), (0, 1, 2));
    }

    #[test]
    fn no_size_is_larger_than_the_block_map_or_the_superblock_allows() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        let most = (12 + 512 + 512 * 512 + 512 * 512 * 512) * 4096;
        for (maxfilesize, most) in [(i64::MAX.unsigned_abs(), most), (10_000, 10_000)] {
            sample.sb(1328, 8, maxfilesize);
            let (sb, _) = sample.find().unwrap();
            assert_eq!(sb.file_size(most), Some(FileSize(most)));
            for bad in [most + 1, 1 << 63, u64::MAX] {
                assert_eq!(sb.file_size(bad), None);
            }
        }
    }
}
