// SPDX-License-Identifier: BSD-2-Clause
//! The planner's side of a medium: the operations at its end that make its contents safe.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use crate::media::Kind;
use crate::os::errno::strerror;
use crate::os::tape;
use crate::os::tape::MtOp;
use crate::os::{disk, output};

/// A medium that is being written.
#[derive(Debug)]
pub struct Medium {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// How it is written to.
    pub kind: Kind,
    /// Its name in messages.
    pub name: OsString,
    /// Where it began.
    start: Start,
    /// A tape is unloaded at its end, for an autoloader.
    pub unload: bool,
}

/// Where a medium began, as far as it can be known.
#[derive(Debug)]
enum Start {
    /// Nothing to go by.
    Unknown,
    /// A file, whose first byte of ours is this one.
    File(u64),
    /// A tape, whose drive counts its records: the number of our first.
    Tape(u32),
    /// A tape of which only the driver counts the files: the number of ours.
    TapeFile(u32),
}

/// Why a medium that has taken all records is not safe.
#[derive(Debug)]
pub enum Unsafe {
    /// A system call on it failed.
    System(&'static str, io::Error),
    /// The drive counts other records than were written.
    Records {
        /// As many as it counts.
        counted: u32,
        /// As many as were written.
        written: u64,
    },
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsafe::System(call, error) => write!(f, "{call}: {}", strerror(error)),
            Unsafe::Records { counted, written } => {
                write!(f, "the drive counts {counted} records, but {written} were written")
            }
        }
    }
}

impl Medium {
    /// A medium that has just been opened.
    pub fn new(fd: OwnedFd, kind: Kind, name: OsString) -> Medium {
        if kind == Kind::Tape {
            // What an earlier command left in the drive's sense data is not ours.
            let _ = tape::errors(fd.as_fd());
        }
        let start = match kind {
            Kind::Tape => start_of_tape(fd.as_fd()),
            Kind::File => output::position(fd.as_fd()).map_or(Start::Unknown, Start::File),
            _ => Start::Unknown,
        };
        Medium { fd, kind, name, start, unload: false }
    }

    /// Standard output. Of a file there only what is behind the place where the dump begins is cut off; what is before it is the caller's.
    ///
    /// Errors: it is closed.
    pub fn standard_output() -> io::Result<Medium> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        let kind = match disk::kind(fd.as_fd())? {
            disk::Kind::Regular => Kind::File,
            _ => Kind::Stream,
        };
        Ok(Medium { fd, kind, name: "standard output".into(), start: Start::Unknown, unload: false })
    }

    /// Cuts a file off where the volume begins, directly before its first byte is written: behind a volume that is not finished, what an
    /// older and longer file had there would look like the rest of it.
    ///
    /// On standard output that is where the caller has left the file; with `appends`, which is its end, there is nothing to cut.
    pub fn cut_old_tail(&self, appends: bool) -> Result<(), Unsafe> {
        if self.kind != Kind::File || (appends && !self.can_be_cut()) {
            return Ok(());
        }
        output::cut_here(self.fd.as_fd()).map_err(|error| Unsafe::System("ftruncate", error))
    }

    /// Whether what is written can be written over and cut off: so with a file that was opened by its name.
    pub fn can_be_cut(&self) -> bool {
        matches!(self.start, Start::File(_))
    }

    /// The volume's first byte on a file.
    pub fn start(&self) -> u64 {
        match self.start {
            Start::File(first) => first,
            _ => 0,
        }
    }

    /// Goes back or on to the place behind `bytes` bytes of the volume, on a file.
    pub fn go_behind(&self, bytes: u64) -> io::Result<()> {
        match self.start {
            Start::File(first) => output::seek(self.fd.as_fd(), first + bytes).map(drop),
            _ => Ok(()),
        }
    }

    /// All of the volume, `bytes` bytes, is written, on a tape in `records` records: makes them safe.
    ///
    /// A file is cut behind them, so that nothing of a longer one before is left, and brought to its disk; a tape gets its
    /// filemark, and its drive is asked what it has.
    pub fn make_safe(&self, bytes: u64, records: u64) -> Result<(), Unsafe> {
        let fd = self.fd.as_fd();
        match self.kind {
            Kind::File => {
                if let Start::File(first) = self.start {
                    let end = first + bytes;
                    output::ftruncate(fd, end).map_err(|error| Unsafe::System("ftruncate", error))?;
                }
                output::fsync(fd).map_err(|error| Unsafe::System("fsync", error))
            }
            Kind::Tape => {
                self.check_position(records)?;
                tape::op(fd, MtOp::WriteFilemarks, 1).map_err(|error| Unsafe::System("MTWEOF", error))
            }
            // A disk among them takes writes that it cannot keep.
            Kind::Stream => output::sync(fd).map_err(|error| Unsafe::System("fsync", error)),
            Kind::Remote | Kind::RemoteInStep => Ok(()),
        }
    }

    /// Goes to the first byte of the volume, which is complete. A file is read from any place.
    ///
    /// Errors: the tape cannot be wound back.
    pub fn go_to_start(&self) -> Result<(), Unsafe> {
        let fd = self.fd.as_fd();
        if self.kind != Kind::Tape {
            return Ok(());
        }
        let wound = match (&self.start, at_the_end(&self.name)) {
            (Start::Tape(0) | Start::TapeFile(0), _) | (Start::Unknown, Some(_)) => {
                tape::op(fd, MtOp::Rewind, 1)
            }
            // Behind other files of the tape: back over the filemark before ours, and over it again.
            _ => tape::op(fd, MtOp::BackFiles, 2).and_then(|()| tape::op(fd, MtOp::ForwardFiles, 1)),
        };
        wound.map_err(|error| Unsafe::System("MTIOCTOP", error))
    }

    /// All is safe, and read back if that was wanted: a tape is wound to where its name says.
    ///
    /// `was_read`: it was read up to its filemark.
    pub fn leave(&self, was_read: bool) -> Result<(), Unsafe> {
        let fd = self.fd.as_fd();
        let op = if self.unload { Some(MtOp::Offline) } else { at_the_end(&self.name) };
        let wound = match (self.kind, op) {
            (Kind::Tape, Some(op)) => tape::op(fd, op, 1),
            (Kind::Tape, None) if was_read => tape::op(fd, MtOp::ForwardFiles, 1),
            _ => Ok(()),
        };
        wound.map_err(|error| Unsafe::System("MTIOCTOP", error))
    }

    /// The volume is not complete, and is to be written again: a file keeps nothing of it.
    pub fn discard(&self) {
        if let (Kind::File, Start::File(first)) = (self.kind, &self.start) {
            // It is written again in any case; what is left of it then is cut off.
            let _ = output::ftruncate(self.fd.as_fd(), *first);
        }
        if self.kind == Kind::Tape && self.unload {
            // If it stays, the autoloader brings no other, and the operator is asked.
            let _ = tape::op(self.fd.as_fd(), MtOp::Offline, 1);
        }
    }

    fn check_position(&self, written: u64) -> Result<(), Unsafe> {
        let (Start::Tape(start), Ok(now)) = (&self.start, tape::position(self.fd.as_fd())) else {
            // Not every drive can say.
            return Ok(());
        };
        let counted = now.wrapping_sub(*start);
        if u64::from(counted) == written { Ok(()) } else { Err(Unsafe::Records { counted, written }) }
    }
}

