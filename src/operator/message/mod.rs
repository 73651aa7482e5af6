// SPDX-License-Identifier: BSD-2-Clause
//! What dump says, word for word. Scripts read these lines, so none is to be reworded, and no new
//! one may contain "error" or "fail": Amanda would take the dump for a strange one.
//!
//! Dates are in ctime(3)'s form without its newline; no date is "the epoch". Reasons are strerror(3)'s.

mod course;
mod disk;
mod files;
mod media;
mod stop;

use std::fmt;

pub use course::Message;
pub use disk::{BREADEMAX, DiskMessage};
pub use files::FilesMessage;
pub use media::MediaMessage;
pub use stop::StopMessage;

/// One line for the operator, without `  DUMP: ` and the newline.
pub trait Line: fmt::Display {}

/// A line that dump has not: what is wrong with a disk in more than its words, or with this program's own parts.
pub struct Remark<'a>(pub fmt::Arguments<'a>);

impl fmt::Display for Remark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Line for Remark<'_> {}
impl Line for Message<'_> {}
impl Line for DiskMessage<'_> {}
impl Line for FilesMessage<'_> {}
impl Line for MediaMessage<'_> {}
impl Line for StopMessage<'_> {}
