// SPDX-License-Identifier: BSD-2-Clause
//! ACLs: the attributes that UFS keeps them in (sys/acl.h), and the system call that sets them on any file system.

use crate::os::check;
use nix::sys::statfs::fstatfs;
use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `POSIX1E_ACL_ACCESS_EXTATTR_NAME`, in the system's name space like the others.
pub const ACCESS: &CStr = c"posix1e.acl_access";
/// `POSIX1E_ACL_DEFAULT_EXTATTR_NAME`.
pub const DEFAULT: &CStr = c"posix1e.acl_default";
/// `NFS4_ACL_EXTATTR_NAME`.
pub const NFS4: &CStr = c"nfs4.acl";

/// `ACL_TYPE_ACCESS`, `ACL_TYPE_DEFAULT`, `ACL_TYPE_NFS4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acl {
    Access = 2,
    Default = 3,
    Nfs4 = 4,
}

/// `ACL_MAX_ENTRIES`.
const MOST: usize = 254;

/// `struct acl_entry`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    id: u32,
    perm: u32,
    kind: u16,
    flags: u16,
}

/// `struct acl`.
#[repr(C)]
struct Acls {
    most: u32,
    count: u32,
    spare: [i32; 4],
    entries: [Entry; MOST],
}

unsafe extern "C" {
    fn __acl_set_fd(fd: c_int, kind: c_int, acl: *const Acls) -> c_int;
}

/// The ACL that an attribute is.
pub fn of_name(name: &[u8]) -> Option<Acl> {
    let all = [(ACCESS, Acl::Access), (DEFAULT, Acl::Default), (NFS4, Acl::Nfs4)];
    all.into_iter().find(|(known, _)| known.to_bytes() == name).map(|(_, acl)| acl)
}

/// Whether the file is on UFS.
pub fn is_ufs(fd: BorrowedFd<'_>) -> bool {
    fstatfs(fd).is_ok_and(|stat| stat.filesystem_type_name() == "ufs")
}

/// Sets an ACL, from the value of its attribute.
pub fn set(fd: BorrowedFd<'_>, kind: Acl, value: &[u8]) -> io::Result<()> {
    let acl = read(kind, value).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the structure is that of sys/acl.h and outlives the call, which only reads it.
    check(unsafe { __acl_set_fd(fd.as_raw_fd(), kind as c_int, &raw const acl) }).map(drop)
}

/// `struct oldacl`, which POSIX.1e ACLs are kept as, has a count and entries of 12 bytes; NFSv4 ACLs are kept as they are.
fn read(kind: Acl, value: &[u8]) -> Option<Acls> {
    let word = |at: usize| Some(u32::from_ne_bytes(*value.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u16::from_ne_bytes(*value.get(at..)?.first_chunk()?));
    let (count, start, length) = if kind == Acl::Nfs4 { (word(4)?, 24, 16) } else { (word(0)?, 4, 12) };
    let none = Entry { tag: 0, id: 0, perm: 0, kind: 0, flags: 0 };
    let mut acl = Acls { most: MOST as u32, count, spare: [0; 4], entries: [none; MOST] };
    let count = usize::try_from(count).ok()?;
    for (entry, at) in acl.entries.get_mut(..count)?.iter_mut().zip((start..).step_by(length)) {
        *entry = Entry { tag: word(at)?, id: word(at + 4)?, ..none };
        if kind == Acl::Nfs4 {
            (entry.perm, entry.kind, entry.flags) = (word(at + 8)?, half(at + 12)?, half(at + 14)?);
        } else {
            entry.perm = half(at + 8)?.into();
        }
    }
    Some(acl)
}
