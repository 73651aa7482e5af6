// SPDX-License-Identifier: BSD-2-Clause
//! Sizes and file flags of disks, with the ioctls of GEOM.

use crate::os::check;
use crate::os::disk::{Kind, Uncached, kind};
use crate::os::freebsd::host;
use capdump_sys::geom::{g_mediasize, g_sectorsize};
use nix::sys::stat::FileStat;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes on the medium.
pub fn media_size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: g_mediasize takes any descriptor number.
    let size = check(unsafe { g_mediasize(fd.as_raw_fd()) })?;
    u64::try_from(size).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Bytes in a sector.
pub fn sector_size(fd: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: g_sectorsize takes any descriptor number.
    let size = check(unsafe { g_sectorsize(fd.as_raw_fd()) })?;
    u32::try_from(size).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Whether the file is a snapshot of its file system (`SF_SNAPSHOT`, chflags(2)).
pub fn is_snapshot(stat: &FileStat) -> bool {
    u64::from(stat.st_flags) & SF_SNAPSHOT != 0
}

/// `#define SF_SNAPSHOT 0x00200000` (sys/stat.h).
const SF_SNAPSHOT: u64 = 0x0020_0000;

/// Nothing: disks are not cached.
pub fn forget(_fd: BorrowedFd<'_>, _offset: u64, _length: usize) {}

/// No disk is cached. Files are, snapshots too: several reads of a file under way take longer than one after the other, as the file system
/// then reads no clusters ahead.
pub fn open_uncached(fd: BorrowedFd<'_>) -> Option<Uncached> {
    let is_disk = matches!(kind(fd), Ok(Kind::Character | Kind::Block));
    let unit = sector_size(fd).ok().filter(|_| is_disk)?;
    Some(Uncached { fd: None, unit, longest: host::max_request() })
}
