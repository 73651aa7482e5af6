// SPDX-License-Identifier: BSD-2-Clause
//! Checks the superblock's values for consistency before they are used.

use super::error::Error;
use super::fields::Fields;
use super::superblock::{
    CK_CYLGRP, CK_INODE, DOSOFTDEP, FS_LEN, METACKHASH, Superblock, UFS2_MAGIC, Version,
};
use crate::{ByteOffset, FragAddr};
use std::num::NonZeroU64;

/// A superblock as it is on disk.
pub(super) struct RawSuperblock<'a> {
    pub fields: Fields<'a, FS_LEN>,
    pub version: Version,
    pub location: ByteOffset,
    /// `fs_old_flags` has `FS_FLAGS_UPDATED`.
    pub updated: bool,
}

/// Bytes of `struct cg` before its maps (ufs/ffs/fs.h).
const CG_LEN: i128 = 168;

impl RawSuperblock<'_> {
    /// Which check hashes are kept (`fs_metackhash`): none unless `fs_flags` says so. NetBSD has none, and uses the flag for quotas.
    pub fn hashes(&self) -> u32 {
        let fields = &self.fields;
        let kept = fields.u32::<1372>() == UFS2_MAGIC && fields.u32::<1312>() & METACKHASH != 0;
        if kept { fields.u32::<1308>() } else { 0 }
    }

    /// Takes `value` of `field` if `good` holds.
    fn want<T: TryFrom<i128>>(
        &self,
        field: &'static str,
        value: impl Into<i128>,
        good: impl FnOnce(i128) -> bool,
        wanted: impl FnOnce() -> String,
    ) -> Result<T, Error> {
        let value = value.into();
        match T::try_from(value) {
            Ok(number) if good(value) => Ok(number),
            _ => Err(Error::Superblock { location: self.location, field, value, wanted: wanted() }),
        }
    }

    /// Takes `value` of `field` if it is from `low` to `high`.
    fn between<T: TryFrom<i128>>(
        &self,
        field: &'static str,
        value: impl Into<i128>,
        low: impl Into<i128>,
        high: impl Into<i128>,
    ) -> Result<T, Error> {
        let (low, high) = (low.into(), high.into());
        let good = |value| (low..=high).contains(&value);
        self.want(field, value, good, || format!("from {low} to {high}"))
    }

    /// Takes `value` of `field` if it is `one`.
    fn exactly(&self, field: &'static str, value: u32, one: u32) -> Result<u32, Error> {
        self.want(field, value, |value| value == i128::from(one), || one.to_string())
    }
}

/// Sizes of blocks and of what is in them.
struct Sizes {
    bsize: u32,
    fsize: u32,
    frag: u32,
    fsbtodb: u32,
    inopb: u32,
}

/// Groups and where things are in them.
struct Groups {
    ncg: u32,
    ipg: u32,
    fpg: u32,
    size: u64,
    cgsize: u32,
    sblkno: u32,
    cblkno: u32,
    iblkno: u32,
    dblkno: u32,
}

/// Makes a [`Superblock`] of one whose values fit each other.
///
/// Errors: [`Error::Superblock`] names the first field that does not.
pub(super) fn validate(raw: &RawSuperblock<'_>) -> Result<Superblock, Error> {
    let sizes = sizes(raw)?;
    let groups = groups(raw, &sizes)?;
    let fields = &raw.fields;
    let is_ufs1 = raw.version == Version::Ufs1;
    let is_sun = is_sun(raw, &sizes);
    // FS_44INODEFMT is 2; UFS2 never had another.
    let new_inodes = !is_ufs1 || fields.i32::<1324>() == 2 && !is_sun;
    let old_inodes = is_sun || is_ufs1 && fields.i32::<1324>() < 2;
    let [old_flags] = fields.raw::<211, 1>();
    let flags = match () {
        () if is_sun => 0,
        () if raw.updated => fields.u32::<1312>(),
        () => u32::from(old_flags),
    };
    let [clean] = fields.raw::<209, 1>();
    let (cgoffset, cgmask) = stagger(raw, groups.fpg)?;
    // fs_maxsymlinklen; 0 or less before 4.4BSD
    let links = if is_sun { 0 } else { fields.i32::<1320>() };
    let area = if is_ufs1 { 60 } else { 120 };
    let mut superblock = Superblock {
        version: raw.version,
        order: fields.order,
        location: raw.location,
        bsize: sizes.bsize,
        fsize: sizes.fsize,
        frag: sizes.frag,
        ncg: groups.ncg,
        ipg: groups.ipg,
        fpg: groups.fpg,
        size: FragAddr(groups.size),
        cgsize: groups.cgsize,
        sblkno: groups.sblkno,
        cblkno: groups.cblkno,
        iblkno: groups.iblkno,
        dblkno: groups.dblkno,
        cgoffset,
        cgmask,
        maxsymlinklen: raw.between("fs_maxsymlinklen", links.max(0), 0, area)?,
        maxfilesize: max_file_size(raw, sizes.bsize, new_inodes)?,
        fsbtodb_shift: sizes.fsbtodb,
        flags,
        soft_updates: flags & DOSOFTDEP != 0,
        group_hashes: raw.hashes() & CK_CYLGRP != 0,
        inode_hashes: raw.hashes() & CK_INODE != 0,
        clean: clean != 0,
        time: if is_old_layout(raw) { i64::from(fields.u32::<32>()) } else { fields.i64::<1072>() },
        mtime: fields.i64::<1208>(),
        old_inodes,
        new_inodes,
        old_directories: is_ufs1 && links <= 0,
    };
    superblock.maxfilesize = superblock.maxfilesize.min(superblock.mappable_bytes());
    Ok(superblock)
}

