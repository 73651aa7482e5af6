// SPDX-License-Identifier: BSD-2-Clause
//! What Linux can do for a pipe that a dump goes through.

use crate::os::check;
use crate::os::disk::{self, Kind};
use crate::os::output::Unread;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that everybody may ask for (`fs.pipe-max-size` as it is preset, proc_sys_fs(5)).
const PIPE_BYTES: i32 = 1 << 20;

/// Asks for a larger pipe; a hint: it is refused for what is no pipe, and where the limit is lower.
pub fn widen(fd: BorrowedFd<'_>) {
    let _ = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
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

/// Bytes that are unread; 0 where that cannot be told, as for some kinds of sockets.
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

/// Whether poll(2) tells of an error: a pipe without a reader, a socket that was reset.
fn is_broken(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO)?;
    Ok(fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)))
}
