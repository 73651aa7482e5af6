// SPDX-License-Identifier: BSD-2-Clause
//! What the planner uses through all passes.

use crate::disk::Disk;
use crate::dump::console::Console;
use crate::dump::prepare::{OpenDisk, Started};
use crate::dump::questions::Questions;
use crate::dump::read_errors::{ReadErrors, Reader};
use crate::dump::requests::Requests;
use crate::dump::source::{Faults, Source};
use ufs::{Buffer, ByteOffset, FileSystem, Ino};

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

impl Context<'_> {
    /// Reports unreadable parts of a directory, in order with the read errors of workers.
    pub fn tell_unread(&self, record: u64, ino: Ino, offset: ByteOffset, bytes: u32) {
        let mut buffer = Buffer::default();
        buffer.set_length(bytes as usize);
        self.fs.disk().read_telling(offset, &mut buffer, &mut |fault| {
            self.errors.fault(Reader::Record(record), fault);
            if fault.sector {
                self.errors.losses().data(ino, fault.count.into());
            }
        });
    }
}
