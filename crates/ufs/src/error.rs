// SPDX-License-Identifier: BSD-2-Clause
//! Errors in a file system, which stop an operation, and warnings, which do not.

use super::read::ReadError;
use crate::{ByteOffset, FileBlock, Ino};
use std::fmt;

/// A file system, or a part of it, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The disk could not be read, or the operator chose to abort.
    Read(ReadError),
    /// No superblock in any of the places where one can be.
    NotUfs,
    /// newfs(8) began here and did not finish (`FS_BAD_MAGIC`).
    Unfinished {
        /// Byte offset of the superblock.
        location: ByteOffset,
    },
    /// UFS of another system that cannot be read.
    Foreign {
        /// Byte offset of the superblock.
        location: ByteOffset,
        /// What it is.
        what: &'static str,
    },
    /// Directories of a format that cannot be dumped, as the root directory shows it.
    Root(RootFault),
    /// A superblock at a location where its file system has none.
    StrayCopy {
        /// Byte offset of the superblock.
        location: ByteOffset,
    },
    /// A field of the superblock that cannot be right.
    Superblock {
        /// Byte offset of the superblock.
        location: ByteOffset,
        /// C name of the field.
        field: &'static str,
        /// What it holds.
        value: i128,
        /// What it should hold, in words.
        wanted: String,
    },
    /// A cylinder group number past the last group.
    NoGroup {
        /// The requested number.
        cg: u32,
        /// Groups in the file system.
        ncg: u32,
    },
    /// A cylinder group that does not begin with `CG_MAGIC`.
    GroupMagic {
        /// Number of the group.
        cg: u32,
        /// The value found instead.
        magic: u32,
    },
    /// A field of a cylinder group that cannot be right.
    Group {
        /// Number of the group.
        cg: u32,
        /// C name of the field.
        field: &'static str,
        /// What it holds.
        value: u64,
        /// What it should hold, in words.
        wanted: String,
    },
    /// An inode number past the last inode.
    NoInode {
        /// The requested number.
        ino: Ino,
        /// Inodes in the file system.
        inodes: u64,
    },
    /// A field of an inode that cannot be right.
    Inode {
        /// Number of the inode.
        ino: Ino,
        /// C name of the field.
        field: &'static str,
        /// What it holds.
        value: u64,
        /// What it should hold, in words.
        wanted: String,
    },
    /// An address in an inode or in its indirect blocks that lies outside the file system.
    BadBlock {
        /// Number of the inode.
        ino: Ino,
        /// 0: a data block; 1, 2, 3: a single, double, triple indirect block.
        level: u8,
        /// The first block of the file that cannot be found because of it.
        block: FileBlock,
        /// How many blocks of the file cannot be found (file system blocks).
        count: u64,
        /// The address, in fragments.
        addr: u64,
        /// Fragments in the file system.
        size: u64,
    },
    /// A file with more blocks than the file system has: its block map uses some of them again and again.
    TooManyBlocks {
        /// Number of the inode.
        ino: Ino,
        /// The first block of the file that was not mapped.
        block: FileBlock,
        /// How many blocks of the file were not mapped (file system blocks).
        count: u64,
    },
    /// An address outside the file system.
    Address {
        /// The address, in fragments.
        addr: u64,
        /// How many fragments were wanted.
        frags: u32,
        /// Fragments in the file system.
        size: u64,
    },
}

/// A format of directories that cannot be dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootFault {
    /// Those of Apple UFS (Mac OS X), by its label.
    Apple,
    /// Entries cross multiples of 512 bytes, as in Apple UFS and NeXTSTEP.
    LongBlocks,
    /// `.` and `..` are not laid out as in any UFS.
    Unknown,
}

impl fmt::Display for RootFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RootFault::Apple => "this is Apple UFS, with directory blocks of 1024 bytes; it cannot be dumped",
            RootFault::LongBlocks => {
                "the root directory has blocks of 1024 bytes, as in Apple UFS and NeXTSTEP; it cannot be dumped"
            }
            RootFault::Unknown => {
                "the root directory does not begin with `.' and `..' in a UFS format; it cannot be dumped"
            }
        })
    }
}

