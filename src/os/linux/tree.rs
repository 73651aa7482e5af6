// SPDX-License-Identifier: BSD-2-Clause
//! Modes of names and extended attributes: those of users, POSIX.1e ACLs in the form that Linux has for them, and those of Linux's dumps.

use crate::os::check;
use crate::os::linux::acl;
use crate::os::tree::{Attribute, Space};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Files have no time of birth that could be set.
pub const HAS_BIRTH: bool = false;

/// All that was written to a file system is on disk when [`sync_file_system`] returns.
pub const SYNCS_AT_ONCE: bool = true;

/// syncfs(2): waits for all of the file system that a file is in.
pub fn sync_file_system(fd: i32) -> io::Result<()> {
    // SAFETY: syncfs takes a number.
    check(unsafe { libc::syncfs(fd) }).map(drop)
}

pub(super) fn unsupported() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOTSUP)
}

/// Linux has no such flags.
pub fn set_flags(_fd: BorrowedFd<'_>, _flags: u32) -> io::Result<()> {
    Err(unsupported())
}

/// Linux has no such flags.
pub fn set_flags_of(_dir: BorrowedFd<'_>, _name: &CStr, _flags: u32) -> io::Result<()> {
    Err(unsupported())
}

/// Linux has no such flags.
pub fn unlock(_fd: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Linux has no such flags.
pub fn unlock_name(_dir: BorrowedFd<'_>, _name: &CStr) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Linux has no whiteouts.
pub fn make_whiteout(_dir: BorrowedFd<'_>, _name: &CStr) -> io::Result<()> {
    Err(unsupported())
}

/// The name and value that an attribute has here. Errors: `ENOTSUP` if Linux has nothing like it.
pub fn held_as(attribute: &Attribute) -> io::Result<(CString, Vec<u8>)> {
    let Attribute { space, name, value } = attribute;
    let (name, value) = match (space, name.as_slice()) {
        (Space::User, name) => ([b"user.", name].concat(), value.clone()),
        (Space::Linux, name) => (name.to_vec(), value.clone()),
        (Space::System, name) => {
            let name = acl::name(name).ok_or_else(unsupported)?;
            (name.to_bytes().to_vec(), acl::value(value).ok_or_else(unsupported)?)
        }
    };
    Ok((CString::new(name)?, value))
}

/// Sets an attribute.
pub fn set_attribute(fd: BorrowedFd<'_>, attribute: &Attribute) -> io::Result<()> {
    let (name, value) = held_as(attribute)?;
    let (fd, data) = (fd.as_raw_fd(), value.as_ptr().cast());
    // SAFETY: the name ends in NUL, the value has its length; both outlive the call, which only reads them.
    match check(unsafe { libc::fsetxattr(fd, name.as_ptr(), data, value.len(), 0) }) {
        // Some file systems say so of attributes that are too large for one file, too.
        Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && !is_full(fd) => {
            Err(io::Error::from_raw_os_error(libc::E2BIG))
        }
        set => set.map(drop),
    }
}

/// Whether the file system of a file has no room left.
fn is_full(fd: i32) -> bool {
    // SAFETY: all bytes 0 are a valid structure; the call fills it.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::statfs>();
        libc::fstatfs(fd, &raw mut stat) != 0 || stat.f_bavail == 0
    }
}

/// Whether what is made in a directory gets an ACL from it, or that cannot be found out.
pub fn bequeaths(dir: BorrowedFd<'_>) -> bool {
    // SAFETY: the name ends in NUL; without memory for the value, only its length is given.
    let length = unsafe { libc::fgetxattr(dir.as_raw_fd(), acl::DEFAULT.as_ptr(), std::ptr::null_mut(), 0) };
    !matches!(check(length), Err(error) if is_none(&error))
}

/// Whether an error says that there is no such attribute, or that this file cannot have it.
fn is_none(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENODATA | libc::ENOTSUP | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EINVAL)
    )
}

/// Takes away the ACLs that are not in `keep`.
pub fn strip_acls(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    [acl::ACCESS, acl::DEFAULT]
        .into_iter()
        .filter(|name| !is_kept(keep, name))
        .try_for_each(|name| delete(fd, name))
}

/// Takes away the attributes that are not in `keep`, of the name spaces that can be restored.
pub fn strip(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    strip_acls(fd, keep)?;
    let names = match list(fd) {
        Err(error) if is_none(&error) => return Ok(()),
        names => names?,
    };
    names
        .iter()
        .filter(|name| name.to_bytes().starts_with(b"user.") && !is_kept(keep, name))
        .try_for_each(|name| delete(fd, name))
}

fn is_kept(keep: &[Attribute], name: &CStr) -> bool {
    keep.iter().any(|attribute| held_as(attribute).is_ok_and(|(kept, _)| kept.as_c_str() == name))
}

/// What may not be deleted stays.
fn delete(fd: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends in NUL and outlives the call, which only reads it.
    match check(unsafe { libc::fremovexattr(fd.as_raw_fd(), name.as_ptr()) }) {
        Err(error) if is_none(&error) => Ok(()),
        deleted => deleted.map(drop),
    }
}

/// The names of all attributes.
fn list(fd: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let fd = fd.as_raw_fd();
    // SAFETY: without memory, only the length is given.
    let length = check(unsafe { libc::flistxattr(fd, std::ptr::null_mut(), 0) })?;
    let mut bytes = vec![0_u8; length.cast_unsigned()];
    // SAFETY: the memory has this length and outlives the call.
    let length = check(unsafe { libc::flistxattr(fd, bytes.as_mut_ptr().cast(), bytes.len()) })?;
    let names = bytes.get(..length.cast_unsigned()).unwrap_or(&[]).split_inclusive(|&byte| byte == 0);
    Ok(names.filter_map(|name| Some(CStr::from_bytes_with_nul(name).ok()?.to_owned())).collect())
}
