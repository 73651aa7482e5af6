// SPDX-License-Identifier: BSD-2-Clause
//! Locates the superblock.

use super::check::{RawSuperblock, validate};
use super::crc32c;
use super::error::{Error, Warning};
use super::fields::{ByteOrder, Fields};
use super::read::ReadAt;
use super::superblock::{CK_SUPERBLOCK, FS_LEN, Superblock, UFS2_MAGIC, Version};
use crate::ByteOffset;

/// Where a superblock can be, in the order to look (`SBLOCKSEARCH`, ufs/ffs/fs.h).
const PLACES: [u64; 4] = [65536, 8192, 0, 262_144];

/// The last place for UFS1 (`SBLOCK_UFS1`): further on its copies may stand.
const LAST_UFS1_PLACE: u64 = 8192;

/// Bytes to read (`SBLOCKSIZE`, ufs/ffs/fs.h).
const SBLOCKSIZE: usize = 8192;

/// `FS_UFS1_MAGIC`, `FS_BAD_MAGIC` (ufs/ffs/fs.h), and NetBSD's `FS_UFS2EA_MAGIC`: UFS2 in which NetBSD
/// keeps extended attributes.
const UFS1_MAGIC: u32 = 0x0001_1954;
const UFS2EA_MAGIC: u32 = 0x1901_2038;
const BAD_MAGIC: u32 = 0x1996_0408;

/// Solaris's `MTB_UFS_MAGIC`: UFS with other units, for file systems of more than a terabyte.
const MTB_MAGIC: u32 = 0x00de_cade;

/// Offset of `fs_ckhash`: the last of `fs_sparecon32` in headers older than FreeBSD 13.
const CKHASH: usize = 1304;

/// What one place held.
enum Place {
    Nothing,
    Good(Box<Superblock>, Vec<Warning>),
    /// Sound, but UFS1 that says it belongs elsewhere: perhaps a copy.
    Perhaps(Box<Superblock>, Vec<Warning>),
}

impl Superblock {
    /// Looks for the superblock where FreeBSD's `ffs_sbget` does, in the same order.
    ///
    /// A superblock with a bad field does not end the search; if nothing better is found, the
    /// error is the first bad field, else the first failed read, else [`Error::NotUfs`].
    pub fn find(disk: &(impl ReadAt + ?Sized)) -> Result<(Superblock, Vec<Warning>), Error> {
        let (mut perhaps, mut bad, mut unread) = (None, None, None);
        for place in PLACES.map(ByteOffset) {
            match look_at(disk, place) {
                Ok(Place::Good(superblock, warnings)) => return Ok((*superblock, warnings)),
                Ok(Place::Perhaps(superblock, warnings)) => {
                    perhaps = perhaps.or(Some((*superblock, warnings)));
                }
                Ok(Place::Nothing) => {}
                Err(Error::Read(error)) => unread = unread.or(Some(Error::Read(error))),
                Err(unfinished @ Error::Unfinished { .. }) => return Err(unfinished),
                Err(error) => bad = bad.or(Some(error)),
            }
        }
        perhaps.ok_or_else(|| bad.or(unread).unwrap_or(Error::NotUfs))
    }

    /// Reads the superblock at `location`, wherever it says that it belongs.
    ///
    /// Errors: those of [`Superblock::find`].
    pub(super) fn read_at(disk: &(impl ReadAt + ?Sized), location: ByteOffset) -> Result<Superblock, Error> {
        let mut block = [0; SBLOCKSIZE];
        disk.read_at(location, &mut block)?;
        let (version, fields) = recognise(&block, location)?.ok_or(Error::NotUfs)?;
        validate(&RawSuperblock { fields, version, location, updated: is_updated(&fields) })
    }

    /// Whether `location` is a place of the superblock itself.
    pub(super) fn is_original(&self, location: ByteOffset) -> bool {
        let ufs1 = self.version == Version::Ufs1;
        PLACES.contains(&location.0) && (!ufs1 || location.0 <= LAST_UFS1_PLACE)
    }
}

/// Whether four bytes are the magic number of a superblock, in either byte order.
pub(super) fn is_magic(bytes: &[u8; 4]) -> bool {
    [u32::from_le_bytes(*bytes), u32::from_be_bytes(*bytes)]
        .iter()
        .any(|magic| [UFS1_MAGIC, UFS2_MAGIC, UFS2EA_MAGIC].contains(magic))
}

