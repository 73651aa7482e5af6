// SPDX-License-Identifier: BSD-2-Clause
//! The four passes: selection (I: inodes, II: directories) and output (III and IV).
//!
//! Pure over a [`ReadAt`](ufs::ReadAt). Each pass proceeds in steps, so that its caller can check for signals between them.
//! An invalid value on the disk affects only what it describes and is reported by a [`Notice`]; only an unreadable disk ends a pass.

mod ahead;
mod directory;
mod estimate;
mod file;
mod links;
mod mark;
mod mark_dirs;
#[cfg(test)]
mod mark_dirs_tests;
mod names;
mod segment;
mod select;
mod stream;

use std::fmt;
use std::rc::Rc;

use dumpstream::{Block, InodeMap};
use ufs::{self, DirDamage};
use ufs::{ByteOffset, Ino};

pub use mark::MarkFiles;
pub use mark_dirs::MarkDirs;
pub use names::{NotFound, find};
pub use select::{Select, Wanted};
pub use stream::Stream;

/// Flag `UF_NODUMP` (sys/stat.h): the file is not to be dumped.
const UF_NODUMP: u32 = 0x0000_0001;

/// Flag `SF_SNAPSHOT` (sys/stat.h): the file is a snapshot of its file system.
const SF_SNAPSHOT: u32 = 0x0020_0000;

/// What makes a file wanted.
#[derive(Clone, Copy, Debug)]
pub struct Criteria {
    /// Files changed at or after this time, in seconds since 1970, are dumped (`c_ddate`).
    pub since: i64,
    /// Whether the flag nodump counts (dump's level is not below `-h`).
    pub honor_nodump: bool,
}

impl Criteria {
    fn wants(&self, mtime: i64, ctime: i64, flags: u32) -> bool {
        (mtime >= self.since || ctime >= self.since) && !self.skips(flags)
    }

    fn skips(&self, flags: u32) -> bool {
        self.honor_nodump && flags & UF_NODUMP != 0
    }
}

/// Three maps of inodes, three bits an inode.
#[derive(Clone, Debug)]
pub struct Maps {
    /// In use (`usedinomap`), goes to tape as `TS_CLRI`.
    pub used: InodeMap,
    /// Directories to be looked at or dumped (`dumpdirmap`).
    pub dirs: InodeMap,
    /// To be dumped (`dumpinomap`), goes to tape as `TS_BITS`.
    pub dump: InodeMap,
}

impl Maps {
    /// Empty maps for the inodes below `max_inodes`.
    pub fn new(max_inodes: u64) -> Maps {
        let empty = InodeMap::new(max_inodes);
        Maps { used: empty.clone(), dirs: empty.clone(), dump: empty }
    }
}

/// What comes next on the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The header that [`Stream::header`] gives.
    Header,
    /// Tape blocks that stand at `offset` on the disk.
    Data {
        /// Where they stand.
        offset: ByteOffset,
        /// How many they are.
        blocks: u32,
    },
    /// Tape blocks of zeros: their address was invalid, which has been reported.
    Lost {
        /// How many they are.
        blocks: u32,
    },
    /// A tape block that is at hand: the text of a short symbolic link, or data put into the host's byte order.
    Bytes(Rc<Block>),
    /// A tape block of a map.
    Map {
        /// Which map.
        map: WhichMap,
        /// Which tape block of it.
        index: u32,
    },
    /// Nothing but `TS_END` headers, as [`Stream::header`] gives them.
    End,
}

/// A map that goes to tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichMap {
    /// `TS_CLRI`: inodes in use.
    Used,
    /// `TS_BITS`: inodes on this dump.
    Dump,
}

/// A message to the operator; the dump continues.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Pass III begins.
    DumpingDirectories,
    /// Pass IV begins.
    DumpingFiles,
    /// A directory block is not made of entries.
    CorruptDirectory(Ino),
    /// An entry of this directory names an inode that the file system does not have (the entry's inode, and how many there are).
    CorruptEntry(Ino, Ino, u64),
    /// This directory is damaged at this byte, if it is one byte; what is wrong is left out of the dump, or set right.
    Directory(Ino, Option<u64>, DirDamage),
    /// Part of a directory could not be read, and the dump lacks its names: reported like the read errors of workers.
    Unread {
        /// The directory.
        ino: Ino,
        /// Its position on the disk.
        offset: ByteOffset,
        /// Bytes.
        bytes: u32,
    },
    /// A directory entry says that this inode is of another type (`d_type`) than it is.
    EntryType(Ino),
    /// A mode of no type that is known: nothing is dumped.
    UndefinedType(u16),
    /// A value on the disk is wrong; what it describes is left out or comes out as zeros.
    Damaged(ufs::Error),
    /// A check hash is wrong, or another thing that the dump can do without.
    Warning(ufs::Warning),
}

impl Notice {
    /// The inode that is not on the dump as it should be, or not at all.
    pub fn loss(&self) -> Option<Ino> {
        match self {
            Notice::CorruptDirectory(ino)
            | Notice::CorruptEntry(ino, ..)
            | Notice::Directory(ino, ..)
            | Notice::Unread { ino, .. }
            | Notice::EntryType(ino) => Some(*ino),
            Notice::Damaged(error) => error.inode(),
            Notice::DumpingDirectories
            | Notice::DumpingFiles
            | Notice::UndefinedType(_)
            | Notice::Warning(_) => None,
        }
    }
}

/// Why a pass cannot go on.
#[derive(Debug)]
pub enum Error {
    /// The disk cannot be read.
    Read(ufs::ReadError),
    /// A cylinder group has not the magic number, where its map of inodes is needed (soft updates).
    GroupMagic(u32),
    /// The root is not a directory: restore(8) reaches everything from there. FreeBSD's dump goes on, to a dump that cannot be read.
    NoRoot,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(error) => error.fmt(f),
            Error::GroupMagic(cg) => write!(f, "mapfiles: cg {cg}: bad magic number"),
            Error::NoRoot => {
                write!(
                    f,
                    "inode {} is not a directory: nothing could be restored without the root",
                    Ino::ROOT
                )
            }
        }
    }
}

impl std::error::Error for Error {}

/// What was decoded; an invalid value on the disk is reported, and is `None`. Errors: the disk cannot be read.
fn sound<T>(result: Result<T, ufs::Error>, notify: &mut dyn FnMut(Notice)) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ufs::Error::Read(error)) => Err(Error::Read(error)),
        Err(error) => {
            notify(Notice::Damaged(error));
            Ok(None)
        }
    }
}
