// SPDX-License-Identifier: BSD-2-Clause
//! The index of a dump under way: what is gathered for it, and its writing.

use std::io;
use std::time::Duration;

use super::Writing;
use crate::index::Head;
use crate::operator::{Message, Remark};
use crate::os::errno::strerror;
use crate::proc::Stop;
use crate::proc::planner::reason;
use crate::proc::request::{Reply, Request};
use crate::ring::order::InFlight;
use crate::units::TP_BSIZE;
use crate::volume::Chunk;

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

    /// Writes the index, if one is wanted. It has its name only when it is whole.
    ///
    /// A dump whose index could not be written is not recorded, though all of it is on its media: the next one would build on it,
    /// and whoever counts on the index would find out when a file is to be restored.
    pub(super) fn write_index(&mut self) -> Result<(), Stop> {
        let started = self.started;
        let (Some(file), Some(indexing)) = (&started.index, self.indexing.take()) else { return Ok(()) };
        let name = started.job.index.as_deref().unwrap_or(&file.names().name).as_os_str();
        let identity = &started.identity;
        let head = Head::new(identity.date, identity.level, &identity.label, &identity.filesys);
        let head = Head { files: indexing.files(), ..head };
        let mut walk = indexing.walk();
        let written = match indexing.is_full() {
            true => Err(io::Error::other("too many names")),
            false => file.write(&head, &mut walk, || self.handle_events_within(Some(Duration::ZERO)))?,
        };
        let failed = |why: &str| Err(Stop::because(format_args!("the index {}: {why}", name.display())));
        let lines = match written {
            Ok(lines) => lines,
            Err(error) => return failed(&strerror(&error)),
        };
        match started.console.ask_outside(&Request::KeepIndex)? {
            (Reply::Kept, _) => {}
            (Reply::Failed(errno), _) => return failed(&reason(errno)),
            (reply, _) => return failed(&format!("the monitor answered {reply:?}")),
        }
        if walk.left_out() > 0 {
            let left_out = walk.left_out();
            started.console.say(Remark(format_args!("{left_out} names left out of the index: too deep")));
        }
        started.console.say(Message::Indexed { lines, name });
        Ok(())
    }
}
