// SPDX-License-Identifier: BSD-2-Clause
//! Signals as the event queue delivers them, and what a forked child does about them.

use super::half;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

/// A signal that the program acts on. SIGPIPE is ignored from the start by Rust's runtime: a write says `EPIPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sig {
    /// SIGINT: the operator's interrupt.
    Int,
    /// SIGTERM.
    Term,
    /// SIGHUP.
    Hup,
    /// SIGINFO, the operator's question how far it is; SIGUSR1 on Linux, which has no SIGINFO.
    Info,
}

impl Sig {
    /// Every signal there is here.
    pub const ALL: [Sig; 4] = [Sig::Int, Sig::Term, Sig::Hup, Sig::Info];

    /// The system's signal.
    pub(super) fn signal(self) -> Signal {
        match self {
            Sig::Int => Signal::SIGINT,
            Sig::Term => Signal::SIGTERM,
            Sig::Hup => Signal::SIGHUP,
            Sig::Info => half::signals::INFO,
        }
    }

    /// The signal of a number.
    pub(super) fn from_number(number: i32) -> Option<Sig> {
        Sig::ALL.into_iter().find(|sig| sig.signal() as i32 == number)
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// The signals that an event queue of this process, or of the one it was forked from, has taken.
static TAKEN: AtomicU8 = AtomicU8::new(0);

/// Notes that a queue takes these signals.
pub(super) fn taken(sigs: &[Sig]) {
    for sig in sigs {
        TAKEN.fetch_or(sig.bit(), Ordering::Relaxed);
    }
}

/// Whether the signal is ignored now, as nohup(1) leaves SIGHUP. A queue would deliver it all the same, so ask
/// before adding it.
pub fn is_ignored(sig: Sig) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action given, sigaction only fills in `old`; all-zero is a valid sigaction.
    unsafe {
        libc::sigaction(sig.signal() as i32, std::ptr::null(), old.as_mut_ptr());
        old.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Those of the signals that are not ignored from the start: only they are to be given to a process's first queue.
pub fn heeded(sigs: &[Sig]) -> Vec<Sig> {
    sigs.iter().copied().filter(|sig| !is_ignored(*sig)).collect()
}

/// Those of the signals that a queue takes already: for a further queue.
pub fn already_taken(sigs: &[Sig]) -> Vec<Sig> {
    let bits = TAKEN.load(Ordering::Relaxed);
    sigs.iter().copied().filter(|sig| bits & sig.bit() != 0).collect()
}

/// Signals that are held back.
#[derive(Debug)]
pub struct Held(SigSet);

/// Holds the signals back until a queue takes them or they are released, so that one that comes before does not end the program.
pub fn hold(sigs: &[Sig]) -> io::Result<Held> {
    let mask: SigSet = sigs.iter().map(|sig| sig.signal()).collect();
    let mut old = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), Some(&mut old))?;
    Ok(Held(old))
}

impl Held {
    /// What was held back comes now.
    pub fn release(self) -> io::Result<()> {
        Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.0), None)?)
    }
}

/// Ignores the signals: what a worker does about those that the terminal sends to the whole process group.
pub fn ignore(sigs: &[Sig]) -> io::Result<()> {
    for sig in sigs {
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { signal(sig.signal(), SigHandler::SigIgn)? };
    }
    Ok(())
}

/// Ignores SIGXFSZ in this process and those that it forks: a write past the limit of a file's size says `EFBIG`.
pub fn ignore_file_size() {
    // SAFETY: SIG_IGN runs no code of ours. The signal can be ignored, so that it does not fail.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// In a forked child: gives the signals that the parent's queue took their default action again, and unblocks
/// all. The parent's queue must not be used any more. Signals that were ignored from the start stay so.
pub fn reset_in_child() -> io::Result<()> {
    let bits = TAKEN.swap(0, Ordering::Relaxed);
    for sig in Sig::ALL.into_iter().filter(|sig| bits & sig.bit() != 0) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { signal(sig.signal(), SigHandler::SigDfl)? };
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// In a child that becomes another program: every signal that this program ignores or takes does again what it does by default,
/// SIGXFSZ, and SIGPIPE, which Rust's runtime ignores, among them.
pub fn restore_for_program() -> io::Result<()> {
    let others = [Signal::SIGPIPE, Signal::SIGXFSZ];
    for signal_number in Sig::ALL.map(Sig::signal).into_iter().chain(others) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { signal(signal_number, SigHandler::SigDfl)? };
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::event::Queue;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::in_child;

    #[test]
    fn numbers_lead_back() {
        for sig in Sig::ALL {
            assert_eq!(Sig::from_number(sig.signal() as i32), Some(sig));
        }
        assert_eq!(Sig::from_number(libc::SIGSEGV), None);
    }

    #[test]
    fn a_child_can_be_interrupted_again() {
        let status = in_child(|| {
            let mut queue = Queue::new().unwrap();
            queue.add_signals(&[Sig::Term]).unwrap();
            // SAFETY: raise takes any signal number.
            unsafe { libc::raise(libc::SIGTERM) };
            in_child_status(in_child(|| {
                reset_in_child().unwrap();
                // SAFETY: as above.
                unsafe { libc::raise(libc::SIGTERM) };
                3
            }))
        });
        assert_eq!(status, ExitStatus::Exited(100 + libc::SIGTERM));
    }

    fn in_child_status(status: ExitStatus) -> i32 {
        match status {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) => 100 + signal,
        }
    }

    #[test]
    fn what_is_held_back_comes_later() {
        let status = in_child(|| {
            let held = hold(&[Sig::Info]).unwrap();
            // SAFETY: raise takes any signal number.
            unsafe { libc::raise(Sig::Info.signal() as i32) };
            let mut queue = Queue::new().unwrap();
            queue.add_signals(&[Sig::Info]).unwrap();
            i32::from(held.0.contains(Sig::Info.signal())) + 5
        });
        assert_eq!(status, ExitStatus::Exited(5));
    }

    #[test]
    fn ignores() {
        let status = in_child(|| {
            ignore(&[Sig::Int]).unwrap();
            // SAFETY: raise takes any signal number.
            unsafe { libc::raise(libc::SIGINT) };
            i32::from(!is_ignored(Sig::Int) || is_ignored(Sig::Term))
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }
}
