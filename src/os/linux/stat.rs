// SPDX-License-Identifier: BSD-2-Clause
//! fstat(2) by the system call of that name: the C library makes newfstatat(2) of it, which takes names, too, so that the sandbox
//! refuses it.

use crate::os::check;
use nix::sys::stat::FileStat;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What the descriptor is.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
pub fn fstat(fd: BorrowedFd<'_>) -> io::Result<FileStat> {
    let mut stat = std::mem::MaybeUninit::<FileStat>::zeroed();
    // SAFETY: on these machines the kernel fills in the structure that the C library calls stat, which outlives the call.
    check(unsafe { libc::syscall(libc::SYS_fstat, fd.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: all-zero is a valid stat, and the kernel has filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// What the descriptor is. There is no filter of system calls for these machines.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub fn fstat(fd: BorrowedFd<'_>) -> io::Result<FileStat> {
    Ok(nix::sys::stat::fstat(fd)?)
}
