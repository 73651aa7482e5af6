// SPDX-License-Identifier: BSD-2-Clause
//! What the planner uses through all passes.

use crate::disk::Disk;
use crate::dump::console::Console;
use crate::dump::prepare::{OpenDisk, Started};
use crate::dump::questions::Questions;
use crate::dump::read_errors::ReadErrors;
use crate::dump::requests::Requests;
use crate::dump::source::Source;
use ufs::FileSystem;

/// The job, the ways to the operator and the monitor, and the file system.
pub struct Context<'a> {
    pub started: &'a Started,
    pub disk: &'a OpenDisk,
    pub console: &'a Console<'a>,
    pub questions: &'a Questions<'a>,
    pub requests: &'a Requests<'a>,
    pub errors: &'a ReadErrors<'a>,
    pub fs: &'a FileSystem<Source<'a>>,
    pub source: &'a Disk<'a>,
}
