// SPDX-License-Identifier: BSD-2-Clause
//! The end of a pipe: data written to it is safe only when it has been read.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::dump::stop::{Stop, VolumeError};
use crate::dump::volumes::fault::Fault;
use crate::dump::volumes::medium::Medium;
use crate::dump::write::Writing;
use crate::media::Kind;
use crate::operator::StopMessage;
use crate::os::output;
use crate::os::output::Unread;
use dumpstream::TP_BSIZE;

/// How long to wait until a pipe is looked at again: there is no event for one that is empty. At first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

impl Writing<'_> {
    /// Waits until all that was written to a pipe or socket has been read, however long that takes. Signals do what they do at any time.
    ///
    /// Errors: the reader has exited. That ends the dump, unless it is the command of `-P`.
    pub(super) fn wait_until_read(&mut self, medium: &Medium) -> Result<(), VolumeError> {
        if medium.kind != Kind::Stream {
            return Ok(());
        }
        // restore(8) reads records of its own length, and need not read what fills the last one behind the end of the dump.
        let padding = if self.ledger.frames.is_none() { self.filler.padding() } else { 0 };
        let padding = padding * TP_BSIZE as u64;
        let mut pause = PAUSE.0;
        loop {
            match output::unread(medium.fd.as_fd())? {
                Unread::Nothing => return Ok(()),
                Unread::Lost(bytes) if bytes <= padding => return Ok(()),
                Unread::Lost(_) if self.volumes.is_command() => {
                    return Err(Fault::System(libc::EPIPE).into());
                }
                Unread::Lost(_) => {
                    self.context.console.say(StopMessage::BrokenPipe);
                    return Err(Stop::Told.into());
                }
                Unread::Something => self.handle_events_within(Some(pause))?,
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Why a volume on `medium` has to be written again. That of a command is how it ended, if it says that itself: then the broken pipe
    /// comes from that.
    pub(super) fn failure(&mut self, error: VolumeError, medium: Medium) -> VolumeError {
        if !self.volumes.is_command() {
            return error.with(medium);
        }
        drop(medium);
        match error {
            VolumeError::Failed(_) => self.volumes.wait_for_command().err().unwrap_or(error),
            VolumeError::Stop(_) => error,
        }
    }
}