/// Whether SunOS or Solaris wrote it: `fs_qbmask` and `fs_qfmask` are 4 bytes behind where BSD has them. Other fields that 4.4BSD
/// put before them have another meaning there.
fn is_sun(raw: &RawSuperblock<'_>, sizes: &Sizes) -> bool {
    let mask = |size: u32| u64::from(size).saturating_sub(1);
    let fields = &raw.fields;
    let are = |bmask, fmask| bmask == mask(sizes.bsize) && fmask == mask(sizes.fsize);
    raw.version == Version::Ufs1
        && are(fields.u64::<1340>(), fields.u64::<1348>())
        && !are(fields.u64::<1336>(), fields.u64::<1344>())
}

/// UFS1 without the fields introduced with UFS2: `fs_size` and `fs_time` are in their old places.
/// FreeBSD's `ffs_oldfscompat_read` uses the same comparison.
fn is_old_layout(raw: &RawSuperblock<'_>) -> bool {
    raw.version == Version::Ufs1 && raw.fields.i32::<860>() != raw.fields.i32::<48>()
}

fn sizes(raw: &RawSuperblock<'_>) -> Result<Sizes, Error> {
    let fields = &raw.fields;
    let power =
        |low: i128, high: i128| move |value: i128| (low..=high).contains(&value) && value.count_ones() == 1;
    // MINBSIZE (ufs/ffs/fs.h) and MAXBSIZE (sys/param.h).
    let bsize: u32 = raw.want("fs_bsize", fields.i32::<48>(), power(4096, 65536), || {
        "a power of two from 4096 to 65536".to_owned()
    })?;
    let fsize: u32 = raw.want("fs_fsize", fields.i32::<52>(), power(512, bsize.into()), || {
        format!("a power of two from 512 to {bsize}")
    })?;
    let per_block = bsize.checked_div(fsize).unwrap_or(0);
    let frag = raw.want(
        "fs_frag",
        fields.i32::<56>(),
        |frag| frag == i128::from(per_block) && frag <= 8, // MAXFRAG
        || format!("fs_bsize / fs_fsize ({per_block}) and at most 8"),
    )?;
    // The disk's block has at least 512 bytes.
    let most = fsize.trailing_zeros().saturating_sub(9);
    let fsbtodb = raw.between("fs_fsbtodb", fields.i32::<100>(), 0, most)?;
    let (address, inode) = match raw.version {
        Version::Ufs1 => (bsize / 4, bsize / 128),
        Version::Ufs2 => (bsize / 8, bsize / 256),
    };
    raw.exactly("fs_nindir", fields.u32::<116>(), address)?;
    let inopb = raw.exactly("fs_inopb", fields.u32::<120>(), inode)?;
    Ok(Sizes { bsize, fsize, frag, fsbtodb, inopb })
}

