// SPDX-License-Identifier: BSD-2-Clause
//! Reports of a running dump: notices, read errors and the data they affect.

use crate::disk::Fault;
use crate::dump::passes::Notice;
use crate::dump::read_errors::Reader;
use crate::dump::source::Faults;
use crate::dump::stop::Stop;
use crate::dump::volumes::Chunk;
use crate::dump::write::Writing;
use ufs::ByteOffset;

impl Writing<'_> {
    /// Prints the notices of a chunk that begins with record `first_record`.
    pub(super) fn tell_notices(&self, first_record: u64, notices: Vec<(u32, Notice)>) {
        for (at, notice) in notices {
            let record = first_record + u64::from(at / self.context.started.job.ntrec);
            match notice {
                Notice::Unread { ino, offset, bytes } => self.context.tell_unread(record, ino, offset, bytes),
                notice => self.context.errors.notice(notice),
            }
        }
    }

    /// Notes which inodes have lost what, by sectors: a larger read that failed was made again by them.
    pub(super) fn note_losses(&self, chunk: &Chunk, first_record: u64, faults: &[(u64, Fault)]) {
        let (unit, record_blocks) =
            (self.context.fs.superblock().dev_bsize(), self.context.started.job.ntrec);
        for (record, fault) in faults.iter().filter(|(_, fault)| fault.sector) {
            let within = u32::try_from(record.saturating_sub(first_record)).unwrap_or(u32::MAX);
            let first = within.saturating_mul(record_blocks);
            let offset = ByteOffset(fault.block.saturating_mul(unit));
            let blocks = first..first.saturating_add(record_blocks);
            let mut losses = self.context.errors.losses();
            chunk.readers_of(blocks, offset, fault.count).for_each(|(ino, bytes)| losses.data(ino, bytes));
        }
    }

    pub(super) fn tell_faults(&self, faults: &[(u64, Fault)]) -> Result<(), Stop> {
        for &(record, fault) in faults {
            self.context.errors.fault(Reader::Record(record), fault);
        }
        if self.context.errors.is_stopped() { Err(Stop::Told) } else { Ok(()) }
    }

    pub(super) fn tell_progress(&mut self) {
        self.course.tell(self.filler.volume(), self.ledger.written);
    }
}
