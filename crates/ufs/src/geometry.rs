// SPDX-License-Identifier: BSD-2-Clause
//! Locations on the disk: the macros of ufs/ffs/fs.h as methods of the superblock.

use super::error::Error;
use super::superblock::{Superblock, Version};
use crate::{ByteOffset, FileBlock, FragAddr, Ino};
use std::num::NonZeroU64;

impl Superblock {
    /// Inodes in the file system, numbers 0 and 1 counted: at most 2^32.
    pub fn max_inodes(&self) -> u64 {
        u64::from(self.ipg).saturating_mul(self.ncg.into())
    }

    /// Addresses in an indirect block (`NINDIR`).
    pub fn nindir(&self) -> u32 {
        match self.version {
            Version::Ufs1 => self.bsize / 4,
            Version::Ufs2 => self.bsize / 8,
        }
    }

    /// Bytes of an inode on disk.
    pub fn inode_size(&self) -> u32 {
        match self.version {
            Version::Ufs1 => 128,
            Version::Ufs2 => 256,
        }
    }

    /// Inodes in a block (`INOPB`).
    pub fn inodes_per_block(&self) -> u32 {
        match self.version {
            Version::Ufs1 => self.bsize / 128,
            Version::Ufs2 => self.bsize / 256,
        }
    }

    /// Bytes of the disk's block, in which dump's messages count: `fs_fsize >> fs_fsbtodb`.
    pub fn dev_bsize(&self) -> u64 {
        u64::from(self.fsize).checked_shr(self.fsbtodb_shift).unwrap_or(0).max(1)
    }

    /// The disk block at `addr` (`fsbtodb`), in units of [`Self::dev_bsize`].
    pub fn disk_block(&self, addr: FragAddr) -> u64 {
        u64::from(1u32.checked_shl(self.fsbtodb_shift).unwrap_or(1)).saturating_mul(addr.0)
    }

    /// The byte of the disk at which `addr` begins.
    pub fn offset_of(&self, addr: FragAddr) -> ByteOffset {
        ByteOffset(addr.0.saturating_mul(self.fsize.into()))
    }

    /// Takes an address from the disk if `frags` fragments from there on are in the file system.
    ///
    /// Errors: [`Error::Address`].
    #[inline]
    pub fn check_blocks(&self, addr: u64, frags: u32) -> Result<FragAddr, Error> {
        match addr.checked_add(frags.into()) {
            Some(end) if end <= self.size.0 => Ok(FragAddr(addr)),
            _ => Err(Error::Address { addr, frags, size: self.size.0 }),
        }
    }

    /// Takes the address of block `block` of file `ino` if `frags` fragments from there on are in the file system.
    ///
    /// Errors: [`Error::BadBlock`].
    pub fn check_data(&self, ino: Ino, block: FileBlock, addr: u64, frags: u32) -> Result<FragAddr, Error> {
        let bad = |_| Error::BadBlock { ino, level: 0, block, count: 1, addr, size: self.size.0 };
        self.check_blocks(addr, frags).map_err(bad)
    }

    /// The first fragment of group `cg`, with UFS1's stagger (`cgstart`).
    ///
    /// Errors: [`Error::NoGroup`] past the last group.
    pub fn group_start(&self, cg: u32) -> Result<FragAddr, Error> {
        if cg >= self.ncg {
            return Err(Error::NoGroup { cg, ncg: self.ncg });
        }
        let base = u64::from(self.fpg).saturating_mul(cg.into());
        let moved = u64::from(self.cgoffset).saturating_mul((cg & !self.cgmask).into());
        Ok(FragAddr(base.saturating_add(moved)))
    }

    /// The address of group `cg`'s `struct cg` (`cgtod`).
    ///
    /// Errors: [`Error::NoGroup`], or [`Error::Address`] when it is outside the file system.
    pub fn group_addr(&self, cg: u32) -> Result<FragAddr, Error> {
        let start = self.group_start(cg)?.0;
        self.check_blocks(start.saturating_add(self.cblkno.into()), self.frags_of(self.cgsize))
    }

    /// The group that holds `ino` (`ino_to_cg`), and which of its inodes it is.
    ///
    /// Errors: [`Error::NoInode`] past the last inode.
    pub fn group_of(&self, ino: Ino) -> Result<(u32, u32), Error> {
        let nothing = Error::NoInode { ino, inodes: self.max_inodes() };
        match (ino.0.checked_div(self.ipg), ino.0.checked_rem(self.ipg)) {
            (Some(cg), Some(which)) if cg < self.ncg => Ok((cg, which)),
            _ => Err(nothing),
        }
    }

