// SPDX-License-Identifier: BSD-2-Clause
//! The job while the options are read: what the table of options sets, one option after the other.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::error::StartError;
use crate::cli::request::Request;
use crate::cli::values::{number, small};
use crate::compress::Level;
use crate::job::{Job, Limit, MOST_LABEL, Output, ProgressStyle, Sample, Selection, Since};
use crate::operator::BREADEMAX;
use agefile::{KeyError, Recipient};

/// The file of earlier dumps (`_PATH_DUMPDATES`, sbin/dump/pathnames.h).
const DEFAULT_DUMPDATES: &str = "/etc/dumpdates";
/// The label when none is given: dump's.
const NO_LABEL: &str = "none";
/// Tape blocks in a record (`NTREC`, protocols/dumprestore.h).
const NTREC: u32 = 10;
/// Tape blocks in a record at 6250 bpi and more (`HIGHDENSITYTREC`, protocols/dumprestore.h).
const HIGHDENSITYTREC: u32 = 32;
/// Tenths of an inch in a foot.
pub const TENTHS_PER_FOOT: i64 = 120;
/// Seconds that an autoloader may be waited for: a day.
pub const LONGEST_AUTOLOAD: i64 = 86_400;
/// The last sector of 512 bytes that a disk can have.
pub const MOST_SECTOR: i64 = i64::MAX / 512;
/// Most bytes of a partition's name, such as `p128` or `s12a`.
const MOST_PARTITION: usize = 8;

/// The options read so far.
#[derive(Debug)]
pub struct Draft {
    /// The job, but for operand, output and limit, which are set at the end.
    pub job: Job,
    parse_date: fn(&str) -> Option<i64>,
    pub unlimited: bool,
    pub blocks_per_file: i64,
    /// The argument of `-b`.
    pub ntrec: Option<u32>,
    pub cartridge: bool,
    /// Bytes in a tenth of an inch; 0 when not given.
    pub density: i32,
    /// Length of the tape in tenths of an inch; 0 when not given.
    pub tsize: i64,
    pub file: Option<OsString>,
    pub command: Option<OsString>,
    pub numbered: bool,
    pub progress_json: bool,
    pub progress_fd: Option<i32>,
    pub check: bool,
    pub list: bool,
    /// `--diff`.
    pub diff: bool,
    pub emit: Vec<OsString>,
    pub json: bool,
    pub window_log: Option<u32>,
    /// Files of `--identity`.
    pub identities: Vec<OsString>,
    /// `--verify-key`.
    pub verify_key: Option<OsString>,
    /// `--sample`.
    pub sample: Option<Sample>,
}

impl Draft {
    /// No options so far. `parse_date` turns ctime(3)'s form into seconds since 1970.
    pub fn new(parse_date: fn(&str) -> Option<i64>) -> Draft {
        let job = Job {
            level: 0,
            operand: OsString::new(),
            partition: None,
            superblock: None,
            output: Output::Stdout,
            ntrec: NTREC,
            limit: Limit::Unlimited,
            honor_level: 1,
            update_dumpdates: false,
            dumpdates: DEFAULT_DUMPDATES.into(),
            since: Since::Dumpdates,
            rsync_friendly: 0,
            estimate_only: false,
            list: None,
            notify: false,
            snapshot: false,
            workers: None,
            label: NO_LABEL.into(),
            selection: Selection::default(),
            max_read_errors: BREADEMAX,
            batch: false,
            volume_script: None,
            autoload: None,
            strict: false,
            progress: ProgressStyle::default(),
            compress: None,
            encrypt: Vec::new(),
            recipients_files: Vec::new(),
            verify: false,
            index: None,
            sign: None,
        };
        Draft {
            job,
            parse_date,
            unlimited: false,
            blocks_per_file: 0,
            ntrec: None,
            cartridge: false,
            density: 0,
            tsize: 0,
            file: None,
            command: None,
            numbered: false,
            progress_json: false,
            progress_fd: None,
            check: false,
            list: false,
            diff: false,
            emit: Vec::new(),
            json: false,
            window_log: None,
            identities: Vec::new(),
            verify_key: None,
            sample: None,
        }
    }

    /// One more digit of the level.
    pub fn add_digit(&mut self, digit: i32) -> Result<(), StartError> {
        let level = self.job.level.checked_mul(10).and_then(|tens| tens.checked_add(digit));
        self.job.level = level.ok_or(StartError::LevelTooLarge)?;
        Ok(())
    }

