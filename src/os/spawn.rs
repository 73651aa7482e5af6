// SPDX-License-Identifier: BSD-2-Clause
//! A child that runs one function and ends: the only way in which this program forks.

use std::io;
use std::os::fd::BorrowedFd;

use super::process::{Child, Fork, close_all_fds_except, exit_now, fork};
use super::signals::{Sig, ignore, reset_in_child};

/// Forks a child that has the descriptors of `keep` and no other, runs `body`, and ends with what that returns.
///
/// Signals that a terminal sends to the whole group do nothing to it: its parent looks after it. It makes an event queue of its
/// own. Errors: those of fork(2).
pub fn spawn(keep: &[BorrowedFd<'_>], body: impl FnOnce() -> i32) -> io::Result<Child> {
    // SAFETY: this process has one thread. Nothing in this program starts another: scripts/lint refuses std::thread.
    match unsafe { fork()? } {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            // SAFETY: the child drops nothing that it was forked with, since it ends in `exit_now`; `body` is given
            // nothing but what is in `keep`.
            unsafe { close_all_fds_except(keep) };
            let ready = reset_in_child().and_then(|()| ignore(&[Sig::Int, Sig::Term, Sig::Hup, Sig::Info]));
            exit_now(if ready.is_ok() { body() } else { 1 })
        }
    }
}
