// SPDX-License-Identifier: BSD-2-Clause
//! A process that becomes the parent of its orphaned descendants, so that it can end them whatever they did to get away
//! (setsid(2), a second fork, a process group of their own).

use crate::os::half;
use crate::os::half::event::Queue;
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use std::io;
use std::time::{Duration, Instant};

/// Interval between checks for the exit of killed processes, each of which has to be scheduled first.
const AGAIN: Duration = Duration::from_millis(2);

/// Makes this process the reaper of its descendants: those that lose their parent become its children.
///
/// Errors: those of procctl(2) or prctl(2).
pub fn acquire() -> io::Result<()> {
    half::reaper::acquire()
}

/// Whether this process has children. Asked at its start, they are those of the program that it was before execve(2), as a shell's process
/// substitution leaves them: they are not this program's to end, and may be what the dump is written to.
pub fn has_children() -> bool {
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // Where it cannot be known there may be some.
    waitid(Id::All, options) != Err(Errno::ECHILD)
}

/// Waits until this process has no descendant any more, at most for `patience`. Whether none is left.
///
/// The calling process must be a reaper. It must not hold a [`crate::os::process::Child`] whose status it still wants: all are reaped.
/// Errors: those of wait(2).
pub fn wait_for_descendants(patience: Duration) -> io::Result<bool> {
    until_gone(patience, || Ok(()))
}

/// Kills every descendant of this process, and waits until none is left, at most for `patience`: a process that waits for a
/// disk goes only when that lets it. Whether none is left.
///
/// Conditions and errors: as for [`wait_for_descendants`].
pub fn kill_descendants(patience: Duration) -> io::Result<bool> {
    // Once more in each round: a killed parent leaves its children to us, and a process may fork until its signal arrives.
    until_gone(patience, half::reaper::kill_descendants)
}

fn until_gone(patience: Duration, mut each_round: impl FnMut() -> io::Result<()>) -> io::Result<bool> {
    let end = Instant::now() + patience;
    let mut queue = Queue::new()?;
    loop {
        each_round()?;
        if half::reaper::reap()? {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        queue.wait(&mut Vec::new(), Some(AGAIN.min(left)))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::in_child;
    use crate::os::socket::{pair, recv_frame};
    use std::os::fd::AsFd;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Runs a shell command in a process that is a reaper, ends it by `end` after 200 ms, and says whether every process that held
    /// the other end of a socket is gone.
    fn ended(command: &str, end: fn() -> i32) -> (ExitStatus, bool) {
        let (ours, theirs) = pair().unwrap();
        nix::fcntl::fcntl(&theirs, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
        let status = in_child(|| {
            acquire().unwrap();
            let child = std::process::Command::new("sh").args(["-c", command]).spawn().unwrap();
            std::mem::forget(child);
            std::thread::sleep(Duration::from_millis(200));
            end()
        });
        drop(theirs);
        let gone = recv_frame(ours.as_fd(), &mut [0; 8]).unwrap_err().kind() == io::ErrorKind::UnexpectedEof;
        (status, gone)
    }

    #[test]
    fn descendants_are_killed_wherever_they_went() {
        let kill = || i32::from(!kill_descendants(PATIENCE).unwrap());
        for command in [
            "sleep 1000 | sleep 1000",
            "(sleep 1000 & sleep 1000 &) ; exit 0",
            "trap '' TERM INT HUP; sleep 1000 & wait; sleep 1000",
            "for i in 1 2 3 4 5 6 7 8; do (sleep 1000 & (sleep 1000 &)); done",
        ] {
            assert_eq!(ended(command, kill), (ExitStatus::Exited(0), true), "{command}");
        }
    }

    #[test]
    fn what_ends_by_itself_is_waited_for() {
        let wait = || i32::from(!wait_for_descendants(PATIENCE).unwrap());
        assert_eq!(ended("(sleep 0.5 &); exit 0", wait), (ExitStatus::Exited(0), true));
        let impatient = || {
            let gone = wait_for_descendants(Duration::from_millis(50)).unwrap();
            i32::from(gone || !kill_descendants(PATIENCE).unwrap())
        };
        assert_eq!(ended("sleep 1000", impatient), (ExitStatus::Exited(0), true));
    }
}
