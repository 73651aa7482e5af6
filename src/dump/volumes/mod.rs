// SPDX-License-Identifier: BSD-2-Clause
//! Assigns tape blocks to records and volumes, with limits and headers. Pure: fills buffers and decides, without I/O.
//!
//! A [`Filler`] turns the stream of passes III and IV into chunks. It is a value: a clone of it, taken before a volume's header
//! is placed, is all that is needed to write that volume again. What an end of medium left unwritten is given back to it as
//! [`Leftover`]s, and comes out first on the next volume.

mod chunk;
pub mod fault;
mod filler;
mod leftover;
pub mod medium;
pub mod outputs;
pub mod remote;

pub use chunk::{Chunk, What};
pub use filler::{Ended, Filler, Shape};
pub use leftover::Leftover;

/// How much a volume takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As much as the medium does.
    Unlimited,
    /// So many tape records, at least one.
    Records(u64),
}
