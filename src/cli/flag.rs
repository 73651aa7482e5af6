// SPDX-License-Identifier: BSD-2-Clause
//! One option: how it is named and described, and what it does to the draft of the job.

use std::ffi::OsStr;

use crate::cli::draft::Draft;
use crate::cli::error::StartError;
use crate::cli::request::Request;
use crate::cli::values::number;

/// One option.
pub struct Flag {
    /// The letter or the long name.
    pub name: &'static str,
    /// The letter, which a long option may have as well.
    pub letter: Option<u8>,
    /// The name of the argument, which a flag has not.
    pub value: Option<&'static str>,
    /// What it does; an option without is not in `--help`.
    pub help: &'static str,
    /// What shells complete its argument with.
    pub completion: Completion,
    /// What it does.
    pub action: Action,
}

/// What shells complete an argument with.
pub enum Completion {
    /// Nothing.
    None,
    /// The name of a file here.
    File,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// What an option does.
pub enum Action {
    /// Sets something.
    Set(fn(&mut Draft)),
    /// One more digit of the level.
    Digit(i32),
    /// Ends the command line.
    End(fn(&Draft) -> Result<Request, StartError>),
    /// Takes an argument, whatever it is.
    Take(fn(&mut Draft, &OsStr)),
    /// Takes an argument that may not be valid.
    Parse(fn(&mut Draft, &OsStr) -> Result<(), StartError>),
    /// Takes a number: what it is for, the least and the greatest value (0: no bound).
    Number(&'static str, i64, i64, fn(&mut Draft, i64)),
}

impl Flag {
    /// The name of a long option, without its dashes.
    pub fn long(&self) -> Option<&'static str> {
        (self.name.len() > 1).then_some(self.name)
    }

    /// Does to the draft what the option means. Returns a request if it ends the command line.
    ///
    /// Errors: its argument is not valid.
    pub fn apply(&self, draft: &mut Draft, value: &OsStr) -> Result<Option<Request>, StartError> {
        match self.action {
            Action::Set(set) => set(draft),
            Action::Digit(digit) => draft.add_digit(digit)?,
            Action::End(request) => return request(draft).map(Some),
            Action::Take(take) => take(draft, value),
            Action::Parse(parse) => parse(draft, value)?,
            Action::Number(meaning, least, most, set) => set(draft, number(value, meaning, least, most)?),
        }
        Ok(None)
    }
}
