// SPDX-License-Identifier: BSD-2-Clause
//! epoll over sockets, pidfds, timerfds and one signalfd.

use crate::os::event::Event;
use crate::os::linux::process::exit_status;
use crate::os::process::Child;
use crate::os::signals;
use crate::os::signals::Sig;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// One registration; its place in the table is epoll's data word.
#[derive(Debug)]
enum Slot {
    /// The descriptor's number, kept to be compared only; its owner is the caller.
    Io {
        number: i32,
        readable: Option<u64>,
        writable: Option<u64>,
    },
    /// A duplicate of the child's pidfd.
    Child {
        key: u64,
        fd: OwnedFd,
    },
    Timer {
        key: u64,
        repeating: bool,
        fd: TimerFd,
    },
    Signals {
        fd: SignalFd,
    },
}

/// The event queue of Linux.
#[derive(Debug)]
pub struct Queue {
    epoll: Epoll,
    slots: Vec<Option<Slot>>,
}

impl Queue {
    /// See [`crate::event::EventQueue::new`], as for all that follows.
    pub fn new() -> io::Result<Queue> {
        Ok(Queue { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, slots: Vec::new() })
    }

    pub fn add_readable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.add_io(fd, Some(key), None)
    }

    pub fn add_writable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.add_io(fd, None, Some(key))
    }

    pub fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if let Some(at) = self.find_io(fd) {
            self.epoll.delete(fd)?;
            self.slots[at] = None;
        }
        Ok(())
    }

    pub fn add_child(&mut self, child: &Child, key: u64) -> io::Result<()> {
        let fd = child.as_fd().try_clone_to_owned()?;
        self.insert(Slot::Child { key, fd })
    }

    pub fn add_timer(&mut self, key: u64, after: Duration, repeating: bool) -> io::Result<()> {
        self.cancel_timer(key)?;
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        // A timerfd set to zero is stopped, not run out.
        let after = TimeSpec::from_duration(after.max(Duration::from_nanos(1)));
        let expiration = if repeating { Expiration::Interval(after) } else { Expiration::OneShot(after) };
        fd.set(expiration, TimerSetTimeFlags::empty())?;
        self.insert(Slot::Timer { key, repeating, fd })
    }

    pub fn cancel_timer(&mut self, wanted: u64) -> io::Result<()> {
        self.remove_where(|slot| matches!(slot, Slot::Timer { key, .. } if *key == wanted))
    }

    pub fn add_signals(&mut self, sigs: &[Sig]) -> io::Result<()> {
        let mask: SigSet = signals::all_of(sigs).collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
        signals::taken(sigs);
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        self.insert(Slot::Signals { fd })
    }

    pub fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut ready = [EpollEvent::empty(); 32];
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let count = match self.epoll.wait(&mut ready, milliseconds(left)) {
                Err(nix::Error::EINTR) => 0,
                other => other?,
            };
            for event in &ready[..count] {
                self.translate(event, events)?;
            }
            if !events.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
        }
    }

    /// Converts what epoll returned for a slot to events; possibly none, for example if a timer has already been read.
    fn translate(&mut self, ready: &EpollEvent, events: &mut Vec<Event>) -> io::Result<()> {
        let at = usize::try_from(ready.data()).map_err(|_| io::ErrorKind::InvalidData)?;
        let Some(Some(slot)) = self.slots.get(at) else {
            return Ok(());
        };
        let spent = match slot {
            Slot::Io { readable, writable, .. } => {
                push_io(ready.events(), *readable, *writable, events);
                false
            }
            Slot::Child { key, fd, .. } => match exit_status(fd.as_fd()) {
                Ok(Some(status)) => {
                    events.push(Event::ChildExited { key: *key, status });
                    true
                }
                Ok(None) => false,
                // Its Child was dropped and it is reaped: no one asks any more.
                Err(err) if err.raw_os_error() == Some(libc::ECHILD) => true,
                Err(err) => return Err(err),
            },
            Slot::Timer { key, repeating, fd } => match fd.wait() {
                Ok(()) => {
                    events.push(Event::Timer { key: *key });
                    !*repeating
                }
                Err(nix::Error::EAGAIN) => false,
                Err(err) => return Err(err.into()),
            },
            Slot::Signals { fd } => {
                while let Some(info) = fd.read_signal()? {
                    let number = i32::try_from(info.ssi_signo).unwrap_or_default();
                    events.extend(Sig::from_number(number).map(Event::Signal));
                }
                false
            }
        };
        if spent { self.discard(at) } else { Ok(()) }
    }

    fn add_io(&mut self, fd: BorrowedFd<'_>, read: Option<u64>, write: Option<u64>) -> io::Result<()> {
        let Some(at) = self.find_io(fd) else {
            return self.insert(Slot::Io { number: fd.as_raw_fd(), readable: read, writable: write });
        };
        if let Some(Slot::Io { readable, writable, .. }) = &mut self.slots[at] {
            *readable = read.or(*readable);
            *writable = write.or(*writable);
            let mut event = EpollEvent::new(interest(*readable, *writable), at as u64);
            self.epoll.modify(fd, &mut event)?;
        }
        Ok(())
    }

    fn find_io(&self, fd: BorrowedFd<'_>) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| matches!(slot, Some(Slot::Io { number, .. }) if *number == fd.as_raw_fd()))
    }

    fn insert(&mut self, slot: Slot) -> io::Result<()> {
        let at = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let event = EpollEvent::new(slot.interest(), at as u64);
        self.epoll.add(slot.as_fd(), event)?;
        if at == self.slots.len() {
            self.slots.push(Some(slot));
        } else {
            self.slots[at] = Some(slot);
        }
        Ok(())
    }

    fn remove_where(&mut self, wanted: impl Fn(&Slot) -> bool) -> io::Result<()> {
        match self.slots.iter().position(|slot| slot.as_ref().is_some_and(&wanted)) {
            Some(at) => self.discard(at),
            None => Ok(()),
        }
    }

    /// Removes a slot, first in the kernel: a descriptor that a forked child still holds would remain in the epoll set.
    fn discard(&mut self, at: usize) -> io::Result<()> {
        if let Some(slot) = self.slots[at].take() {
            self.epoll.delete(slot.as_fd())?;
        }
        Ok(())
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Slot {
    fn interest(&self) -> EpollFlags {
        match self {
            Slot::Io { readable, writable, .. } => interest(*readable, *writable),
            Slot::Child { .. } | Slot::Timer { .. } | Slot::Signals { .. } => EpollFlags::EPOLLIN,
        }
    }
}

impl AsFd for Slot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            // SAFETY: the caller keeps the descriptor open until it removes it, as the interface requires; if it were closed,
            // the number would only be refused by epoll_ctl.
            Slot::Io { number, .. } => unsafe { BorrowedFd::borrow_raw(*number) },
            Slot::Child { fd, .. } => fd.as_fd(),
            Slot::Timer { fd, .. } => fd.as_fd(),
            Slot::Signals { fd } => fd.as_fd(),
        }
    }
}

fn interest(readable: Option<u64>, writable: Option<u64>) -> EpollFlags {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, readable.is_some());
    flags.set(EpollFlags::EPOLLOUT, writable.is_some());
    flags
}

/// A hang-up or an error wakes all waiters: the next read or write returns the reason.
fn push_io(flags: EpollFlags, read: Option<u64>, write: Option<u64>, events: &mut Vec<Event>) {
    let broken = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
    if let Some(key) = read.filter(|_| broken || flags.contains(EpollFlags::EPOLLIN)) {
        events.push(Event::Readable { key });
    }
    if let Some(key) = write.filter(|_| broken || flags.contains(EpollFlags::EPOLLOUT)) {
        events.push(Event::Writable { key });
    }
}

/// Whole milliseconds, rounded up so that a wait is never too short.
fn milliseconds(left: Option<Duration>) -> EpollTimeout {
    let Some(left) = left else {
        return EpollTimeout::NONE;
    };
    let millis = left.as_nanos().div_ceil(1_000_000);
    EpollTimeout::try_from(millis.min(1 << 30) as i32).unwrap_or(EpollTimeout::MAX)
}
