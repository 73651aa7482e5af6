// SPDX-License-Identifier: BSD-2-Clause
//! The final checks of the monitor: whether a volume is unchanged since it was written, and the record of a complete dump.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::{LOCK, Monitor};
use crate::job::Output;
use crate::monitor::protocol::Reply;
use crate::os::errno::strerror;
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
        let looked = match (&self.job.output, &self.written) {
            (Output::Stdout, _) => {
                let end = self.stdout_start.map(|start| start.saturating_add(bytes));
                look(OsStr::new("standard output"), stdout.as_fd(), end)
            }
            (Output::Names(names), Some((open, fd))) if *open == volume => {
                look(&names.of(volume), fd.as_fd(), Some(bytes))
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        match looked {
            Ok(()) => {
                self.written = None;
                self.reply(&Reply::Sound, None)
            }
            Err(why) => self.reply(&Reply::Refused(why), None),
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
                Err(why) => self.reply(&Reply::Refused(why), None),
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
    ///
    /// Errors, one line: neither is done.
    fn record(&self) -> Result<(), String> {
        if let Some((volume, _)) = &self.written {
            return Err(format!("volume {volume} is not finished"));
        }
        if let Some(index) = self.index
            && let Err(error) = index.names().keep()
        {
            return Err(self.without_index(format!("the index {}: {error}", self.index_name().display())));
        }
        match self.kept.record.as_ref().map(|record| record.write()) {
            Some(Err(why)) => Err(self.without_index(why)),
            _ => Ok(()),
        }
    }

    /// The dump is not recorded, for this reason, and so its index does not stay.
    fn without_index(&self, why: String) -> String {
        match self.index.map(|index| index.names().take_back()) {
            Some(Err(error)) => {
                let name = self.index_name().display();
                format!("{why}; the index {name} is not put back: {}", strerror(&error))
            }
            _ => why,
        }
    }

    /// As the command line has it.
    fn index_name(&self) -> &OsStr {
        self.job.index.as_deref().map(std::path::Path::as_os_str).unwrap_or_default()
    }
}

/// Looks at a file that a volume is written to, which ends at `end` if that is known.
///
/// Errors, one line: it is not safe.
fn look(name: &OsStr, fd: BorrowedFd<'_>, end: Option<u64>) -> Result<(), String> {
    let name = name.display();
    let told = |error: io::Error| format!("{name}: {}", strerror(&error));
    output::sync(fd).map_err(told)?;
    let size = disk::media_size(fd).map_err(told)?;
    if let Some(end) = end.filter(|end| *end != size) {
        return Err(format!("{name} has {size} bytes, but {end} were written"));
    }
    if !shared::has_name(fd).map_err(told)? {
        return Err(format!("{name} was removed while it was written"));
    }
    Ok(())
}