/// Whether `fs_old_flags` has `FS_FLAGS_UPDATED`: the fields introduced with UFS2 are filled in.
fn is_updated(fields: &Fields<'_, FS_LEN>) -> bool {
    let [old_flags] = fields.raw::<211, 1>();
    old_flags & 0x80 != 0
}

fn look_at(disk: &(impl ReadAt + ?Sized), location: ByteOffset) -> Result<Place, Error> {
    let mut block = [0; SBLOCKSIZE];
    disk.read_at(location, &mut block)?;
    let Some((version, fields)) = recognise(&block, location)? else {
        return Ok(Place::Nothing);
    };
    let stated = fields.i64::<1000>(); // fs_sblockloc
    let is_here = u64::try_from(stated) == Ok(location.0);
    let updated = is_updated(&fields);
    match version {
        Version::Ufs1 if location.0 > LAST_UFS1_PLACE => return Ok(Place::Nothing),
        Version::Ufs2 if !is_here => return Ok(Place::Nothing),
        _ => {}
    }
    let raw = RawSuperblock { fields, version, location, updated };
    let superblock = Box::new(validate(&raw)?);
    let mut warnings = hash_warning(&block, &raw);
    if version == Version::Ufs1 && updated && !is_here {
        warnings.push(Warning::SuperblockPlace { location, stated });
        return Ok(Place::Perhaps(superblock, warnings));
    }
    Ok(Place::Good(superblock, warnings))
}

