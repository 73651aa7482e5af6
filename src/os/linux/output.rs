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
            let is_empty = || bytes(fd, PIPE_BYTES_UNREAD).map(|count| count == 0);
            Ok(match (is_empty()?, is_broken(fd)?) {
                (true, _) => Unread::Nothing,
                (false, false) => Unread::Something,
                (false, true) if is_empty()? => Unread::Nothing,
                (false, true) => Unread::Lost,
            })
        }
        Kind::Socket => {
            // What was in it is gone with its reader; then the socket has an error.
            let is_empty = bytes(fd, SOCKET_BYTES_UNREAD)? == 0;
            Ok(match (is_broken(fd)?, is_empty) {
                (true, _) => Unread::Lost,
                (false, true) => Unread::Nothing,
                (false, false) => Unread::Something,
            })
        }
        _ => Ok(Unread::Nothing),
    }
}

fn bytes(fd: BorrowedFd<'_>, request: u32) -> io::Result<libc::c_int> {
    let mut count = 0;
    // SAFETY: the descriptor is borrowed and so open, and both requests write an int to where one is.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, &raw mut count) })?;
    Ok(count)
}

/// Whether poll(2) tells of an error: a pipe without a reader, a socket that was reset.
fn is_broken(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO)?;
    Ok(fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)))
}
