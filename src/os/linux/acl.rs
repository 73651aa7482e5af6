// SPDX-License-Identifier: BSD-2-Clause
//! ACLs in the form that Linux has for them in attributes (linux/posix_acl_xattr.h).

use std::ffi::CStr;

/// `XATTR_NAME_POSIX_ACL_ACCESS`.
pub const ACCESS: &CStr = c"system.posix_acl_access";
/// `XATTR_NAME_POSIX_ACL_DEFAULT`.
pub const DEFAULT: &CStr = c"system.posix_acl_default";

/// The name of an ACL that UFS has under this one.
pub fn name(name: &[u8]) -> Option<&'static CStr> {
    match name {
        b"posix1e.acl_access" => Some(ACCESS),
        b"posix1e.acl_default" => Some(DEFAULT),
        _ => None,
    }
}

/// Tags of entries are the same numbers on both systems: `ACL_USER_OBJ` to `ACL_OTHER` (sys/acl.h, linux/posix_acl.h).
const TAGS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// Version of the form of ACLs in attributes (`POSIX_ACL_XATTR_VERSION`).
const VERSION: u32 = 2;

/// Entries of an ACL, at most: UFS keeps 32, but Linux's dumps have more.
const MOST: usize = 8000;

/// No owner or group (`ACL_UNDEFINED_ID`).
const NO_ID: u32 = u32::MAX;

/// An ACL that UFS keeps (`struct oldacl`, sys/acl.h: a count, then tag and id of 32 bits and permissions of 16 each), in Linux's form. None: it is
/// none.
pub fn value(value: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u32::from_ne_bytes(*value.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u16::from_ne_bytes(*value.get(at..)?.first_chunk()?));
    let count = usize::try_from(word(0)?).ok().filter(|count| (3..=MOST).contains(count))?;
    let mut entries = Vec::new();
    for at in (0..count).map(|number| 4 + number * 12) {
        let (tag, id, perm) = (word(at)?, word(at + 4)?, half(at + 8)?);
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
        out.extend(perm.to_le_bytes());
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
        let found = super::value(&value).unwrap();
        assert_eq!(found.len(), 4 + 4 * 8);
        assert_eq!(found[..4], [2, 0, 0, 0]);
        assert_eq!(found[12..20], [2, 0, 5, 0, 0xe8, 3, 0, 0]);
        value[4] = 3;
        assert_eq!(super::value(&value), None);
        assert_eq!(super::value(b"\x04\0"), None);
    }
}
