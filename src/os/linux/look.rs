// SPDX-License-Identifier: BSD-2-Clause
//! Extended attributes are read in the form that Linux has for them; there are no flags.

use crate::os::check;
use crate::os::linux::tree::held_as;
use crate::os::tree::Attribute;
use nix::fcntl::OFlag;
use nix::sys::stat::FileStat;
use std::io;

/// Keeps the time of access.
pub const NO_ACCESS_TIME: OFlag = OFlag::O_NOATIME;

/// Type and permissions.
pub fn mode(stat: &FileStat) -> u16 {
    (stat.st_mode & 0o177_777) as u16
}

/// Linux has no such flags.
pub fn flags(_stat: &FileStat) -> Option<u32> {
    None
}

/// Whether it has the attribute.
pub fn has_attribute(fd: i32, attribute: &Attribute) -> io::Result<bool> {
    let (name, value) = held_as(attribute)?;
    let mut found = vec![0_u8; value.len() + 1];
    // SAFETY: the name ends in NUL, and the kernel writes at most as many bytes as there are.
    let got = unsafe { libc::fgetxattr(fd, name.as_ptr(), found.as_mut_ptr().cast(), found.len()) };
    match check(got) {
        Ok(length) => Ok(found[..length as usize] == *value),
        Err(error) if error.raw_os_error() == Some(libc::ERANGE) => Ok(false),
        // An ACL that says no more than the mode is not kept.
        Err(error) if error.raw_os_error() == Some(libc::ENODATA) => {
            Ok(name.as_bytes() == b"system.posix_acl_access" && value.len() == MINIMAL_ACL)
        }
        Err(error) => Err(error),
    }
}

/// Bytes of an ACL with three entries (linux/posix_acl_xattr.h).
const MINIMAL_ACL: usize = 4 + 3 * 8;
