// SPDX-License-Identifier: BSD-2-Clause
//! The checks of the whole command line, which make a job of the draft.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cli::destination;
use crate::cli::draft::{Draft, TENTHS_PER_FOOT};
use crate::cli::error::StartError;
use crate::cli::request::Request;
use crate::compress;
use crate::job::{Job, Limit, Names, Output, ProgressStyle, Purpose, Reading, Remote, Since, Tape};

/// The output without `-f`, `-P` and `TAPE` (`_PATH_DEFTAPE`, sbin/dump/pathnames.h).
const DEFAULT_TAPE: &str = "/dev/sa0";

impl Draft {
    /// What the command line asks for. `tape` is the environment's `TAPE`.
    pub fn finish(mut self, operands: Vec<OsString>, tape: Option<&OsStr>) -> Result<Request, StartError> {
        self.job.ntrec = self.ntrec.unwrap_or(self.job.ntrec);
        if self.check || self.list || !self.emit.is_empty() {
            return self.finish_reading(operands).map(Request::Read);
        }
        self.finish_dump(operands, tape).map(|job| Request::Dump(Box::new(job)))
    }

    /// The checks where a dump is read; the operands are its volumes.
    fn finish_reading(self, volumes: Vec<OsString>) -> Result<Reading, StartError> {
        let emit = !self.emit.is_empty();
        if [self.check, self.list, emit].iter().filter(|&&wanted| wanted).count() > 1 {
            return Err(StartError::OnePurpose);
        }
        // A listing by an index needs no dump.
        if volumes.is_empty() && !(self.list && self.job.index.is_some()) {
            return Err(StartError::NoVolume);
        }
        if volumes.iter().filter(|&name| name == "-").count() > 1 {
            return Err(StartError::ExtraOperands(volumes));
        }
        if self.json && emit {
            return Err(StartError::Stray("json"));
        }
        if self.check {
            self.no_index()?;
        }
        let progress = self.progress();
        let output = self.file.filter(|output| output != "-");
        if let Some(name) = output.as_ref().filter(|name| emit && destination::is_remote(name)) {
            return Err(StartError::EmitRemote(name.clone()));
        }
        let purpose = match (self.check, self.list) {
            (true, _) => Purpose::Check,
            (_, true) => Purpose::List,
            _ => Purpose::Emit { paths: self.emit, output },
        };
        let blocks = u64::try_from(self.blocks_per_file).ok().filter(|&blocks| blocks > 0);
        Ok(Reading {
            purpose,
            volumes,
            json: self.json,
            index: self.job.index.map(PathBuf::into_os_string),
            ntrec: self.ntrec,
            volume_blocks: blocks.map(|blocks| blocks - blocks % u64::from(self.job.ntrec)),
            window_log: self.window_log,
            progress,
        })
    }

    /// The checks that dump makes after the options, in its order.
    fn finish_dump(mut self, operands: Vec<OsString>, tape: Option<&OsStr>) -> Result<Job, StartError> {
        if self.job.estimate_only {
            self.no_index()?;
        }
        if self.json {
            return Err(StartError::Stray("json"));
        }
        if self.window_log.is_some() {
            return Err(StartError::Stray("long"));
        }
        let mut operands = operands.into_iter();
        self.job.operand = operands.next().ok_or(StartError::NoOperand)?;
        let paths: Vec<OsString> = operands.collect();
        // An option behind the file system, where getopt(3) does not look for it.
        if paths.iter().any(|path| path.as_bytes().starts_with(b"-")) {
            return Err(StartError::ExtraOperands(paths));
        }
        self.job.selection.paths = paths;
        if self.job.rsync_friendly > 0 && self.job.level > 0 {
            return Err(StartError::RsyncLevel);
        }
        if self.job.since != Since::Dumpdates && self.job.update_dumpdates {
            return Err(StartError::TimeAndUpdate);
        }
        let name = self.file.as_deref().or(tape).unwrap_or(OsStr::new(DEFAULT_TAPE));
        if self.command.is_some() || name != "-" {
            self.job.limit = self.limit()?;
        }
        let output = match &self.command {
            Some(command) => Output::Command(command.clone()),
            None => destination::output(name)?,
        };
        self.job.output = if self.numbered { numbered(output)? } else { output };
        self.check_output()?;
        if self.job.snapshot && (self.job.partition.is_some() || self.job.superblock.is_some()) {
            return Err(StartError::Unsuitable("-L cannot be used with --partition or --superblock"));
        }
        self.job.progress = self.progress();
        Ok(self.job)
    }

