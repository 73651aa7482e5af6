// SPDX-License-Identifier: BSD-2-Clause
//! The end of a pipe: data written to it is safe only when it has been read.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::dump::Stop;
use crate::dump::volumes::medium::Medium;
use crate::dump::volumes::outputs::Failure;
use crate::dump::write::{VolumeEnd, Writing};
use crate::media::Kind;
use crate::operator::StopMessage;
use crate::os::output;
use crate::os::output::Unread;
use dumpstream::TP_BSIZE;

/// How long to wait until a pipe is looked at again: there is no event for one that is empty. At first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

impl Writing<'_, '_> {
    /// Waits until all that was written to a pipe or socket has been read, however long that takes. Signals do what they do at any time.
    ///
    /// The outer error ends the dump: the reader has exited. For the command of `-P` that is the inner error.
    pub(super) fn wait_until_read(&mut self, medium: &Medium) -> Result<Result<(), i32>, Stop> {
        if medium.kind != Kind::Stream {
            return Ok(Ok(()));
        }
        // restore(8) reads records of its own length, and need not read what fills the last one behind the end of the dump.
        let padding = if self.ledger.frames.is_none() { self.filler.padding() } else { 0 };
        let padding = padding * TP_BSIZE as u64;
        let mut pause = PAUSE.0;
        loop {
            match output::unread(medium.fd.as_fd())? {
                Unread::Nothing => return Ok(Ok(())),
                Unread::Lost(bytes) if bytes <= padding => return Ok(Ok(())),
                Unread::Lost(_) if self.volumes.is_command() => return Ok(Err(libc::EPIPE)),
                Unread::Lost(_) => {
                    self.started.console.say(StopMessage::BrokenPipe);
                    return Err(Stop::Told);
                }
                Unread::Something => self.handle_events_within(Some(pause))?,
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// A volume that has to be written again, for this reason. That of a command is how it ended, if it says that itself: then the broken
    /// pipe comes from that.
    pub(super) fn name_failure(&mut self, reason: String, medium: Medium) -> Result<VolumeEnd, Stop> {
        if !self.volumes.is_command() {
            return Ok(VolumeEnd::Failed(Failure { reason, medium: Some(medium) }));
        }
        drop(medium);
        let failure = match self.volumes.wait_for_command()? {
            Err(failure) => failure,
            Ok(()) => Failure { reason, medium: None },
        };
        Ok(VolumeEnd::Failed(failure))
    }
}
