// SPDX-License-Identifier: BSD-2-Clause
//! Estimates the number of tape blocks of a file, as dump does.

use crate::dump::passes::SF_SNAPSHOT;
use dumpstream::{TP_BSIZE, TP_NINDIR};
use ufs::{Dinode, FileSize, FileType, NDADDR, Superblock};

/// Tape blocks for `inode`, its headers included.
pub(super) fn of_dinode(sb: &Superblock, inode: &Dinode) -> i64 {
    of_inode(sb, inode.file_type(), inode.size(sb).ok(), inode.disk_bytes(), inode.flags)
}

/// Tape blocks for an inode of `size` bytes that holds `held` bytes of the disk, its headers included.
///
/// Counts the bytes held (too high, where some hold addresses) but for a file that has fewer bytes than that,
/// and a header for each 512 blocks past the direct ones. One for what is not a file, directory or link, and for one whose size
/// is wrong (`None`).
pub(super) fn of_inode(
    sb: &Superblock,
    kind: FileType,
    size: Option<FileSize>,
    held: u64,
    flags: u32,
) -> i64 {
    let has_blocks = matches!(kind, FileType::Regular | FileType::Dir | FileType::Link);
    let size = match size {
        Some(size) if has_blocks && flags & SF_SNAPSHOT == 0 => size.bytes(),
        _ => return 1,
    };
    let tp = TP_BSIZE as u64;
    let by_size = size.div_ceil(tp);
    let mut estimate = held.div_ceil(tp).min(by_size);
    let direct = NDADDR as u64 * u64::from(sb.bsize);
    if size > direct {
        estimate = estimate.saturating_add((by_size - direct / tp).div_ceil(TP_NINDIR as u64));
    }
    i64::try_from(estimate.saturating_add(1)).unwrap_or(i64::MAX)
}
