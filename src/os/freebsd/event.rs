// SPDX-License-Identifier: BSD-2-Clause
//! One kqueue for all: the kernel keeps the registrations, the key is `udata`.

use crate::os::event::Event;
use crate::os::freebsd::process::{error_number, exit_event, status_of};
use crate::os::freebsd::sandbox;
use crate::os::process::Child;
use crate::os::sandbox::QUEUE_RIGHTS;
use crate::os::signals;
use crate::os::signals::Sig;
use crate::os::{invalid, retry};
use nix::errno::Errno;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The event queue of FreeBSD.
#[derive(Debug)]
pub struct Queue {
    kqueue: Kqueue,
}

const NOW: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

impl Queue {
    /// See [`crate::event::EventQueue::new`], as for all that follows. A forked child does not get its parent's kqueue.
    pub fn new() -> io::Result<Queue> {
        Ok(Queue { kqueue: limited_kqueue()? })
    }

    pub fn add_readable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.change(descriptor(fd, EventFilter::EVFILT_READ, EvFlags::EV_ADD, udata(key)?))
    }

    pub fn add_writable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.change(descriptor(fd, EventFilter::EVFILT_WRITE, EvFlags::EV_ADD, udata(key)?))
    }

    pub fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        for filter in [EventFilter::EVFILT_READ, EventFilter::EVFILT_WRITE] {
            self.forget(descriptor(fd, filter, EvFlags::EV_DELETE, 0))?;
        }
        Ok(())
    }

    pub fn add_child(&mut self, child: &Child, key: u64) -> io::Result<()> {
        let flags = EvFlags::EV_ADD | EvFlags::EV_ONESHOT;
        self.change(exit_event(child.as_fd(), flags, udata(key)?))
    }

    pub fn add_timer(&mut self, key: u64, after: Duration, repeating: bool) -> io::Result<()> {
        self.cancel_timer(key)?;
        let mut flags = EvFlags::EV_ADD;
        flags.set(EvFlags::EV_ONESHOT, !repeating);
        // Microseconds where they fit in a pointer, as all useful ones do where that has 64 bits.
        let (unit, count) = match isize::try_from(after.as_micros()) {
            Ok(micros) => (FilterFlag::NOTE_USECONDS, micros.max(1)),
            Err(_) => (FilterFlag::NOTE_SECONDS, isize::try_from(after.as_secs()).unwrap_or(isize::MAX)),
        };
        self.change(timer(key, flags, unit, count)?)
    }

    pub fn cancel_timer(&mut self, key: u64) -> io::Result<()> {
        self.forget(timer(key, EvFlags::EV_DELETE, FilterFlag::empty(), 0)?)
    }

    /// The kernel reports a signal to a kqueue before it checks whether the signal is ignored. So each is registered
    /// first and ignored then; in between it has its default action.
    pub fn add_signals(&mut self, sigs: &[Sig]) -> io::Result<()> {
        for signal in signals::all_of(sigs) {
            let number = signal as usize;
            let (filter, flags) = (EventFilter::EVFILT_SIGNAL, EvFlags::EV_ADD);
            self.change(KEvent::new(number, filter, flags, FilterFlag::empty(), 0, 0))?;
        }
        signals::taken(sigs);
        signals::ignore(sigs)
    }

    pub fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let empty = KEvent::new(0, EventFilter::EVFILT_READ, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut ready = [empty; 32];
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let count = match self.kqueue.kevent(&[], &mut ready, left.map(timespec)) {
                Err(Errno::EINTR) => 0,
                other => other?,
            };
            for event in &ready[..count] {
                events.extend(translate(event)?);
            }
            if !events.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
        }
    }

    /// Makes one change. With no room for events, an error is the call's own.
    fn change(&self, change: KEvent) -> io::Result<()> {
        retry(|| Ok(self.kqueue.kevent(&[change], &mut [], Some(NOW)).map(drop)?))
    }

    /// Takes a registration back; there may be none.
    fn forget(&self, change: KEvent) -> io::Result<()> {
        match self.change(change) {
            Err(err) if err.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other,
        }
    }
}

/// A kqueue with the rights of the table from the start, wherever it is made.
pub(super) fn limited_kqueue() -> io::Result<Kqueue> {
    let kqueue = Kqueue::new()?;
    sandbox::limit(kqueue.as_fd(), QUEUE_RIGHTS, &[])?;
    Ok(kqueue)
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kqueue.as_fd()
    }
}

fn translate(event: &KEvent) -> io::Result<Option<Event>> {
    if event.flags().contains(EvFlags::EV_ERROR) {
        return Err(io::Error::from_raw_os_error(error_number(event)));
    }
    let key = event.udata() as usize as u64;
    Ok(match event.filter()? {
        EventFilter::EVFILT_READ => Some(Event::Readable { key }),
        EventFilter::EVFILT_WRITE => Some(Event::Writable { key }),
        EventFilter::EVFILT_PROCDESC => Some(Event::ChildExited { key, status: status_of(event)? }),
        EventFilter::EVFILT_TIMER => Some(Event::Timer { key }),
        EventFilter::EVFILT_SIGNAL => {
            let number = i32::try_from(event.ident()).unwrap_or_default();
            Sig::from_number(number).map(Event::Signal)
        }
        _ => None,
    })
}

fn descriptor(fd: BorrowedFd<'_>, filter: EventFilter, flags: EvFlags, key: isize) -> KEvent {
    KEvent::new(fd.as_raw_fd() as usize, filter, flags, FilterFlag::empty(), 0, key)
}

fn timer(key: u64, flags: EvFlags, unit: FilterFlag, count: isize) -> io::Result<KEvent> {
    let udata = udata(key)?;
    Ok(KEvent::new(udata as usize, EventFilter::EVFILT_TIMER, flags, unit, count, udata))
}

/// A key as the kernel keeps it: all 64 bits where pointers have them.
fn udata(key: u64) -> io::Result<isize> {
    let key = usize::try_from(key).map_err(|_| invalid("a key larger than a pointer"))?;
    Ok(key as isize)
}

fn timespec(left: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos() as libc::c_long,
    }
}
