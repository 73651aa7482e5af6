// SPDX-License-Identifier: BSD-2-Clause
//! What ends each wait of the planner: a signal, or the exit of a worker.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use crate::dump::stop::Stop;
use crate::event::{Child, Event, EventQueue, Sig};
use crate::os::signals::already_taken;

/// The key of a child in [`Waits::queue`].
const CHILDREN: u64 = 3;

/// The key of signals in [`Waits::queue`].
pub const SIGNALS: u64 = 5;

/// Signals and children that are heeded in all waits.
#[derive(Default)]
pub struct Waits {
    children: RefCell<Vec<Rc<Child>>>,
    /// Gives, from the start of the dump on, the signals that end it or ask whether to: a queue made for one wait would miss what came just
    /// before, and a signal that two queues take may be given by one or by both.
    signals: RefCell<Option<EventQueue>>,
    /// A signal that ends the dump came.
    ended: Cell<bool>,
}

impl Waits {
    /// Heeds, from now on and in all waits, those signals that the process takes and that end a dump or ask whether to. `queue` gives
    /// [`Event::Readable`] with `key` when one came: [`Waits::take_interrupt`].
    pub fn heed_signals(&self, queue: &mut EventQueue, key: u64) -> io::Result<()> {
        let mut signals = EventQueue::new()?;
        signals.add_signals(&already_taken(&[Sig::Int, Sig::Term, Sig::Hup]))?;
        queue.add_readable(signals.as_fd(), key)?;
        self.signals.replace(Some(signals));
        Ok(())
    }

    /// Whether an interrupt came. Errors: a signal that ends the dump came, now or before.
    pub fn take_interrupt(&self) -> Result<bool, Stop> {
        let mut events = Vec::new();
        if let Some(signals) = &mut *self.signals.borrow_mut() {
            signals.wait(&mut events, Some(Duration::ZERO))?;
        }
        let came = |sig| events.contains(&Event::Signal(sig));
        if came(Sig::Term) || came(Sig::Hup) {
            self.ended.set(true);
        }
        if self.ended.get() { Err(Stop::Told) } else { Ok(came(Sig::Int)) }
    }

    /// Whose end breaks off a question.
    pub fn watch(&self, children: Vec<Rc<Child>>) {
        self.children.replace(children);
    }

    /// A queue for the events that end a wait: a signal, and the exit of a child. Errors: the dump has been ended already.
    pub fn queue(&self) -> Result<EventQueue, Stop> {
        if self.ended.get() {
            return Err(Stop::Told);
        }
        let mut queue = EventQueue::new()?;
        if let Some(signals) = &*self.signals.borrow() {
            queue.add_readable(signals.as_fd(), SIGNALS)?;
        }
        for child in self.children.borrow().iter() {
            queue.add_child(child, CHILDREN)?;
        }
        Ok(queue)
    }
}
