// SPDX-License-Identifier: BSD-2-Clause
//! Reads a dump: its input is tape blocks, its output files and findings. Pure.
//!
//! [`Reader`] receives the tape blocks of each volume in turn and reports to a [`Sink`] what they are. The dump is not trusted:
//! what is wrong becomes a [`Finding`], and reading goes on at the next header. What is kept in memory is bounded by the dump's
//! size in inodes and names, not in bytes:
//!
//! - two maps of one bit an inode, as long as they are on the dump (`TS_CLRI`, `TS_BITS`), and two sets that take no more than is
//!   in them, since a damaged header may name any inode (what was seen, what is damaged);
//! - [`Names`]: 10 bytes and the name for each entry of a directory on the dump (the growing table takes up to twice 8 of these
//!   for a moment), 56 bytes for each directory; no more than [`names::MOST_BYTES`] of names.
//!
//! With 20 million inodes and names of 16 bytes that is about 550 MB.

mod dir;
mod file;
mod finding;
mod maps;
mod marks;
pub mod names;
pub mod plan;
mod reader;
mod skip;
mod tell;
mod verdict;
mod volume;

pub use file::File;
pub use finding::{Fault, Finding, Place};
pub use names::Names;
pub use reader::{Reader, Sink};
pub use verdict::Summary;
