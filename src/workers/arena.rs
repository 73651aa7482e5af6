// SPDX-License-Identifier: BSD-2-Clause
//! How the arena is divided: into slots, one for each worker or two for a single one, each a chunk's buffer and its list of extents.

use std::ops::Range;

use crate::workers::extent::EXTENT_BYTES;
use dumpstream::{RunningDigest, TP_BSIZE};

/// Bytes of a chunk, about: whole records, at least one.
///
/// Large, since each chunk costs a dozen system calls and wakes three processes; and no larger, since all slots together
/// should stay in a processor's cache: the kernel copies a chunk in and out again.
const CHUNK_BYTES: usize = 19 << 17;

/// Slots beyond one for each worker are not needed: while one worker writes, the others read. But a single worker should find
/// its next chunk filled in.
const LEAST_SLOTS: u32 = 2;

/// Slots begin on a page, and so do their lists: the largest page of the machines we know.
const ALIGNMENT: usize = 1 << 16;

/// How the arena is divided.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// How many workers there are.
    pub workers: u32,
    /// Tape blocks of a record.
    pub record_blocks: u32,
    /// Tape blocks of a chunk: a whole number of records.
    pub chunk_blocks: u32,
}

impl Slots {
    /// The division for `workers` workers and records of `record_blocks` tape blocks, with chunks that are so many times as large as
    /// usual.
    pub fn new(workers: u32, record_blocks: u32, enlargement: u32) -> Slots {
        let records = (CHUNK_BYTES / TP_BSIZE) as u32 * enlargement / record_blocks;
        Slots { workers, record_blocks, chunk_blocks: records.max(1) * record_blocks }
    }

    /// The same with chunks of `chunk_blocks` tape blocks, no more than they had.
    pub fn with_chunks(self, chunk_blocks: u32) -> Slots {
        Slots { chunk_blocks: chunk_blocks.min(self.chunk_blocks), ..self }
    }

    /// How many slots there are.
    pub fn count(&self) -> u32 {
        self.workers.max(LEAST_SLOTS)
    }

    /// The worker that chunk `sequence` goes to.
    pub fn worker_of(&self, sequence: u64) -> u32 {
        (sequence % u64::from(self.workers)) as u32
    }

    /// The slot that chunk `sequence` is in.
    pub fn slot_of(&self, sequence: u64) -> u32 {
        (sequence % u64::from(self.count())) as u32
    }

    /// The slots of a worker's chunks.
    pub fn of_worker(&self, index: u32) -> impl Iterator<Item = u32> + use<> {
        (index..self.count()).step_by(self.workers as usize)
    }

    /// Bytes of a chunk's buffer.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk_blocks as usize * TP_BSIZE
    }

    /// Bytes of the planner's own that a slot takes, in place of a chunk.
    pub fn own_bytes(&self) -> usize {
        self.chunk_bytes().next_multiple_of(ALIGNMENT)
    }

    /// Bytes of a record.
    pub fn record_bytes(&self) -> usize {
        self.record_blocks as usize * TP_BSIZE
    }

    /// Bytes of the whole arena.
    pub fn arena_bytes(&self) -> usize {
        self.carried().end.next_multiple_of(ALIGNMENT)
    }

    /// Where the record of a tape is in the arena of which a chunk has a part only. It belongs to the worker that has the token.
    pub fn carried(&self) -> Range<usize> {
        let start = self.running().end.next_multiple_of(ALIGNMENT);
        start..start + self.record_bytes()
    }

    /// Where the digest of the volume so far is in the arena. It belongs to the worker that has the token.
    pub fn running(&self) -> Range<usize> {
        let start = self.slot_bytes() * self.count() as usize;
        start..start + RunningDigest::SAVED
    }

    /// Where the buffer of slot `slot` is in the arena.
    pub fn buffer(&self, slot: u32) -> Range<usize> {
        let start = self.slot_bytes() * slot as usize;
        start..start + self.chunk_bytes()
    }

    /// Where the list of extents of slot `slot` is in the arena.
    pub fn extents(&self, slot: u32) -> Range<usize> {
        let start = self.slot_bytes() * slot as usize + self.chunk_bytes().next_multiple_of(ALIGNMENT);
        start..start + self.chunk_blocks as usize * EXTENT_BYTES
    }

    fn slot_bytes(&self) -> usize {
        let list = self.chunk_blocks as usize * EXTENT_BYTES;
        self.chunk_bytes().next_multiple_of(ALIGNMENT) + list.next_multiple_of(ALIGNMENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_whole_records_and_slots_do_not_overlap() {
        for record in [1, 7, 10, 32, 64, 1000] {
            for workers in 1..=16 {
                let slots = Slots::new(workers, record, if workers % 5 == 0 { 4 } else { 1 });
                assert_eq!(slots.chunk_blocks % record, 0);
                assert!(slots.chunk_blocks >= record);
                let mut end = 0;
                for slot in 0..slots.count() {
                    assert!(slots.buffer(slot).start >= end);
                    assert!(slots.extents(slot).start >= slots.buffer(slot).end);
                    end = slots.extents(slot).end;
                }
                assert!(end <= slots.running().start && slots.running().end <= slots.carried().start);
                assert!(slots.carried().end <= slots.arena_bytes());
            }
        }
    }

    #[test]
    fn a_workers_chunks_go_through_its_own_slots() {
        let slots = Slots::new(3, 10, 1);
        for sequence in 0..100u64 {
            assert_eq!(u64::from(slots.slot_of(sequence)) % 3, u64::from(slots.worker_of(sequence)));
        }
    }
}
