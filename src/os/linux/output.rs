// SPDX-License-Identifier: BSD-2-Clause
//! What Linux can do for a pipe that a dump goes through.

use nix::fcntl::{FcntlArg, fcntl};
use std::os::fd::BorrowedFd;

/// Bytes that everybody may ask for (`fs.pipe-max-size` as it is preset, proc_sys_fs(5)).
const PIPE_BYTES: i32 = 1 << 20;

/// Asks for a larger pipe; a hint: it is refused for what is no pipe, and where the limit is lower.
pub fn widen(fd: BorrowedFd<'_>) {
    let _ = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}
