// SPDX-License-Identifier: BSD-2-Clause
//! Messages and questions to the operator, in dump's words. Nothing else in the program prints.

mod bar;
mod chain;
mod difference;
mod display;
mod listing;
mod message;
mod progress;
mod query;
mod refusal;
mod report;
mod restoring;
mod results;
mod summary;

use std::io::{self, Write};
use std::os::fd::AsFd;

use crate::os::tty;
use dumpstream::escape;

use crate::os::standard;

pub use bar::Bar;
pub use chain::{ChainLine, Change, Counts, LevelLine, Taken};
pub use difference::{Difference, Known};
pub use display::Display;
pub use listing::{List, Lists, about, about_directory};
pub use message::{BREADEMAX, DiskMessage, FilesMessage, Line, MediaMessage, Message, Remark, StopMessage};
pub use progress::{Progress, State, pass_title, title, verify_title};
pub use query::{Action, Query, Question, REMIND_AFTER};
pub use refusal::Refusal;
pub use report::{Event, Report};
pub use restoring::{Lines, Restoring, Shown};
pub use results::{About, Entry, FindingLine, Restored, Results, SampleLine, SummaryLine};
pub use summary::Sums;

/// The group that broadcasts go to (`OPGRENT`, sbin/dump/dump.h).
pub const OPERATOR_GROUP: &str = "operator";

/// Why the operator group is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// A question has been open for long.
    Question,
    /// A record could not be written.
    WriteError,
    /// The next volume has to be mounted.
    ChangeVolumes,
    /// Too many read errors.
    Ailing,
    /// The dump is complete.
    Done,
}

impl Attention {
    /// The last line of a broadcast.
    fn text(self) -> &'static str {
        match self {
            Attention::Question => "",
            Attention::WriteError => "DUMP WRITE ERROR!\n",
            Attention::ChangeVolumes => "CHANGE DUMP VOLUMES!\x07\x07\n",
            Attention::Ailing => "DUMP IS AILING!\n",
            Attention::Done => "DUMP IS DONE!\x07\x07\n",
        }
    }
}

/// Output to the operator. Write errors are ignored, because they do not affect the dump.
pub struct Operator {
    program: String,
    stderr: Box<dyn Write>,
    /// The last message with its newline, for broadcasts.
    last: String,
    display: Display,
    /// The bar is hidden until a question is answered.
    suspended: bool,
    /// Whether a summary is printed as the last line, on a terminal.
    sums_up: bool,
    sums: Option<Sums>,
}

impl Operator {
    /// An operator who reads `stderr`. Each line is given to it in one call of `write_all`, so with
    /// [`io::stderr`], which has no buffer, a line is one write(2).
    pub fn new(program: String, stderr: Box<dyn Write>) -> Operator {
        let (last, display) = (String::new(), Display::Lines);
        Operator { program, stderr, last, display, suspended: false, sums_up: false, sums: None }
    }

    /// From now on messages go there.
    pub fn set_output(&mut self, stderr: Box<dyn Write>) {
        self.stderr = stderr;
    }

    /// Prints one line.
    pub fn say(&mut self, message: impl Line) {
        self.last = format!("{}\n", escape::line(&message.to_string()));
        let line = format!("  DUMP: {}", self.last);
        self.print(&line);
    }

    /// Prints why the dump cannot be started, after the name of the program.
    pub fn refuse(&mut self, refusal: Refusal<'_>) {
        let line = format!("{}: {refusal}", self.program);
        self.print(&format!("{}\n", escape::line(&line)));
    }

    /// The program's name, for messages before a dump starts.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Prints that the host of the remote tape is connected. dump prints no prefix here.
    pub fn connected(&mut self, host: &str) {
        self.print(&format!("Connection to {} established.\n", escape::line(host)));
    }

    /// Writes a text to standard error as it is ([`Action::Print`]); a bar makes room for it.
    pub fn print(&mut self, text: &str) {
        let stderr = &mut self.stderr;
        let mut write = || _ = stderr.write_all(text.as_bytes());
        match self.display.bar() {
            Some(bar) if !self.suspended => bar.suspend(write),
            _ => write(),
        }
    }

    /// From now on the course of the dump is shown so.
    pub fn set_display(&mut self, display: Display) {
        self.display = display;
    }

    /// How the course of the dump is shown.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Has the sums of a dump be its last line, for an operator at a terminal.
    pub fn sum_up(&mut self) {
        self.sums_up = true;
    }

    /// Shows what happens at `time`, seconds since 1970.
    pub fn show(&mut self, event: Event<'_>, time: i64) {
        match event {
            Event::Done { sums, .. } => self.sums = Some(sums).filter(|_| self.sums_up),
            // Done, or done without what could not be read; what went wrong after the last volume is no end of this kind.
            Event::End { status: 0 | 4 } => {
                if let Some(sums) = self.sums.take() {
                    self.say(sums);
                }
            }
            _ => {}
        }
        // The bar goes last, so that nothing is drawn after it.
        self.display.show(event, time);
    }

    /// A question begins: gives the bar, which is to be suspended until [`Operator::resume`].
    pub fn suspend(&mut self) -> Option<Bar> {
        self.suspended = true;
        self.display.bar().cloned()
    }

    /// A question is over.
    pub fn resume(&mut self) {
        self.suspended = false;
    }

    /// The text that wall(1) is given for the operator group, with the last message in it.
    pub fn broadcast(&self, attention: Attention) -> String {
        let (last, text) = (&self.last, attention.text());
        format!(
            "\x07\x07\x07Message from the dump program to all operators\n\n\
             DUMP: NEEDS ATTENTION: {last}{text}"
        )
    }
}

/// The columns of the terminal that standard output is; 80 if it is none.
pub fn columns() -> u16 {
    tty::columns(io::stdout().as_fd()).unwrap_or(80)
}

/// Writes a text to standard output: the listings of `-W`, `--help`.
///
/// Errors: those of write(2), such as `EPIPE`.
pub fn print_out(text: &str) -> io::Result<()> {
    standard::Output.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;
