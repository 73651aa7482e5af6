// SPDX-License-Identifier: BSD-2-Clause
//! pdfork(2). Closing the last copy of a process descriptor kills the child, so children die with their parent.

use crate::os::process::{ExitStatus, Orphan};
use crate::os::{check, invalid};
use capdump_sys::procdesc::{PD_CLOEXEC, PD_DAEMON, pdfork, pdkill};
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Forks; None in the child, the process descriptor and the process number in the parent.
///
/// The child gets no copy of its own descriptor, but one of each older sibling's: the kernel kills a sibling only when
/// those are closed too, which is when the younger ones, killed in their turn, are gone.
///
/// # Safety
/// The calling process must have one thread only.
pub unsafe fn fork(orphan: Orphan) -> io::Result<Option<(OwnedFd, i32)>> {
    let mut fd = -1;
    let daemon = if orphan == Orphan::Dies { 0 } else { PD_DAEMON };
    // SAFETY: pdfork writes one int; one thread, by this function's own contract.
    let pid = check(unsafe { pdfork(&mut fd, PD_CLOEXEC | daemon) })?;
    if pid == 0 {
        return Ok(None);
    }
    if fd < 0 {
        return Err(invalid("pdfork gave no descriptor"));
    }
    // SAFETY: pdfork made this descriptor for us and it is owned by no one yet.
    Ok(Some((unsafe { OwnedFd::from_raw_fd(fd) }, pid)))
}

/// Nothing: a child that outlives its parent is forked so.
pub fn outlive_parent(_outlives: bool) -> io::Result<()> {
    Ok(())
}

/// Sends SIGKILL.
pub fn kill(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: pdkill takes two numbers.
    check(unsafe { pdkill(fd.as_raw_fd(), libc::SIGKILL) }).map(drop)
}

/// Sends a signal.
pub fn signal(fd: BorrowedFd<'_>, signal: nix::sys::signal::Signal) -> io::Result<()> {
    // SAFETY: pdkill takes two numbers.
    check(unsafe { pdkill(fd.as_raw_fd(), signal as i32) }).map(drop)
}

/// The registration that reports the exit of a child, once; `data` is then the status word of wait(2).
pub fn exit_event(fd: BorrowedFd<'_>, flags: EvFlags, key: isize) -> KEvent {
    let ident = fd.as_raw_fd() as usize;
    KEvent::new(ident, EventFilter::EVFILT_PROCDESC, flags, FilterFlag::NOTE_EXIT, 0, key)
}

/// How the child ended. Asked of a queue made for the question: wait4(2) is refused in capability mode, while a
/// registration is answered at once if the child has ended.
#[cfg(test)]
pub fn exit_status(fd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    let queue = nix::sys::event::Kqueue::new()?;
    let change = [exit_event(fd, EvFlags::EV_ADD | EvFlags::EV_ONESHOT, 0)];
    let mut ready = change;
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    if queue.kevent(&change, &mut ready, Some(now))? == 0 {
        return Ok(None);
    }
    if ready[0].flags().contains(EvFlags::EV_ERROR) {
        return Err(io::Error::from_raw_os_error(error_number(&ready[0])));
    }
    status_of(&ready[0]).map(Some)
}

/// The status in an event of [`exit_event`].
pub fn status_of(event: &KEvent) -> io::Result<ExitStatus> {
    let word = i32::try_from(event.data()).map_err(|_| invalid("a wait status of many bits"))?;
    Ok(ExitStatus::from_wait_status(word))
}

/// The errno in an event with `EV_ERROR`.
pub fn error_number(event: &KEvent) -> i32 {
    i32::try_from(event.data()).unwrap_or(libc::EINVAL)
}

/// Nothing: closing the descriptor kills and reaps.
pub fn finish(_fd: BorrowedFd<'_>) {}

/// Not looked at: true.
pub fn is_single_threaded() -> bool {
    true
}

/// Names the process; cut at the first NUL. Allowed in capability mode.
pub fn set_title(title: &str) {
    let title = title.split('\0').next().unwrap_or_default();
    if let Ok(title) = CString::new(title) {
        // SAFETY: the format asks for one string, which is given, ends in NUL and outlives the call.
        unsafe { libc::setproctitle(c"%s".as_ptr(), title.as_ptr()) };
    }
}

/// Closes the descriptors from `first` to `last`. One by one: close_range(2) came with 12.3, and gaps are small.
///
/// # Safety
/// Nothing may use them any more.
pub unsafe fn close_range(first: i32, last: i32) {
    for fd in first..=last {
        // SAFETY: close takes any number; the caller has given the descriptors up.
        unsafe { libc::close(fd) };
    }
}

/// Closes all descriptors from `first` on.
///
/// # Safety
/// Nothing may use them any more.
pub unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promised.
    unsafe { libc::closefrom(first) };
}
