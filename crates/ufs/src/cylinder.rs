// SPDX-License-Identifier: BSD-2-Clause
//! The header of a cylinder group (`struct cg`): which inodes to read.

use super::crc32c;
use super::error::{Error, Warning};
use super::fields::{Fields, index};
use super::superblock::{Superblock, Version};

/// `CG_MAGIC` (ufs/ffs/fs.h).
const CG_MAGIC: u32 = 0x0009_0255;

/// Offset of `cg_ckhash`.
const CKHASH: usize = 132;

/// What a dump needs to know of a cylinder group.
#[derive(Clone, Debug)]
pub struct CylinderGroup {
    /// Its number.
    pub cg: u32,
    /// It begins with `CG_MAGIC`. If not, nothing in it can be trusted.
    pub magic_ok: bool,
    /// How many of the group's inodes have ever been written: `fs_ipg` on UFS1, `cg_initediblk` on
    /// UFS2 (the stored value, but at most `fs_ipg`; unreliable if the magic number is wrong).
    pub initialized: u32,
    /// What is not as it should be, and did no harm.
    pub warnings: Vec<Warning>,
    magic: u32,
    iusedoff: u32,
    bytes: Vec<u8>,
}

impl CylinderGroup {
    /// Takes apart `bytes`, the first `fs_cgsize` bytes of the group's header.
    ///
    /// Errors: [`Error::Group`] when they are fewer than a header has.
    pub(super) fn parse(sb: &Superblock, cg: u32, bytes: Vec<u8>) -> Result<Self, Error> {
        let Some(fields) = Fields::<168>::new(&bytes, sb.order) else {
            let wanted = "at least 168".to_owned();
            return Err(Error::Group { cg, field: "fs_cgsize", value: sb.cgsize.into(), wanted });
        };
        let magic = fields.u32::<4>();
        let magic_ok = magic == CG_MAGIC;
        let mut warnings = Vec::new();
        let initialized = match sb.version {
            Version::Ufs1 => sb.ipg,
            Version::Ufs2 => fields.u32::<120>(),
        };
        if magic_ok && initialized > sb.ipg {
            warnings.push(Warning::GroupInodes { cg, value: initialized, ipg: sb.ipg });
        }
        let stored = fields.u32::<CKHASH>();
        if magic_ok && sb.group_hashes {
            let computed = crc32c::check_hash(&bytes, CKHASH);
            if stored != computed {
                warnings.push(Warning::GroupHash { cg, stored, computed });
            }
        }
        let (initialized, iusedoff) = (initialized.min(sb.ipg), fields.u32::<92>());
        Ok(CylinderGroup { cg, magic_ok, initialized, warnings, magic, iusedoff, bytes })
    }

    /// How many of the group's inodes to look at when the map of inodes in use can be trusted (soft
    /// updates): up to the last one in use.
    ///
    /// Errors: [`Error::GroupMagic`]; [`Error::Group`] when the map is not inside the group's header.
    pub fn used(&self) -> Result<u32, Error> {
        let cg = self.cg;
        if !self.magic_ok {
            return Err(Error::GroupMagic { cg, magic: self.magic });
        }
        let start = index(self.iusedoff);
        let length = index(self.initialized.div_ceil(8));
        let end = start.saturating_add(length);
        let map = self.bytes.get(start..end).filter(|_| start >= 168).ok_or_else(|| {
            let most = self.bytes.len().saturating_sub(length);
            let wanted = format!("from 168 to {most}");
            Error::Group { cg, field: "cg_iusedoff", value: self.iusedoff.into(), wanted }
        })?;
        let last = (0..self.initialized)
            .rev()
            .find(|&which| map.get(index(which / 8)).is_some_and(|byte| byte & (1 << (which % 8)) != 0));
        Ok(last.map_or(0, |which| which.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ByteOrder;
    use super::super::sample::{ALL, Sample};
    use super::*;

    #[test]
    fn the_map_of_inodes_in_use_is_trimmed_at_its_end() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let all = u32::try_from(sample.inopb() * 2).unwrap();
            let used = |sample: &Sample| {
                let group = sample.open().cylinder_group(1).unwrap();
                assert_eq!((group.initialized, group.magic_ok), (all, true));
                group.used()
            };
            assert_eq!(used(&sample), Ok(0));
            sample.cg(1, 168, 1, 0b0000_0111);
            assert_eq!(used(&sample), Ok(3));
            sample.cg(1, 169, 1, 0b0010_0000);
            assert_eq!(used(&sample), Ok(14));
            sample.cg(1, 168 + all as usize / 8 - 1, 1, 0x80);
            assert_eq!(used(&sample), Ok(all));
            sample.cg(1, 168 + all as usize / 8, 1, 0xff); // not in the map any more
            assert_eq!(used(&sample), Ok(all));
        }
    }

    #[test]
    fn initialised_inodes_bound_the_map() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        sample.cg(0, 168, 4, 0xffff_ffff);
        let check = |sample: &Sample, initialized, used| {
            let group = sample.open().cylinder_group(0).unwrap();
            assert_eq!((group.initialized, group.used()), (initialized, Ok(used)));
            group.warnings
        };
        sample.cg(0, 120, 4, 16);
        assert_eq!(check(&sample, 16, 16), []);
        sample.cg(0, 120, 4, 0);
        assert_eq!(check(&sample, 0, 0), []);
        sample.cg(0, 120, 4, 33);
        let warnings = check(&sample, 32, 32);
        assert_eq!(warnings, [Warning::GroupInodes { cg: 0, value: 33, ipg: 32 }]);
        assert_eq!(
            warnings[0].to_string(),
            "cylinder group 0: cg_initediblk is 33, but a group has 32 inodes"
        );
    }

    #[test]
    fn a_map_outside_the_group_and_a_bad_magic_number_are_named() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        for bad in [0, 167, 997, 1000, 0x7fff_ffff, 0xffff_ffff] {
            sample.cg(1, 92, 4, bad); // cg_iusedoff
            let wanted = "from 168 to 996".to_owned();
            let error = Error::Group { cg: 1, field: "cg_iusedoff", value: bad, wanted };
            assert_eq!(sample.open().cylinder_group(1).unwrap().used(), Err(error));
        }
        sample.cg(1, 92, 4, 996);
        assert_eq!(sample.open().cylinder_group(1).unwrap().used(), Ok(0));
        sample.cg(1, 4, 4, 0x1234);
        let group = sample.open().cylinder_group(1).unwrap();
        assert!(!group.magic_ok);
        assert_eq!(group.used().unwrap_err().to_string(), "cylinder group 1: bad magic number 0x1234");
    }

    #[test]
    fn a_wrong_check_hash_is_a_warning() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        sample.sb(1312, 4, 0x200); // FS_METACKHASH
        sample.sb(1308, 4, 2); // CK_CYLGRP
        let at = 80 * 1024;
        let hash = crc32c::check_hash(&sample.bytes[at..at + 1000], CKHASH);
        sample.cg(0, CKHASH, 4, hash.into());
        assert_eq!(sample.open().cylinder_group(0).unwrap().warnings, []);
        sample.cg(0, 999, 1, 1);
        let warnings = sample.open().cylinder_group(0).unwrap().warnings;
        assert!(matches!(warnings[..], [Warning::GroupHash { cg: 0, stored, .. }] if stored == hash));
    }
}
