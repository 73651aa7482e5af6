// SPDX-License-Identifier: BSD-2-Clause
//! Operating system interfaces for FreeBSD and Linux: the only unsafe code, the only cfg(target_os).
//!
//! Each file here is the interface to one facility; what differs between the systems is in `linux/` and `freebsd/`,
//! one file a thing, named alike and with the same functions.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::io;

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "freebsd")]
use freebsd as half;
#[cfg(target_os = "linux")]
use linux as half;

pub mod aio;
pub mod arena;
pub mod disk;
pub mod errno;
pub mod event;
pub mod held;
pub mod host;
pub mod identity;
pub mod look;
pub mod mounts;
pub mod output;
#[cfg(feature = "sandbox-probe")]
pub mod probe;
pub mod process;
pub mod provider;
pub mod reaper;
pub mod rename;
pub mod sandbox;
pub mod shared;
pub mod signals;
pub mod snapshot;
pub mod socket;
pub mod spawn;
pub mod standard;
pub mod tape;
pub mod time;
pub mod tree;
pub mod tty;

/// What a system call answered, with -1 turned into `errno`.
fn check<N: Copy + PartialOrd + From<i8>>(answer: N) -> io::Result<N> {
    if answer < N::from(0) { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Repeats a call that a signal broke off.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The error for an argument that no system call could take.
fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
