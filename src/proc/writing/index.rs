// SPDX-License-Identifier: BSD-2-Clause
//! The index of a dump under way: what is gathered for it, and its writing.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::Writing;
use crate::index::Head;
use crate::operator::{Message, Remark};
use crate::os::errno::strerror;
use crate::proc::Stop;
use crate::proc::request::{Reply, Request};
use crate::ring::order::InFlight;
use crate::units::TP_BSIZE;
use crate::volume::Chunk;

/// An index that is written and has no name yet.
pub(super) struct Index {
    lines: u64,
    /// Names that are too deep for it.
    left_out: u64,
}

impl Writing<'_, '_> {
    /// Notes that a chunk is on the medium, behind what is counted of it so far.
    pub(super) fn note_indexed(&mut self, sequence: u64, chunk: &Chunk) {
        let compressed = self.started.job.compress.is_some();
        if let Some(indexing) = &mut self.indexing {
            let frame = compressed.then_some((self.bytes, self.on_volume * TP_BSIZE as u64));
            indexing.wrote(chunk, chunk.blocks, self.crew.settled(sequence, chunk.blocks), frame);
        }
    }

    /// Notes that the medium ended behind so many tape blocks of a chunk; a compressed one is never cut.
    pub(super) fn note_indexed_part(&mut self, blocks: u32) {
        if let (Some(indexing), Some(InFlight { sequence, chunk, .. })) =
            (&mut self.indexing, self.crew.stopped_in())
        {
            indexing.wrote(chunk, blocks, self.crew.settled(*sequence, blocks), None);
        }
    }

    /// Writes the index, if one is wanted. It gets its name from [`Writing::keep_index`].
    ///
    /// A dump whose index could not be written is not recorded, though all of it is on its media: the next one would build on it,
    /// and whoever counts on the index would find out when a file is to be restored.
    pub(super) fn write_index(&mut self) -> Result<Option<Index>, Stop> {
        let started = self.started;
        let (Some(file), Some(indexing)) = (&started.index, self.indexing.take()) else { return Ok(None) };
        let identity = &started.identity;
        let head = Head::new(identity.date, identity.level, &identity.label, &identity.filesys);
        let head = Head { files: indexing.files(), ..head };
        let mut walk = indexing.walk();
        let written = match indexing.is_full() {
            true => Err(io::Error::other("too many names")),
            false => file.write(&head, &mut walk, || self.handle_events_within(Some(Duration::ZERO)))?,
        };
        match written {
            Ok(lines) => Ok(Some(Index { lines, left_out: walk.left_out() })),
            Err(error) => Err(self.no_index(&strerror(&error))),
        }
    }

    /// Gives the index, which is whole, its name.
    pub(super) fn keep_index(&self, index: Option<Index>) -> Result<(), Stop> {
        let Some(Index { lines, left_out }) = index else { return Ok(()) };
        let console = &self.started.console;
        match console.ask_outside(&Request::KeepIndex) {
            Ok((Reply::Kept, _)) => {}
            // It may have its name all the same.
            Ok((Reply::Refused(why), _)) => return self.take_index_back(self.no_index(&why)),
            Ok((reply, _)) => {
                return self.take_index_back(self.no_index(&format!("the monitor answered {reply:?}")));
            }
            Err(stop) => return self.take_index_back(stop),
        }
        if left_out > 0 {
            console.say(Remark(format_args!("{left_out} names left out of the index: too deep")));
        }
        console.say(Message::Indexed { lines, name: self.index_name() });
        Ok(())
    }

    /// The dump is not recorded, for the reason of `stop`, and so its index does not stay.
    pub(super) fn take_index_back(&self, stop: Stop) -> Result<(), Stop> {
        if self.started.index.is_none() {
            return Err(stop);
        }
        let console = &self.started.console;
        if let Err(Stop::Because(why)) = console.take_back_index() {
            let name = self.index_name().display();
            console.say(Remark(format_args!("the index {name} is not put back: {why}")));
        }
        Err(stop)
    }

    fn no_index(&self, why: &str) -> Stop {
        Stop::because(format_args!("the index {}: {why}", self.index_name().display()))
    }

    /// As the command line has it.
    fn index_name(&self) -> &OsStr {
        self.started.job.index.as_deref().map(Path::as_os_str).unwrap_or_default()
    }
}
