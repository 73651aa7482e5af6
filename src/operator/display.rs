// SPDX-License-Identifier: BSD-2-Clause
//! How progress is reported: not at all, with dump's messages, with a bar, or as JSON.

use std::os::fd::BorrowedFd;

use crate::operator::bar::Bar;
use crate::operator::report::{Event, Report};

/// How progress is reported.
#[derive(Debug)]
pub enum Display {
    /// Only on request (SIGINFO).
    Nothing,
    /// With dump's messages, every five minutes.
    Lines,
    /// With a bar.
    Bar(Bar),
    /// As JSON lines.
    Report(Report),
}

impl Display {
    /// Whether dump's messages are printed without a request.
    pub fn has_lines(&self) -> bool {
        matches!(self, Display::Lines)
    }

    /// The bar, if there is one.
    pub fn bar(&self) -> Option<&Bar> {
        match self {
            Display::Bar(bar) => Some(bar),
            _ => None,
        }
    }

    /// The terminal that a bar is drawn on.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.bar().map(Bar::descriptor)
    }

    /// The descriptor to which JSON lines are written.
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Display::Report(report) => Some(report.descriptor()),
            _ => None,
        }
    }

    /// Shows what happens at `time`, seconds since 1970.
    pub fn show(&mut self, event: Event<'_>, time: i64) {
        match (self, event) {
            (Display::Report(report), event) => report.write(event, time),
            (Display::Bar(bar), Event::Pass { pass: pass @ (1 | 2) }) => bar.mapping(pass),
            (Display::Bar(bar), Event::Estimate { blocks, .. }) => {
                bar.writing(u64::try_from(blocks).unwrap_or(0));
            }
            (Display::Bar(bar), Event::Progress { pass, volume, blocks, estimate, .. }) => {
                bar.advance(pass, volume, blocks, estimate);
            }
            (Display::Bar(bar), Event::Verify { volume, bytes, total, .. }) => {
                bar.verify(volume, bytes, total);
            }
            (Display::Bar(bar), Event::End { .. }) => bar.clear(),
            _ => {}
        }
    }
}
