// SPDX-License-Identifier: BSD-2-Clause
//! The job of restoring: the validated command line.

use std::ffi::OsString;

/// What is done with a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
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
            Mode::Interactive => 'i',
            Mode::Resume => 'R',
            Mode::Rebuild => 'r',
            Mode::List => 't',
            Mode::Extract => 'x',
        }
    }

    /// Whether files are written.
    pub fn writes(self) -> bool {
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
}

impl Source {
    /// Whether it is one stream that cannot be changed for another volume.
    pub fn is_pipe(&self) -> bool {
        matches!(self, Source::File(name) if name == "-")
    }
}

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
    /// Where files go; none is the current directory.
    pub into: Option<OsString>,
    /// A directory that is not empty may be restored into at level 0.
    pub overwrite: bool,
    /// What could not be set counts as a failure.
    pub strict: bool,
    /// The names to list or extract.
    pub names: Vec<OsString>,
}
