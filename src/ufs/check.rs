// SPDX-License-Identifier: BSD-2-Clause
//! Checks the superblock's values against each other before anything uses them.

use super::error::Error;
use super::fields::Fields;
use super::superblock::{CK_CYLGRP, DOSOFTDEP, FS_LEN, METACKHASH, Superblock, Version};
use crate::units::{ByteOffset, FragAddr};
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
    // FS_44INODEFMT is 2; UFS2 never had another.
    let old_inodes = is_ufs1 && fields.i32::<1324>() < 2;
    let [old_flags] = fields.raw::<211, 1>();
    let flags = if raw.updated { fields.u32::<1312>() } else { u32::from(old_flags) };
    let [clean] = fields.raw::<209, 1>();
    let (cgoffset, cgmask) = stagger(raw, groups.fpg)?;
    let links = fields.i32::<1320>(); // fs_maxsymlinklen; 0 or less before 4.4BSD
    let area = if is_ufs1 { 60 } else { 120 };
    Ok(Superblock {
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
        maxfilesize: max_file_size(raw, sizes.bsize, old_inodes)?,
        fsbtodb_shift: sizes.fsbtodb,
        flags,
        soft_updates: flags & DOSOFTDEP != 0,
        group_hashes: !is_ufs1 && flags & METACKHASH != 0 && fields.u32::<1308>() & CK_CYLGRP != 0,
        clean: clean != 0,
        time: if is_old_layout(raw) { i64::from(fields.i32::<32>()) } else { fields.i64::<1072>() },
        mtime: fields.i64::<1208>(),
        old_inodes,
        old_directories: is_ufs1 && links <= 0,
    })
}

/// UFS1 from before the fields that UFS2 brought: `fs_size` and `fs_time` are in their old places.
/// FreeBSD's `ffs_oldfscompat_read` tells it by the same comparison.
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
fn max_file_size(raw: &RawSuperblock<'_>, bsize: u32, old_inodes: bool) -> Result<u64, Error> {
    if old_inodes {
        return Ok(i32::MAX.unsigned_abs().into());
    }
    let value = raw.between("fs_maxfilesize", raw.fields.i64::<1328>(), 1, i64::MAX)?;
    Ok(match raw.version {
        Version::Ufs1 => u64::min(value, u64::from(bsize).saturating_mul(1 << 31).saturating_sub(1)),
        Version::Ufs2 => value,
    })
}
