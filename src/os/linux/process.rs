// SPDX-License-Identifier: BSD-2-Clause
//! fork and pidfd.

use crate::os::check;
use crate::os::process::{ExitStatus, Orphan};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

/// clone(2) flags of [`fork`]: nothing shared, no name space; the low byte is the signal of the child's end.
pub(super) const FORK_FLAGS: u64 = libc::CLONE_PIDFD as u64 | libc::SIGCHLD as u64;

/// The highest descriptor that this program can have where the kernel does not close a range: what the caller left open is closed at
/// the start, and the kernel gives out the lowest numbers.
const MOST_DESCRIPTORS: i32 = 1024;

/// Forks; None in the child, the pidfd and the process number in the parent.
///
/// The descriptor comes with the child (`CLONE_PIDFD`), so that the sandbox needs no pidfd_open(2), which would open any process.
/// It is clone(2) and not the C library's fork: that one has handlers for other threads, of which there are none.
///
/// # Safety
/// The calling process must have one thread only.
pub unsafe fn fork(orphan: Orphan) -> io::Result<Option<(OwnedFd, i32)>> {
    // With SIGCHLD ignored, as some callers leave it, children would be reaped before their status is read.
    // SAFETY: SIG_DFL is a handler that runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    let parent = std::process::id();
    let mut fd: libc::c_int = -1;
    // SAFETY: no stack is given, so that the child goes on with a copy of this one, as after fork; the third argument is where the
    // descriptor is put, and outlives the call. One thread, by this function's own contract.
    let pid =
        check(unsafe { libc::syscall(libc::SYS_clone, FORK_FLAGS, 0_usize, &raw mut fd, 0_usize, 0_usize) })?;
    if pid == 0 {
        if orphan != Orphan::CleansUp {
            die_with(parent);
        }
        return Ok(None);
    }
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    // SAFETY: the kernel made this descriptor for us, and no value owns it yet.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Some((fd, i32::try_from(pid).map_err(io::Error::other)?)))
}

/// In a new child: asks for SIGKILL when the parent dies, and leaves if that came before the asking.
fn die_with(parent: u32) {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number.
    let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if asked != 0 || std::os::unix::process::parent_id() != parent {
        crate::os::process::exit_now(1);
    }
}

/// In a child: whether it outlives its parent.
pub fn outlive_parent(outlives: bool) -> io::Result<()> {
    let signal = if outlives { 0 } else { libc::SIGKILL };
    // SAFETY: PR_SET_PDEATHSIG takes a signal number; 0 is none.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) }).map(drop)
}

/// Sends SIGKILL.
pub fn kill(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(pidfd_send_signal(fd, Signal::KILL)?)
}

/// Sends a signal.
pub fn signal(fd: BorrowedFd<'_>, signal: nix::sys::signal::Signal) -> io::Result<()> {
    let signal = Signal::from_named_raw(signal as i32).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_send_signal(fd, signal)?)
}

/// How the child ended; it stays a zombie, so that the answer can be had again.
pub fn exit_status(fd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = crate::os::retry(|| Ok(waitid(WaitId::PidFd(fd), options)?))?;
    Ok(status.and_then(|status| {
        let exited = status.exit_status().map(ExitStatus::Exited);
        exited.or_else(|| status.terminating_signal().map(ExitStatus::Signaled))
    }))
}

/// Kills the child if it still runs, as closing FreeBSD's process descriptor does, and reaps it if it has ended.
pub fn finish(fd: BorrowedFd<'_>) {
    if let Ok(None) = exit_status(fd) {
        let _ = kill(fd);
    }
    let _ = waitid(WaitId::PidFd(fd), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}

/// Whether this process has one thread. True where that cannot be seen.
pub fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").map_or(true, |tasks| tasks.count() == 1)
}

/// Names the process; cut at the first NUL.
pub fn set_title(title: &str) {
    let title = title.split('\0').next().unwrap_or_default();
    if let Ok(title) = CString::new(title) {
        let _ = nix::sys::prctl::set_name(&title);
    }
}

/// Closes the descriptors from `first` to `last`.
///
/// # Safety
/// Nothing may use them any more.
pub unsafe fn close_range(first: i32, last: i32) {
    // SAFETY: close_range takes two numbers and flags; the caller has given the descriptors up.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if answer != 0 {
        // A kernel before 5.9. The limit is not queried: the sandbox refuses that.
        for fd in first..=last.min(MOST_DESCRIPTORS) {
            // SAFETY: close takes any number; the caller has given the descriptors up.
            unsafe { libc::close(fd) };
        }
    }
}

/// Closes all descriptors from `first` on.
///
/// # Safety
/// Nothing may use them any more.
pub unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promised.
    unsafe { close_range(first, i32::MAX) };
}