fn groups(raw: &RawSuperblock<'_>, sizes: &Sizes) -> Result<Groups, Error> {
    let fields = &raw.fields;
    let ncg: u32 = raw.between("fs_ncg", fields.u32::<44>(), 1, u32::MAX)?;
    let inopb = i128::from(sizes.inopb);
    let ipg: u32 = raw.want(
        "fs_ipg",
        fields.u32::<184>(),
        |ipg| ipg > 0 && ipg.checked_rem(inopb) == Some(0),
        || format!("a multiple of fs_inopb ({inopb})"),
    )?;
    // Inode numbers have 32 bits: 2^32 inodes, number 0 counted, is the most.
    let most = NonZeroU64::new(ipg.into()).map_or(0, |ipg| (1 << 32) / ipg);
    raw.want::<u32>(
        "fs_ncg",
        ncg,
        |ncg| ncg <= most.into(),
        || format!("at most {most}, since fs_ipg is {ipg} and inode numbers have 32 bits"),
    )?;
    let fpg: u32 = raw.between("fs_fpg", fields.i32::<188>(), 1, i32::MAX)?;
    let size = fs_size(raw, sizes, ncg, fpg)?;
    let cgsize: u32 = raw.between("fs_cgsize", fields.i32::<160>(), CG_LEN, sizes.bsize)?;
    let cg_frags = cgsize.div_ceil(sizes.fsize.max(1));
    let inode_frags =
        ipg.checked_div(sizes.inopb).and_then(|n| n.checked_mul(sizes.frag)).unwrap_or(u32::MAX);
    let sblkno: u32 = raw.between("fs_sblkno", fields.i32::<8>(), 0, fpg)?;
    let cblkno: u32 = raw.between("fs_cblkno", fields.i32::<12>(), sblkno, fpg)?;
    let first = cblkno.saturating_add(cg_frags);
    let iblkno: u32 = raw.between("fs_iblkno", fields.i32::<16>(), first, fpg)?;
    let first = iblkno.saturating_add(inode_frags);
    let dblkno = raw.between("fs_dblkno", fields.i32::<20>(), first, fpg)?;
    Ok(Groups { ncg, ipg, fpg, size, cgsize, sblkno, cblkno, iblkno, dblkno })
}

/// The file system ends in its last group, and its bytes can be counted in an `off_t`.
fn fs_size(raw: &RawSuperblock<'_>, sizes: &Sizes, ncg: u32, fpg: u32) -> Result<u64, Error> {
    let fields = &raw.fields;
    let (field, value) = match is_old_layout(raw) {
        true => ("fs_old_size", i64::from(fields.i32::<36>())),
        false => ("fs_size", fields.i64::<1080>()),
    };
    let before_last = u64::from(ncg).saturating_sub(1).saturating_mul(fpg.into());
    let most = u64::from(ncg).saturating_mul(fpg.into());
    let addressable = match raw.version {
        Version::Ufs1 => u64::from(i32::MAX.unsigned_abs()),
        Version::Ufs2 => i64::MAX.unsigned_abs().checked_div(sizes.fsize.into()).unwrap_or(0),
    };
    raw.between(field, value, before_last.saturating_add(1), most.min(addressable))
}

/// UFS1 moved each group's start a little, so that they are not all on one platter.
fn stagger(raw: &RawSuperblock<'_>, fpg: u32) -> Result<(u32, u32), Error> {
    match raw.version {
        Version::Ufs2 => Ok((0, u32::MAX)),
        Version::Ufs1 => {
            let offset = raw.between("fs_old_cgoffset", raw.fields.i32::<24>(), 0, fpg)?;
            Ok((offset, raw.fields.u32::<28>()))
        }
    }
}

