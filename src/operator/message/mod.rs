// SPDX-License-Identifier: BSD-2-Clause
//! The messages of dump, word for word. Scripts parse these lines: do not reword them, and no new
//! one may contain "error" or "fail": Amanda would classify the dump as strange.
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

/// A message that dump does not have: details of damage to the disk, or problems of this program itself.
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
