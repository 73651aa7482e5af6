// SPDX-License-Identifier: BSD-2-Clause
//! Flags and extended attributes, both as UFS keeps them.

use crate::os::check;
use crate::os::tree::Space;
use std::ffi::CString;
use std::io;

/// A file's time of birth follows an earlier time of change.
pub const HAS_BIRTH: bool = true;

/// chflags(2) on a descriptor.
pub fn set_flags(fd: i32, flags: u32) -> io::Result<()> {
    // SAFETY: fchflags takes two numbers.
    check(unsafe { libc::fchflags(fd, flags as libc::c_ulong) }).map(drop)
}

/// Sets an attribute.
pub fn set_attribute(fd: i32, space: Space, name: &[u8], value: &[u8]) -> io::Result<()> {
    let name = CString::new(name)?;
    let space = match space {
        Space::User => libc::EXTATTR_NAMESPACE_USER,
        Space::System => libc::EXTATTR_NAMESPACE_SYSTEM,
    };
    // SAFETY: the name ends in NUL, the value has its length; both outlive the call, which only reads them.
    let set = unsafe { libc::extattr_set_fd(fd, space, name.as_ptr(), value.as_ptr().cast(), value.len()) };
    check(set).map(drop)
}
