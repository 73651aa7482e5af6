// SPDX-License-Identifier: BSD-2-Clause
//! The signals of the process that reads a dump, and the waits that they end.

use std::cell::RefCell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use crate::event::{Event, EventQueue, Sig};
use crate::os::signals;

/// Shared by everything in the process that waits.
pub type Shared = Rc<RefCell<Signals>>;

/// The signals that have come, and where they come from.
pub struct Signals {
    queue: EventQueue,
    events: Vec<Event>,
    stopped: Option<Sig>,
    is_asked: bool,
}

/// The key of the only descriptor in the queue.
const WAITED_FOR: u64 = 1;

impl Signals {
    /// Takes the signals: from now on they do nothing by themselves.
    ///
    /// Errors: those of the event queue.
    pub fn take() -> io::Result<Shared> {
        let mut queue = EventQueue::new()?;
        queue.add_signals(&signals::heeded(&Sig::ALL))?;
        Ok(Rc::new(RefCell::new(Signals { queue, events: Vec::new(), stopped: None, is_asked: false })))
    }

    /// No signals: they do what they do.
    ///
    /// Errors: those of the event queue.
    pub fn none() -> io::Result<Shared> {
        let queue = EventQueue::new()?;
        Ok(Rc::new(RefCell::new(Signals { queue, events: Vec::new(), stopped: None, is_asked: false })))
    }

    /// The signal that ends the reading, when one came.
    pub fn stopped(&self) -> Option<Sig> {
        self.stopped
    }

    /// Whether a report of the progress was requested since this was called last.
    pub fn is_asked(&mut self) -> bool {
        std::mem::take(&mut self.is_asked)
    }

    /// Notes the signals that have come.
    pub fn poll(&mut self) {
        // If this fails, the next call finds them.
        _ = self.wait(Some(Duration::ZERO));
    }

    /// Waits until the descriptor can be read. False: a signal came before.
    ///
    /// Errors: it is something that cannot be waited for, as a disk.
    pub fn wait_readable(&mut self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        self.queue.add_readable(fd, WAITED_FOR)?;
        let waited = self.wait(None);
        self.queue.remove(fd)?;
        waited
    }

    /// Waits until the descriptor can be written. False: a signal came before.
    ///
    /// Errors: it is something that cannot be waited for, as a disk.
    pub fn wait_writable(&mut self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        self.queue.add_writable(fd, WAITED_FOR)?;
        let waited = self.wait(None);
        self.queue.remove(fd)?;
        waited
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.queue.wait(&mut self.events, timeout)?;
        let mut is_ready = false;
        for event in self.events.drain(..) {
            match event {
                Event::Signal(Sig::Info) => self.is_asked = true,
                Event::Signal(sig) => self.stopped = Some(sig),
                _ => is_ready = true,
            }
        }
        Ok(is_ready)
    }
}
