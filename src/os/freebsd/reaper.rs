// SPDX-License-Identifier: BSD-2-Clause
//! procctl(2): a reaper, which the kernel gives its orphaned descendants, and which may kill all of them by one call.

use crate::os::{check, retry};
use capdump_sys::procctl::{
    PROC_REAP_ACQUIRE, PROC_REAP_KILL, PROC_REAP_STATUS, procctl_reaper_kill, procctl_reaper_status,
};
use std::io;

/// See [`crate::os::reaper::acquire`].
pub fn acquire() -> io::Result<()> {
    // SAFETY: PROC_REAP_ACQUIRE takes no data.
    let answer = unsafe { libc::procctl(libc::P_PID, 0, PROC_REAP_ACQUIRE, std::ptr::null_mut()) };
    match check(answer) {
        // It is one already.
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(()),
        other => other.map(drop),
    }
}

/// Sends SIGKILL to every descendant.
pub fn kill_descendants() -> io::Result<()> {
    let mut request = procctl_reaper_kill {
        rk_sig: libc::SIGKILL,
        rk_flags: 0,
        rk_subtree: 0,
        rk_killed: 0,
        rk_fpid: 0,
        rk_pad0: [0; 15],
    };
    // SAFETY: PROC_REAP_KILL takes this structure, which outlives the call.
    let answer = unsafe { libc::procctl(libc::P_PID, 0, PROC_REAP_KILL, (&raw mut request).cast()) };
    match check(answer) {
        // There is none.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other.map(drop),
    }
}

/// Takes the status of every child that has ended. Whether there is no descendant left.
///
/// A child that is held by a process descriptor is not given to waitpid(2); it counts until the descriptor is closed.
pub fn reap() -> io::Result<bool> {
    loop {
        // SAFETY: waitpid may be given no status to fill in.
        match retry(|| check(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) })) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(descendants()? == 0),
            Err(error) => return Err(error),
        }
    }
}

/// How many descendants this process has.
fn descendants() -> io::Result<u32> {
    let mut status = procctl_reaper_status {
        rs_flags: 0,
        rs_children: 0,
        rs_descendants: 0,
        rs_reaper: 0,
        rs_pid: 0,
        rs_pad0: [0; 15],
    };
    // SAFETY: PROC_REAP_STATUS fills in this structure, which outlives the call.
    let answer = unsafe { libc::procctl(libc::P_PID, 0, PROC_REAP_STATUS, (&raw mut status).cast()) };
    check(answer)?;
    Ok(status.rs_descendants)
}
