// SPDX-License-Identifier: BSD-2-Clause
//! The options that read a dump instead of making one.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::args::Given;
use crate::cli::destination;
use crate::cli::draft::{number, small};
use crate::cli::error::StartError;
use crate::job::{ProgressStyle, Purpose, Reading};

/// What was read of them so far.
#[derive(Debug, Default)]
pub struct ReadingDraft {
    check: bool,
    list: bool,
    json: bool,
    index: Option<OsString>,
    window_log: Option<u32>,
    paths: Vec<OsString>,
}

impl ReadingDraft {
    /// Takes in an option. False: it is none of these.
    ///
    /// Errors: its argument makes no sense.
    pub fn apply(&mut self, given: &Given) -> Result<bool, StartError> {
        match given.name.as_str() {
            "check" => self.check = true,
            "list" => self.list = true,
            "json" => self.json = true,
            "index" => self.index = Some(given.value.clone()),
            "emit" => self.paths.push(given.value.clone()),
            "long" => {
                let log = number(&given.value, "window of zstd as a power of 2", 10, 31)?;
                self.window_log = Some(small(log));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether a dump is to be read.
    pub fn is_wanted(&self) -> bool {
        self.check || self.list || !self.paths.is_empty()
    }

    /// The index of a dump that is made.
    ///
    /// Errors: an option makes no sense there.
    pub fn index_to_write(&mut self) -> Result<Option<PathBuf>, StartError> {
        if self.json {
            return Err(StartError::Stray("json"));
        }
        if self.window_log.is_some() {
            return Err(StartError::Stray("long"));
        }
        Ok(self.index.take().map(PathBuf::from))
    }

    /// The index that was given so far, where nothing is read or written.
    ///
    /// Errors: there is one.
    pub fn no_index(&self) -> Result<(), StartError> {
        if self.index.is_some() { Err(StartError::Stray("index")) } else { Ok(()) }
    }

    /// The checks of the whole. `output` is `-f`'s argument, `ntrec` that of `-b`, `volume_blocks` that of `-B`.
    pub fn finish(
        self,
        volumes: Vec<OsString>,
        output: Option<OsString>,
        ntrec: Option<u32>,
        volume_blocks: Option<u64>,
        progress: ProgressStyle,
    ) -> Result<Reading, StartError> {
        let emit = !self.paths.is_empty();
        if [self.check, self.list, emit].iter().filter(|&&wanted| wanted).count() > 1 {
            return Err(StartError::OnePurpose);
        }
        // A listing by an index needs no dump.
        let by_index = self.list && self.index.is_some();
        if volumes.is_empty() && !by_index {
            return Err(StartError::NoVolume);
        }
        if volumes.iter().filter(|&name| name == "-").count() > 1 {
            return Err(StartError::ExtraOperands(volumes));
        }
        if self.json && emit {
            return Err(StartError::Stray("json"));
        }
        if self.index.is_some() && self.check {
            return Err(StartError::Stray("index"));
        }
        let output = output.filter(|output| output != "-");
        if let Some(name) = output.as_ref().filter(|name| emit && destination::is_remote(name)) {
            return Err(StartError::EmitRemote(name.clone()));
        }
        let purpose = match (self.check, self.list) {
            (true, _) => Purpose::Check,
            (_, true) => Purpose::List,
            _ => Purpose::Emit { paths: self.paths, output },
        };
        let window_log = self.window_log;
        let (json, index) = (self.json, self.index);
        Ok(Reading { purpose, volumes, json, index, ntrec, volume_blocks, window_log, progress })
    }
}
