// SPDX-License-Identifier: BSD-2-Clause
//! Waiting for an autoloader: whether it has loaded the next medium.
//!
//! A tape drive is ready when it can be opened. A file counts when it holds no volume of this dump, so that none is written over. Any
//! other device does not report a change: the operator is asked.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::objects::outputs::Outputs;
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::{identity, tape};

/// How often a device is tried.
pub const EVERY: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Default)]
pub struct Loader {
    /// The volume, the device or file that it goes to, and until when.
    waiting: Option<(u32, OsString, Instant)>,
}

impl Loader {
    /// Waits for `name`, for a volume, `seconds` at most; see [`Loader::look`].
    pub fn wait_for(&mut self, volume: u32, name: OsString, seconds: u32) {
        self.waiting = Some((volume, name, Instant::now() + Duration::from_secs(seconds.into())));
    }

    /// Whether the medium has come, one that holds no volume of `outputs`; none: to be asked again after [`EVERY`].
    pub fn look(&mut self, outputs: &Outputs<'_>) -> Option<bool> {
        let (volume, name, until) = self.waiting.as_ref()?;
        let path = Path::new(name);
        let found = match disk::kind_of_path(path) {
            Ok(Kind::Regular) => {
                Some(identity::of_path(path).is_ok_and(|object| outputs.held(*volume, &object).is_none()))
            }
            Ok(Kind::Character) => match File::open(name) {
                Ok(file) => tape::is_tape(file.as_fd()).then_some(true),
                Err(_) => Some(false),
            },
            // What is neither is not opened: a FIFO would hold up the monitor.
            Ok(_) => None,
            Err(_) => Some(false),
        };
        match found {
            Some(false) if Instant::now() < *until => None,
            found => Some(found.unwrap_or(false)),
        }
    }
}
