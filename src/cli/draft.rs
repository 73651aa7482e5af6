// SPDX-License-Identifier: BSD-2-Clause
//! The job while the options are read: what each option means, in order, then the checks of the whole.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cli::Request;
use crate::cli::args::Given;
use crate::cli::destination;
use crate::cli::error::StartError;
use crate::cli::extra::Extra;
use crate::cli::reading::ReadingDraft;
use crate::cli::table;
use crate::compress;
use crate::compress::Level;
use crate::job::{Job, Limit, Output, Reading, Since, Tape};

/// The file of earlier dumps (`_PATH_DUMPDATES`, sbin/dump/pathnames.h).
pub const DEFAULT_DUMPDATES: &str = "/etc/dumpdates";
/// The output without `-f`, `-P` and `TAPE` (`_PATH_DEFTAPE`, sbin/dump/pathnames.h).
pub const DEFAULT_TAPE: &str = "/dev/sa0";

/// Tape blocks in a record (`NTREC`, protocols/dumprestore.h).
const NTREC: u32 = 10;
/// Tape blocks in a record at 6250 bpi and more (`HIGHDENSITYTREC`, protocols/dumprestore.h).
const HIGHDENSITYTREC: u32 = 32;
/// Tenths of an inch in a foot.
const TENTHS_PER_FOOT: i64 = 120;

/// The options read so far.
#[derive(Debug)]
pub struct Draft {
    level: i32,
    unlimited: bool,
    blocks_per_file: i64,
    ntrec: u32,
    ntrec_given: bool,
    cartridge: bool,
    /// Bytes in a tenth of an inch; 0 when not given.
    density: i32,
    /// Length of the tape in tenths of an inch; 0 when not given.
    tsize: i64,
    file: Option<OsString>,
    command: Option<OsString>,
    honor_level: i32,
    snapshot: bool,
    notify: bool,
    update_dumpdates: bool,
    dumpdates: PathBuf,
    since: Since,
    rsync_friendly: u8,
    estimate_only: bool,
    workers: Option<u8>,
    compress: Option<Level>,
    verify: bool,
    reading: ReadingDraft,
    extra: Extra,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft {
            level: 0,
            unlimited: false,
            blocks_per_file: 0,
            ntrec: NTREC,
            ntrec_given: false,
            cartridge: false,
            density: 0,
            tsize: 0,
            file: None,
            command: None,
            honor_level: 1,
            snapshot: false,
            notify: false,
            update_dumpdates: false,
            dumpdates: DEFAULT_DUMPDATES.into(),
            since: Since::Dumpdates,
            rsync_friendly: 0,
            estimate_only: false,
            workers: None,
            compress: None,
            verify: false,
            reading: ReadingDraft::default(),
            extra: Extra::default(),
        }
    }
}

impl Draft {
    /// Takes in one option. Returns a request when the option is one that ends the line.
    pub fn apply(
        &mut self,
        given: &Given,
        parse_date: fn(&str) -> Option<i64>,
    ) -> Result<Option<Request>, StartError> {
        if self.reading.apply(given)? {
            return Ok(None);
        }
        let value = given.value.as_os_str();
        match given.name.as_str() {
            "a" => self.unlimited = true,
            "c" => self.cartridge = true,
            "L" => self.snapshot = true,
            "n" => self.notify = true,
            "r" => self.rsync_friendly = self.rsync_friendly.max(1),
            "R" => self.rsync_friendly = 2,
            "S" => self.estimate_only = true,
            "u" => self.update_dumpdates = true,
            "D" => self.dumpdates = value.into(),
            "T" => self.since = date(value, parse_date)?,
            "verify" => self.verify = true,
            "compress" => self.compress = Some(level(value)?),
            "f" | "P" => self.set_output(&given.name, value)?,
            "W" | "w" => {
                self.reading.no_index()?;
                let only_due = given.name == "w";
                let dumpdates = std::mem::take(&mut self.dumpdates);
                return Ok(Some(Request::LastDumps { only_due, dumpdates }));
            }
            "help" => return Ok(Some(Request::Help)),
            "version" => return Ok(Some(Request::Print(version()))),
            name => match name.parse() {
                Ok(digit) => self.add_digit(digit)?,
                Err(_) if self.extra.apply(name, value)? => {}
                Err(_) => self.set_number(name, value)?,
            },
        }
        Ok(None)
    }