    /// `-f`; the last one counts, and `-P` as well is refused.
    pub fn set_file(&mut self, name: &OsStr) -> Result<(), StartError> {
        self.file = Some(name.to_owned());
        if self.command.is_some() { Err(StartError::CommandAndFile) } else { Ok(()) }
    }

    /// `-P`; the last one counts, and `-f` as well is refused.
    pub fn set_command(&mut self, command: &OsStr) -> Result<(), StartError> {
        self.command = Some(command.to_owned());
        if self.file.is_some() { Err(StartError::CommandAndFile) } else { Ok(()) }
    }

    /// `-d`, in bits per inch. Unlike in dump, the longer records of a high density do not replace `-b`.
    pub fn set_density(&mut self, density: i64) {
        self.density = small(density / 10);
        if self.density >= 625 {
            self.job.ntrec = HIGHDENSITYTREC;
        }
    }

    /// `-T`. Dates before 1970 are refused, as in dump.
    pub fn set_date(&mut self, text: &OsStr) -> Result<(), StartError> {
        let seconds = text.to_str().and_then(self.parse_date).filter(|&seconds| seconds >= 0);
        self.job.since = Since::Date(seconds.ok_or_else(|| StartError::BadTime(text.to_owned()))?);
        Ok(())
    }

    /// `--compress`.
    pub fn set_compression(&mut self, text: &OsStr) -> Result<(), StartError> {
        let level = text.to_str().and_then(Level::parse);
        self.job.compress = Some(level.ok_or_else(|| StartError::BadCompression(text.to_owned()))?);
        Ok(())
    }

    /// `--sample`.
    pub fn set_sample(&mut self, text: &OsStr) -> Result<(), StartError> {
        let sample = text.to_str().and_then(Sample::parse);
        self.sample = Some(sample.ok_or_else(|| StartError::BadSample(text.to_owned()))?);
        Ok(())
    }

    /// `--encrypt`.
    pub fn add_recipient(&mut self, text: &OsStr) -> Result<(), StartError> {
        let parsed = text.to_str().map_or(Err(KeyError::Invalid), Recipient::parse);
        let recipient = parsed.map_err(|error| StartError::BadRecipient(text.to_owned(), error))?;
        self.job.encrypt.push(recipient);
        Ok(())
    }

    /// `--label`.
    pub fn set_label(&mut self, label: &OsStr) -> Result<(), StartError> {
        if label.len() > MOST_LABEL {
            return Err(StartError::LabelTooLong(label.to_owned()));
        }
        self.job.label = label.to_owned();
        Ok(())
    }

    /// `--exclude-inode`.
    pub fn exclude_inodes(&mut self, list: &OsStr) -> Result<(), StartError> {
        for part in list.as_bytes().split(|&byte| byte == b',') {
            let ino = number(OsStr::from_bytes(part), "inode number", 2, u32::MAX.into())?;
            self.job.selection.excluded_inodes.push(small(ino));
        }
        Ok(())
    }

    /// `--partition`: letters and digits.
    pub fn set_partition(&mut self, name: &OsStr) -> Result<(), StartError> {
        let good = |name: &&str| {
            (1..=MOST_PARTITION).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let name = name.to_str().filter(good).map(str::to_owned);
        let wanted = StartError::Unsuitable("--partition requires a name such as p2, s1, s1a or a");
        self.job.partition = Some(name.ok_or(wanted)?);
        Ok(())
    }

    /// `--progress`.
    pub fn set_progress(&mut self, style: &OsStr) -> Result<(), StartError> {
        self.job.progress = match style.as_bytes() {
            b"none" => ProgressStyle::None,
            b"plain" => ProgressStyle::Plain,
            b"bar" => ProgressStyle::Bar,
            b"json" => ProgressStyle::default(),
            _ => return Err(StartError::UnknownStyle(style.to_owned())),
        };
        self.progress_json = style == "json";
        Ok(())
    }

    /// `-W` and `-w`.
    pub fn last_dumps(&self, only_due: bool) -> Result<Request, StartError> {
        self.no_index()?;
        Ok(Request::LastDumps { only_due, dumpdates: self.job.dumpdates.clone() })
    }

    /// Refuses an index where nothing is read or written.
    pub fn no_index(&self) -> Result<(), StartError> {
        if self.job.index.is_some() { Err(StartError::Stray("index")) } else { Ok(()) }
    }
}
