// SPDX-License-Identifier: BSD-2-Clause
//! fork and pidfd.

use crate::os::check;
use crate::os::process::{ExitStatus, Orphan};
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Forks; None in the child, the pidfd and the process number in the parent.
///
/// # Safety
/// The calling process must have one thread only.
pub unsafe fn fork(orphan: Orphan) -> io::Result<Option<(OwnedFd, i32)>> {
    // With SIGCHLD ignored, as some callers leave it, children would be reaped before their status is read.
    // SAFETY: SIG_DFL is a handler that runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    let parent = std::process::id();
    // SAFETY: one thread, by this function's own contract.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        if orphan == Orphan::Dies {
            die_with(parent);
        }
        return Ok(None);
    }
    let child = rustix::process::Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
    // The number cannot have been used again: the child is not waited for yet.
    match pidfd_open(child, PidfdFlags::empty()) {
        Ok(fd) => Ok(Some((fd, pid))),
        Err(err) => {
            // SAFETY: pid is our child, not yet reaped; waitpid may be given no status to fill in.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, std::ptr::null_mut(), 0);
            }
            Err(err.into())
        }
    }
}

/// In a new child: asks for SIGKILL when the parent dies, and leaves if that came before the asking.
fn die_with(parent: u32) {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number.
    let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if asked != 0 || std::os::unix::process::parent_id() != parent {
        crate::os::process::exit_now(1);
    }
}

/// Sends SIGKILL.
pub fn kill(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(pidfd_send_signal(fd, Signal::KILL)?)
}

/// How the child ended; it stays a zombie, so that the answer can be had again.
pub fn exit_status(fd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = super::super::retry(|| Ok(waitid(WaitId::PidFd(fd), options)?))?;
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
        // A kernel before 5.9; no descriptor can be above the limit.
        // SAFETY: sysconf takes any name.
        let limit = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
        for fd in first..=last.min(i32::try_from(limit).unwrap_or(1 << 16)) {
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
