// SPDX-License-Identifier: BSD-2-Clause
//! Block devices: by their numbers.

use nix::sys::stat::{SFlag, fstat, stat};
use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::path::Path;

/// The device file of a name that may lack `/dev/`: only if it is a block device.
pub fn device_path(name: &OsStr) -> Option<OsString> {
    let candidates = [Path::new(name).to_owned(), Path::new("/dev").join(name)];
    candidates.into_iter().find(|path| device(path.as_os_str()).is_some()).map(Into::into)
}

/// Whether the open disk and the device file are one device.
pub fn is_same(fd: BorrowedFd<'_>, path: &OsStr) -> bool {
    let ours = fstat(fd).ok().filter(|stat| is_block(stat.st_mode)).map(|stat| stat.st_rdev);
    ours.is_some() && ours == device(path)
}

/// The number of a block device.
fn device(path: &OsStr) -> Option<u64> {
    stat(path).ok().filter(|stat| is_block(stat.st_mode)).map(|stat| stat.st_rdev)
}

fn is_block(mode: libc::mode_t) -> bool {
    SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFBLK
}
