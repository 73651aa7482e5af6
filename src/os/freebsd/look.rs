// SPDX-License-Identifier: BSD-2-Clause
//! Flags and extended attributes, both as UFS keeps them.

use crate::os::check;
use crate::os::tree::{Attribute, Space};
use nix::fcntl::OFlag;
use nix::sys::stat::FileStat;
use std::ffi::CString;
use std::io;

/// There is no flag for that.
pub const NO_ACCESS_TIME: OFlag = OFlag::empty();

/// Type and permissions.
pub fn mode(stat: &FileStat) -> u16 {
    stat.st_mode
}

/// What chflags(2) sets.
pub fn flags(stat: &FileStat) -> Option<u32> {
    Some(stat.st_flags)
}

/// Whether it has the attribute.
pub fn has_attribute(fd: i32, attribute: &Attribute) -> io::Result<bool> {
    let Attribute { space, name, value } = attribute;
    let name = CString::new(name.as_slice())?;
    let space = match space {
        Space::User => libc::EXTATTR_NAMESPACE_USER,
        Space::System => libc::EXTATTR_NAMESPACE_SYSTEM,
        Space::Linux => return Err(io::Error::from_raw_os_error(libc::ENOTSUP)),
    };
    let mut found = vec![0_u8; value.len() + 1];
    // SAFETY: the name ends in NUL, and the kernel writes at most as many bytes as there are.
    let got =
        unsafe { libc::extattr_get_fd(fd, space, name.as_ptr(), found.as_mut_ptr().cast(), found.len()) };
    match check(got) {
        Ok(length) => Ok(found[..length as usize] == *value),
        Err(error) if error.raw_os_error() == Some(libc::ENOATTR) => Ok(false),
        Err(error) => Err(error),
    }
}
