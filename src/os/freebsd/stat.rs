// SPDX-License-Identifier: BSD-2-Clause
//! fstat(2).

use nix::sys::stat::FileStat;
use std::io;
use std::os::fd::BorrowedFd;

/// What the descriptor is.
pub fn fstat(fd: BorrowedFd<'_>) -> io::Result<FileStat> {
    Ok(nix::sys::stat::fstat(fd)?)
}