impl Error {
    /// The inode that it is about, if it is about one of the file system's.
    pub fn inode(&self) -> Option<Ino> {
        match self {
            Error::Inode { ino, .. } | Error::BadBlock { ino, .. } | Error::TooManyBlocks { ino, .. } => {
                Some(*ino)
            }
            _ => None,
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Error::Read(error)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(error) => error.fmt(f),
            Error::NotUfs => f.write_str("no UFS superblock found"),
            Error::Unfinished { location } => {
                write!(f, "superblock at byte {location}: newfs did not finish making this file system")
            }
            Error::Foreign { location, what } => {
                write!(f, "superblock at byte {location}: {what}; it cannot be dumped")
            }
            Error::Root(fault) => fault.fmt(f),
            Error::StrayCopy { location } => {
                write!(f, "superblock at byte {location}: its file system has no copy there")
            }
            Error::Superblock { location, field, value, wanted } => {
                write!(f, "superblock at byte {location}: {field} is {value}, should be {wanted}")
            }
            Error::NoGroup { cg, ncg } => {
                write!(f, "cylinder group {cg}: the file system has {ncg} groups")
            }
            Error::GroupMagic { cg, magic } => {
                write!(f, "cylinder group {cg}: bad magic number {magic:#x}")
            }
            Error::Group { cg, field, value, wanted } => {
                write!(f, "cylinder group {cg}: {field} is {value}, should be {wanted}")
            }
            Error::NoInode { ino, inodes } => {
                write!(f, "inode {ino}: the file system has {inodes} inodes")
            }
            Error::Inode { ino, field, value, wanted } => {
                write!(f, "inode {ino}: {field} is {value}, should be {wanted}")
            }
            Error::BadBlock { ino, level, block, count, addr, size } => write!(
                f,
                "inode {ino}: {} {addr} of file blocks {block} to {} is outside the file system \
                 of {size} fragments",
                level_name(*level),
                block.0.saturating_add(count.saturating_sub(1)),
            ),
            Error::TooManyBlocks { ino, block, count } => write!(
                f,
                "inode {ino}: its blocks are more than the file system has; {count} from file \
                 block {block} on are taken for holes"
            ),
            Error::Address { addr, frags, size } => write!(
                f,
                "{frags} fragments at address {addr} are outside the file system of {size} fragments"
            ),
        }
    }
}

fn level_name(level: u8) -> &'static str {
    match level {
        0 => "address",
        1 => "single indirect address",
        2 => "double indirect address",
        _ => "triple indirect address",
    }
}

/// Something wrong that does not stop the reading of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The superblock's check hash (`fs_ckhash`) is not that of its bytes.
    SuperblockHash {
        /// Byte offset of the superblock.
        location: ByteOffset,
        /// The hash on disk.
        stored: u32,
        /// The hash of the bytes.
        computed: u32,
    },
    /// The superblock was found in a place other than the one it gives (`fs_sblockloc`).
    SuperblockPlace {
        /// Byte offset of the superblock.
        location: ByteOffset,
        /// What `fs_sblockloc` holds.
        stated: i64,
    },
    /// The file system was not unmounted cleanly (`fs_clean`).
    NotClean,
    /// The disk or image ends before the file system does.
    Cut {
        /// Bytes of the file system.
        size: u64,
        /// Available bytes.
        media: u64,
    },
    /// A cylinder group's check hash (`cg_ckhash`) is not that of its bytes.
    GroupHash {
        /// Number of the group.
        cg: u32,
        /// The hash on disk.
        stored: u32,
        /// The hash of the bytes.
        computed: u32,
    },
    /// An inode's check hash (`di_ckhash`) is not that of its bytes.
    InodeHash {
        /// Number of the inode.
        ino: Ino,
        /// The hash on disk.
        stored: u32,
        /// The hash of the bytes.
        computed: u32,
    },
    /// There are more inodes with a wrong check hash than were named.
    MoreInodeHashes {
        /// How many more.
        count: u64,
    },
    /// A cylinder group says that it has initialised more inodes than it has (`cg_initediblk`).
    GroupInodes {
        /// Number of the group.
        cg: u32,
        /// What the field holds.
        value: u32,
        /// Inodes in a group, which is what was taken instead.
        ipg: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::SuperblockHash { location, stored, computed } => write!(
                f,
                "superblock at byte {location}: check hash is {stored:#010x}, should be {computed:#010x}"
            ),
            Warning::SuperblockPlace { location, stated } => {
                write!(f, "superblock at byte {location}: fs_sblockloc says byte {stated}")
            }
            Warning::NotClean => {
                f.write_str("the file system was not unmounted cleanly (fs_clean is 0): run fsck(8) before")
            }
            Warning::Cut { size, media } => write!(
                f,
                "the file system has {size} bytes, but only {media} are there: what is in the others cannot be read"
            ),
            Warning::GroupHash { cg, stored, computed } => {
                write!(f, "cylinder group {cg}: check hash is {stored:#010x}, should be {computed:#010x}")
            }
            Warning::InodeHash { ino, stored, computed } => {
                write!(f, "inode {ino}: check hash is {stored:#010x}, should be {computed:#010x}")
            }
            Warning::MoreInodeHashes { count } => {
                write!(f, "{count} more inodes have a wrong check hash")
            }
            Warning::GroupInodes { cg, value, ipg } => {
                write!(f, "cylinder group {cg}: cg_initediblk is {value}, but a group has {ipg} inodes")
            }
        }
    }
}
