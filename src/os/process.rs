// SPDX-License-Identifier: BSD-2-Clause
//! Children held by a descriptor: pdfork(2) on FreeBSD, pidfd on Linux. A child never outlives its parent.

use crate::os::half;
use crate::os::signals::Sig;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// This process and its children leave no core.
pub fn leave_no_core() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: setrlimit reads the structure, which outlives the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Which side of [`fork`] this is.
#[derive(Debug)]
pub enum Fork {
    /// The new process.
    Child,
    /// The process that forked, with its hold on the new one.
    Parent(Child),
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
}

impl ExitStatus {
    /// Reads the status word of wait(2).
    #[cfg_attr(target_os = "linux", allow(dead_code))]
    pub(super) fn from_wait_status(status: i32) -> ExitStatus {
        if libc::WIFEXITED(status) {
            ExitStatus::Exited(libc::WEXITSTATUS(status))
        } else {
            ExitStatus::Signaled(libc::WTERMSIG(status))
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Exited(code) => write!(f, "exited with status {code}"),
            ExitStatus::Signaled(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

/// The hold on a child. Dropping it in the process that forked kills the child if it still runs.
#[derive(Debug)]
pub struct Child {
    fd: OwnedFd,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests look for the process"))]
    pid: i32,
    /// The process that forked; in its other children a drop must not kill.
    owner: u32,
}

impl Child {
    /// The child's process number.
    #[cfg(test)]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends SIGKILL. Killing a child that has ended is no error.
    ///
    /// On Linux a sandboxed process cannot kill a child that was forked before it entered (`EPERM`, Landlock's
    /// signal scope), nor does its death kill that child: such a child must end when its socket is closed.
    pub fn kill(&self) -> io::Result<()> {
        match half::process::kill(self.fd.as_fd()) {
            Err(err) if err.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    /// Sends a signal. To a child that has ended it is no error.
    pub fn signal(&self, sig: Sig) -> io::Result<()> {
        match half::process::signal(self.fd.as_fd(), sig.signal()) {
            Err(err) if err.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    /// How the child ended, or None while it runs. Does not wait and may be asked again.
    #[cfg(test)]
    pub fn exit_status(&self) -> io::Result<Option<ExitStatus>> {
        half::process::exit_status(self.fd.as_fd())
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            half::process::finish(self.fd.as_fd());
        }
    }
}

/// What becomes of a child when the process that forked it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// It is killed.
    Dies,
    /// It goes on: it sees the end of its socket, and has something to clean up then.
    CleansUp,
    /// On Linux it is killed until it calls [`crate::os::spawn::outlive_parent`], and then goes on; on FreeBSD it goes on from the start.
    CleansUpLater,
}

/// Forks, with the choice of what becomes of an orphan.
///
/// The child has every descriptor of its parent, its siblings' among them: it should call
/// [`close_all_fds_except`], [`crate::os::signals::reset_in_child`] and make an event queue of its own.
/// Errors: those of fork(2) and pidfd_open(2).
///
/// # Safety
/// The calling process must have one thread only: in the child the others are gone, and with them whatever
/// they had locked.
pub unsafe fn fork(orphan: Orphan) -> io::Result<Fork> {
    debug_assert!(cfg!(test) || half::process::is_single_threaded(), "fork with several threads");
    let owner = std::process::id();
    // SAFETY: the caller keeps the same contract.
    match unsafe { half::process::fork(orphan)? } {
        None => Ok(Fork::Child),
        Some((fd, pid)) => Ok(Fork::Parent(Child { fd, pid, owner })),
    }
}

/// The descriptors, beyond the standard ones, that the program's caller left open and the command line names.
#[derive(Debug)]
pub struct Inherited(Vec<i32>);

impl Inherited {
    /// Closes all descriptors that the caller left open, knowing or not, but for those that the command line names. To be called first,
    /// when nothing of this program is open yet: `/dev/fd/9` and the like in any word, and the number behind `--progress-fd`.
    pub fn keep_named(words: &[OsString]) -> Inherited {
        let mut named = named_in(words);
        named.retain(|fd| *fd > 2);
        named.sort_unstable();
        named.dedup();
        // SAFETY: nothing of this program is open yet, so that no value owns or borrows what is closed.
        unsafe { close_all_numbers_except([0, 1, 2].into_iter().chain(named.iter().copied()).collect()) };
        Inherited(named)
    }

    /// Closes those that were kept: they have been opened by their names.
    pub fn close(self) {
        for fd in self.0 {
            // SAFETY: it was open before anything here was, so that no value of this program owns it.
            unsafe { libc::close(fd) };
        }
    }
}

/// The numbers of descriptors that words of the command line name.
fn named_in(words: &[OsString]) -> Vec<i32> {
    let mut named = Vec::new();
    let mut number = |bytes: &[u8]| {
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        named
            .extend(std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| digits.parse::<i32>().ok()));
    };
    let mut is_number = false;
    for word in words {
        let word = word.as_bytes();
        if std::mem::take(&mut is_number) {
            number(word);
        }
        is_number = word == b"--progress-fd";
        for start in [&b"/fd/"[..], b"--progress-fd="] {
            for at in 0..word.len() {
                if let Some(rest) = word[at..].strip_prefix(start) {
                    number(rest);
                }
            }
        }
    }
    named
}

/// The number of this process's parent.
pub fn parent() -> i32 {
    std::os::unix::process::parent_id().cast_signed()
}

/// Kills this process's parent, if that is still the process of this number.
pub fn kill_parent(pid: i32) {
    // A parent's number is not used again before this process has another parent; between the look and the call the parent, which is
    // one of ours and has ended, may only be a number that is free.
    if pid > 1 && parent() == pid {
        // SAFETY: kill takes two numbers.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// Ends the process at once: no destructors, no flushing of what the parent had buffered.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes any code and does not return.
    unsafe { libc::_exit(code) }
}

/// Names the process for ps(1). Linux keeps 15 bytes.
pub fn set_title(title: &str) {
    half::process::set_title(title);
}

/// Closes every descriptor that is not in `keep`.
///
/// # Safety
/// Values that own or borrow a descriptor which is not in `keep` must not be used or dropped any more: this is for
/// a child that ends in [`exit_now`] and so drops nothing it was forked with.
pub unsafe fn close_all_fds_except(keep: &[BorrowedFd<'_>]) {
    // SAFETY: as the caller promised.
    unsafe { close_all_numbers_except(keep.iter().map(AsRawFd::as_raw_fd).collect()) };
}

/// The same by the descriptors' numbers.
///
/// # Safety
/// As for [`close_all_fds_except`].
pub unsafe fn close_all_numbers_except(mut kept: Vec<i32>) {
    kept.sort_unstable();
    kept.dedup();
    let mut first = 0;
    for fd in kept {
        if fd > first {
            // SAFETY: the range holds no descriptor of `keep`; the caller has given up the others.
            unsafe { half::process::close_range(first, fd - 1) };
        }
        first = fd + 1;
    }
    // SAFETY: as above; all that is kept lies below `first`.
    unsafe { half::process::close_from(first) };
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Runs `body` in a forked child and says how it ended. Rust's test harness has threads, so `body` should
    /// keep to system calls and small allocations; a panic aborts it.
    pub(crate) fn in_child(body: impl FnOnce() -> i32) -> ExitStatus {
        wait(&fork_test(body))
    }

    /// Forks a child for a test that goes on beside it.
    pub(crate) fn fork_test(body: impl FnOnce() -> i32) -> Child {
        // SAFETY: not single-threaded here, but libc makes its allocator usable after fork, and the body takes
        // no lock of another thread.
        match unsafe { fork(Orphan::Dies) }.unwrap() {
            Fork::Parent(child) => child,
            Fork::Child => {
                let body = std::panic::AssertUnwindSafe(body);
                exit_now(std::panic::catch_unwind(|| { body }.0()).unwrap_or(101))
            }
        }
    }

    /// Waits at most ten seconds for the end of a child.
    pub(crate) fn wait(child: &Child) -> ExitStatus {
        for _ in 0..2000 {
            if let Some(status) = child.exit_status().unwrap() {
                return status;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("child {} did not end", child.pid());
    }
}

#[cfg(test)]
mod tests {
    use super::testing::fork_test;
    use super::testing::in_child;
    use super::testing::wait;
    use super::*;
    use crate::os::socket;

    #[test]
    fn tells_how_a_child_ended() {
        assert_eq!(in_child(|| 42), ExitStatus::Exited(42));
        // SAFETY: raise takes any signal number.
        let status = in_child(|| unsafe { libc::raise(libc::SIGTERM) });
        assert_eq!(status, ExitStatus::Signaled(libc::SIGTERM));
        assert_eq!(status.to_string(), format!("was killed by signal {}", libc::SIGTERM));
    }

    #[test]
    fn reads_wait_status_words() {
        assert_eq!(ExitStatus::from_wait_status(0x2a00), ExitStatus::Exited(42));
        assert_eq!(ExitStatus::from_wait_status(0xf), ExitStatus::Signaled(15));
    }

    #[test]
    fn kills_and_asks_twice() {
        let child = fork_test(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_secs(100));
            }
        });
        assert_eq!(child.exit_status().unwrap(), None);
        child.kill().unwrap();
        assert_eq!(wait(&child), ExitStatus::Signaled(libc::SIGKILL));
        assert_eq!(child.exit_status().unwrap(), Some(ExitStatus::Signaled(libc::SIGKILL)));
        child.kill().unwrap();
    }

    #[test]
    fn a_grandchild_dies_with_its_parent() {
        let (ours, theirs) = socket::pair().unwrap();
        let status = in_child(|| {
            let grandchild = fork_test(|| {
                loop {
                    std::thread::sleep(std::time::Duration::from_secs(100));
                }
            });
            // Not dropped, so that only the death of this process can end the grandchild.
            std::mem::forget(grandchild);
            0
        });
        assert_eq!(status, ExitStatus::Exited(0));
        drop(theirs);
        // The end of the last process that held the other end shows as the end of the socket.
        let mut buffer = [0; 8];
        let err = socket::recv_frame(ours.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn closes_all_but_what_is_kept() {
        let (kept, other) = socket::pair().unwrap();
        let status = in_child(|| {
            // SAFETY: the child uses `kept` only and leaves by exit_now.
            unsafe { close_all_fds_except(&[kept.as_fd()]) };
            let open = |fd: i32| {
                // SAFETY: F_GETFD takes any number.
                unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
            };
            i32::from(!open(kept.as_raw_fd()))
                + 2 * i32::from(open(other.as_raw_fd()))
                + 4 * i32::from(open(0))
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }

    #[test]
    fn descriptors_are_named_by_words() {
        let words = [
            "-0af",
            "/dev/fd/63,/proc/self/fd/7",
            "--progress-fd",
            "9",
            "--progress-fd=11",
            "/dev/fd/x",
            "12",
        ];
        assert_eq!(named_in(&words.map(OsString::from)), [63, 7, 9, 11]);
        assert_eq!(named_in(&["/dev/fd/99999999999".into(), "-f/dev/fd/5".into()]), [5]);
    }

    #[test]
    fn names_itself() {
        assert_eq!(
            in_child(|| {
                set_title("title with \0 and more");
                0
            }),
            ExitStatus::Exited(0)
        );
    }
}
