// SPDX-License-Identifier: BSD-2-Clause
//! `--verify` in a running dump: records what is written, reads it back, and reports the progress.

use std::os::fd::AsFd;

use crate::dump::stop::{Reason, Stop};
use crate::dump::volumes::Chunk;
use crate::dump::volumes::medium::Medium;
use crate::dump::write::Writing;
use crate::dump::write::written::Part;
use crate::operator;
use crate::operator::{Message, Progress, State, verify_title};
use crate::os::process::set_title;
use crate::os::time;
use crate::workers::{Digest, Outcome, Placed};

impl Writing<'_, '_> {
    /// Reads back what is on the medium, with all workers at once. A difference ends the dump.
    pub(super) fn verify(&mut self, medium: &Medium) -> Result<(), Stop> {
        self.console.say(Message::Verifying { volume: self.filler.volume() });
        let now = self.started.clock.now();
        let total = self.ledger.verification.as_ref().map_or(0, |verification| verification.progress().1);
        self.reading_back = Some(Progress::new(now, total));
        self.show_verifying(false);
        medium.go_to_start().map_err(Reason::NotWound)?;
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, None, false)?;
        self.wait_until_ready()?;
        self.crew.start_writing()?;
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
        self.reading_back = None;
        self.crew.release_medium()?;
        self.wait_until_ready()
    }

    /// Shows how much of the volume was read back; prints it only when that is `asked` for. Does nothing when no volume is read back.
    pub(super) fn show_verifying(&mut self, asked: bool) {
        let (Some(progress), Some(verification)) = (&mut self.reading_back, &self.ledger.verification) else {
            return;
        };
        let (now, volume) = (self.started.clock.now(), self.filler.volume());
        let (bytes, total) = verification.progress();
        let (state, _) = progress.report(now, bytes, time::ctime);
        let left = match &state {
            State::Percent { seconds, .. } if bytes > 0 => Some(*seconds),
            _ => None,
        };
        let console = self.console;
        if asked {
            // At the start there is no speed to tell the end from.
            let state = (bytes > 0).then_some(&state);
            console
                .say(state.map_or(Message::Verifying { volume }, |state| Message::Checked { volume, state }));
        }
        console.show(operator::Event::Verify { volume, bytes, total, left });
        if now != self.titled || bytes == 0 {
            self.titled = now;
            set_title(&verify_title(self.disk, volume, &state));
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
