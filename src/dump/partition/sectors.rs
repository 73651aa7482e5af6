// SPDX-License-Identifier: BSD-2-Clause
//! Reading the sectors of tables, and what tables name.

use ufs::{ByteOffset, ReadAt};

/// Bytes of the sectors that tables count in: those of nearly all disks.
pub(super) const SECTORS: [u64; 2] = [512, 4096];

/// A place that a table names: not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub name: String,
    /// Where it may begin, in bytes, in the order to look: tables do not say from where they count.
    pub starts: Vec<u64>,
    pub bytes: u64,
}

/// The sector of `bytes` bytes at `offset`, if it can be read.
pub(super) fn read(disk: &(impl ReadAt + ?Sized), offset: u64, bytes: usize) -> Option<Vec<u8>> {
    // Whole sectors of 4096 bytes are read, so that any disk can.
    let base = offset / 4096 * 4096;
    let skip = usize::try_from(offset - base).ok()?;
    let mut whole = vec![0; (skip + bytes).next_multiple_of(4096)];
    if disk.read_at(ByteOffset(base), &mut whole).is_err() {
        // The end of an image.
        whole.truncate((skip + bytes).next_multiple_of(512));
        disk.read_at(ByteOffset(base), &mut whole).ok()?;
    }
    whole.get(skip..skip + bytes).map(<[u8]>::to_vec)
}

/// A number of 16 bits in little-endian order.
pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number of 32 bits in little-endian order.
pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number of 64 bits in little-endian order.
pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
