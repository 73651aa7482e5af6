// SPDX-License-Identifier: BSD-2-Clause
//! Converts the command line, in dump's syntax, to a job.
//!
//! `letters` rewrites the old form, `args` takes options apart in getopt(3)'s order, `table` has each option once and sets in
//! `draft` what it means, `finish` checks the whole; a [`Job`] is the result. Nothing here does I/O.

mod args;
mod destination;
mod draft;
mod error;
mod finish;
mod flag;
mod help;
mod hint;
mod letters;
mod request;
mod table;
mod values;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use args::Args;
use draft::Draft;
use dumpstream::escape;
pub use error::StartError;
pub use help::{command, help};
pub use request::Request;

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
    let words = letters::expand(args)?;
    let mut args = Args::new(&words);
    let mut draft = Draft::new(parse_date);
    while let Some((flag, value)) = args.next_option()? {
        if let Some(request) = flag.apply(&mut draft, value)? {
            return Ok(request);
        }
    }
    draft.finish(args.operands(), tape)
}

/// The name of the program for messages: the last part of `argv[0]`.
pub fn program_name(argv0: Option<&OsStr>) -> String {
    let name = argv0.map(Path::new).and_then(Path::file_name).filter(|n| !n.as_bytes().is_empty());
    name.map_or_else(|| "capdump".to_owned(), escape::name)
}

#[cfg(test)]
pub(crate) mod tests;
