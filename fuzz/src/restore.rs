// SPDX-License-Identifier: BSD-2-Clause
//! caprestore's reader and writer: a chain of dumps of which names, types, sizes and bytes are changed, restored within this process.

use std::cell::RefCell;

use crate::input::Input;
use crate::mutations::Choose;
use crate::playground::Playground;

thread_local! {
    static PLAYGROUND: RefCell<Playground> = RefCell::new(Playground::new("capdump-fuzz-restore"));
}

impl Choose for Input<'_> {
    fn below(&mut self, count: usize) -> usize {
        let width = if count > 256 { 2 } else { 1 };
        self.number(width) as usize % count.max(1)
    }
}

/// Runs an input.
pub fn run(data: &[u8]) {
    PLAYGROUND.with_borrow(|playground| _ = playground.run(&mut Input::new(data)));
}
