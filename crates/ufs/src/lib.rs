// SPDX-License-Identifier: BSD-2-Clause
//! The on-disk formats UFS1 and UFS2 in both byte orders; performs no I/O itself.
//!
//! Whoever owns the disk implements [`ReadAt`]; everything here is made from what that returns.
//! Every value from the disk is checked before it is used, and a bad one is an [`Error`] that names
//! its place, its field and its value. C field names are those of FreeBSD's ufs/ffs/fs.h,
//! ufs/ufs/dinode.h and ufs/ufs/dir.h.
//!
//! ```
//! # use capdump_support::{program::TempDir, small};
//! # let dir = TempDir::new("ufs-example");
//! # small::mixed(&dir.join("image"));
//! # let image: Vec<u8> = std::fs::read(dir.join("image"))?;
//! use ufs::{FileSystem, FileType, Ino};
//!
//! // bytes in memory are a disk, and so is whatever implements `ReadAt`
//! let (fs, warnings) = FileSystem::open(image)?;
//! assert!(warnings.is_empty());
//! assert_eq!(fs.superblock().fsize, 1024);
//! assert_eq!(fs.inode(Ino::ROOT)?.file_type(), FileType::Dir);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

mod ahead;
mod attributes;
mod blocks;
mod buffer;
mod check;
mod copies;
mod crc32c;
mod cylinder;
mod dinode;
mod dir;
mod dir_repair;
mod dir_writer;
mod error;
mod fields;
mod filesystem;
mod foreign;
mod geometry;
mod locate;
mod part;
mod read;
mod shape;
mod size;
mod span;
mod superblock;
mod units;

// images are files, and a program unpacks them: nothing for Miri
#[cfg(all(test, not(miri)))]
mod image_tests;
#[cfg(test)]
mod sample;

pub use attributes::Attributes;
pub use blocks::{BlockMap, Segment};
pub use buffer::Buffer;
pub use copies::COPY_UNIT;
pub use cylinder::CylinderGroup;
pub use dinode::{Dinode, FileType, InodeTable, Look, RawDinode};
pub use dir::{DIRBLKSIZ, DirEntries, DirEntry, DirError, DirFault, dir_entries, is_whiteout};
pub use dir_repair::{DirDamage, Relatives, Repairer};
pub use dir_writer::DirWriter;
pub use error::{Error, RootFault, Warning};
pub use fields::ByteOrder;
pub use filesystem::FileSystem;
pub use foreign::{attributes_to_host, directory_to_host};
pub use part::Part;
pub use read::{ReadAt, ReadError};
pub use size::FileSize;
pub use superblock::{Superblock, Version};
pub use units::{ByteOffset, FileBlock, FragAddr, Ino};

/// Direct addresses in an inode (`UFS_NDADDR`, ufs/ufs/dinode.h).
pub const NDADDR: usize = 12;

/// Indirect addresses in an inode (`UFS_NIADDR`, ufs/ufs/dinode.h).
pub const NIADDR: usize = 3;

/// Addresses of extended attribute blocks in a UFS2 inode (`UFS_NXADDR`, ufs/ufs/dinode.h).
pub const NXADDR: usize = 2;
