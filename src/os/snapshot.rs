// SPDX-License-Identifier: BSD-2-Clause
//! A snapshot of a mounted UFS file system that exists only as long as its descriptor.

use crate::os::half;
use nix::sys::stat::fstat;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Whether this system can make snapshots of UFS.
pub const AVAILABLE: bool = half::snapshot::AVAILABLE;

/// Where it failed.
#[derive(Debug)]
pub enum Failure {
    /// The snapshot could not be created; mksnap_ffs(8) may have printed the reason.
    Create(io::Error),
    /// It could not be opened.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "Linux has no snapshots of UFS"))]
    Open(io::Error),
}

/// Makes a snapshot as the file `name` in `directory`, and opens it. When this returns, the name has been removed; and so it is soon
/// after the process has died meanwhile. What had that name before is removed.
pub fn create(directory: &Path, name: &Path) -> Result<OwnedFd, Failure> {
    half::snapshot::create(directory, name)
}

/// When the snapshot was made: its `st_mtime`, seconds since 1970.
pub fn date(fd: BorrowedFd<'_>) -> io::Result<i64> {
    #[allow(clippy::useless_conversion)] // time_t has 32 bits on FreeBSD/i386
    Ok(i64::from(fstat(fd)?.st_mtime))
}