/// Determines version and byte order from the magic number.
fn recognise(
    block: &[u8; SBLOCKSIZE],
    location: ByteOffset,
) -> Result<Option<(Version, Fields<'_, FS_LEN>)>, Error> {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let Some(fields) = Fields::new(block, order) else {
            continue;
        };
        match fields.u32::<1372>() {
            UFS1_MAGIC => return Ok(Some((Version::Ufs1, fields))),
            UFS2_MAGIC | UFS2EA_MAGIC => return Ok(Some((Version::Ufs2, fields))),
            BAD_MAGIC => return Err(Error::Unfinished { location }),
            MTB_MAGIC => {
                return Err(Error::Foreign { location, what: "this is Solaris multi-terabyte UFS" });
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Compares the check hash, where the file system keeps one (FreeBSD 13 and later).
fn hash_warning(block: &[u8; SBLOCKSIZE], raw: &RawSuperblock<'_>) -> Vec<Warning> {
    let fields = &raw.fields;
    let kept = raw.hashes() & CK_SUPERBLOCK != 0;
    let hashed = usize::try_from(fields.i32::<104>()) // fs_sbsize
        .ok()
        .filter(|&bytes| bytes >= FS_LEN)
        .and_then(|bytes| block.get(..bytes));
    match hashed {
        Some(bytes) if kept => {
            let (stored, computed) = (fields.u32::<CKHASH>(), crc32c::check_hash(bytes, CKHASH));
            let location = raw.location;
            let wrong = stored != computed;
            wrong.then_some(Warning::SuperblockHash { location, stored, computed }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, Sample};
    use super::super::superblock::{CK_CYLGRP, METACKHASH};
    use super::*;
    use crate::FragAddr;

    #[test]
    fn both_versions_are_found_in_both_byte_orders() {
        for (version, order) in ALL {
            let sample = Sample::new(version, order);
            let (sb, warnings) = sample.find().unwrap();
            assert_eq!(warnings, []);
            assert_eq!((sb.version, sb.order), (version, order));
            assert_eq!(sb.location, ByteOffset(sample.location as u64));
            assert_eq!((sb.bsize, sb.fsize, sb.frag, sb.ncg, sb.fpg), (4096, 1024, 4, 2, 256));
            assert_eq!((sb.size, sb.dev_bsize()), (FragAddr(500), 512));
            assert_eq!(sb.max_inodes(), sample.inopb() * 4);
            assert!(!sb.soft_updates && !sb.old_inodes && !sb.old_directories && !sb.group_hashes);
        }
    }

    #[test]
    fn netbsd_has_a_magic_number_for_attributes() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut sample = Sample::new(Version::Ufs2, order);
            sample.sb(1372, 4, UFS2EA_MAGIC.into());
            // FS_DOQUOTA2, which is FS_METACKHASH in FreeBSD, and whatever stands in fs_metackhash's place.
            sample.sb(1312, 4, METACKHASH.into());
            sample.sb(1308, 4, u64::from(u32::MAX));
            let (sb, warnings) = sample.find().unwrap();
            assert_eq!((sb.version, warnings), (Version::Ufs2, vec![]));
            assert!(!sb.group_hashes && !sb.inode_hashes);
        }
    }

    #[test]
    fn ufs2_must_say_where_it_is() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        sample.sb(1000, 8, 8192);
        assert_eq!(sample.find(), Err(Error::NotUfs));
    }

    #[test]
    fn a_copy_of_ufs1_is_not_the_primary() {
        // 65536 is where the first copy stands when blocks are large; nothing at 8192.
        let mut sample = Sample::new(Version::Ufs1, ByteOrder::Little);
        sample.bytes.copy_within(8192..16384, 65536);
        sample.bytes[8192..16384].fill(0);
        assert_eq!(sample.find(), Err(Error::NotUfs));
        // Primary at 0, a copy at 8192, which says that it belongs at 0.
        sample.bytes.copy_within(65536..73728, 0);
        sample.location = 0;
        sample.sb(1000, 8, 0);
        sample.bytes.copy_within(0..8192, 8192);
        let (sb, warnings) = sample.find().unwrap();
        assert_eq!((sb.location, warnings), (ByteOffset(0), vec![]));
        // Only the copy is left: better than nothing, as FreeBSD takes it.
        sample.bytes[..8192].fill(0);
        let (sb, warnings) = sample.find().unwrap();
        assert_eq!(sb.location, ByteOffset(8192));
        assert_eq!(warnings, [Warning::SuperblockPlace { location: ByteOffset(8192), stated: 0 }]);
        assert_eq!(warnings[0].to_string(), "superblock at byte 8192: fs_sblockloc says byte 0");
    }

    #[test]
    fn no_superblock_has_its_reason() {
        assert_eq!(Superblock::find(&vec![0; 300_000]), Err(Error::NotUfs));
        let Err(Error::Read(error)) = Superblock::find(&vec![0; 4096]) else { panic!() };
        assert_eq!(error.offset, ByteOffset(65536));
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        sample.sb(1372, 4, BAD_MAGIC.into());
        assert_eq!(sample.find(), Err(Error::Unfinished { location: ByteOffset(65536) }));
    }

    #[test]
    fn the_check_hash_is_compared_when_kept() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        sample.sb(1312, 4, METACKHASH.into());
        sample.sb(1308, 4, u64::from(CK_SUPERBLOCK | CK_CYLGRP));
        let hash = crc32c::check_hash(&sample.bytes[65536..65536 + 1376], CKHASH);
        sample.sb(CKHASH, 4, hash.into());
        let (sb, warnings) = sample.find().unwrap();
        assert!(sb.group_hashes);
        assert_eq!(warnings, []);
        sample.sb(680, 1, 1); // fs_volname
        let (_, warnings) = sample.find().unwrap();
        assert!(matches!(warnings[..], [Warning::SuperblockHash { stored, .. }] if stored == hash));
        sample.sb(104, 4, 9000); // fs_sbsize: longer than what was read
        assert_eq!(sample.find().unwrap().1, []);
    }

    #[test]
    fn ufs1_from_before_ufs2_has_its_old_fields() {
        let mut sample = Sample::new(Version::Ufs1, ByteOrder::Big);
        sample.sb(211, 1, 0x2); // fs_old_flags: FS_DOSOFTDEP
        sample.sb(860, 4, 0); // fs_maxbsize
        sample.sb(1000, 8, 0x1234_5678); // fs_sblockloc had another meaning
        sample.sb(1080, 8, u64::MAX); // so had fs_size
        sample.sb(36, 4, 400); // fs_old_size
        sample.sb(32, 4, 4_000_000_077); // fs_old_time, unsigned
        sample.sb(1324, 4, u64::from(u32::MAX)); // FS_42INODEFMT
        sample.sb(1320, 4, 0); // fs_maxsymlinklen
        let (sb, warnings) = sample.find().unwrap();
        assert_eq!(warnings, []);
        assert_eq!((sb.size, sb.time, sb.maxsymlinklen), (FragAddr(400), 4_000_000_077, 0));
        assert!(sb.soft_updates && sb.old_inodes && sb.old_directories);
    }
}
