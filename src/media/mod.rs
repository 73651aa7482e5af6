// SPDX-License-Identifier: BSD-2-Clause
//! Media to which a dump is written, and writing records to them.

mod packed;
pub mod patience;
mod remote;
pub mod rmt;
mod stream;
mod tape_reader;
mod write;
mod writer;

pub use packed::{write_bytes, write_frame, write_sealed};
pub use tape_reader::TapeReader;
pub use write::write_chunk;
pub use writer::{Descriptor, Until, Written};

/// How a medium is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: a chunk is one write; if that is short, the next write reports the reason.
    File,
    /// A pipe, a socket, or a device that is not a tape: a chunk is one write, on FreeBSD two, which may have to be continued.
    Stream,
    /// A tape: one write(2) a record, of memory that begins on a page.
    Tape,
    /// A remote tape by the rmt protocol, several records ahead of their answers.
    Remote,
    /// A remote tape, each record answered for before the next is sent: the end of its medium is then known to the record.
    RemoteInStep,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::File, Kind::Stream, Kind::Tape, Kind::Remote, Kind::RemoteInStep];

    /// Whether it is written by the rmt protocol.
    pub fn is_remote(self) -> bool {
        matches!(self, Kind::Remote | Kind::RemoteInStep)
    }

    /// Whether it keeps records, each as it is written.
    pub fn has_records(self) -> bool {
        matches!(self, Kind::Tape | Kind::Remote | Kind::RemoteInStep)
    }

    /// Its number in a frame.
    pub fn code(self) -> u32 {
        match self {
            Kind::File => 1,
            Kind::Stream => 2,
            Kind::Tape => 3,
            Kind::Remote => 4,
            Kind::RemoteInStep => 5,
        }
    }

    /// The kind with that number.
    pub fn from_code(code: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
