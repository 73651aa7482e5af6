// SPDX-License-Identifier: BSD-2-Clause
//! renameat2(2).

use crate::os::check;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Renames if nothing has the new name. Errors: `Unsupported` where the kernel or the file system cannot.
pub fn to_new(from: &Path, to: &Path) -> io::Result<()> {
    rename(from, to, libc::RENAME_NOREPLACE)
}

/// Exchanges two names. Errors: `Unsupported` where the kernel or the file system cannot.
pub fn exchange(from: &Path, to: &Path) -> io::Result<()> {
    rename(from, to, libc::RENAME_EXCHANGE)
}

fn rename(from: &Path, to: &Path, flags: u32) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (from, to) = (text(from)?, text(to)?);
    // SAFETY: both names end in NUL and outlive the call, which takes two descriptors, two names and flags.
    let done = check(unsafe {
        libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags)
    });
    match done {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        other => other.map(drop),
    }
}
