// SPDX-License-Identifier: BSD-2-Clause
//! Estimates the number of tape blocks of a file, as dump does.

use crate::dump::passes::SF_SNAPSHOT;
use dumpstream::{TP_BSIZE, TP_NINDIR};
use ufs::DEV_BSIZE;
use ufs::{FileType, NDADDR, Superblock};

/// Tape blocks for an inode that pass I wants: one for what is not a file, directory or link.
pub(super) fn of_inode(sb: &Superblock, kind: FileType, size: u64, blocks: u64, flags: u32) -> i64 {
    match kind {
        FileType::Regular | FileType::Dir | FileType::Link => of_file(sb, size, blocks, flags),
        _ => 1,
    }
}

/// Tape blocks for a file of `size` bytes in `blocks` disk blocks of 512 bytes, its headers included.
///
/// Counts the blocks in use (too high, where some hold addresses) but for a file that has fewer bytes than that,
/// and a header for each 512 blocks past the direct ones.
pub(super) fn of_file(sb: &Superblock, size: u64, blocks: u64, flags: u32) -> i64 {
    if flags & SF_SNAPSHOT != 0 {
        return 1;
    }
    let tp = TP_BSIZE as u64;
    let by_size = size.div_ceil(tp);
    let mut estimate = blocks.saturating_mul(DEV_BSIZE).div_ceil(tp).min(by_size);
    let direct = NDADDR as u64 * u64::from(sb.bsize);
    if size > direct {
        estimate = estimate.saturating_add((by_size - direct / tp).div_ceil(TP_NINDIR as u64));
    }
    i64::try_from(estimate.saturating_add(1)).unwrap_or(i64::MAX)
}
