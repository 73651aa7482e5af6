// SPDX-License-Identifier: BSD-2-Clause
//! Why a dump cannot be started, in the words of err(3) and errx(3) in dump: the exit status is 1.

use std::ffi::OsStr;
use std::fmt;

use dumpstream::escape;

/// One line, without the program's name and the newline. Reasons are strerror(3)'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum Refusal<'a> {
    /// The disk or the snapshot could not be opened.
    CannotOpen { name: &'a OsStr, reason: &'a str },
    /// The disk or the snapshot could not be examined.
    CannotStat { name: &'a OsStr, reason: &'a str },
    /// The snapshot could not be made.
    CannotCreate { name: &'a OsStr, reason: &'a str },
    /// Follows [`Refusal::CannotCreate`] of a snapshot.
    SnapshotNeeds,
    /// Follows [`Refusal::UnknownFileSystem`] of a file or directory: what it is in.
    IsIn { name: &'a OsStr, kind: &'a str, from: &'a OsStr, on: &'a OsStr },
    /// Follows [`Refusal::CannotOpen`] of a disk in a jail.
    InJail,
    /// The operand is a directory, or fstab(5) names something that is not a device.
    UnknownFileSystem(&'a OsStr),
    /// No superblock was found.
    NoSuperblock { reason: &'a str },
    /// The superblock could not be read.
    BadSuperblock { reason: &'a str },
    /// The file system has more bytes than its provider: what is past the end would be lost.
    LargerThanProvider { name: &'a OsStr, size: u64, media: u64 },
    /// The file system cannot be dumped.
    CannotDump { name: &'a OsStr, reason: &'a str },
    /// A path of the command line that is not in the file system.
    NoSuchPath { path: &'a OsStr, reason: &'a str },
    /// The root of the file system is excluded.
    ExcludedRoot,
    /// An excluded inode that the file system does not have.
    NoSuchInode { inode: u32, inodes: u64 },
    /// An excluded inode that is not in use.
    FreeInode { inode: u32 },
    /// A path to be dumped is excluded, or is below an excluded directory.
    IncludedAndExcluded { path: &'a OsStr, inode: u32 },
    /// A line of an exclude file is not an inode number.
    BadInodeList { name: &'a OsStr, line: usize, text: &'a str },
    /// The descriptor for progress cannot be written to.
    ProgressDescriptor { descriptor: i32, reason: &'a str },
    /// An output is another object of the job or cannot be written; the text gives the reason.
    SameObject(&'a str),
    /// An index cannot be written there.
    CannotIndex { name: &'a OsStr, reason: &'a str },
    /// The tape drive does not support records of the size of `-b`, in bytes.
    RecordTooLong { name: &'a OsStr, record: u32, most: u32 },
    /// A compressed dump cannot be written to tape.
    TapeCompressed(&'a OsStr),
    /// Encrypted volumes of no limited size for a tape.
    TapeUnlimited(&'a OsStr),
    /// The output cannot be read back.
    CannotVerify(&'a OsStr),
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::CannotOpen { name, reason } => {
                write!(f, "Cannot open {}: {reason}", escape::name(name))
            }
            Refusal::SameObject(text) => f.write_str(text),
            Refusal::CannotStat { name, reason } => write!(f, "{}: stat: {reason}", escape::name(name)),
            Refusal::CannotCreate { name, reason } => {
                write!(f, "Cannot create {}: {reason}", escape::name(name))
            }
            Refusal::SnapshotNeeds => f.write_str(
                "a snapshot needs free space, fewer than 20 others (snapinfo(8)) and no gjournal(8); without -L, the live file system is dumped",
            ),
            Refusal::IsIn { name, kind: "nullfs", from, .. } => {
                let (name, from) = (escape::name(name), escape::name(from));
                write!(f, "{name} is a nullfs mount of {from}: dump the file system that contains it")
            }
            Refusal::IsIn { name, kind: "ufs", on, .. } => {
                write!(f, "{} is in the file system mounted on {}", escape::name(name), escape::name(on))
            }
            Refusal::IsIn { name, kind, .. } => {
                write!(f, "{} is on {}, and only UFS can be dumped", escape::name(name), escape::name(OsStr::new(kind)))
            }
            Refusal::InJail => f.write_str("in a jail, disks are available only if a rule of devfs(8) permits it"),
            Refusal::UnknownFileSystem(name) => {
                write!(f, "{}: unknown file system", escape::name(name))
            }
            Refusal::RecordTooLong { name, record, most } => {
                let name = escape::name(name);
                write!(
                    f,
                    "{name}: records of {record} bytes are too large, the limit is {most}: use -b {}",
                    most / 1024
                )
            }
            Refusal::CannotDump { name, reason } => write!(f, "{}: {reason}", escape::name(name)),
            Refusal::NoSuchPath { path, reason } => write!(f, "{}: {reason}", escape::name(path)),
            Refusal::ExcludedRoot => f.write_str("the root of the file system cannot be excluded"),
            Refusal::NoSuchInode { inode, inodes } => {
                write!(f, "inode {inode}: the file system has {inodes} inodes")
            }
            Refusal::FreeInode { inode } => write!(f, "inode {inode}: not in use"),
            Refusal::IncludedAndExcluded { path, inode } => {
                write!(f, "{}: to be dumped, but inode {inode} in its path is excluded", escape::name(path))
            }
            Refusal::BadInodeList { name, line, text } => {
                write!(f, "{}, line {line}: \"{text}\" is not an inode number", escape::name(name))
            }
            Refusal::ProgressDescriptor { descriptor, reason } => {
                write!(f, "progress to descriptor {descriptor}: {reason}")
            }
            Refusal::CannotIndex { name, reason } => {
                write!(f, "Cannot write an index to {}: {reason}", escape::name(name))
            }
            Refusal::CannotVerify(name) => {
                write!(f, "{}: cannot be read back for --verify", escape::name(name))
            }
            Refusal::TapeUnlimited(name) => {
                write!(f, "{}: an encrypted dump to tape requires -B", escape::name(name))
            }
            Refusal::TapeCompressed(name) => {
                write!(
                    f,
                    "{}: compressed dumps cannot be written to tape: use the compression of the drive",
                    escape::name(name)
                )
            }
            Refusal::NoSuperblock { reason } => {
                write!(f, "Cannot find file system superblock: {reason}")
            }
            Refusal::BadSuperblock { reason } => {
                write!(f, "Unable to read file system superblock: {reason}")
            }
            Refusal::LargerThanProvider { name, size, media } => {
                let name = escape::name(name);
                write!(f, "{name}: the file system has {size} bytes, its provider only {media}")
            }
        }
    }
}
