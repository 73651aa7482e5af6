// SPDX-License-Identifier: BSD-2-Clause
//! Modes and attributes of what is held, by system calls that older kernels lack.

use crate::os::check;
use crate::os::linux::syscalls::{FCHMODAT2, SETXATTRAT};
pub use crate::os::linux::tree::set_flags;
use crate::os::linux::tree::{held_as, unsupported};
use crate::os::tree::Attribute;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// fchmodat2(2), since 6.6. Links have no permissions; all else has been made with its own, so that an older kernel loses little.
pub fn set_mode(fd: BorrowedFd<'_>, mode: u16) -> io::Result<()> {
    let (fd, mode) = (fd.as_raw_fd(), libc::mode_t::from(mode));
    // SAFETY: the name ends in NUL and is a constant; the rest are numbers.
    match check(unsafe { libc::syscall(FCHMODAT2, fd, c"".as_ptr(), mode, libc::AT_EMPTY_PATH) }) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EOPNOTSUPP)) => {
            Ok(())
        }
        set => set.map(drop),
    }
}

/// `struct xattr_args` (linux/xattr.h).
#[repr(C)]
struct XattrArgs {
    value: u64,
    size: u32,
    flags: u32,
}

/// setxattrat(2), since 6.13.
pub fn set_attribute(fd: BorrowedFd<'_>, attribute: &Attribute) -> io::Result<()> {
    let (key, value) = held_as(attribute)?;
    let size = u32::try_from(value.len()).map_err(|_| unsupported())?;
    let args = XattrArgs { value: value.as_ptr().expose_provenance() as u64, size, flags: 0 };
    let (fd, flags, length) = (fd.as_raw_fd(), libc::AT_EMPTY_PATH, size_of::<XattrArgs>());
    // SAFETY: both names end in NUL, the structure has the size that is given, and the value in it has its length; all outlive the call, which
    // only reads them.
    let set =
        unsafe { libc::syscall(SETXATTRAT, fd, c"".as_ptr(), flags, key.as_ptr(), &raw const args, length) };
    check(set).map(drop)
}

/// A FIFO or a device keeps the ACL that it got: only the permissions are set.
pub fn strip_acls(_fd: BorrowedFd<'_>, _keep: &[Attribute]) -> io::Result<()> {
    Ok(())
}
