// SPDX-License-Identifier: BSD-2-Clause
//! Copies of the superblock, which newfs(8) writes to each cylinder group.

use super::error::Error;
use super::fields::index;
use super::locate::is_magic;
use super::read::ReadAt;
use super::superblock::Superblock;
use crate::Buffer;
use crate::ByteOffset;

/// The unit in which copies are named, as for fsck_ffs(8)'s `-b`: bytes.
pub const COPY_UNIT: u64 = 512;

/// How far from the start copies are looked for, in bytes. The second group of a file system made with newfs(8)'s defaults begins
/// before.
const SEARCHED: u64 = 1 << 30;

/// Bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// Magic numbers that are looked at more closely, at most.
const MOST_CANDIDATES: u32 = 1000;

/// Offset of `fs_magic`.
const MAGIC: usize = 1372;

impl Superblock {
    /// The copy at byte `location`, which is accepted only at a location where its file system has a copy or the original.
    ///
    /// Errors: those of [`Superblock::find`].
    pub fn copy_at(disk: &(impl ReadAt + ?Sized), location: ByteOffset) -> Result<Self, Error> {
        let superblock = Superblock::read_at(disk, location)?;
        if superblock.has_copy_at(location) { Ok(superblock) } else { Err(Error::StrayCopy { location }) }
    }

    /// Looks for the first copy on a disk of `media` bytes, up to 1 GiB from its start. None: there is none, or the disk cannot be
    /// read up to it.
    pub fn find_copy(disk: &(impl ReadAt + ?Sized), media: u64) -> Option<ByteOffset> {
        let end = media.min(SEARCHED);
        let mut left = MOST_CANDIDATES;
        let mut bytes = Buffer::default();
        let mut start = 0;
        while start < end {
            let length = PIECE.min(end.saturating_sub(start));
            bytes.set_length(index(u32::try_from(length).ok()?));
            disk.read_at(ByteOffset(start), &mut bytes).ok()?;
            let mut at = start;
            for sector in bytes.chunks(512) {
                // The magic number is in the third sector from where a copy begins.
                let magic = sector.get(MAGIC % 512..).and_then(|rest| rest.first_chunk());
                if magic.is_some_and(is_magic) {
                    left = left.checked_sub(1)?;
                    let location = ByteOffset(at.saturating_sub(1024));
                    if Superblock::copy_at(disk, location).is_ok() {
                        return Some(location);
                    }
                }
                at = at.saturating_add(512);
            }
            start = start.saturating_add(length);
        }
        None
    }

    /// Whether the original or a copy is at byte `location`.
    fn has_copy_at(&self, location: ByteOffset) -> bool {
        let frag = location.0.checked_div(self.fsize.into()).unwrap_or(0);
        let group = frag.checked_div(self.fpg.into()).and_then(|cg| u32::try_from(cg).ok());
        let is_in = |cg: u32| {
            self.group_start(cg).is_ok_and(|start| {
                let addr = start.0.saturating_add(self.sblkno.into());
                self.check_blocks(addr, 1).is_ok_and(|addr| self.offset_of(addr) == location)
            })
        };
        // UFS1's stagger may move a group's start past the next one's.
        self.is_original(location) || group.is_some_and(|cg| is_in(cg) || is_in(cg.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, FPG, SIZE, Sample};
    use super::*;

    #[test]
    fn copies_are_found_where_groups_have_them() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let original = sample.find().unwrap().0;
            let from = sample.location;
            let copies = [72, FPG as usize + 72].map(|frag| frag * 1024);
            for to in copies {
                sample.bytes.copy_within(from..from + 8192, to);
            }
            // One that stands elsewhere is of another file system.
            sample.bytes.copy_within(from..from + 8192, 300 * 1024);
            sample.bytes[from..from + 8192].fill(0);
            let media = SIZE * 1024;
            for to in copies {
                let location = ByteOffset(to as u64);
                assert_eq!(
                    Superblock::find_copy(&sample.bytes, media),
                    Some(location),
                    "{version:?} {order:?}"
                );
                let copy = Superblock::copy_at(&sample.bytes, location).unwrap();
                assert_eq!(Superblock { location: original.location, ..copy }, original);
                sample.bytes[to..to + 8192].fill(0);
            }
            assert_eq!(Superblock::find_copy(&sample.bytes, media), None);
            let stray = Superblock::copy_at(&sample.bytes, ByteOffset(300 * 1024));
            assert_eq!(stray, Err(Error::StrayCopy { location: ByteOffset(300 * 1024) }));
            for nothing in [0, 512, 65536, 500 * 1024, u64::MAX / 512 * 512] {
                assert!(Superblock::copy_at(&sample.bytes, ByteOffset(nothing)).is_err());
            }
        }
    }

    #[test]
    fn a_disk_full_of_magic_numbers_comes_to_an_end() {
        let mut disk = vec![0; 4 << 20];
        for sector in disk.chunks_mut(512) {
            sector[MAGIC % 512..][..4].copy_from_slice(&0x1954_0119_u32.to_le_bytes());
        }
        assert_eq!(Superblock::find_copy(&disk, 4 << 20), None);
    }
}