/// The limit that the kernel sets, which for UFS1 is not the one on disk.
fn max_file_size(raw: &RawSuperblock<'_>, bsize: u32, new_inodes: bool) -> Result<u64, Error> {
    let addressable = u64::from(bsize).saturating_mul(1 << 31).saturating_sub(1);
    if !new_inodes {
        // 4.3BSD ends at 2^31 - 1, Solaris has large files, and neither says so here.
        return Ok(addressable);
    }
    let value = raw.between("fs_maxfilesize", raw.fields.i64::<1328>(), 1, i64::MAX)?;
    Ok(match raw.version {
        Version::Ufs1 => u64::min(value, addressable),
        Version::Ufs2 => value,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, Sample};
    use super::super::{ByteOrder, Version};
    use super::*;

    const MINUS_1: u64 = 0xffff_ffff;

    /// Field, offset, width, and values that must not pass.
    const BAD: [(&str, usize, usize, &[u64]); 20] = [
        ("fs_bsize", 48, 4, &[0, 1, 2048, 4095, 4097, 12288, 131_072, 1 << 31, MINUS_1]),
        ("fs_fsize", 52, 4, &[0, 1, 256, 1000, 8192, 1 << 31, MINUS_1]),
        ("fs_frag", 56, 4, &[0, 1, 2, 8, 16, MINUS_1]),
        ("fs_fsbtodb", 100, 4, &[2, 10, 31, 32, 64, MINUS_1]),
        ("fs_nindir", 116, 4, &[0, 1, 511, 2048, MINUS_1]),
        ("fs_inopb", 120, 4, &[0, 1, 15, 64, MINUS_1]),
        ("fs_ncg", 44, 4, &[0, 1 << 31, MINUS_1]),
        ("fs_ipg", 184, 4, &[0, 1, 17, MINUS_1]),
        ("fs_fpg", 188, 4, &[0, 1 << 31, MINUS_1]),
        ("fs_size", 1080, 8, &[0, 256, 513, 1 << 40, 1 << 63, u64::MAX]),
        ("fs_cgsize", 160, 4, &[0, 167, 4097, 1 << 31, MINUS_1]),
        ("fs_sblkno", 8, 4, &[257, 1 << 31, MINUS_1]),
        ("fs_cblkno", 12, 4, &[0, 71, 257, MINUS_1]),
        ("fs_iblkno", 16, 4, &[0, 80, 257, MINUS_1]),
        ("fs_dblkno", 20, 4, &[0, 91, 257, MINUS_1]),
        ("fs_iblkno", 12, 4, &[84, 256]), // fs_cblkno on fs_iblkno's place
        ("fs_dblkno", 16, 4, &[85, 256]), // fs_iblkno too near to fs_dblkno
        ("fs_maxsymlinklen", 1320, 4, &[121, 512, 0x7fff_ffff]),
        ("fs_maxfilesize", 1328, 8, &[0, 1 << 63, u64::MAX]),
        ("fs_size", 44, 4, &[1, 3]), // fs_ncg does not fit to fs_size
    ];

    #[test]
    fn bad_fields_are_named_with_their_value() {
        for (version, order) in ALL {
            for (name, at, width, values) in BAD {
                for &bad in values {
                    let mut sample = Sample::new(version, order);
                    sample.sb(at, width, bad);
                    let error = sample.find().expect_err(name);
                    let Error::Superblock { location, field, .. } = error else {
                        panic!("{name} {bad}: {error}")
                    };
                    assert_eq!((field, location.0), (name, sample.location as u64), "{bad}");
                }
            }
        }
    }

    #[test]
    fn messages_are_clear() {
        let message = |at, value| {
            let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
            sample.sb(at, 4, value);
            sample.find().unwrap_err().to_string()
        };
        assert_eq!(message(44, 0), "superblock at byte 65536: fs_ncg is 0, should be from 1 to 4294967295");
        assert_eq!(
            message(48, 1 << 31),
            "superblock at byte 65536: fs_bsize is -2147483648, should be a power of two from 4096 to 65536"
        );
    }

    #[test]
    fn two_to_the_32_inodes_and_no_more() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        let ncg = (1 << 32) / 32;
        sample.sb(44, 4, ncg);
        sample.sb(1080, 8, ncg * 256);
        let (sb, _) = sample.find().unwrap();
        assert_eq!(sb.max_inodes(), 1 << 32);
        assert!(sb.group_of(crate::Ino(u32::MAX)).is_ok());
        sample.sb(44, 4, ncg + 1);
        sample.sb(1080, 8, (ncg + 1) * 256);
        let error = sample.find().unwrap_err();
        assert!(matches!(error, Error::Superblock { field: "fs_ncg", .. }), "{error}");
    }

    #[test]
    fn ufs1_is_limited_to_what_the_kernel_limits_it_to() {
        let mut sample = Sample::new(Version::Ufs1, ByteOrder::Little);
        sample.sb(24, 4, 257); // fs_old_cgoffset
        let error = sample.find().unwrap_err();
        assert!(matches!(error, Error::Superblock { field: "fs_old_cgoffset", .. }), "{error}");
        let sample = Sample::new(Version::Ufs1, ByteOrder::Little);
        let fields = Fields::new(&sample.bytes[sample.location..], sample.order).unwrap();
        let (version, location) = (sample.version, ByteOffset(8192));
        let raw = RawSuperblock { fields, version, location, updated: true };
        for new_inodes in [true, false] {
            assert_eq!(max_file_size(&raw, 65536, new_inodes), Ok(0x8000_0000 * 65536 - 1));
        }
    }
}