    /// The address of the block that holds `ino` (`ino_to_fsba`), and which of its inodes it is.
    ///
    /// Errors: [`Error::NoInode`], or [`Error::Address`] when the block is outside the file system.
    pub fn inode_block(&self, ino: Ino) -> Result<(FragAddr, u32), Error> {
        let (cg, which) = self.group_of(ino)?;
        let inopb = self.inodes_per_block();
        let within = which.checked_rem(inopb).unwrap_or(0);
        let block = which.checked_div(inopb).unwrap_or(0);
        let addr = u64::from(block)
            .saturating_mul(self.frag.into())
            .saturating_add(self.iblkno.into())
            .saturating_add(self.group_start(cg)?.0);
        Ok((self.check_blocks(addr, self.frag)?, within))
    }

    /// Fragments that `bytes` take up, the last one counted whole.
    pub fn frags_of(&self, bytes: u32) -> u32 {
        bytes.div_ceil(self.fsize.max(1))
    }

    /// Blocks of a file that one entry of an indirect block of `level` maps: 1 for a single
    /// indirect block (level 0), [`Self::nindir`] for a double one, its square for a triple one.
    pub(super) fn entry_span(&self, level: u32) -> NonZeroU64 {
        let span = u64::from(self.nindir()).saturating_pow(level);
        NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, DBLKNO, FPG, IBLKNO, SIZE, Sample};
    use super::*;
    use crate::ByteOrder;

    #[test]
    fn inodes_and_groups_are_where_the_macros_say() {
        for (version, order) in ALL {
            let sample = Sample::new(version, order);
            let (sb, _) = sample.find().unwrap();
            let inopb = u32::try_from(sample.inopb()).unwrap();
            assert_eq!(sb.inode_block(Ino(0)), Ok((FragAddr(IBLKNO), 0)));
            assert_eq!(sb.inode_block(Ino(inopb + 3)), Ok((FragAddr(IBLKNO + 4), 3)));
            assert_eq!(sb.inode_block(Ino(inopb * 2 + 1)), Ok((FragAddr(FPG + IBLKNO), 1)));
            let inodes = sb.max_inodes();
            let ino = Ino(inopb * 4);
            assert_eq!(sb.inode_block(ino), Err(Error::NoInode { ino, inodes }));
            assert_eq!(sb.group_addr(1), Ok(FragAddr(FPG + 80)));
            assert_eq!(sb.group_addr(2), Err(Error::NoGroup { cg: 2, ncg: 2 }));
            assert_eq!(sb.disk_block(FragAddr(DBLKNO)), DBLKNO * 2);
            assert_eq!(sb.offset_of(FragAddr(DBLKNO)), ByteOffset(DBLKNO * 1024));
            assert_eq!(sb.offset_of(FragAddr(u64::MAX)), ByteOffset(u64::MAX));
        }
    }

    #[test]
    fn ufs1_groups_are_staggered() {
        let mut sample = Sample::new(Version::Ufs1, ByteOrder::Big);
        sample.sb(24, 4, 8); // fs_old_cgoffset
        sample.sb(28, 4, 0xffff_fffc); // fs_old_cgmask
        sample.sb(44, 4, 7); // fs_ncg
        sample.sb(1080, 8, 7 * FPG);
        let (sb, _) = sample.find().unwrap();
        let starts: Vec<u64> = (0..7).map(|cg| sb.group_start(cg).unwrap().0).collect();
        assert_eq!(starts, [0, FPG + 8, 2 * FPG + 16, 3 * FPG + 24, 4 * FPG, 5 * FPG + 8, 6 * FPG + 16]);
        // All bits of the group's number count: the last group is moved out of the file system.
        sample.sb(24, 4, 200);
        sample.sb(28, 4, 0);
        let (sb, _) = sample.find().unwrap();
        assert!(matches!(sb.group_addr(6), Err(Error::Address { size, .. }) if size == 7 * FPG));
    }

    #[test]
    fn addresses_are_inside_the_file_system() {
        let (sb, _) = Sample::new(Version::Ufs2, ByteOrder::Little).find().unwrap();
        assert_eq!(sb.check_blocks(SIZE - 4, 4), Ok(FragAddr(SIZE - 4)));
        for (addr, frags) in [(SIZE - 3, 4), (SIZE, 1), (u64::MAX, 1), (u64::MAX - 3, 4)] {
            assert_eq!(sb.check_blocks(addr, frags), Err(Error::Address { addr, frags, size: SIZE }));
        }
    }
}
