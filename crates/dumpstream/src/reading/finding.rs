// SPDX-License-Identifier: BSD-2-Clause
//! Findings: damage to a dump, and notes.

use std::fmt;

use crate::TapeBlock;
use crate::{DecodeError, RecordType};
use ufs::DirFault;
use ufs::Ino;

/// Where something is in the dump as it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The volume, from 1: the number of the file it was read from, or what its header says.
    pub volume: u32,
    /// The tape block of 1024 bytes, from 0, in that volume's uncompressed stream.
    pub block: u64,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where; none of what concerns the dump as a whole.
    pub place: Option<Place>,
    /// The inode that it concerns, where that is known.
    pub ino: Option<Ino>,
    /// The last one, where it concerns all inodes from `ino` on.
    pub last: Option<Ino>,
    /// What.
    pub fault: Fault,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no header where one should be.
    NoHeader(DecodeError),
    /// This many tape blocks were passed over before the next header.
    Skipped(u64),
    /// The first block of a volume is no `TS_TAPE`.
    NoVolumeHeader,
    /// The first volume that was given is this one, so that maps and directories before it are unknown.
    StartsAt(u32),
    /// Another volume should be here: the one expected, the one found.
    WrongVolume(u32, u32),
    /// A header of a dump of another date or level.
    OtherDump,
    /// Linux's dump compressed the records; they cannot be read here.
    Compressed,
    /// The numbers of tape blocks do not go on: the one expected, the one found.
    Numbers(TapeBlock, TapeBlock),
    /// This many tape blocks at the start of a volume were on the volume before already.
    Repeated(u64),
    /// A record of this type is out of place.
    OutOfOrder(RecordType),
    /// A map's tape blocks do not fit the number of inodes: the tape blocks, the last inode.
    MapSize(RecordType, u32, u32),
    /// The inode is in `TS_BITS`, but not in `TS_CLRI`.
    NotInUse,
    /// `TS_BITS` lacks the root.
    NoRoot,
    /// The inode comes after a higher one.
    InodeOrder(Ino),
    /// The inode occurs again.
    InodeTwice,
    /// The inode is on the dump, but not in `TS_BITS`.
    NotInMap,
    /// A `TS_ADDR` does not follow its file.
    StrayAddr,
    /// Extended attributes of Linux's dump do not follow their inode.
    StrayAttributes,
    /// A `TS_ADDR` that announces no block.
    EmptyAddr,
    /// The tape blocks announced are not what the size asks for.
    Extent {
        /// Announced, holes included.
        announced: u64,
        /// Required by size and extended attributes.
        wanted: u64,
    },
    /// `c_mode` has no known type.
    Mode(u16),
    /// An entry of a directory: its byte in the directory, what is wrong.
    Directory(u64, DirFault),
    /// An entry's name has a slash or a NUL in it: the byte in the directory that its tape block begins at.
    Name(u64),
    /// The directory's entry `.` or `..` is not the first or the second, or names the wrong inode.
    Dots,
    /// An entry names an inode past the end of the maps.
    PastEnd(Ino),
    /// An entry names an inode that is not in use.
    Unused(Ino),
    /// An entry says that the inode is of another type (`d_type`, type bits of `c_mode`).
    EntryType(u8, u16),
    /// The directory is not below the root.
    Unreachable,
    /// There are more names than are kept.
    TooManyNames,
    /// The last volume ends without `TS_END`.
    NoEnd,
    /// The volume's length is not a whole number of tape blocks: the bytes left over.
    Ragged(u64),
    /// This many tape blocks follow after `TS_END`.
    AfterEnd(u64),
    /// The medium could not be read there: the reason.
    Unreadable(String),
    /// The compressed frame that begins at this byte of the volume is damaged: the reason.
    Frame(u64, String),
    /// Part of the file system was damaged on the disk, and is missing on the dump or not as it was: see [`DAMAGED`](crate::DAMAGED).
    OnDisk,
    /// The dump is damaged, and the file is missing.
    Lost,
    /// The file is in the dump, but its contents may be incomplete or wrong.
    Damaged,
    /// The map has the inode, but the dump, which has no gap, does not.
    Absent,
    /// The same, but its directory entry says that it is of a type that no dump has, such as a whiteout.
    Undumped,
    /// The map has the inode, which is not on the volumes that were read.
    NotSeen,
    /// The dump goes on with this volume, which was not given.
    GoesOn(u32),
    /// What the file begins with is on a volume that was not given.
    BeginsBefore,
    /// What the file ends with is on a volume that was not given.
    EndsAfter,
    /// There is nothing at all.
    Empty,
    /// The content is not what the index says.
    Content,
    /// The bytes of the volume are not those that the index says.
    Volume,
    /// No directory on the dump has a name for the inode.
    Nameless,
}

