// SPDX-License-Identifier: BSD-2-Clause
//! Modes and flags of names, whiteouts, extended attributes and ACLs, all of them as UFS keeps them.

use crate::os::check;
use crate::os::freebsd::acl;
use crate::os::tree::{Attribute, Space};
use nix::sys::stat::{FileStat, fstat, fstatat};
use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A file's time of birth follows an earlier time of change.
pub const HAS_BIRTH: bool = true;

/// The type of a whiteout (sys/stat.h).
const S_IFWHT: libc::mode_t = 0o160_000;

/// Flags that keep a file or what is in a directory from being changed (sys/stat.h).
const LOCKING: u32 = (libc::UF_IMMUTABLE
    | libc::UF_APPEND
    | libc::UF_NOUNLINK
    | libc::SF_IMMUTABLE
    | libc::SF_APPEND
    | libc::SF_NOUNLINK) as u32;

/// Each file and directory has to be waited for when [`sync_file_system`] has returned.
pub const SYNCS_AT_ONCE: bool = false;

/// sync(2): begins to write all that is not on disk, and does not wait for it.
pub fn sync_file_system(_fd: i32) -> io::Result<()> {
    // SAFETY: sync takes nothing, and always succeeds.
    unsafe { libc::sync() };
    Ok(())
}

/// chflags(2) on a descriptor.
pub fn set_flags(fd: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    // SAFETY: fchflags takes two numbers.
    check(unsafe { libc::fchflags(fd.as_raw_fd(), flags.into()) }).map(drop)
}

/// chflagsat(2) of the name itself.
pub fn set_flags_of(dir: BorrowedFd<'_>, name: &CStr, flags: u32) -> io::Result<()> {
    let no_follow = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the name ends in NUL and outlives the call, which only reads it.
    check(unsafe { libc::chflagsat(dir.as_raw_fd(), name.as_ptr(), flags.into(), no_follow) }).map(drop)
}

/// The flags, if any of them keeps the file from being changed.
fn locks(stat: &FileStat) -> Option<u32> {
    Some(stat.st_flags).filter(|flags| flags & LOCKING != 0)
}

/// Takes away the flags that keep a file from being changed. Gives those that it had; none if it had none of them.
pub fn unlock(fd: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    let had = locks(&fstat(fd)?);
    had.map(|flags| set_flags(fd, flags & !LOCKING).map(|()| flags)).transpose()
}

/// The same of a name.
pub fn unlock_name(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<u32>> {
    let had = locks(&fstatat(dir, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW)?);
    had.map(|flags| set_flags_of(dir, name, flags & !LOCKING).map(|()| flags)).transpose()
}

/// Makes a whiteout. undelete(2) is not for capability mode, but any file takes the place of a whiteout.
pub fn make_whiteout(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends in NUL and outlives the call, which only reads it.
    check(unsafe { libc::mknodat(dir.as_raw_fd(), name.as_ptr(), S_IFWHT, 0) }).map(drop)
}

fn number(space: Space) -> Option<c_int> {
    match space {
        Space::User => Some(libc::EXTATTR_NAMESPACE_USER),
        Space::System => Some(libc::EXTATTR_NAMESPACE_SYSTEM),
        Space::Linux => None,
    }
}

/// Sets an attribute.
pub fn set_attribute(fd: BorrowedFd<'_>, attribute: &Attribute) -> io::Result<()> {
    let Attribute { space, name, value } = attribute;
    let acl = Some(name.as_slice()).filter(|_| *space == Space::System).and_then(acl::of_name);
    let Some(acl) = acl else { return set(fd, *space, name, value) };
    // Only UFS takes the attribute itself for an ACL.
    if acl::is_ufs(fd) {
        match set(fd, *space, name, value) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            set => return set,
        }
    }
    acl::set(fd, acl, value)
}

