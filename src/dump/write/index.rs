// SPDX-License-Identifier: BSD-2-Clause
//! Collects and writes the index of a running dump.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::dump::ring::order::InFlight;
use crate::dump::stop::{Reason, Stop};
use crate::dump::volumes::Chunk;
use crate::dump::write::Writing;
use crate::encrypt::Sealer;
use crate::monitor::index_file::Unwritten;
use crate::operator::{Message, Remark};
use dumpstream::index::{Head, Volume};

/// An index that is written and has no name yet.
pub(super) struct Index {
    lines: u64,
    /// Names that are too deep for it.
    left_out: u64,
}

impl Writing<'_> {
    /// Notes that a chunk is on the medium, behind what is counted of it so far.
    pub(super) fn note_indexed(&mut self, sequence: u64, chunk: &Chunk) {
        let frame = self.ledger.next_frame();
        if let Some(indexing) = &mut self.ledger.indexing {
            indexing.wrote(chunk, chunk.blocks, self.crew.settled(sequence, chunk.blocks), frame);
        }
    }

    /// Notes that the medium ended behind so many tape blocks of a chunk; a compressed one is never cut.
    pub(super) fn note_indexed_part(&mut self, blocks: u32) {
        if let (Some(indexing), Some(InFlight { sequence, chunk, .. })) =
            (&mut self.ledger.indexing, self.crew.stopped_in())
        {
            indexing.wrote(chunk, blocks, self.crew.settled(*sequence, blocks), None);
        }
    }

    /// Notes the digest of the volume, of which all is written.
    pub(super) fn note_digest(&mut self) -> Result<(), Stop> {
        let bytes = self.ledger.bytes;
        if let Some(indexing) = &mut self.ledger.indexing {
            indexing.volume(Volume { bytes, digest: self.crew.digest(bytes)? });
        }
        Ok(())
    }

    /// Writes the index, if one is wanted. The monitor gives it its name.
    ///
    /// A dump whose index could not be written is not recorded, though all of it is on its media: the next one would build on it,
    /// and whoever counts on the index would find out when a file is to be restored.
    pub(super) fn write_index(&mut self) -> Result<Option<Index>, Stop> {
        let started = self.context.started;
        let (Some(file), Some(indexing)) = (&started.index, self.ledger.indexing.take()) else {
            return Ok(None);
        };
        let identity = &started.identity;
        let head = Head::new(identity.date, identity.level, &identity.label, &identity.filesys);
        let volumes = indexing.volumes().to_vec();
        let head = Head { base: Some(identity.ddate), volumes, files: indexing.files(), ..head };
        let mut walk = indexing.walk();
        let recipients = &started.job.encrypt;
        let sealer = match recipients.is_empty() {
            true => None,
            false => Some(Sealer::new(recipients).ok_or(Reason::NoRandomness)?),
        };
        let written = match indexing.is_full() {
            true => Err(Unwritten::System(io::Error::other("too many names"))),
            false => file.write(&head, &mut walk, sealer, || self.handle_events_within(Some(Duration::ZERO))),
        };
        match written {
            Ok(lines) => Ok(Some(Index { lines, left_out: walk.left_out() })),
            Err(Unwritten::Ended(stop)) => Err(stop),
            Err(Unwritten::System(error)) => Err(Reason::Index(self.index_name().into(), error).into()),
        }
    }

    /// Reports an index that has its name.
    pub(super) fn report_index(&self, index: Option<Index>) {
        let Some(Index { lines, left_out }) = index else { return };
        let console = self.context.console;
        if left_out > 0 {
            console.say(Remark(format_args!(
                "{left_out} names omitted from the index: directories are nested too deeply"
            )));
        }
        console.say(Message::Indexed { lines, name: self.index_name().as_os_str() });
    }

    /// As the command line has it.
    pub(super) fn index_name(&self) -> &Path {
        self.context.started.job.index.as_deref().unwrap_or(Path::new(""))
    }
}
