// SPDX-License-Identifier: BSD-2-Clause
//! The mounted UFS file systems.

use crate::os::half;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// A mounted UFS file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted: the device (`f_mntfromname`).
    pub from: OsString,
    /// Where (`f_mntonname`).
    pub on: OsString,
    /// Whether it is mounted read-only: then its disk does not change.
    pub read_only: bool,
}

/// The mounted UFS file systems, in the order of mounting. To be asked before the sandbox.
pub fn ufs_mounts() -> io::Result<Vec<Mount>> {
    half::mounts::ufs_mounts()
}

/// The mount that holds a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The type of the file system.
    pub kind: String,
    /// What is mounted.
    pub from: OsString,
    /// Where.
    pub on: OsString,
}

/// The mount that holds the existing file `path`; none where the system does not say.
pub fn holding(path: &Path) -> Option<Holding> {
    half::mounts::holding(path)
}

/// Has the system write what it still holds back to its disks, as far as it can be asked to (sync(2)).
pub fn sync() {
    nix::unistd::sync();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn can_be_asked() {
        for mount in ufs_mounts().unwrap() {
            assert!(mount.on.as_encoded_bytes().starts_with(b"/"));
        }
    }
}
