// SPDX-License-Identifier: BSD-2-Clause
//! What the monitor refuses, and how that crosses the socket: kinds and numbers, and no text but the name of another object.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::dumpdates::DumpdatesError;
use crate::monitor::index_names::IndexNames;
use crate::objects::identity::{Relation, Role};
use crate::objects::outputs::Unfit;
use crate::os::errno::strerror;
use crate::os::socket::MAX_FRAME;

/// Most bytes of a name.
const NAME_BYTES: usize = MAX_FRAME - 32;

/// Why a volume that is written to a file is not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// A system call failed (errno).
    System(i32),
    /// The file has another size, in bytes, than was written.
    Length {
        /// Its size.
        size: u64,
        /// Where the volume ends.
        end: u64,
    },
    /// The file has lost its name.
    Removed,
}

impl From<io::Error> for Unsound {
    fn from(error: io::Error) -> Unsound {
        Unsound::System(errno_of(&error))
    }
}

/// Why a complete dump is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded {
    /// Why.
    pub why: NoRecord,
    /// The errno with which the index that was there before could not be put back, if it could not.
    pub index_lost: Option<i32>,
}

/// The cause of [`Unrecorded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRecord {
    /// This volume is not finished.
    Volume(u32),
    /// The index could not be given its name (errno).
    Index(i32),
    /// Another file has the name of the index.
    IndexReplaced,
    /// Another file has the name that the index has until it is finished.
    UnfinishedReplaced,
    /// The index could not be signed (errno); whether all else is recorded.
    Signature(i32, bool),
    /// The dumpdates file could not be changed (errno).
    Dumpdates(i32),
    /// It was removed or replaced.
    DumpdatesRemoved,
    /// It has become too large.
    DumpdatesTooLarge,
    /// It could not be changed, and then not be put back (errnos).
    DumpdatesDamaged(i32, i32),
}

/// The errno of an error; one that has none is not a system call's.
pub fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// The text of an errno.
fn text(errno: i32) -> String {
    strerror(&io::Error::from_raw_os_error(errno))
}

impl Unsound {
    /// The line of it, for the file of this name.
    pub fn line(&self, name: &OsStr) -> String {
        let name = name.display();
        match self {
            Unsound::System(errno) => format!("{name}: {}", text(*errno)),
            Unsound::Length { size, end } => format!("{name} has {size} bytes, but {end} were written"),
            Unsound::Removed => format!("{name} was removed while it was written"),
        }
    }
}

impl Unrecorded {
    /// The line of it. `index` is the name of the command line, `names` are the full ones.
    pub fn line(&self, dumpdates: &Path, index: &Path, names: Option<&IndexNames>) -> String {
        let (dumpdates, index) = (dumpdates.display(), index.display());
        let replaced = |name: Option<&Path>| {
            let name = name.unwrap_or(Path::new("")).display();
            format!("the index {index}: {name} was replaced by another file")
        };
        let why = match self.why {
            NoRecord::Volume(volume) => format!("volume {volume} is not finished"),
            NoRecord::Index(errno) => format!("the index {index}: {}", text(errno)),
            NoRecord::IndexReplaced => replaced(names.map(|names| names.name.as_path())),
            NoRecord::UnfinishedReplaced => replaced(names.map(|names| names.unfinished.as_path())),
            NoRecord::Signature(errno, false) => format!("the signature of {index}: {}", text(errno)),
            NoRecord::Signature(errno, true) => {
                format!("the signature of {index}: {}; the dump is complete and has its index", text(errno))
            }
            NoRecord::Dumpdates(errno) => format!("{dumpdates}: {}", text(errno)),
            NoRecord::DumpdatesRemoved => {
                format!("{dumpdates}: it was removed or replaced while the dump ran")
            }
            NoRecord::DumpdatesTooLarge => format!("{dumpdates}: {}", DumpdatesError::TooLarge),
            NoRecord::DumpdatesDamaged(first, second) => {
                format!("{dumpdates}: {}; not put back: {}", text(first), text(second))
            }
        };
        match self.index_lost {
            Some(errno) => format!("{why}; the index {index} is not put back: {}", text(errno)),
            None => why,
        }
    }
}

/// How a refusal crosses the socket: its kind, the numbers it has, and a name.
pub struct Wire<'a>(pub u32, pub [u64; 3], pub &'a [u8]);

/// What crosses the socket as [`Wire`].
pub trait OnWire: Sized {
    /// How it is sent.
    fn to_wire(&self) -> Wire<'_>;
    /// What was sent; none if it is invalid.
    fn from_wire(wire: &Wire<'_>) -> Option<Self>;
}

fn number(errno: i32) -> u64 {
    errno.cast_unsigned().into()
}

fn errno(number: u64) -> Option<i32> {
    u32::try_from(number).ok().map(u32::cast_signed)
}

fn one_of<T: Copy>(all: &[T], code: u64) -> Option<T> {
    all.get(usize::try_from(code).ok()?).copied()
}

impl OnWire for Unfit {
    fn to_wire(&self) -> Wire<'_> {
        match self {
            Unfit::Clash(relation, role, name) => {
                let name = name.as_bytes();
                Wire(0, [*relation as u64, *role as u64, 0], &name[..name.len().min(NAME_BYTES)])
            }
            Unfit::Holds { held, volume } => Wire(1, [(*held).into(), (*volume).into(), 0], &[]),
            Unfit::NoDevice => Wire(2, [0; 3], &[]),
            Unfit::InUse => Wire(3, [0; 3], &[]),
            Unfit::Locked => Wire(4, [0; 3], &[]),
        }
    }