/// The position of a tape; not every drive can say which record that is (`MTIOCRDSPOS`).
fn start_of_tape(fd: BorrowedFd<'_>) -> Start {
    let file = || tape::status(fd).ok().and_then(|status| status.file);
    match tape::position(fd) {
        Ok(record) => Start::Tape(record),
        Err(_) => file().map_or(Start::Unknown, Start::TapeFile),
    }
}

/// What is done with a tape when its volume is complete: `nsa0` and `nst0` stay where they are, `esa0` is unloaded, others rewound.
fn at_the_end(name: &OsStr) -> Option<MtOp> {
    let base = name.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    match base.first() {
        Some(b'n') => None,
        Some(b'e') => Some(MtOp::Offline),
        _ => Some(MtOp::Rewind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tapes_name_says_what_becomes_of_it() {
        assert_eq!(at_the_end(OsStr::new("/dev/nsa0")), None);
        assert_eq!(at_the_end(OsStr::new("/dev/nst1")), None);
        assert_eq!(at_the_end(OsStr::new("/dev/esa0")), Some(MtOp::Offline));
        assert_eq!(at_the_end(OsStr::new("/dev/sa0")), Some(MtOp::Rewind));
        assert_eq!(at_the_end(OsStr::new("st0")), Some(MtOp::Rewind));
    }

    #[test]
    fn a_file_is_cut_before_the_first_byte() {
        let path = std::env::temp_dir().join(format!("capdump-medium-old.{}", std::process::id()));
        let length = || std::fs::metadata(&path).unwrap().len();
        let opened = |start| {
            std::fs::write(&path, vec![1; 10_000]).unwrap();
            let fd = output::open_output(&path, output::Access::Write).unwrap().fd;
            if matches!(start, Start::Unknown) {
                output::seek(fd.as_fd(), 3000).unwrap();
            }
            Medium { fd, kind: Kind::File, name: path.clone().into(), start, unload: false }
        };
        opened(Start::File(0)).cut_old_tail(false).unwrap();
        assert_eq!(length(), 0);
        opened(Start::Unknown).cut_old_tail(false).unwrap();
        assert_eq!(length(), 3000, "standard output: what the caller wrote stays");
        opened(Start::Unknown).cut_old_tail(true).unwrap();
        assert_eq!(length(), 10_000);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_is_cut_behind_the_dump() {
        let path = std::env::temp_dir().join(format!("capdump-medium.{}", std::process::id()));
        std::fs::write(&path, vec![1; 10_000]).unwrap();
        let fd = output::open_output(&path, output::Access::Write).unwrap().fd;
        let medium = Medium::new(fd, Kind::File, path.clone().into());
        medium.make_safe(4096, 4).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 4096);
        medium.discard();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        std::fs::remove_file(&path).unwrap();
    }
}
