// SPDX-License-Identifier: BSD-2-Clause
//! Extended attributes: those of users as they are, POSIX.1e ACLs in the form that Linux has for them (linux/posix_acl_xattr.h).

use crate::os::check;
use crate::os::tree::Space;
use std::ffi::CString;
use std::io;

/// Files have no time of birth that could be set.
pub const HAS_BIRTH: bool = false;

/// Linux has no such flags.
pub fn set_flags(_fd: i32, _flags: u32) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOTSUP))
}

/// Sets an attribute.
pub fn set_attribute(fd: i32, space: Space, name: &[u8], value: &[u8]) -> io::Result<()> {
    let unsupported = || io::Error::from_raw_os_error(libc::ENOTSUP);
    match (space, name) {
        (Space::User, name) => set(fd, &[b"user.", name].concat(), value),
        (Space::System, b"posix1e.acl_access") => {
            set(fd, b"system.posix_acl_access", &acl(value).ok_or_else(unsupported)?)
        }
        (Space::System, b"posix1e.acl_default") => {
            set(fd, b"system.posix_acl_default", &acl(value).ok_or_else(unsupported)?)
        }
        (Space::System, _) => Err(unsupported()),
    }
}

fn set(fd: i32, name: &[u8], value: &[u8]) -> io::Result<()> {
    let name = CString::new(name)?;
    // SAFETY: the name ends in NUL, the value has its length; both outlive the call, which only reads them.
    check(unsafe { libc::fsetxattr(fd, name.as_ptr(), value.as_ptr().cast(), value.len(), 0) }).map(drop)
}

/// Tags of entries are the same numbers on both systems: `ACL_USER_OBJ` to `ACL_OTHER` (sys/acl.h, linux/posix_acl.h).
const TAGS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// Version of the form of ACLs in attributes (`POSIX_ACL_XATTR_VERSION`).
const VERSION: u32 = 2;

/// No owner or group (`ACL_UNDEFINED_ID`).
const NO_ID: u32 = u32::MAX;

/// An ACL that UFS keeps (`struct oldacl`, sys/acl.h: a count, then tag, id and permissions of 32 bits each), in Linux's form. None: it is
/// none.
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u32::from_ne_bytes(*value.get(at..)?.first_chunk()?));
    let count = usize::try_from(word(0)?).ok().filter(|count| (3..=32).contains(count))?;
    let mut entries = Vec::new();
    for at in (0..count).map(|number| 4 + number * 12) {
        let (tag, id, perm) = (word(at)?, word(at + 4)?, word(at + 8)? & 0xffff);
        if !TAGS.contains(&tag) || perm > 7 {
            return None;
        }
        let id = if matches!(tag, 2 | 8) { id } else { NO_ID };
        entries.push((tag, id, perm));
    }
    // Linux has them in this order.
    entries.sort();
    let mut out = VERSION.to_le_bytes().to_vec();
    for (tag, id, perm) in entries {
        out.extend((tag as u16).to_le_bytes());
        out.extend((perm as u16).to_le_bytes());
        out.extend(id.to_le_bytes());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acl_of_ufs_becomes_one_of_linux() {
        let mut value = 4_u32.to_ne_bytes().to_vec();
        for (tag, id, perm) in [(1, NO_ID, 7), (2, 1000, 5), (4, NO_ID, 5), (32, NO_ID, 0_u32)] {
            [tag, id, perm].iter().for_each(|word: &u32| value.extend(word.to_ne_bytes()));
        }
        value.resize(388, 0);
        let found = acl(&value).unwrap();
        assert_eq!(found.len(), 4 + 4 * 8);
        assert_eq!(found[..4], [2, 0, 0, 0]);
        assert_eq!(found[12..20], [2, 0, 5, 0, 0xe8, 3, 0, 0]);
        value[4] = 3;
        assert_eq!(acl(&value), None);
        assert_eq!(acl(b"\x04\0"), None);
    }
}
