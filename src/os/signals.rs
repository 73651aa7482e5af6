// SPDX-License-Identifier: BSD-2-Clause
//! Signals as delivered by the event queue, and their handling in a forked child.

use crate::os::half;
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
    /// The request to report progress: SIGINFO and SIGUSR1; SIGUSR1 alone on Linux, which has no SIGINFO.
    Info,
}

impl Sig {
    /// Every signal there is here.
    pub const ALL: [Sig; 4] = [Sig::Int, Sig::Term, Sig::Hup, Sig::Info];

    /// The system's signals that it stands for.
    pub(super) fn signals(self) -> &'static [Signal] {
        match self {
            Sig::Int => &[Signal::SIGINT],
            Sig::Term => &[Signal::SIGTERM],
            Sig::Hup => &[Signal::SIGHUP],
            Sig::Info => &half::signals::INFO,
        }
    }

    /// The system's signal that is sent for it: the first that it stands for.
    pub(super) fn signal(self) -> Signal {
        match self {
            Sig::Info => half::signals::INFO[0],
            Sig::Int => Signal::SIGINT,
            Sig::Term => Signal::SIGTERM,
            Sig::Hup => Signal::SIGHUP,
        }
    }

    /// The signal of a number.
    pub(super) fn from_number(number: i32) -> Option<Sig> {
        Sig::ALL.into_iter().find(|sig| sig.signals().iter().any(|&signal| signal as i32 == number))
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// The signals that an event queue of this process, or of the one it was forked from, has taken.
static TAKEN: AtomicU8 = AtomicU8::new(0);

/// The system's signals that these stand for.
pub(super) fn all_of(sigs: &[Sig]) -> impl Iterator<Item = Signal> {
    sigs.iter().flat_map(|sig| sig.signals()).copied()
}

/// Notes that a queue takes these signals.
pub(super) fn taken(sigs: &[Sig]) {
    for sig in sigs {
        TAKEN.fetch_or(sig.bit(), Ordering::Relaxed);
    }
}

/// Whether the signal is ignored now, as nohup(1) leaves SIGHUP. A queue would deliver it all the same, so ask
/// before adding it. One that stands for several is ignored when all of them are.
pub fn is_ignored(sig: Sig) -> bool {
    sig.signals().iter().all(|signal| is_signal_ignored(*signal))
}

fn is_signal_ignored(signal: Signal) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action given, sigaction only fills in `old`; all-zero is a valid sigaction.
    unsafe {
        libc::sigaction(signal as i32, std::ptr::null(), old.as_mut_ptr());
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
    let mask: SigSet = all_of(sigs).collect();
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
    for number in all_of(sigs) {
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { signal(number, SigHandler::SigIgn)? };
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
    for number in Sig::ALL.iter().filter(|sig| bits & sig.bit() != 0).flat_map(|sig| sig.signals()) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { signal(*number, SigHandler::SigDfl)? };
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// In a child that becomes another program: every signal that this program ignores or takes does again what it does by default,
/// SIGXFSZ, and SIGPIPE, which Rust's runtime ignores, among them.
pub fn restore_for_program() -> io::Result<()> {
    let others = [Signal::SIGPIPE, Signal::SIGXFSZ];
    for number in all_of(&Sig::ALL).chain(others) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { signal(number, SigHandler::SigDfl)? };
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
            assert_eq!(sig.signals()[0], sig.signal());
            for signal in sig.signals() {
                assert_eq!(Sig::from_number(*signal as i32), Some(sig));
            }
        }
        assert_eq!(Sig::from_number(libc::SIGSEGV), None);
    }

    #[test]
    fn sigusr1_is_a_request_for_progress_on_every_system() {
        assert_eq!(Sig::from_number(libc::SIGUSR1), Some(Sig::Info));
    }

    #[test]
    fn each_signal_of_a_request_has_its_default_again_in_a_child() {
        for signal in Sig::Info.signals() {
            let status = in_child(|| {
                let mut queue = Queue::new().unwrap();
                queue.add_signals(&[Sig::Info]).unwrap();
                in_child_status(in_child(|| {
                    reset_in_child().unwrap();
                    i32::from(is_default(*signal))
                }))
            });
            assert_eq!(status, ExitStatus::Exited(1), "{signal}");
        }
    }

    #[test]
    fn another_program_has_the_default_of_each_signal() {
        let status = in_child(|| {
            ignore(&Sig::ALL).unwrap();
            let before = all_of(&Sig::ALL).any(is_default);
            restore_for_program().unwrap();
            i32::from(before || !all_of(&Sig::ALL).all(is_default))
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }

    /// Whether the signal has its default action and is not blocked.
    fn is_default(signal: Signal) -> bool {
        let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: as in `is_signal_ignored`.
        let action = unsafe {
            libc::sigaction(signal as i32, std::ptr::null(), old.as_mut_ptr());
            old.assume_init().sa_sigaction
        };
        let mut blocked = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut blocked)).unwrap();
        action == libc::SIG_DFL && !blocked.contains(signal)
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
        for signal in Sig::Info.signals() {
            let status = in_child(|| {
                let held = hold(&[Sig::Info]).unwrap();
                // SAFETY: raise takes any signal number.
                unsafe { libc::raise(*signal as i32) };
                let mut queue = Queue::new().unwrap();
                queue.add_signals(&[Sig::Info]).unwrap();
                i32::from(held.0.contains(*signal)) + 5
            });
            assert_eq!(status, ExitStatus::Exited(5), "{signal}");
        }
    }

    #[test]
    fn ignores() {
        let status = in_child(|| {
            ignore(&[Sig::Int, Sig::Info]).unwrap();
            for number in all_of(&[Sig::Int, Sig::Info]) {
                // SAFETY: raise takes any signal number.
                unsafe { libc::raise(number as i32) };
            }
            i32::from(!is_ignored(Sig::Int) || !is_ignored(Sig::Info) || is_ignored(Sig::Term))
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }
}
