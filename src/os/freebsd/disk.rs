// SPDX-License-Identifier: BSD-2-Clause
//! Sizes of a disk.

use crate::os::check;
use capdump_sys::disk::{DIOCGMEDIASIZE, DIOCGSECTORSIZE};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes on the medium.
pub fn media_size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut size: libc::off_t = 0;
    // SAFETY: DIOCGMEDIASIZE writes one off_t through its argument.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), DIOCGMEDIASIZE, &mut size) })?;
    u64::try_from(size).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Bytes in a sector.
pub fn sector_size(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut size: libc::c_uint = 0;
    // SAFETY: DIOCGSECTORSIZE writes one u_int through its argument.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), DIOCGSECTORSIZE, &mut size) })?;
    Ok(size)
}