    fn from_wire(wire: &Wire<'_>) -> Option<Unfit> {
        Some(match *wire {
            Wire(0, [relation, role, 0], name) => Unfit::Clash(
                one_of(&Relation::ALL, relation)?,
                one_of(&Role::ALL, role)?,
                OsString::from_vec(name.to_vec()),
            ),
            Wire(1, [held, volume, 0], []) => {
                Unfit::Holds { held: held.try_into().ok()?, volume: volume.try_into().ok()? }
            }
            Wire(2, [0, 0, 0], []) => Unfit::NoDevice,
            Wire(3, [0, 0, 0], []) => Unfit::InUse,
            Wire(4, [0, 0, 0], []) => Unfit::Locked,
            _ => return None,
        })
    }
}

impl OnWire for Unsound {
    fn to_wire(&self) -> Wire<'_> {
        match *self {
            Unsound::System(errno) => Wire(0, [number(errno), 0, 0], &[]),
            Unsound::Length { size, end } => Wire(1, [size, end, 0], &[]),
            Unsound::Removed => Wire(2, [0; 3], &[]),
        }
    }

    fn from_wire(wire: &Wire<'_>) -> Option<Unsound> {
        Some(match *wire {
            Wire(0, [number, 0, 0], []) => Unsound::System(errno(number)?),
            Wire(1, [size, end, 0], []) => Unsound::Length { size, end },
            Wire(2, [0, 0, 0], []) => Unsound::Removed,
            _ => return None,
        })
    }
}

impl OnWire for Unrecorded {
    fn to_wire(&self) -> Wire<'_> {
        let (kind, first, second) = match self.why {
            NoRecord::Volume(volume) => (0, volume.into(), 0),
            NoRecord::Index(errno) => (1, number(errno), 0),
            NoRecord::IndexReplaced => (2, 0, 0),
            NoRecord::UnfinishedReplaced => (3, 0, 0),
            NoRecord::Dumpdates(errno) => (4, number(errno), 0),
            NoRecord::DumpdatesRemoved => (5, 0, 0),
            NoRecord::DumpdatesTooLarge => (6, 0, 0),
            NoRecord::DumpdatesDamaged(first, second) => (7, number(first), number(second)),
            NoRecord::Signature(errno, is_recorded) => (8, number(errno), is_recorded.into()),
        };
        // No errno is 0.
        Wire(kind, [first, second, number(self.index_lost.unwrap_or(0))], &[])
    }

    fn from_wire(wire: &Wire<'_>) -> Option<Unrecorded> {
        let Wire(kind, [first, second, lost], []) = *wire else { return None };
        let why = match (kind, first, second) {
            (0, volume, 0) => NoRecord::Volume(volume.try_into().ok()?),
            (1, number, 0) => NoRecord::Index(errno(number)?),
            (2, 0, 0) => NoRecord::IndexReplaced,
            (3, 0, 0) => NoRecord::UnfinishedReplaced,
            (4, number, 0) => NoRecord::Dumpdates(errno(number)?),
            (5, 0, 0) => NoRecord::DumpdatesRemoved,
            (6, 0, 0) => NoRecord::DumpdatesTooLarge,
            (7, first, second) => NoRecord::DumpdatesDamaged(errno(first)?, errno(second)?),
            (8, number, is_recorded @ (0 | 1)) => NoRecord::Signature(errno(number)?, is_recorded == 1),
            _ => return None,
        };
        Some(Unrecorded { why, index_lost: Some(errno(lost)?).filter(|&errno| errno != 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_record() {
        let line = |why, index_lost| {
            let (dumpdates, index) = (Path::new("/etc/dumpdates"), Path::new("i"));
            Unrecorded { why, index_lost }.line(dumpdates, index, None)
        };
        assert_eq!(line(NoRecord::Volume(2), None), "volume 2 is not finished");
        assert_eq!(line(NoRecord::Index(libc::EACCES), None), "the index i: Permission denied");
        let damaged = NoRecord::DumpdatesDamaged(libc::ENOSPC, libc::EBADF);
        assert_eq!(
            line(damaged, Some(libc::EACCES)),
            "/etc/dumpdates: No space left on device; not put back: Bad file descriptor; the index i is not put \
             back: Permission denied"
        );
        assert_eq!(line(NoRecord::DumpdatesTooLarge, None), "/etc/dumpdates: larger than 1048576 bytes");
        let file = OsStr::new("out");
        assert_eq!(Unsound::Length { size: 1, end: 2 }.line(file), "out has 1 bytes, but 2 were written");
        assert_eq!(Unsound::System(libc::EROFS).line(file), "out: Read-only file system");
    }
}
