// SPDX-License-Identifier: BSD-2-Clause
//! The superblock (`struct fs`), decoded.

use super::fields::ByteOrder;
use crate::{ByteOffset, FragAddr};

/// Which UFS it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// UFS1: 32-bit addresses and times, inodes of 128 bytes.
    Ufs1,
    /// UFS2: 64-bit addresses and times, inodes of 256 bytes, extended attributes.
    Ufs2,
}

/// A superblock whose values fit each other, in this machine's byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// UFS1 or UFS2 (`fs_magic`).
    pub version: Version,
    /// Byte order of everything on the disk.
    pub order: ByteOrder,
    /// Where the superblock was found.
    pub location: ByteOffset,
    /// Bytes in a block (`fs_bsize`): a power of two from 4096 to 65536.
    pub bsize: u32,
    /// Bytes in a fragment (`fs_fsize`): a power of two from 512 to `bsize`.
    pub fsize: u32,
    /// Fragments in a block (`fs_frag`): 1, 2, 4 or 8.
    pub frag: u32,
    /// Cylinder groups (`fs_ncg`), at least 1.
    pub ncg: u32,
    /// Inodes in a group (`fs_ipg`), a whole number of blocks of inodes.
    pub ipg: u32,
    /// Fragments in a group (`fs_fpg`).
    pub fpg: u32,
    /// Fragments in the file system (`fs_size`).
    pub size: FragAddr,
    /// Bytes of a cylinder group's block in use (`fs_cgsize`), at most `bsize`.
    pub cgsize: u32,
    /// Fragments from a group's start to its copy of the superblock (`fs_sblkno`).
    pub sblkno: u32,
    /// Fragments from a group's start to its `struct cg` (`fs_cblkno`).
    pub cblkno: u32,
    /// Fragments from a group's start to its inodes (`fs_iblkno`).
    pub iblkno: u32,
    /// Fragments from a group's start to its first data (`fs_dblkno`).
    pub dblkno: u32,
    /// UFS1: fragments by which the start of a group is staggered (`fs_old_cgoffset`); 0 on UFS2.
    pub cgoffset: u32,
    /// UFS1: bits of the group number that do not count in that (`fs_old_cgmask`).
    pub cgmask: u32,
    /// A symbolic link shorter than this is in its inode (`fs_maxsymlinklen`, bytes).
    pub maxsymlinklen: u32,
    /// The largest size a file can have, in bytes: `fs_maxfilesize`, or as many as its block map has room for.
    pub(super) maxfilesize: u64,
    /// From fragments to the disk's blocks, as a shift (`fs_fsbtodb`).
    pub fsbtodb_shift: u32,
    /// `fs_flags` (`FS_*`, ufs/ffs/fs.h).
    pub flags: u32,
    /// Soft updates are in use (`FS_DOSOFTDEP`).
    pub soft_updates: bool,
    /// Cylinder groups carry a check hash that is kept up to date (`CK_CYLGRP`).
    pub group_hashes: bool,
    /// So do inodes (`CK_INODE`).
    pub inode_hashes: bool,
    /// The file system was unmounted cleanly (`fs_clean`).
    pub clean: bool,
    /// Last time the file system was written (`fs_time`, seconds since 1970).
    pub time: i64,
    /// Last mount or fsck (`fs_mtime`, seconds since 1970; 0 when never set).
    pub mtime: i64,
    /// Inodes have 16-bit owners, as before 4.4BSD (`fs_old_inodefmt`).
    pub old_inodes: bool,
    /// `fs_old_inodefmt` is `FS_44INODEFMT`, or this is UFS2. If not, another system may have written the superblock.
    pub new_inodes: bool,
    /// Directory entries have no type, as before 4.4BSD.
    pub old_directories: bool,
}

/// Bytes of `struct fs`.
pub(super) const FS_LEN: usize = 1376;

/// `FS_UFS2_MAGIC` (ufs/ffs/fs.h).
pub(super) const UFS2_MAGIC: u32 = 0x1954_0119;

/// `FS_DOSOFTDEP` and `FS_METACKHASH` in `fs_flags` (ufs/ffs/fs.h).
pub(super) const DOSOFTDEP: u32 = 0x2;
pub(super) const METACKHASH: u32 = 0x200;

/// `CK_SUPERBLOCK`, `CK_CYLGRP` and `CK_INODE` in `fs_metackhash` (ufs/ffs/fs.h).
pub(super) const CK_SUPERBLOCK: u32 = 0x1;
pub(super) const CK_CYLGRP: u32 = 0x2;
pub(super) const CK_INODE: u32 = 0x4;
