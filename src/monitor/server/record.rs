// SPDX-License-Identifier: BSD-2-Clause
//! The final checks of the monitor: whether a volume is unchanged since it was written, and the record of a complete dump.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::{LOCK, Monitor};
use crate::dumpdates_file::Unwritten;
use crate::job::Output;
use crate::monitor::index_names::Unkept;
use crate::monitor::protocol::Reply;
use crate::monitor::refusal::{NoRecord, Unrecorded, Unsound, errno_of};
use crate::monitor::signer::Signer;
use crate::os::{disk, output, shared};

/// How often a lock that another program holds is tried.
const TRY_LOCK: Duration = Duration::from_millis(20);

impl Monitor<'_> {
    /// Keeps an output that is a file, to look at it again when the volume is written.
    pub(super) fn watch(&mut self, volume: u32, fd: &OwnedFd) -> io::Result<()> {
        if disk::kind(fd.as_fd())? == disk::Kind::Regular {
            self.written = Some((volume, fd.try_clone()?));
        }
        Ok(())
    }

    /// The planner says that a volume is written: looks at it.
    pub(super) fn finish(&mut self, volume: u32, bytes: u64) -> io::Result<()> {
        let stdout = io::stdout();
        let looked = match (&self.serving.job.output, &self.written) {
            (Output::Stdout, _) => {
                let end = self.stdout_start.map(|start| start.saturating_add(bytes));
                look(stdout.as_fd(), end)
            }
            (Output::Names(_), Some((open, fd))) if *open == volume => look(fd.as_fd(), Some(bytes)),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        match looked {
            Ok(()) => {
                self.written = None;
                self.reply(&Reply::Sound, None)
            }
            Err(why) => self.reply(&Reply::Unsound(why), None),
        }
    }

    /// Records the dump, unless another program has locked the dumpdates file: then later.
    pub(super) fn try_to_record(&mut self) -> io::Result<()> {
        let first = !std::mem::take(&mut self.is_locked_by_another);
        if self.kept.record.as_ref().is_none_or(|record| record.try_lock()) {
            return match self.record() {
                Ok(()) => {
                    self.complete = true;
                    self.reply(&Reply::Recorded, None)
                }
                Err(why) => self.reply(&Reply::Unrecorded(why), None),
            };
        }
        self.is_locked_by_another = true;
        self.queue.add_timer(LOCK, TRY_LOCK, false)?;
        if first { self.reply(&Reply::Waiting, None) } else { Ok(()) }
    }

    pub(super) fn cancel_record(&mut self) -> io::Result<()> {
        // Otherwise it has been answered already.
        if std::mem::take(&mut self.is_locked_by_another) {
            self.queue.cancel_timer(LOCK)?;
            self.reply(&Reply::Canceled, None)?;
        }
        Ok(())
    }

    /// Gives the index its name, and enters the dump in the dumpdates file, which is locked. Between the two there is nothing to wait for.
    /// Then the index gets its signature.
    ///
    /// Errors: none of it is done, or all but the signature.
    fn record(&self) -> Result<(), Unrecorded> {
        if let Some((volume, _)) = &self.written {
            return Err(Unrecorded { why: NoRecord::Volume(*volume), index_lost: None });
        }
        let signature = self.sign()?;
        if let Some(index) = self.serving.index {
            index.names().keep().map_err(|unkept| self.without_index(unkept.into()))?;
        }
        if let Some(record) = &self.kept.record {
            record.write().map_err(|unwritten| self.without_index(unwritten.into()))?;
        }
        match signature {
            Some((signer, text)) => signer.write(&text).map_err(|error| unsigned(&error, true)),
            None => Ok(()),
        }
    }

    /// The signature of the index, if one is wanted.
    fn sign(&self) -> Result<Option<(&Signer, String)>, Unrecorded> {
        let (Some(index), Some(signer)) = (self.serving.index, self.serving.signer) else { return Ok(None) };
        let text = signer.sign(index.descriptor()).map_err(|error| unsigned(&error, false))?;
        Ok(Some((signer, text)))
    }

    /// The dump is not recorded, and so its index does not stay.
    fn without_index(&self, why: NoRecord) -> Unrecorded {
        let taken_back = self.serving.index.map_or(Ok(()), |index| index.names().take_back());
        Unrecorded { why, index_lost: taken_back.err().as_ref().map(errno_of) }
    }
}

/// The signature could not be made, or of a recorded dump not be written.
fn unsigned(error: &io::Error, is_recorded: bool) -> Unrecorded {
    Unrecorded { why: NoRecord::Signature(errno_of(error), is_recorded), index_lost: None }
}

impl From<Unkept> for NoRecord {
    fn from(unkept: Unkept) -> NoRecord {
        match unkept {
            Unkept::System(error) => NoRecord::Index(errno_of(&error)),
            Unkept::Replaced => NoRecord::IndexReplaced,
            Unkept::UnfinishedReplaced => NoRecord::UnfinishedReplaced,
        }
    }
}

impl From<Unwritten> for NoRecord {
    fn from(unwritten: Unwritten) -> NoRecord {
        match unwritten {
            Unwritten::System(error) => NoRecord::Dumpdates(errno_of(&error)),
            Unwritten::Removed => NoRecord::DumpdatesRemoved,
            Unwritten::TooLarge => NoRecord::DumpdatesTooLarge,
            Unwritten::Damaged(first, second) => {
                NoRecord::DumpdatesDamaged(errno_of(&first), errno_of(&second))
            }
        }
    }
}

/// Looks at a file that a volume is written to, which ends at `end` if that is known.
fn look(fd: BorrowedFd<'_>, end: Option<u64>) -> Result<(), Unsound> {
    output::sync(fd)?;
    let size = disk::media_size(fd)?;
    match end.filter(|end| *end != size) {
        Some(end) => Err(Unsound::Length { size, end }),
        None if shared::has_name(fd)? => Ok(()),
        None => Err(Unsound::Removed),
    }
}