fn set(fd: BorrowedFd<'_>, space: Space, name: &[u8], value: &[u8]) -> io::Result<()> {
    let (space, name) = match space {
        // Linux's user name space is the same; nothing else is.
        Space::Linux => (Space::User, name.strip_prefix(b"user.").ok_or_else(unsupported)?),
        space => (space, name),
    };
    let (space, name) = (number(space).ok_or_else(unsupported)?, CString::new(name)?);
    let (fd, data) = (fd.as_raw_fd(), value.as_ptr().cast());
    // SAFETY: the name ends in NUL, the value has its length; both outlive the call, which only reads them.
    check(unsafe { libc::extattr_set_fd(fd, space, name.as_ptr(), data, value.len()) }).map(drop)
}

fn unsupported() -> io::Error {
    io::Error::from_raw_os_error(libc::EOPNOTSUPP)
}

/// Whether what is made in a directory gets an ACL from it, or that cannot be found out.
pub fn bequeaths(dir: BorrowedFd<'_>) -> bool {
    [acl::DEFAULT, acl::NFS4].iter().any(|name| has(dir, name))
}

fn has(fd: BorrowedFd<'_>, name: &CStr) -> bool {
    let system = libc::EXTATTR_NAMESPACE_SYSTEM;
    // SAFETY: the name ends in NUL and outlives the call; without memory for the value, only its length is given.
    let length =
        unsafe { libc::extattr_get_fd(fd.as_raw_fd(), system, name.as_ptr(), std::ptr::null_mut(), 0) };
    !matches!(check(length), Err(error) if is_none(&error))
}

/// Whether an error says that there is no such attribute, or that this file cannot have it.
fn is_none(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOATTR | libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EINVAL)
    )
}

/// Takes away the ACLs that are not in `keep`.
pub fn strip_acls(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    [acl::ACCESS, acl::DEFAULT, acl::NFS4]
        .into_iter()
        .filter(|name| !is_kept(keep, Space::System, name.to_bytes()))
        .try_for_each(|name| delete(fd, libc::EXTATTR_NAMESPACE_SYSTEM, name))
}

/// Takes away the attributes that are not in `keep`.
pub fn strip(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    for space in [Space::User, Space::System] {
        let Some(number) = number(space) else { continue };
        let names = match list(fd, number) {
            Err(error) if is_none(&error) => continue,
            names => names?,
        };
        names
            .iter()
            .filter(|name| !is_kept(keep, space, name.to_bytes()))
            .try_for_each(|name| delete(fd, number, name))?;
    }
    Ok(())
}

fn is_kept(keep: &[Attribute], space: Space, name: &[u8]) -> bool {
    keep.iter().any(|attribute| attribute.space == space && attribute.name == name)
}

/// What may not be deleted stays.
fn delete(fd: BorrowedFd<'_>, space: c_int, name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends in NUL and outlives the call, which only reads it.
    match check(unsafe { libc::extattr_delete_fd(fd.as_raw_fd(), space, name.as_ptr().cast::<c_char>()) }) {
        Err(error) if is_none(&error) => Ok(()),
        deleted => deleted.map(drop),
    }
}

/// The names of a name space.
fn list(fd: BorrowedFd<'_>, space: c_int) -> io::Result<Vec<CString>> {
    let fd = fd.as_raw_fd();
    // SAFETY: without memory, only the length is given.
    let length = check(unsafe { libc::extattr_list_fd(fd, space, std::ptr::null_mut(), 0) })?;
    let mut bytes = vec![0_u8; length.cast_unsigned()];
    // SAFETY: the memory has this length and outlives the call.
    let length = check(unsafe { libc::extattr_list_fd(fd, space, bytes.as_mut_ptr().cast(), bytes.len()) })?;
    let mut rest = bytes.get(..length.cast_unsigned()).unwrap_or(&[]);
    let mut names = Vec::new();
    // Each has its length before it.
    while let Some((&length, after)) = rest.split_first() {
        let Some((name, after)) = after.split_at_checked(length.into()) else { break };
        names.extend(CString::new(name));
        rest = after;
    }
    Ok(names)
}
