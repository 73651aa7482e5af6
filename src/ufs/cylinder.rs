// SPDX-License-Identifier: BSD-2-Clause
//! A cylinder group's header (`struct cg`): which inodes to look at.

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
    /// UFS2 (whatever stands there, but at most `fs_ipg`; with a bad magic number that is a guess).
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
