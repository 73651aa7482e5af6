// SPDX-License-Identifier: BSD-2-Clause
//! The job of restoring: the validated command line.

use std::ffi::OsString;

use crate::job::{ProgressStyle, Remote};

/// What is done with a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-C`: compare with what is there.
    Compare,
    /// `-i`: extract what is selected by commands.
    Interactive,
    /// `-R`: go on with an interrupted `-r`.
    Resume,
    /// `-r`: rebuild a file system.
    Rebuild,
    /// `-t`: list.
    List,
    /// `-x`: extract what is named.
    Extract,
}

impl Mode {
    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Mode::Compare => 'C',
            Mode::Interactive => 'i',
            Mode::Resume => 'R',
            Mode::Rebuild => 'r',
            Mode::List => 't',
            Mode::Extract => 'x',
        }
    }

    /// Whether files are taken from the dump, not only names.
    pub fn takes_files(self) -> bool {
        self != Mode::List
    }
}

/// Where the dump comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, a device, or `-` for standard input (`-f`).
    File(OsString),
    /// The output of a shell command (`-P`).
    Command(OsString),
    /// A tape of another host.
    Remote(Remote),
}

impl Source {
    /// The host that has it, as messages name it.
    pub fn host(&self) -> Option<String> {
        match self {
            Source::Remote(remote) => Some(remote.host.to_string_lossy().into_owned()),
            _ => None,
        }
    }

    /// Whether it is one stream that cannot be changed for another volume.
    pub fn is_pipe(&self) -> bool {
        matches!(self, Source::File(name) if name == "-")
    }
}

/// Processes that write: fewest and most without `--jobs`, and most with it.
const FEWEST: usize = 2;
const USUAL: usize = 4;
const MOST: usize = 64;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What is done.
    pub mode: Mode,
    /// Where the dump comes from.
    pub source: Source,
    /// Tape blocks in a record (`-b`), if it was given.
    pub ntrec: Option<u32>,
    /// The number of the dump on a tape, from 1 (`-s`).
    pub dump_number: u32,
    /// Say more about what goes wrong (`-d`).
    pub debug: bool,
    /// Directories stand for all that is below them (not with `-h`).
    pub descend: bool,
    /// Files have their names, not their inode numbers (not with `-m`).
    pub by_name: bool,
    /// Nothing is written (`-N`).
    pub dry_run: bool,
    /// What is in the way is removed first (`-u`).
    pub unlink: bool,
    /// Say what is done (`-v`).
    pub verbose: bool,
    /// Go on after errors without a question (`-y`).
    pub yes: bool,
    /// Processes that write, if it was given.
    pub jobs: Option<u32>,
    /// Where files go; none is the current directory.
    pub into: Option<OsString>,
    /// A directory that is not empty may be restored into at level 0.
    pub overwrite: bool,
    /// What could not be set counts as a failure.
    pub strict: bool,
    /// Files of keys that decrypt the dump.
    pub identities: Vec<OsString>,
    /// Patterns of what is left out.
    pub excluded: Vec<OsString>,
    /// Owners are set (not with `--no-owner`).
    pub owners: bool,
    /// Devices are made (not with `--no-devices`).
    pub devices: bool,
    /// Set-user-ID and set-group-ID bits are set (not with `--no-setuid`).
    pub setuid: bool,
    /// The contents of files go to standard output.
    pub to_stdout: bool,
    /// Standard output gets lines of JSON.
    pub json: bool,
    /// How progress is shown.
    pub progress: ProgressStyle,
    /// An index of the dump.
    pub index: Option<OsString>,
    /// The names to list or extract.
    pub names: Vec<OsString>,
}

impl Job {
    /// Whether the whole tree is rebuilt.
    pub fn rebuilds(&self) -> bool {
        matches!(self.mode, Mode::Rebuild | Mode::Resume)
    }

    /// Whether Amanda's amcheckdump can be the caller: `restore tbf 2 -`. It takes any line on standard error for a failure.
    pub fn may_be_amcheckdump(&self) -> bool {
        self.mode == Mode::List && !self.verbose && self.ntrec.is_some() && self.source.is_pipe()
    }

    /// Processes that write, where so many processors run them. With one processor, too, one waits for the disk while the other does not.
    pub fn writers(&self, processors: usize) -> usize {
        match self.jobs {
            Some(jobs) => (jobs as usize).min(MOST),
            None => processors.clamp(FEWEST, USUAL),
        }
    }
}
