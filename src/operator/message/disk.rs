// SPDX-License-Identifier: BSD-2-Clause
//! Messages about the disk and its file system.

use std::ffi::OsStr;
use std::fmt;

use dumpstream::escape;

/// Read errors after which dump asks whether to go on (`BREADEMAX`, sbin/dump/traverse.c).
pub const BREADEMAX: u32 = 32;

/// A message about the disk or its file system.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum DiskMessage<'a> {
    /// A block could not be read. Blocks are of 512 bytes, `count` and `got` are bytes.
    ReadError { disk: &'a OsStr, reason: &'a str, block: i64, count: u64 },
    /// A block was read only in part.
    ShortReadError { disk: &'a OsStr, block: i64, count: u64, got: u64 },
    /// A sector of such a block could not be read.
    SectorReadError { disk: &'a OsStr, reason: &'a str, sector: i64, count: u64 },
    /// A sector of such a block was read only in part.
    SectorShortRead { disk: &'a OsStr, sector: i64, count: u64, got: u64 },
    /// The disk is gone, or has failed from this block on. None of dump's.
    DeadDisk { disk: &'a OsStr, reason: &'a str, block: i64, snapshot: bool },
    /// More than `most` of them ([`BREADEMAX`] in dump).
    TooManyReadErrors { disk: &'a OsStr, most: u32 },
    /// Follows [`DiskMessage::TooManyReadErrors`].
    Unrecoverable,
    /// A directory is shorter than its size.
    CorruptedDirectory { inode: u64 },
    /// A directory entry refers to an inode that does not exist.
    CorruptedEntry { inode: u64, maxino: u64 },
    /// An inode's type is none that dump knows (`di_mode & IFMT`).
    UndefinedType { mode: u32 },
}

impl fmt::Display for DiskMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DiskMessage::*;
        match *self {
            ReadError { disk, reason, block, count } => {
                let disk = escape::name(disk);
                write!(f, "read error from {disk}: {reason}: [block {block}]: count={count}")
            }
            ShortReadError { disk, block, count, got } => {
                let disk = escape::name(disk);
                write!(f, "short read error from {disk}: [block {block}]: count={count}, got={got}")
            }
            SectorReadError { disk, reason, sector, count } => {
                let disk = escape::name(disk);
                write!(f, "read error from {disk}: {reason}: [sector {sector}]: count={count}")
            }
            SectorShortRead { disk, sector, count, got } => {
                let disk = escape::name(disk);
                write!(f, "short read from {disk}: [sector {sector}]: count={count}, got={got}")
            }
            DeadDisk { disk, reason, block, snapshot } => {
                let disk = escape::name(disk);
                write!(f, "read error from {disk}: {reason}: [block {block}]: ")?;
                f.write_str(match snapshot {
                    false => "the disk no longer responds",
                    true => "the snapshot is gone: the disk failed, or its file system was unmounted or mounted read-only",
                })
            }
            TooManyReadErrors { disk, most } => {
                write!(f, "More than {most} block read errors from {}", escape::name(disk))
            }
            Unrecoverable => f.write_str("This is an unrecoverable error."),
            CorruptedDirectory { inode } => {
                write!(f, "corrupted directory, inumber {inode}")
            }
            CorruptedEntry { inode, maxino } => {
                write!(f, "corrupted directory entry, d_ino {inode} >= {maxino}")
            }
            UndefinedType { mode } => {
                write!(f, "Warning: undefined file type 0{mode:o}")
            }
        }
    }
}