    /// One more digit of the level.
    fn add_digit(&mut self, digit: i32) -> Result<(), StartError> {
        let level = self.level.checked_mul(10).and_then(|tens| tens.checked_add(digit));
        self.level = level.ok_or(StartError::LevelTooLarge)?;
        Ok(())
    }

    /// `-f` or `-P`; the last one of a kind counts, both together are refused.
    fn set_output(&mut self, name: &str, value: &OsStr) -> Result<(), StartError> {
        let (this, other) = match name {
            "f" => (&mut self.file, &self.command),
            _ => (&mut self.command, &self.file),
        };
        if other.is_some() {
            return Err(StartError::CommandAndFile);
        }
        *this = Some(value.to_owned());
        Ok(())
    }

    /// An option with a number.
    fn set_number(&mut self, name: &str, value: &OsStr) -> Result<(), StartError> {
        match name {
            "B" => self.blocks_per_file = number(value, "number of blocks per file", 1, 0)?,
            "b" => {
                self.ntrec = small(number(value, "number of blocks per write", 1, 1000)?);
                self.ntrec_given = true;
            }
            "C" => _ = number(value, "cachesize", 0, 0)?,
            "d" => {
                self.density = small(number(value, "density", 10, 327_670)? / 10);
                // dump forgets that -b was given and would set this in any case.
                if self.density >= 625 && !self.ntrec_given {
                    self.ntrec = HIGHDENSITYTREC;
                }
            }
            "h" => self.honor_level = small(number(value, "honor level", 0, 10)?),
            "s" => {
                self.tsize = number(value, "tape size", 1, 0)?.saturating_mul(TENTHS_PER_FOOT);
            }
            "workers" => self.workers = Some(small(number(value, "number of workers", 1, 16)?)),
            _ => return Err(StartError::Usage),
        }
        Ok(())
    }

    /// Whether a dump is to be read, not made.
    pub fn reads(&self) -> bool {
        self.reading.is_wanted()
    }

    /// The checks where a dump is read; the operands are its volumes.
    pub fn finish_reading(self, operands: Vec<OsString>) -> Result<Reading, StartError> {
        let ntrec = self.ntrec_given.then_some(self.ntrec);
        let blocks = u64::try_from(self.blocks_per_file).ok().filter(|&blocks| blocks > 0);
        let whole = blocks.map(|blocks| blocks - blocks % u64::from(self.ntrec));
        self.reading.finish(operands, self.file, ntrec, whole, self.extra.progress())
    }

    /// The checks that dump makes after the options, in its order. `tape` is the environment's `TAPE`.
    pub fn finish(mut self, operands: Vec<OsString>, tape: Option<&OsStr>) -> Result<Job, StartError> {
        if self.estimate_only {
            self.reading.no_index()?;
        }
        let index = self.reading.index_to_write()?;
        let mut operands = operands.into_iter();
        let operand = operands.next().ok_or(StartError::NoOperand)?;
        let paths: Vec<OsString> = operands.collect();
        // An option behind the file system, where getopt(3) does not look for it.
        if paths.iter().any(|path| path.as_bytes().starts_with(b"-")) {
            return Err(StartError::ExtraOperands(paths));
        }
        if self.rsync_friendly > 0 && self.level > 0 {
            return Err(StartError::RsyncLevel);
        }
        if self.since != Since::Dumpdates && self.update_dumpdates {
            return Err(StartError::TimeAndUpdate);
        }
        let to_stdout = self.name(tape) == "-";
        let limit = if to_stdout { Limit::Unlimited } else { self.limit()? };
        let output = self.extra.number_names(self.output(tape)?)?;
        self.extra.check(&output)?;
        if self.verify && !matches!(output, Output::Names(_)) {
            return Err(StartError::VerifyOutput);
        }
        if self.compress.is_some() {
            self.check_compressed(&output, limit)?;
        }
        let progress = self.extra.progress();
        let Extra { label, mut selection, max_read_errors, batch, volume_script, autoload, strict, .. } =
            self.extra;
        let (partition, superblock) = (self.extra.partition, self.extra.superblock);
        if self.snapshot && (partition.is_some() || superblock.is_some()) {
            return Err(StartError::Unsuitable("-L does not go with --partition and --superblock"));
        }
        selection.paths = paths;
        Ok(Job {
            level: self.level,
            operand,
            partition,
            superblock,
            output,
            ntrec: self.ntrec,
            limit,
            honor_level: self.honor_level,
            update_dumpdates: self.update_dumpdates,
            dumpdates: self.dumpdates,
            since: self.since,
            rsync_friendly: self.rsync_friendly,
            estimate_only: self.estimate_only,
            notify: self.notify,
            snapshot: self.snapshot,
            workers: self.workers,
            compress: self.compress,
            verify: self.verify,
            index,
            label,
            selection,
            max_read_errors,
            batch,
            volume_script,
            autoload,
            strict,
            progress,
        })
    }

