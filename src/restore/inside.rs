// SPDX-License-Identifier: BSD-2-Clause
//! A restore within one process, without a sandbox, and a writer alone: for tests that run millions of them.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::inspect::input::Input;
use crate::operator::{Lines, Operator};
use crate::os::arena::Arena;
use crate::os::socket::pair;
use crate::restore::cli::{Request, parse};
use crate::restore::lane::{Lane, SLOT, SLOTS};
use crate::restore::link::Link;
use crate::restore::monitor::Before as Target;
use crate::restore::outside::Outside;
use crate::restore::reader::{Opener, read_all, read_state};
use crate::restore::rebuild::Before;
use crate::restore::session::Session;
use crate::restore::writer::Writer;

/// Restores the dump in `dump` into `target`, as the options say; nobody answers questions. Gives the exit code.
///
/// Errors: the options are invalid, or the system has no memory or sockets.
pub fn restore(options: &[&str], dump: OwnedFd, target: OwnedFd) -> io::Result<u8> {
    let words: Vec<OsString> = options.iter().map(OsString::from).collect();
    let Ok(Request::Restore(job)) = parse(&words, None) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut operator = Operator::new("restore".to_owned(), Box::new(io::sink()));
    let Target { state, is_empty, is_begun } = Target::of(target.as_fd())?;
    let before = Before { state: state.map(read_state), is_empty, is_begun };
    // Nobody is at the other end.
    let outside = Outside(pair()?.0);
    let lane = Lane::here(Writer::new(target, job.rebuilds()), Arena::new(SLOTS * SLOT)?);
    let lines = Lines::new(Box::new(io::sink()));
    let link = Some(Link::new(vec![lane]));
    let input = Input::of("dump".as_ref(), dump, None)?;
    let session = Session::new(&job, &mut operator, lines, &outside, true, link, before);
    Ok(read_all(session, Some(input), &Opener::new(&job, [].into())).0)
}

/// Has a writer do what is in `bytes`, whatever that is, in `target`.
pub fn write(bytes: &[u8], target: OwnedFd) {
    // What is no operation ends it, as it ends the process.
    _ = Writer::new(target, true).batch(bytes);
}
