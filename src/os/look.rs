// SPDX-License-Identifier: BSD-2-Clause
//! Reads what is beneath a directory that is open: each call takes one name, none follows a symbolic link, and none changes anything.

use crate::os::half;
use crate::os::half::stat::fstat;
use crate::os::retry;
use crate::os::tree::Attribute;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstatat};
use nix::unistd::{Whence, lseek};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What stat(2) says of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Type and permissions.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// The number of a device.
    pub rdev: u64,
    /// Flags of chflags(2); none where there are none.
    pub flags: Option<u32>,
}

impl Stat {
    fn of(stat: &FileStat) -> Stat {
        Stat {
            mode: half::look::mode(stat),
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            rdev: stat.st_rdev,
            flags: half::look::flags(stat),
        }
    }
}

/// What a name in `dir` is. Errors: those of fstatat(2).
pub fn stat_of(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Stat> {
    Ok(Stat::of(&fstatat(dir, OsStr::from_bytes(name), AtFlags::AT_SYMLINK_NOFOLLOW)?))
}

/// What an open file is. Errors: those of fstat(2).
pub fn stat(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    Ok(Stat::of(&fstat(fd)?))
}

/// A file in `dir`, to be read; where the system can, its time of access stays. Errors: those of openat(2).
pub fn open(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let open = |flags| retry(|| Ok(openat(dir, OsStr::from_bytes(name), flags, Mode::empty())?));
    match open(flags | half::look::NO_ACCESS_TIME) {
        // That is for the owner only.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => open(flags),
        opened => opened,
    }
}

/// The text of a symbolic link. Errors: those of readlinkat(2).
pub fn read_link(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
    Ok(readlinkat(dir, OsStr::from_bytes(name))?.into_vec())
}

/// Where data begins, from `offset` on, if the system knows of holes; the end of the file if there is no more.
pub fn next_data(fd: BorrowedFd<'_>, offset: u64, end: u64) -> u64 {
    let Ok(from) = i64::try_from(offset) else { return offset };
    match lseek(fd, from, Whence::SeekData) {
        Ok(at) => u64::try_from(at).unwrap_or(offset).max(offset),
        Err(nix::errno::Errno::ENXIO) => end.max(offset),
        Err(_) => offset,
    }
}

/// Whether a file has an extended attribute with this value, both as UFS has them on disk. Errors: those of the system; `ENOTSUP` for what
/// it cannot hold.
pub fn has_attribute(fd: BorrowedFd<'_>, attribute: &Attribute) -> io::Result<bool> {
    half::look::has_attribute(fd.as_raw_fd(), attribute)
}
