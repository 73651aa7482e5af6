// SPDX-License-Identifier: BSD-2-Clause
//! Outputs on Linux: larger pipes, exclusive opening of block devices.

use crate::os::check;
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::output::Unread;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Opens a block device alone: it fails with `EBUSY` when it is mounted, swapped to or part of another (open(2)).
pub const ALONE: OFlag = OFlag::O_EXCL;

/// Pipe size that any user may request (default of `fs.pipe-max-size`, proc_sys_fs(5)).
const PIPE_BYTES: i32 = 1 << 20;

/// Asks for a larger pipe; a hint: it is refused for what is no pipe, and where the limit is lower.
pub fn widen(fd: BorrowedFd<'_>) {
    let _ = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}

/// None: [`unread`] reports what is in a pipe.
pub fn tail_bytes(_fd: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(0)
}

/// See [`crate::os::output::write_tail`]; it is not called.
pub fn write_tail(_fd: BorrowedFd<'_>, _bytes: &[u8]) -> io::Result<()> {
    Ok(())
}

/// Bytes in a pipe: `FIONREAD`, which either end of it takes (ioctl_pipe(2)).
pub const PIPE_BYTES_UNREAD: u32 = libc::FIONREAD as u32;

/// Bytes in a socket that the other side has not read, or for TCP not acknowledged: `SIOCOUTQ`, the same number as `TIOCOUTQ`.
pub const SOCKET_BYTES_UNREAD: u32 = libc::TIOCOUTQ as u32;

/// See [`crate::os::output::unread`].
pub fn unread(fd: BorrowedFd<'_>) -> io::Result<Unread> {
    match disk::kind(fd)? {
        Kind::Fifo => {
            // What is in a pipe stays when its last reader goes, as long as it can be written to. It is counted again behind the look at the
            // reader, who may have read it and gone in between.
            Ok(match (bytes(fd, PIPE_BYTES_UNREAD)?, is_broken(fd)?) {
                (0, _) => Unread::Nothing,
                (_, false) => Unread::Something,
                (_, true) => match bytes(fd, PIPE_BYTES_UNREAD)? {
                    0 => Unread::Nothing,
                    count => Unread::Lost(count),
                },
            })
        }
        Kind::Socket => {
            // What was in it is gone with its reader; then the socket has an error.
            let is_empty = bytes(fd, SOCKET_BYTES_UNREAD)? == 0;
            Ok(match (is_broken(fd)?, is_empty) {
                (true, _) => Unread::Lost(u64::MAX),
                (false, true) => Unread::Nothing,
                (false, false) => Unread::Something,
            })
        }
        _ => Ok(Unread::Nothing),
    }
}

/// Number of unread bytes; 0 if unknown, as for some kinds of sockets.
fn bytes(fd: BorrowedFd<'_>, request: u32) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is borrowed and so open, and both requests write an int to where one is.
    match check(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, &raw mut count) }) {
        Ok(_) => Ok(u64::try_from(count).unwrap_or(0)),
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP) => Ok(0),
            _ => Err(error),
        },
    }
}

/// Whether poll(2) reports an error: a pipe without a reader, a socket that was reset.
fn is_broken(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO)?;
    Ok(fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)))
}

/// Opens an open block device again, alone. Errors: `EBUSY`; those of open(2) where there is no /proc.
pub fn claim(fd: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    Ok(Some(open(path.as_str(), OFlag::O_RDONLY | ALONE | OFlag::O_CLOEXEC, Mode::empty())?))
}

/// Whether a folder is on a devtmpfs, which the mount table says; statfs(2) calls it a tmpfs.
pub fn is_for_devices(folder: &Path) -> bool {
    let Ok(device) = std::fs::metadata(folder).map(|meta| meta.dev()) else { return false };
    std::fs::read("/proc/self/mountinfo").is_ok_and(|text| is_devtmpfs(&text, device))
}

/// Whether a file system of the mount table is a devtmpfs.
fn is_devtmpfs(table: &[u8], device: u64) -> bool {
    let number = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    table.split(|byte| *byte == b'\n').any(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let found = fields.nth(2) == Some(number.as_bytes());
        found && fields.any(|field| field == b"-") && fields.next() == Some(b"devtmpfs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devtmpfs_is_found_wherever_it_is_mounted() {
        let table = b"22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
            23 22 0:6 / /mnt/dev rw,nosuid - devtmpfs udev rw\n24 23 0:7 / /dev/shm rw - tmpfs tmpfs rw\n";
        assert!(is_devtmpfs(table, nix::sys::stat::makedev(0, 6)));
        for other in [(0, 7), (8, 1), (0, 60)] {
            assert!(!is_devtmpfs(table, nix::sys::stat::makedev(other.0, other.1)));
        }
    }
}
