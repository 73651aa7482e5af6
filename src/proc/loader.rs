// SPDX-License-Identifier: BSD-2-Clause
//! Waiting for an autoloader: whether it has brought the next medium.
//!
//! A tape drive is ready when it can be opened. A file counts when it is another one than that just written, so that no volume is
//! written over the one before it. Any other device cannot tell, and is left to the operator.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::os::disk::{self, Kind};
use crate::os::tape;

/// How often a device is tried.
pub const EVERY: Duration = Duration::from_secs(1);

/// What is waited for, and what was written last.
#[derive(Default)]
pub struct Loader {
    /// The file that was opened last.
    written: Option<(u64, u64)>,
    /// The device or file waited for, and until when.
    waiting: Option<(OsString, Instant)>,
}

impl Loader {
    /// Notes what a volume is written to.
    pub fn opened(&mut self, fd: BorrowedFd<'_>) {
        self.written = disk::identity(fd).ok();
    }

    /// Waits for `name`, `seconds` at most; see [`Loader::look`].
    pub fn wait_for(&mut self, name: OsString, seconds: u32) {
        self.waiting = Some((name, Instant::now() + Duration::from_secs(seconds.into())));
    }

    /// Whether the medium has come; none: to be asked again after [`EVERY`].
    pub fn look(&mut self) -> Option<bool> {
        let (name, until) = self.waiting.as_ref()?;
        let found = match disk::kind_of_path(Path::new(name)) {
            // What is neither is not opened: a FIFO would hold up the monitor.
            Ok(kind @ (Kind::Character | Kind::Regular)) => match File::open(name) {
                Ok(file) => self.is_another(kind, file.as_fd()),
                Err(_) => Some(false),
            },
            Ok(_) => None,
            Err(_) => Some(false),
        };
        match found {
            Some(false) if Instant::now() < *until => None,
            found => Some(found.unwrap_or(false)),
        }
    }

    /// Whether this is a medium that was not written yet; none when that cannot be known.
    fn is_another(&self, kind: Kind, fd: BorrowedFd<'_>) -> Option<bool> {
        match kind {
            Kind::Character => tape::is_tape(fd).then_some(true),
            Kind::Regular => Some(disk::identity(fd).ok() != self.written),
            _ => None,
        }
    }
}
