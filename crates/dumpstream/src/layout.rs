// SPDX-License-Identifier: BSD-2-Clause
//! The layout of a header: byte offsets of the fields of `union u_spcl` (protocols/dumprestore.h).

pub(super) const C_TYPE: usize = 0;
pub(super) const C_OLD_DATE: usize = 4;
pub(super) const C_OLD_DDATE: usize = 8;
pub(super) const C_VOLUME: usize = 12;
pub(super) const C_OLD_TAPEA: usize = 16;
pub(super) const C_INUMBER: usize = 20;
pub(super) const C_MAGIC: usize = 24;
pub(super) const C_CHECKSUM: usize = 28;
pub(super) const C_MODE: usize = 32;
/// `di_ouid` and `di_ogid` of inodes from before 4.4BSD, 16 bits each.
pub(super) const C_OLD_UID: usize = 36;
pub(super) const C_OLD_GID: usize = 38;
pub(super) const C_SIZE: usize = 40;
pub(super) const C_OLD_ATIME: usize = 48;
pub(super) const C_ATIMENSEC: usize = 52;
pub(super) const C_OLD_MTIME: usize = 56;
pub(super) const C_MTIMENSEC: usize = 60;
pub(super) const C_RDEV: usize = 72;
pub(super) const C_BIRTHTIMENSEC: usize = 76;
pub(super) const C_BIRTHTIME: usize = 80;
pub(super) const C_ATIME: usize = 88;
pub(super) const C_MTIME: usize = 96;
pub(super) const C_EXTSIZE: usize = 104;
pub(super) const C_FILE_FLAGS: usize = 132;
pub(super) const C_UID: usize = 144;
pub(super) const C_GID: usize = 148;
pub(super) const C_COUNT: usize = 160;
pub(super) const C_ADDR: usize = 164;
pub(super) const C_LABEL: usize = 676;
pub(super) const C_LEVEL: usize = 692;
pub(super) const C_FILESYS: usize = 696;
pub(super) const C_DEV: usize = 760;
pub(super) const C_HOST: usize = 824;
pub(super) const C_FLAGS: usize = 888;
pub(super) const C_OLD_FIRSTREC: usize = 892;
/// `c_ntrec` of Linux's dump: tape blocks in a record, never 0.
pub(super) const C_NTREC: usize = 896;
pub(super) const C_DATE: usize = 896;
pub(super) const C_DDATE: usize = 904;
pub(super) const C_TAPEA: usize = 912;
pub(super) const C_FIRSTREC: usize = 920;
