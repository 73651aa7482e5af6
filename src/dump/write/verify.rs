// SPDX-License-Identifier: BSD-2-Clause
//! `--verify` in a running dump: records what is written, reads it back, and reports the progress.

use std::os::fd::AsFd;

use crate::dump::stop::{Reason, Stop};
use crate::dump::volumes::Chunk;
use crate::dump::volumes::medium::Medium;
use crate::dump::write::Writing;
use crate::dump::write::written::Part;
use crate::operator::Message;
use crate::workers::{Digest, Outcome, Placed};

impl Writing<'_> {
    /// Reads back what is on the medium, with all workers at once. A difference ends the dump.
    pub(super) fn verify(&mut self, medium: &Medium) -> Result<(), Stop> {
        self.context.console.say(Message::Verifying { volume: self.filler.volume() });
        let total = self.ledger.verification.as_ref().map_or(0, |verification| verification.progress().1);
        self.course.begin_reading_back(total);
        self.show_verifying(false);
        medium.go_to_start().map_err(Reason::NotWound)?;
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, None, false)?;
        self.wait_until_ready()?;
        self.crew.start_writing(0)?;
        self.stopped = None;
        if let Some(verification) = &mut self.ledger.verification {
            verification.begin_reading();
        }
        while let Some(verification) = self.ledger.verification.as_mut().filter(|v| v.awaited().is_some()) {
            let next = if self.crew.has_room() { verification.next_part() } else { None };
            match next {
                Some((offset, part)) => {
                    self.crew.assign_check(medium.start() + offset, part.bytes, part.blocks)?;
                }
                None => self.handle_events()?,
            }
            if let Some(Outcome::Failed { errno, .. }) = self.stopped {
                return Err(Reason::NotReadBack(self.filler.volume(), errno).into());
            }
        }
        self.course.end_reading_back();
        self.crew.release_medium()?;
        self.wait_until_ready()
    }

    /// Shows how much of the volume was read back; prints it only when that is `asked` for. Does nothing when no volume is read back.
    pub(super) fn show_verifying(&mut self, asked: bool) {
        if let Some(verification) = &self.ledger.verification {
            self.course.show_reading_back(self.filler.volume(), verification.progress(), asked);
        }
    }

    /// A part of the medium was read back.
    pub(super) fn checked(&mut self, sequence: u64, bytes: u32, digest: Digest) -> Result<(), Stop> {
        let Some(verification) = &mut self.ledger.verification else { return Ok(()) };
        let blocks = verification.awaited().map_or(0, |part| part.blocks);
        verification.read(bytes, digest, self.crew.settled(sequence, blocks))?;
        self.show_verifying(false);
        Ok(())
    }

    /// Notes, for reading it back, what was written.
    pub(super) fn note_written(&mut self, chunk: &Chunk, placed: Placed) {
        if let Some(verification) = self.ledger.verification.as_mut().filter(|_| placed.bytes > 0) {
            verification.wrote(Part::new(chunk, chunk.blocks, placed.bytes, placed.digest));
        }
    }
}