    /// Compressed chunks are no records, so a remote tape cannot take them; and one must fit on a volume whatever is in it.
    fn check_compressed(&self, output: &Output, limit: Limit) -> Result<(), StartError> {
        if let Output::Remote(_) = output {
            return Err(StartError::CompressedRemote);
        }
        let bytes = limit.records(self.ntrec).map(|n| n.saturating_mul(u64::from(self.ntrec) * 1024));
        match compress::chunk_blocks(bytes, self.ntrec, self.ntrec) {
            Some(_) => Ok(()),
            None => Err(StartError::VolumeTooSmallCompressed(self.ntrec)),
        }
    }

    /// The output's name from `-f`, `TAPE` or the default; of no use with `-P`.
    fn name<'a>(&'a self, tape: Option<&'a OsStr>) -> &'a OsStr {
        if self.command.is_some() {
            return OsStr::new("");
        }
        self.file.as_deref().or(tape).unwrap_or(OsStr::new(DEFAULT_TAPE))
    }

    /// When a volume is full; standard output is not asked.
    fn limit(&self) -> Result<Limit, StartError> {
        if self.unlimited {
            return Ok(Limit::Unlimited);
        }
        if let Ok(blocks @ 1..) = u64::try_from(self.blocks_per_file) {
            let rounded = blocks - blocks % u64::from(self.ntrec);
            return match rounded {
                0 => Err(StartError::VolumeTooSmall(self.ntrec)),
                1 => Err(StartError::VolumeOfOneBlock),
                rounded => Ok(Limit::BlocksPerFile(rounded)),
            };
        }
        // 1600 bpi and 2300 feet, or for a cartridge 8000 bpi and 1700 feet (sbin/dump/main.c).
        let (density, feet) = if self.cartridge { (100, 1700) } else { (160, 2300) };
        let density = if self.density == 0 { density } else { self.density };
        let tsize = if self.tsize == 0 { feet * TENTHS_PER_FOOT } else { self.tsize };
        Ok(Limit::Tape(Tape::new(tsize, density, self.cartridge, self.ntrec)))
    }

    /// Where the volumes go.
    fn output(&self, tape: Option<&OsStr>) -> Result<Output, StartError> {
        match &self.command {
            Some(command) => Ok(Output::Command(command.clone())),
            None => destination::output(self.name(tape)),
        }
    }
}

/// `-T`'s date. Dates before 1970 are refused, as in dump.
fn date(text: &OsStr, parse_date: fn(&str) -> Option<i64>) -> Result<Since, StartError> {
    let seconds = text.to_str().and_then(parse_date).filter(|&seconds| seconds >= 0);
    seconds.map(Since::Date).ok_or_else(|| StartError::BadTime(text.to_owned()))
}

/// What `--compress` says.
fn level(text: &OsStr) -> Result<Level, StartError> {
    let level = text.to_str().and_then(Level::parse);
    level.ok_or_else(|| StartError::BadCompression(text.to_owned()))
}

/// A number as strtol(3) reads it, within bounds; no upper bound if `most` is 0.
pub(super) fn number(text: &OsStr, meaning: &'static str, least: i64, most: i64) -> Result<i64, StartError> {
    let value = strtol(text.as_bytes()).ok_or_else(|| StartError::NotANumber(meaning, text.to_owned()))?;
    if value < least || (most != 0 && value > most) {
        return Err(StartError::OutOfRange(meaning, least, most));
    }
    Ok(value)
}

/// strtol(3) in base 10 over a whole text: blanks and a sign may stand before the digits, too large
/// values are cut off. An empty text is 0, as dump reads it.
fn strtol(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = text.iter().position(|b| !blank(b))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let step = |value: i64, b: &u8| {
        let digit = i64::from(b - b'0');
        let digit = if negative { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    };
    Some(digits.iter().fold(0, step))
}

/// A number whose bounds make it fit.
pub(super) fn small<T: TryFrom<i64>>(value: i64) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(value).expect("the option's bounds are those of its type or narrower")
}

/// The text of `--version`.
fn version() -> String {
    table::command().render_version()
}
