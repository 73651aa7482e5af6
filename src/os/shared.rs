// SPDX-License-Identifier: BSD-2-Clause
//! A small file that several programs read and change under flock(2).

use crate::os::half::stat::fstat;
use crate::os::{check, retry};
use nix::fcntl::{OFlag, open as open_at};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What is done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is read and changed.
    ReadAndWrite,
}

/// How the file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// With others that read.
    Shared,
    /// Alone.
    Exclusive,
}

/// Opens the file. Errors: those of open(2).
pub fn open(path: &Path, access: Access) -> io::Result<OwnedFd> {
    let access = match access {
        Access::Read => OFlag::O_RDONLY,
        Access::ReadAndWrite => OFlag::O_RDWR,
    };
    retry(|| Ok(open_at(path, access | OFlag::O_CLOEXEC, Mode::empty())?))
}

/// Makes the file, empty, mode 0666 less the umask. One that another has made meanwhile stays as it is.
pub fn make(path: &Path) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(0o666);
    let access = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC;
    retry(|| Ok(open_at(path, access, mode)?)).map(drop)
}

/// Waits for the lock. Errors: those of flock(2), as on a file system without locks.
pub fn lock(fd: BorrowedFd<'_>, lock: Lock) -> io::Result<()> {
    retry(|| flock(fd, operation(lock)))
}

/// Takes the lock if it is free; whether it was.
pub fn try_lock(fd: BorrowedFd<'_>, lock: Lock) -> io::Result<bool> {
    match retry(|| flock(fd, operation(lock) | libc::LOCK_NB)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets the lock go.
pub fn unlock(fd: BorrowedFd<'_>) -> io::Result<()> {
    retry(|| flock(fd, libc::LOCK_UN))
}

fn operation(lock: Lock) -> i32 {
    match lock {
        Lock::Shared => libc::LOCK_SH,
        Lock::Exclusive => libc::LOCK_EX,
    }
}

fn flock(fd: BorrowedFd<'_>, operation: i32) -> io::Result<()> {
    // SAFETY: flock takes a descriptor, which is borrowed and so open, and a number.
    check(unsafe { libc::flock(fd.as_raw_fd(), operation) }).map(drop)
}

/// Whether the file still has a name: it has none when it was removed, or another was put in its place.
pub fn has_name(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(fstat(fd)?.st_nlink > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn locks_keep_others_out() {
        let path = std::env::temp_dir().join(format!("capdump-shared-{}", std::process::id()));
        assert_eq!(open(&path, Access::Read).unwrap_err().kind(), io::ErrorKind::NotFound);
        make(&path).unwrap();
        std::fs::write(&path, "kept").unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        let [one, two] = [Access::Read, Access::ReadAndWrite].map(|access| open(&path, access).unwrap());
        let [one, two] = [one.as_fd(), two.as_fd()];
        lock(one, Lock::Shared).unwrap();
        assert!(try_lock(two, Lock::Shared).unwrap());
        assert!(!try_lock(two, Lock::Exclusive).unwrap());
        unlock(one).unwrap();
        assert!(try_lock(two, Lock::Exclusive).unwrap());
        assert!(!try_lock(one, Lock::Shared).unwrap());
        assert!(has_name(one).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!has_name(one).unwrap());
    }
}
