// SPDX-License-Identifier: BSD-2-Clause
//! The options that FreeBSD's dump has not: what each means, and what does not go together.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::draft::{number, small};
use crate::cli::error::StartError;
use crate::job::{MOST_LABEL, Names, Output, ProgressStyle, Remote, Selection};
use crate::operator::BREADEMAX;

/// The label when none is given: dump's.
const NO_LABEL: &str = "none";

/// Seconds that an autoloader may be waited for: a day.
const LONGEST_AUTOLOAD: i64 = 86_400;

/// The last sector of 512 bytes that a disk can have.
const MOST_SECTOR: i64 = i64::MAX / 512;

/// Most bytes of a partition's name, such as `p128` or `s12a`.
const MOST_PARTITION: usize = 8;

/// Those options as far as they are read.
#[derive(Debug)]
pub struct Extra {
    pub batch: bool,
    pub strict: bool,
    pub label: OsString,
    pub selection: Selection,
    pub max_read_errors: u32,
    pub volume_script: Option<OsString>,
    pub autoload: Option<u32>,
    pub partition: Option<String>,
    pub superblock: Option<u64>,
    numbered: bool,
    style: Option<ProgressStyle>,
    json: bool,
    progress_fd: Option<i32>,
}

impl Default for Extra {
    fn default() -> Extra {
        Extra {
            batch: false,
            strict: false,
            label: NO_LABEL.into(),
            selection: Selection::default(),
            max_read_errors: BREADEMAX,
            volume_script: None,
            autoload: None,
            partition: None,
            superblock: None,
            numbered: false,
            style: None,
            json: false,
            progress_fd: None,
        }
    }
}

/// The name of a partition: letters and digits.
fn partition(value: &OsStr) -> Result<String, StartError> {
    let good = |name: &&str| {
        (1..=MOST_PARTITION).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let name = value.to_str().filter(good).map(str::to_owned);
    name.ok_or(StartError::Unsuitable("--partition wants a name such as p2, s1, s1a or a"))
}

impl Extra {
    /// Takes in one option; false if it is none of these.
    pub fn apply(&mut self, name: &str, value: &OsStr) -> Result<bool, StartError> {
        match name {
            "batch" => self.batch = true,
            "strict" => self.strict = true,
            "volumes-prefix" => self.numbered = true,
            "label" if value.len() > MOST_LABEL => return Err(StartError::LabelTooLong(value.to_owned())),
            "label" => self.label = value.to_owned(),
            "exclude" => self.selection.excluded.push(value.to_owned()),
            "exclude-file" => self.selection.exclude_files.push(value.into()),
            "exclude-inode" => {
                for part in value.as_bytes().split(|&byte| byte == b',') {
                    let most = i64::from(u32::MAX);
                    let ino = number(OsStr::from_bytes(part), "inode number", 2, most)?;
                    self.selection.excluded_inodes.push(small(ino));
                }
            }
            "max-read-errors" => {
                self.max_read_errors = small(number(value, "number of read errors", 0, u32::MAX.into())?);
            }
            "volume-script" => self.volume_script = Some(value.to_owned()),
            "autoload" => {
                self.autoload = Some(small(number(value, "seconds to wait", 1, LONGEST_AUTOLOAD)?));
            }
            "partition" => self.partition = Some(partition(value)?),
            "superblock" => {
                self.superblock = Some(small(number(value, "sector of the superblock", 0, MOST_SECTOR)?));
            }
            "progress" => self.set_style(value)?,
            "progress-fd" => {
                self.progress_fd = Some(small(number(value, "descriptor", 1, i64::from(i32::MAX))?));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_style(&mut self, value: &OsStr) -> Result<(), StartError> {
        self.json = value == "json";
        self.style = match value.as_bytes() {
            b"none" => Some(ProgressStyle::None),
            b"plain" => Some(ProgressStyle::Plain),
            b"bar" => Some(ProgressStyle::Bar),
            b"json" => None,
            _ => return Err(StartError::UnknownStyle(value.to_owned())),
        };
        Ok(())
    }

    /// Makes prefixes of the output's names, where they are to be some.
    pub fn number_names(&self, output: Output) -> Result<Output, StartError> {
        let numbered = |names: Names| match names {
            Names::List(list) if list.len() == 1 => Ok(Names::Numbered(list.into_iter().collect())),
            _ => Err(StartError::Unsuitable("--volumes-prefix wants one name, not a list")),
        };
        match output {
            output if !self.numbered => Ok(output),
            Output::Names(names) => Ok(Output::Names(numbered(names)?)),
            Output::Remote(remote) => {
                let Remote { user, host, names } = remote;
                Ok(Output::Remote(Remote { user, host, names: numbered(names)? }))
            }
            Output::Stdout | Output::Command(_) => {
                Err(StartError::Unsuitable("--volumes-prefix wants the name of a file (-f)"))
            }
        }
    }

    /// What does not go together with `output`.
    pub fn check(&self, output: &Output) -> Result<(), StartError> {
        if self.autoload.is_some() && !matches!(output, Output::Names(Names::List(_))) {
            return Err(StartError::Unsuitable("--autoload wants a tape of this machine (-f)"));
        }
        let Some(descriptor) = self.progress_fd else {
            return match self.json {
                true => Err(StartError::Unsuitable("--progress json wants a descriptor: --progress-fd")),
                false => Ok(()),
            };
        };
        match (self.json, descriptor) {
            (false, _) => Err(StartError::Unsuitable("--progress-fd is for --progress json")),
            (true, 2) => Err(StartError::Unsuitable("--progress-fd cannot be standard error")),
            (true, 1) if *output == Output::Stdout => {
                Err(StartError::Unsuitable("--progress-fd cannot be where the dump goes"))
            }
            (true, _) => Ok(()),
        }
    }

    /// How progress is shown.
    pub fn progress(&self) -> ProgressStyle {
        match self.progress_fd {
            Some(descriptor) if self.json => ProgressStyle::Json(descriptor),
            _ => self.style.unwrap_or_default(),
        }
    }
}
