// SPDX-License-Identifier: BSD-2-Clause
//! The event-queue API: readable descriptors, children, timers, signals.
//!
//! One kqueue on FreeBSD; epoll with signalfd, timerfd and pidfd on Linux. Readiness is level-triggered: an event is reported
//! again as long as its cause lasts. Only sockets, pipes, terminals and children can be added; a tape
//! or a disk cannot.

pub use crate::os::event::Event;
use crate::os::event::Queue;
pub use crate::os::process::{Child, ExitStatus};
pub use crate::os::signals::Sig;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// What one process waits on. A forked child makes its own and never uses its parent's.
///
/// Keys are the caller's and need only be unique among timers; on FreeBSD they must fit in a pointer.
#[derive(Debug)]
pub struct EventQueue {
    queue: Queue,
}

impl EventQueue {
    /// Makes an empty queue. Works before and after the sandbox.
    pub fn new() -> io::Result<EventQueue> {
        Ok(EventQueue { queue: Queue::new()? })
    }

    /// Reports [`Event::Readable`] when the descriptor can be read or has ended. [`EventQueue::remove`] it before it is closed.
    pub fn add_readable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.queue.add_readable(fd, key)
    }

    /// Reports [`Event::Writable`] when the descriptor can be written. [`EventQueue::remove`] it before it is closed.
    pub fn add_writable(&mut self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.queue.add_writable(fd, key)
    }

    /// Forgets a descriptor, both its reading and its writing. Forgetting one that was not added is no error.
    pub fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.queue.remove(fd)
    }

    /// Reports [`Event::ChildExited`] when the child ends, also if it has ended already.
    pub fn add_child(&mut self, child: &Child, key: u64) -> io::Result<()> {
        self.queue.add_child(child, key)
    }

    /// Reports [`Event::Timer`] after `after`, once or every `after` again. A timer of the same key is replaced.
    pub fn add_timer(&mut self, key: u64, after: Duration, repeating: bool) -> io::Result<()> {
        self.queue.add_timer(key, after, repeating)
    }

    /// Stops a timer; stopping one that has run out is no error.
    pub fn cancel_timer(&mut self, key: u64) -> io::Result<()> {
        self.queue.cancel_timer(key)
    }

    /// Reports [`Event::Signal`] for these signals, which have no other effect from now on, even after the queue is closed.
    /// Where several queues of a process take the same signal, on Linux one of them receives it, on FreeBSD all.
    pub fn add_signals(&mut self, sigs: &[Sig]) -> io::Result<()> {
        self.queue.add_signals(sigs)
    }

    /// Waits for events and puts them in `events`, whose old contents go. Returns with none when `timeout` has passed;
    /// None waits for ever. An event may be for something removed while the batch was worked off: look keys up.
    pub fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        self.queue.wait(events, timeout)
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
