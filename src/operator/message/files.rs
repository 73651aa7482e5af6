// SPDX-License-Identifier: BSD-2-Clause
//! Messages about fstab, dumpdates and the snapshot.

use std::ffi::OsStr;
use std::fmt;

use crate::dumpdates::DumpdatesError;
use dumpstream::escape;

/// A message about fstab, dumpdates or the snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum FilesMessage<'a> {
    /// fstab(5) could not be read.
    CannotOpenFstab { path: &'a OsStr, reason: &'a str },
    /// The dumpdates file does not exist.
    NoDumpdates { path: &'a OsStr },
    /// The dumpdates file could not be read.
    CannotReadDumpdates { path: &'a OsStr, reason: &'a str },
    /// An empty dumpdates file could not be created.
    CannotCreateDumpdates { path: &'a OsStr, reason: &'a str },
    /// The dumpdates file could not be opened for writing.
    CannotRewriteDumpdates { path: &'a OsStr, reason: &'a str },
    /// A malformed line of the dumpdates file.
    UnknownFormat { path: &'a OsStr, line: u64 },
    /// The dump cannot be recorded in the dumpdates file.
    CannotRecord(&'a DumpdatesError),
    /// `-L` with a file system that is mounted read-only.
    SnapshotOfReadOnly,
    /// No `-L` with a file system that is mounted for writing.
    ShouldUseSnapshot,
    /// `-L` and there is no `.snap` directory (its name).
    NoSnapDirectory(&'a OsStr),
    /// Second line of [`FilesMessage::NoSnapDirectory`].
    SnapshotDowngraded,
    /// `-u` with a part of a file system.
    IgnoringUpdate,
    /// A level above 0 with a part of a file system.
    SubsetAtLevel0,
    /// A part of this file system is dumped.
    DumpingSubset(&'a OsStr),
    /// This is in it.
    DumpingPath(&'a OsStr),
    /// `-L` with a file system that is not mounted.
    SnapshotOfUnmounted,
}

impl fmt::Display for FilesMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use FilesMessage::*;
        match *self {
            CannotOpenFstab { path, reason } => {
                let path = escape::name(path);
                write!(f, "Can't open {path} for dump table information: {reason}")
            }
            NoDumpdates { path } => {
                write!(f, "WARNING: no file `{}', making an empty one", escape::name(path))
            }
            CannotReadDumpdates { path, reason } => {
                write!(f, "WARNING: cannot read {}: {reason}", escape::name(path))
            }
            CannotCreateDumpdates { path, reason } => {
                write!(f, "WARNING: cannot create {}: {reason}", escape::name(path))
            }
            CannotRewriteDumpdates { path, reason } => {
                write!(f, "cannot rewrite {}: {reason}", escape::name(path))
            }
            UnknownFormat { path, line } => {
                write!(f, "Unknown intermediate format in {}, line {line}", escape::name(path))
            }
            CannotRecord(error) => error.fmt(f),
            SnapshotOfReadOnly => f.write_str("WARNING: -L ignored for read-only filesystem."),
            ShouldUseSnapshot => {
                f.write_str("WARNING: should use -L when dumping live read-write filesystems!")
            }
            NoSnapDirectory(path) => {
                write!(f, "WARNING: -L requested but snapshot location {}", escape::name(path))
            }
            SnapshotDowngraded => f.write_str("         is not a directory: dump downgraded, -L ignored"),
            IgnoringUpdate => f.write_str("Ignoring u flag for subdir dump"),
            SubsetAtLevel0 => f.write_str("Subdir dump is done at level 0"),
            DumpingSubset(from) => write!(f, "Dumping sub files/directories from {}", escape::name(from)),
            DumpingPath(path) => write!(f, "Dumping file/directory {}", escape::name(path)),
            SnapshotOfUnmounted => f.write_str("WARNING: Cannot use -L on an unmounted filesystem."),
        }
    }
}
