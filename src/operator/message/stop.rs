// SPDX-License-Identifier: BSD-2-Clause
//! Why the dump is aborted.

use std::fmt;

use crate::operator::Question;

/// Why the dump comes to an early end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum StopMessage<'a> {
    /// SIGINT.
    Interrupted,
    /// SIGPIPE.
    BrokenPipe,
    /// No terminal to ask on.
    NoTty { reason: &'a str },
    /// With `--batch` the operator is not asked.
    NotAsked(Question),
    /// Follows [`StopMessage::NoTty`]: the question that could not be asked.
    NotAskedWithoutTty(Question),
    /// Too many failed reads of the terminal.
    ExcessiveQueries,
    /// The dump is aborted.
    Aborted,
}

impl fmt::Display for StopMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use StopMessage::*;
        match *self {
            Interrupted => f.write_str("Interrupt received."),
            BrokenPipe => f.write_str("Broken pipe"),
            NoTty { reason } => write!(f, "fopen on /dev/tty fails: {reason}"),
            NotAsked(question) => not_asked(f, question, "--batch"),
            NotAskedWithoutTty(question) => not_asked(f, question, "no terminal"),
            ExcessiveQueries => f.write_str("excessive operator query failures"),
            Aborted => f.write_str("The ENTIRE dump is aborted."),
        }
    }
}

fn not_asked(f: &mut fmt::Formatter<'_>, question: Question, why: &str) -> fmt::Result {
    write!(f, "{} ({why}: not asked, taken as \"{}\")", question.text(), question.answer_that_aborts())
}
