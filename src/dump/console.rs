// SPDX-License-Identifier: BSD-2-Clause
//! The planner's way to the operator: messages, and the course of the dump.

use std::cell::{RefCell, RefMut};

use crate::dump::clock::Clock;
use crate::operator::{Event, Line, Operator};

/// Messages go to standard error, each with its prefix.
pub struct Console<'a> {
    operator: &'a RefCell<Operator>,
    clock: Clock,
}

impl<'a> Console<'a> {
    /// Of an operator whose events have the time of `clock`.
    pub fn new(operator: &'a RefCell<Operator>, clock: Clock) -> Console<'a> {
        Console { operator, clock }
    }

    /// Says one line.
    pub fn say(&self, message: impl Line) {
        self.operator.borrow_mut().say(message);
    }

    /// Shows what happens now beside the messages.
    pub fn show(&self, event: Event<'_>) {
        self.operator.borrow_mut().show(event, self.clock.now());
    }

    /// The way to the operator, for what has no prefix.
    pub fn operator(&self) -> RefMut<'_, Operator> {
        self.operator.borrow_mut()
    }
}
