// SPDX-License-Identifier: BSD-2-Clause
//! What a command line asks for.

use std::path::PathBuf;

use crate::job::{Job, Reading};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Make a dump.
    Dump(Box<Job>),
    /// Read a dump.
    Read(Reading),
    /// Print the listing of `-W`, or with `only_due` that of `-w`.
    LastDumps {
        /// List only the file systems that are due.
        only_due: bool,
        /// The dumpdates file.
        dumpdates: PathBuf,
    },
    /// Print `help`.
    Help,
    /// Print this text (`--version`).
    Print(&'static str),
}
