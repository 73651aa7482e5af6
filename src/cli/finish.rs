// SPDX-License-Identifier: BSD-2-Clause
//! The checks of the whole command line, which make a job of the draft.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cli::destination;
use crate::cli::draft::{Draft, TENTHS_PER_FOOT};
use crate::cli::error::StartError;
use crate::cli::request::Request;
use crate::compress::Level;
use crate::job::{
    Job, Limit, ListStyle, Names, Output, ProgressStyle, Purpose, Reading, Remote, Sample, Since, Tape,
};

/// The output without `-f`, `-P` and `TAPE` (`_PATH_DEFTAPE`, sbin/dump/pathnames.h).
const DEFAULT_TAPE: &str = "/dev/sa0";

impl Draft {
    /// What the command line asks for. `tape` is the environment's `TAPE`.
    pub fn finish(mut self, operands: Vec<OsString>, tape: Option<&OsStr>) -> Result<Request, StartError> {
        self.job.ntrec = self.ntrec.unwrap_or(self.job.ntrec);
        // With -S it lists what a dump would hold.
        let lists_dump = self.list && !self.job.estimate_only;
        if self.check || lists_dump || self.diff || !self.emit.is_empty() {
            return self.finish_reading(operands).map(Request::Read);
        }
        self.finish_dump(operands, tape).map(|job| Request::Dump(Box::new(job)))
    }

    /// The checks where a dump is read; the operands are its volumes.
    fn finish_reading(self, operands: Vec<OsString>) -> Result<Reading, StartError> {
        let emit = !self.emit.is_empty();
        if [self.check, self.list, self.diff, emit].iter().filter(|&&wanted| wanted).count() > 1 {
            return Err(StartError::OnePurpose);
        }
        let (volumes, first) = if self.diff { both(operands)? } else { (operands, 0) };
        let (volumes, levels) = if self.check { levels(volumes)? } else { (volumes, Vec::new()) };
        if levels.len() > 1 && self.job.index.is_some() {
            return Err(StartError::Stray("index"));
        }
        if self.diff && self.job.index.is_some() {
            return Err(StartError::Stray("index"));
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
        if self.job.is_encrypted() {
            return Err(StartError::Stray("encrypt"));
        }
        if self.job.sign.is_some() {
            return Err(StartError::Stray("sign"));
        }
        if self.verify_key.is_some() && (self.job.index.is_none() || emit) {
            return Err(StartError::Unsuitable("--verify-key requires --index and --check or --list"));
        }
        if self.sample.is_some() && !self.check {
            return Err(StartError::Stray("sample"));
        }
        if self.sample.is_some() && self.job.index.is_none() {
            return Err(StartError::Unsuitable("--sample requires --index, which says where the files are"));
        }
        let progress = self.progress();
        let output = self.file.filter(|output| output != "-");
        if let Some(name) = output.as_ref().filter(|name| emit && Remote::is_remote(name)) {
            return Err(StartError::EmitRemote(name.clone()));
        }
        let purpose = match (self.check, self.list) {
            (true, _) if levels.len() > 1 => Purpose::Chain { levels },
            (true, _) => Purpose::Check,
            (_, true) => Purpose::List,
            _ if self.diff => Purpose::Diff { first },
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
            verify_key: self.verify_key.map(PathBuf::from),
            window_log: self.window_log,
            identities: self.identities,
            sample: self.sample.filter(|sample| *sample != Sample::Any { of: 1 }),
            progress,
        })
    }

    /// The checks that dump makes after the options, in its order.
    fn finish_dump(mut self, operands: Vec<OsString>, tape: Option<&OsStr>) -> Result<Job, StartError> {
        if self.job.estimate_only {
            self.no_index()?;
        }
        if self.list {
            self.job.list = Some(if self.json { ListStyle::Json } else { ListStyle::Text });
        } else if self.json {
            return Err(StartError::Stray("json"));
        }
        if self.window_log.is_some() {
            return Err(StartError::Stray("long"));
        }
        if !self.identities.is_empty() {
            return Err(StartError::Stray("identity"));
        }
        if self.verify_key.is_some() {
            return Err(StartError::Stray("verify-key"));
        }
        if self.job.sign.is_some() && self.job.index.is_none() {
            return Err(StartError::Unsuitable("--sign requires --index"));
        }
        if self.sample.is_some() {
            return Err(StartError::Stray("sample"));
        }
        if self.job.is_encrypted() {
            self.job.compress.get_or_insert(Level::FASTEST);
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
            if !job.is_encrypted() {
                return Err(StartError::CompressedRemote);
            }
            if job.limit == Limit::Unlimited {
                return Err(StartError::Unsuitable("an encrypted dump to a remote tape requires -B"));
            }
        }
        // A compressed chunk must fit on a volume whatever is in it.
        match job.form().chunk_blocks(job.frame_limit(), job.ntrec, job.ntrec) {
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

/// The volumes of two dumps, those of each in a list separated by commas, and how many are of the first.
fn both(operands: Vec<OsString>) -> Result<(Vec<OsString>, usize), StartError> {
    let [before, after] = &operands[..] else {
        return Err(StartError::Unsuitable("--diff requires two dumps or indexes"));
    };
    let list = |names: &OsString| -> Vec<OsString> {
        names.as_bytes().split(|&byte| byte == b',').map(|name| OsStr::from_bytes(name).to_owned()).collect()
    };
    let (before, after) = (list(before), list(after));
    let first = before.len();
    Ok((before.into_iter().chain(after).collect(), first))
}

/// The volumes of the dumps that are separated by `--`, and how many each of them has.
fn levels(operands: Vec<OsString>) -> Result<(Vec<OsString>, Vec<usize>), StartError> {
    let levels: Vec<usize> = operands.split(|word| word == "--").map(<[OsString]>::len).collect();
    if levels.len() > 1 && levels.contains(&0) {
        return Err(StartError::Unsuitable("-- requires a dump before and after it"));
    }
    Ok((operands.into_iter().filter(|word| word != "--").collect(), levels))
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