    /// When a volume is full; standard output is not asked.
    fn limit(&self) -> Result<Limit, StartError> {
        let ntrec = self.job.ntrec;
        if self.unlimited {
            return Ok(Limit::Unlimited);
        }
        if let Ok(blocks @ 1..) = u64::try_from(self.blocks_per_file) {
            return match blocks - blocks % u64::from(ntrec) {
                0 => Err(StartError::VolumeTooSmall(ntrec)),
                1 => Err(StartError::VolumeOfOneBlock),
                rounded => Ok(Limit::BlocksPerFile(rounded)),
            };
        }
        // 1600 bpi and 2300 feet, or for a cartridge 8000 bpi and 1700 feet (sbin/dump/main.c).
        let (density, feet) = if self.cartridge { (100, 1700) } else { (160, 2300) };
        let density = if self.density == 0 { density } else { self.density };
        let tsize = if self.tsize == 0 { feet * TENTHS_PER_FOOT } else { self.tsize };
        Ok(Limit::Tape(Tape::new(tsize, density, self.cartridge, ntrec)))
    }

    /// What does not go together with the output.
    fn check_output(&self) -> Result<(), StartError> {
        let job = &self.job;
        if job.autoload.is_some() && !matches!(job.output, Output::Names(Names::List(_))) {
            return Err(StartError::Unsuitable("--autoload requires a local tape (-f)"));
        }
        let unsuitable = match (self.progress_json, self.progress_fd) {
            (true, None) => Some("--progress json requires --progress-fd"),
            (false, Some(_)) => Some("--progress-fd requires --progress json"),
            (true, Some(2)) => Some("--progress-fd cannot be standard error"),
            (true, Some(1)) if job.output == Output::Stdout => {
                Some("--progress-fd cannot be the output of the dump")
            }
            _ => None,
        };
        if let Some(what) = unsuitable {
            return Err(StartError::Unsuitable(what));
        }
        if job.verify && !matches!(job.output, Output::Names(_)) {
            return Err(StartError::VerifyOutput);
        }
        if job.compress.is_some() && matches!(job.output, Output::Remote(_)) {
            return Err(StartError::CompressedRemote);
        }
        // A compressed chunk must fit on a volume whatever is in it.
        match compress::chunk_blocks(job.frame_limit(), job.ntrec, job.ntrec) {
            Some(_) => Ok(()),
            None => Err(StartError::VolumeTooSmallCompressed(job.ntrec)),
        }
    }

    /// How progress is shown.
    fn progress(&self) -> ProgressStyle {
        match self.progress_fd {
            Some(descriptor) if self.progress_json => ProgressStyle::Json(descriptor),
            _ => self.job.progress,
        }
    }
}

/// Makes prefixes of the output's names, where they are to be some.
fn numbered(output: Output) -> Result<Output, StartError> {
    let numbered = |names: Names| match names {
        Names::List(list) if list.len() == 1 => Ok(Names::Numbered(list.into_iter().collect())),
        _ => Err(StartError::Unsuitable("--volumes-prefix requires a single name")),
    };
    match output {
        Output::Names(names) => Ok(Output::Names(numbered(names)?)),
        Output::Remote(Remote { user, host, names }) => {
            Ok(Output::Remote(Remote { user, host, names: numbered(names)? }))
        }
        Output::Stdout | Output::Command(_) => {
            Err(StartError::Unsuitable("--volumes-prefix requires the name of a file (-f)"))
        }
    }
}
