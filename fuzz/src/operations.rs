// SPDX-License-Identifier: BSD-2-Clause
//! caprestore's writer: any operations, as from a reader that was taken over.

use std::cell::RefCell;

use crate::input::Input;
use crate::mutations::operations;
use crate::playground::Playground;

thread_local! {
    static PLAYGROUND: RefCell<Playground> = RefCell::new(Playground::new("capdump-fuzz-operations"));
}

/// Runs an input.
pub fn run(data: &[u8]) {
    PLAYGROUND.with_borrow(|playground| {
        playground.furnish();
        match data.split_first() {
            Some((0..128, rest)) => playground.write(&operations(&mut Input::new(rest))),
            _ => playground.write(data),
        }
    });
}
