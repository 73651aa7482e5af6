// SPDX-License-Identifier: BSD-2-Clause
//! Names of disks: GEOM providers on FreeBSD, block devices on Linux. To be used before the sandbox is entered.

use crate::os::half;
use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;

/// The device file of a name that may lack `/dev/`, such as `da0p2` or `ufs/root`. None if there is no such disk.
pub fn device_path(name: &OsStr) -> Option<OsString> {
    half::provider::device_path(name)
}

/// Whether the open disk and the device file at `path` are one device. Labels of a device are the same device as it.
pub fn is_same(fd: BorrowedFd<'_>, path: &OsStr) -> bool {
    half::provider::is_same(fd, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_no_disk() {
        let name = OsStr::new("/etc/passwd");
        assert_eq!(device_path(name), None);
        assert_eq!(device_path(OsStr::new("no-such-disk")), None);
        let file = std::fs::File::open(name).unwrap();
        assert!(!is_same(file.as_fd(), name));
    }
}
