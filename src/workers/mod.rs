// SPDX-License-Identifier: BSD-2-Clause
//! The ring of workers: chunks, their order, and the frames exchanged.
//!
//! The planner fills a chunk's buffer in the arena with headers and lists what is to be read from the disk (`extents`).
//! Chunk n goes to worker n mod N. Workers read ahead; each writes its chunk when it has the token, which names the
//! chunk and goes from worker to worker. What is written on a volume belongs to one epoch: a new medium begins a new one.

pub mod arena;
mod carried;
pub mod digest;
pub mod extent;
pub mod protocol;

pub mod merge;
pub mod read;
mod staging;
mod waiting;
pub mod worker;

pub use arena::Slots;
pub use digest::{Digest, Taken};
pub use extent::Extent;
pub use protocol::{FromWorker, OnMedium, Outcome, Placed, Sealing, SecretWords, ToWorker, Token};
