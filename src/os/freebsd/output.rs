// SPDX-License-Identifier: BSD-2-Clause
//! What FreeBSD can do for a pipe that a dump goes through.

use crate::os::output::Unread;
use std::io;
use std::os::fd::BorrowedFd;

/// Nothing: the kernel gives large writers larger pipes by itself.
pub fn widen(_fd: BorrowedFd<'_>) {}

/// Nothing, as far as can be seen: the end of a pipe that is written to does not tell how much is in it. A blocking write of 8 KiB or
/// more returns only when the reader has taken it (`pipe_direct_write`, sys/kern/sys_pipe.c), so that mostly there is no more to wait for.
pub fn unread(_fd: BorrowedFd<'_>) -> io::Result<Unread> {
    Ok(Unread::Nothing)
}
