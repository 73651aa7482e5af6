// SPDX-License-Identifier: BSD-2-Clause
//! What a dump is written to, and how records are written to it.

mod write;

pub use write::{Descriptor, Writer, Written, write_chunk};

/// How a medium is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: a chunk is one write; its end is known by a short write.
    File,
    /// A pipe, a socket, or a device that is no tape: a chunk is one write, which may have to be continued.
    Stream,
    /// A tape: one write(2) a record, of memory that begins on a page.
    Tape,
}

impl Kind {
    /// Its number in a frame.
    pub fn code(self) -> u32 {
        match self {
            Kind::File => 1,
            Kind::Stream => 2,
            Kind::Tape => 3,
        }
    }

    /// The kind with that number.
    pub fn from_code(code: u32) -> Option<Kind> {
        [Kind::File, Kind::Stream, Kind::Tape].into_iter().find(|kind| kind.code() == code)
    }
}