impl Fault {
    /// Whether the dump is damaged; else it is only worth saying.
    pub fn is_damage(&self) -> bool {
        !matches!(
            self,
            Fault::StartsAt(_)
                | Fault::Repeated(_)
                | Fault::Unused(_)
                | Fault::AfterEnd(_)
                | Fault::Undumped
                | Fault::NotSeen
                | Fault::GoesOn(_)
                | Fault::BeginsBefore
                | Fault::EndsAfter
                | Fault::Nameless
        )
    }

    /// Whether it is wrong with the dump itself. What is wrong with the file system was dumped as it is.
    pub fn is_of_the_stream(&self) -> bool {
        !matches!(
            self,
            Fault::Mode(_)
                | Fault::Directory(..)
                | Fault::Name(_)
                | Fault::Dots
                | Fault::PastEnd(_)
                | Fault::Unused(_)
                | Fault::EntryType(..)
                | Fault::NotInUse
                | Fault::NoRoot
                | Fault::Unreachable
                | Fault::TooManyNames
                | Fault::OnDisk
                | Fault::Absent
                | Fault::Undumped
                | Fault::Damaged
                | Fault::Nameless
        )
    }

    /// A word for programs; the same in later versions.
    pub fn word(&self) -> &'static str {
        match self {
            Fault::NoHeader(_) => "no-header",
            Fault::Skipped(_) => "skipped",
            Fault::NoVolumeHeader => "no-volume-header",
            Fault::StartsAt(_) => "starts-at-volume",
            Fault::WrongVolume(..) => "wrong-volume",
            Fault::OtherDump => "other-dump",
            Fault::Compressed => "linux-compressed",
            Fault::Numbers(..) => "block-numbers",
            Fault::Repeated(_) => "repeated-blocks",
            Fault::OutOfOrder(_) => "out-of-order",
            Fault::MapSize(..) => "map-size",
            Fault::NotInUse => "not-in-use",
            Fault::NoRoot => "no-root",
            Fault::InodeOrder(_) => "inode-order",
            Fault::InodeTwice => "inode-twice",
            Fault::NotInMap => "not-in-map",
            Fault::StrayAddr => "stray-addr",
            Fault::StrayAttributes => "stray-attributes",
            Fault::EmptyAddr => "empty-addr",
            Fault::Extent { .. } => "extent",
            Fault::Mode(_) => "mode",
            Fault::Directory(..) => "directory",
            Fault::Name(_) => "name",
            Fault::Dots => "dots",
            Fault::PastEnd(_) => "entry-past-end",
            Fault::Unused(_) => "entry-unused",
            Fault::EntryType(..) => "entry-type",
            Fault::Unreachable => "unreachable",
            Fault::TooManyNames => "too-many-names",
            Fault::NoEnd => "no-end",
            Fault::Ragged(_) => "ragged",
            Fault::AfterEnd(_) => "after-end",
            Fault::Unreadable(_) => "unreadable",
            Fault::Frame(..) => "frame",
            Fault::OnDisk => "damaged-on-disk",
            Fault::Lost => "lost",
            Fault::Damaged => "damaged",
            Fault::Absent => "absent",
            Fault::Undumped => "undumped",
            Fault::NotSeen => "not-seen",
            Fault::GoesOn(_) => "goes-on",
            Fault::BeginsBefore => "begins-before",
            Fault::EndsAfter => "ends-after",
            Fault::Empty => "empty",
            Fault::Content => "content",
            Fault::Volume => "volume",
            Fault::Nameless => "nameless",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoHeader(error) => write!(f, "no header here: {error}"),
            Fault::Skipped(blocks) => write!(f, "{blocks} tape blocks skipped before this header"),
            Fault::NoVolumeHeader => f.write_str("the volume does not begin with TS_TAPE"),
            Fault::StartsAt(volume) => write!(f, "the dump is read from volume {volume} on"),
            Fault::WrongVolume(want, got) => write!(f, "this is volume {got}, should be {want}"),
            Fault::OtherDump => f.write_str("a header of another dump"),
            Fault::Compressed => f.write_str("compressed by Linux's dump, which is not supported"),
            Fault::Numbers(want, got) => write!(f, "c_tapea is {got}, should be {want}"),
            Fault::Repeated(blocks) => write!(f, "{blocks} tape blocks repeated from the previous volume"),
            Fault::OutOfOrder(kind) => write!(f, "{} is out of place", name(*kind)),
            Fault::MapSize(kind, blocks, last) => {
                write!(f, "{} of {blocks} tape blocks for inodes up to {last}", name(*kind))
            }
            Fault::NotInUse => f.write_str("in TS_BITS, but not in TS_CLRI"),
            Fault::NoRoot => f.write_str("TS_BITS lacks the root"),
            Fault::InodeOrder(before) => write!(f, "comes after inode {before}"),
            Fault::InodeTwice => f.write_str("occurs twice"),
            Fault::NotInMap => f.write_str("is not in TS_BITS"),
            Fault::StrayAddr => f.write_str("TS_ADDR without the file before it"),
            Fault::StrayAttributes => f.write_str("extended attributes that do not follow their inode"),
            Fault::EmptyAddr => f.write_str("TS_ADDR with a c_count of 0"),
            Fault::Extent { announced, wanted } => {
                write!(f, "{announced} tape blocks, should be {wanted} by its size")
            }
            Fault::Mode(mode) => write!(f, "undefined file type 0{mode:o}"),
            Fault::Directory(at, fault) => write!(f, "directory entry at byte {at}: {fault}"),
            Fault::Name(at) => {
                write!(f, "directory entry after byte {at}: the name has a slash or NUL in it")
            }
            Fault::Dots => f.write_str("`.' or `..' is not where it should be"),
            Fault::PastEnd(ino) => write!(f, "an entry names inode {ino}, past the end of the maps"),
            Fault::Unused(ino) => write!(f, "an entry names inode {ino}, which is not in use"),
            Fault::EntryType(kind, mode) => {
                write!(f, "d_type of its entry is {kind}, but its mode is 0{mode:o}")
            }
            Fault::Unreachable => f.write_str("directory that is not below the root"),
            Fault::TooManyNames => f.write_str("too many names: further names are ignored"),
            Fault::NoEnd => f.write_str(
                "the dump ends without TS_END: it was cut short, or further volumes were not given",
            ),
            Fault::Ragged(bytes) => write!(f, "{bytes} bytes at the end are not a whole tape block"),
            Fault::AfterEnd(blocks) => write!(f, "{blocks} tape blocks after TS_END"),
            Fault::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Fault::Frame(at, reason) => write!(f, "compressed frame at byte {at} is damaged: {reason}"),
            Fault::OnDisk => {
                f.write_str("part of the file system was damaged on the disk, and is not on the dump")
            }
            Fault::Lost => f.write_str("lost: in the map, but not in the dump"),
            Fault::Damaged => f.write_str("damaged: its contents are incomplete or unreliable"),
            Fault::Absent => f.write_str("in the map, but was not dumped"),
            Fault::Undumped => f.write_str("in the map, but of a type that is not dumped"),
            Fault::NotSeen => f.write_str("in the map, but not on the volumes given"),
            Fault::GoesOn(volume) => {
                write!(
                    f,
                    "the dump ends without TS_END: it continues on volume {volume}, which was not given"
                )
            }
            Fault::BeginsBefore => f.write_str("its beginning is on a volume that was not given"),
            Fault::EndsAfter => f.write_str("its end is on a volume that was not given"),
            Fault::Empty => f.write_str("the volume is empty"),
            Fault::Content => f.write_str("its content is not what was dumped, by the digest in the index"),
            Fault::Volume => f.write_str("the volume is not as it was written, by the digest in the index"),
            Fault::Nameless => f.write_str("no directory entry refers to it"),
        }
    }
}

/// A record type as the C header calls it.
fn name(kind: RecordType) -> &'static str {
    match kind {
        RecordType::Tape => "TS_TAPE",
        RecordType::Inode => "TS_INODE",
        RecordType::Bits => "TS_BITS",
        RecordType::Addr => "TS_ADDR",
        RecordType::End => "TS_END",
        RecordType::Clri => "TS_CLRI",
    }
}
