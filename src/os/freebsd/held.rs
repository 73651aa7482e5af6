// SPDX-License-Identifier: BSD-2-Clause
//! Modes, flags and attributes of what is held: as of a file that is open, or with an empty name.

use crate::os::check;
pub use crate::os::freebsd::tree::{set_attribute, strip_acls};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// fchmodat(2).
pub fn set_mode(fd: BorrowedFd<'_>, mode: u16) -> io::Result<()> {
    // SAFETY: the name ends in NUL and is a constant; the rest are numbers.
    check(unsafe { libc::fchmodat(fd.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) }).map(drop)
}

/// chflagsat(2).
pub fn set_flags(fd: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    // SAFETY: the name ends in NUL and is a constant; the rest are numbers.
    check(unsafe { libc::chflagsat(fd.as_raw_fd(), c"".as_ptr(), flags.into(), libc::AT_EMPTY_PATH) })
        .map(drop)
}
