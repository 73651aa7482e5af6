// SPDX-License-Identifier: BSD-2-Clause
//! getfsstat(2).

use crate::os::check;
use crate::os::mounts::{Holding, Mount};
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The mounted UFS file systems.
pub fn ufs_mounts() -> io::Result<Vec<Mount>> {
    Ok(all()?.iter().filter_map(ufs).collect())
}

/// By statfs(2).
pub fn holding(path: &Path) -> Option<Holding> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends in NUL, and statfs fills in one statfs.
    check(unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) }).ok()?;
    // SAFETY: statfs has filled it in.
    let stat = unsafe { stat.assume_init() };
    Some(Holding {
        kind: text(&stat.f_fstypename)?.to_string_lossy().into_owned(),
        from: text(&stat.f_mntfromname)?,
        on: text(&stat.f_mntonname)?,
    })
}

/// Every mounted file system. Asked again with more room as long as the room is used up.
fn all() -> io::Result<Vec<libc::statfs>> {
    let mut room = 32_usize;
    loop {
        let mut list: Vec<libc::statfs> = Vec::with_capacity(room);
        let bytes =
            c_long::try_from(room * size_of::<libc::statfs>()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: the list has room for `bytes` bytes of statfs.
        let count = check(unsafe { libc::getfsstat(list.as_mut_ptr(), bytes, libc::MNT_NOWAIT) })?;
        let count = usize::try_from(count).map_err(|_| io::ErrorKind::InvalidData)?;
        if count < room {
            // SAFETY: the kernel filled in `count` elements, fewer than there is room for.
            unsafe { list.set_len(count) };
            return Ok(list);
        }
        room = room.checked_mul(2).ok_or(io::ErrorKind::OutOfMemory)?;
    }
}

fn ufs(stat: &libc::statfs) -> Option<Mount> {
    (text(&stat.f_fstypename)? == "ufs").then_some(Mount {
        from: text(&stat.f_mntfromname)?,
        on: text(&stat.f_mntonname)?,
        read_only: stat.f_flags & libc::MNT_RDONLY as u64 != 0,
    })
}

fn text(field: &[c_char]) -> Option<OsString> {
    let bytes: Vec<u8> = field.iter().map(|byte| *byte as u8).collect();
    let text = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(OsStr::from_bytes(text.to_bytes()).to_owned())
}
