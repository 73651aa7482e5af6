// SPDX-License-Identifier: BSD-2-Clause
//! The command line, in dump's letters, made into a job.
//!
//! `letters` rewrites the old form, `args` takes options apart in getopt(3)'s order, `draft` gives each
//! its meaning and checks the whole; a [`Job`] is the result. Nothing here does I/O.

mod args;
mod destination;
mod draft;
mod error;
mod extra;
mod hint;
mod letters;
mod reading;
mod table;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::job::{Job, Reading};

use dumpstream::escape;
pub use error::StartError;
pub use table::{command, help};

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
    /// Print [`help`].
    Help,
    /// Print this text (`--version`).
    Print(String),
}

/// Reads a command line. `args` is without the program's name, `tape` is the environment's `TAPE`,
/// and `parse_date` turns ctime(3)'s form into seconds since 1970, in the local time zone.
///
/// Errors: the first thing that dump would find wrong.
pub fn parse(
    args: &[OsString],
    tape: Option<&OsStr>,
    parse_date: fn(&str) -> Option<i64>,
) -> Result<Request, StartError> {
    if args.is_empty() {
        return Err(StartError::Usage);
    }
    parse_words(args, tape, parse_date).map_err(|error| match hint::find(args, &error) {
        Some(hint) => StartError::Hinted(Box::new(error), hint),
        None => error,
    })
}

fn parse_words(
    args: &[OsString],
    tape: Option<&OsStr>,
    parse_date: fn(&str) -> Option<i64>,
) -> Result<Request, StartError> {
    let scan = args::scan(&letters::expand(args)?);
    let mut draft = draft::Draft::default();
    for given in &scan.options {
        if let Some(request) = draft.apply(given, parse_date)? {
            return Ok(request);
        }
    }
    match scan.stopped {
        Some(error) => Err(error),
        None if draft.reads() => draft.finish_reading(scan.operands).map(Request::Read),
        None => draft.finish(scan.operands, tape).map(|job| Request::Dump(Box::new(job))),
    }
}

/// The name of the program for messages: the last part of `argv[0]`.
pub fn program_name(argv0: Option<&OsStr>) -> String {
    let name = argv0.map(Path::new).and_then(Path::file_name).filter(|n| !n.as_bytes().is_empty());
    name.map_or_else(|| "capdump".to_owned(), escape::name)
}

#[cfg(test)]
pub(crate) mod tests;
