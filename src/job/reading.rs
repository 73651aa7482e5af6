// SPDX-License-Identifier: BSD-2-Clause
//! The job of reading a dump: check, list, or extract.

use std::ffi::OsString;

use crate::job::ProgressStyle;

/// The operation on an existing dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it is read for.
    pub purpose: Purpose,
    /// Its volumes in order; `-` is standard input.
    pub volumes: Vec<OsString>,
    /// Whether the results are lines of JSON.
    pub json: bool,
    /// The index of the dump.
    pub index: Option<OsString>,
    /// Tape blocks in a record (`-b`), 1 to 1000, if it was given.
    pub ntrec: Option<u32>,
    /// Tape blocks of a volume that was closed at a limit (`-B`), if that was given.
    pub volume_blocks: Option<u64>,
    /// The largest window of zstd's that is allowed (`--long`), as a power of 2 in bytes, if it was given.
    pub window_log: Option<u32>,
    /// How progress is shown.
    pub progress: ProgressStyle,
}

/// What a dump is read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find what is wrong with it.
    Check,
    /// To list its files.
    List,
    /// To write a dump of these paths and all below them.
    Emit {
        /// The paths, as the command line has them.
        paths: Vec<OsString>,
        /// Where the dump goes; none is standard output.
        output: Option<OsString>,
    },
}
