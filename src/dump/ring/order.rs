// SPDX-License-Identifier: BSD-2-Clause
//! The chunks in progress and the replies of their workers: the planner's side of the ring, as a state machine.

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;

use crate::compress::Form;
use crate::disk::Fault;
use crate::dump::passes::Notice;
use crate::dump::volumes::Chunk;
use crate::workers::arena::Slots;
use crate::workers::digest::Digest;
use crate::workers::protocol::{Outcome, Placed, most_faults};
use dumpstream::TP_BSIZE;

/// A chunk that has been given to its worker.
#[derive(Debug)]
pub struct InFlight {
    /// Its number.
    pub sequence: u64,
    /// The number of its first record within the dump, from 0.
    pub first_record: u64,
    /// What it holds.
    pub chunk: Chunk,
    /// What of it could not be read: the record within the dump (from 0), and the fault.
    pub faults: Vec<(u64, Fault)>,
    /// Bytes that it may have on the medium.
    bytes: RangeInclusive<u32>,
    /// Whether they exist and are to be read.
    check: bool,
    outcome: Option<Outcome>,
}

/// A worker's answer that does not fit what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// The worker.
    pub worker: u32,
    /// The chunk it spoke of.
    pub sequence: u64,
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} answered for chunk {}, which it was not given", self.worker, self.sequence)
    }
}

impl std::error::Error for Unasked {}

/// What is to be done with the oldest chunk that was answered for.
#[derive(Debug)]
pub enum Next {
    /// It is on the medium.
    Written(InFlight, Placed),
    /// It was read back: its number, the bytes that could be read, their digest.
    Checked(u64, u32, Digest),
    /// The medium ended or failed in it. It and all chunks after it are to be taken back, oldest first.
    Stopped(Outcome),
}

/// The chunks under way, oldest first.
#[derive(Debug)]
pub struct Order {
    slots: Slots,
    /// What chunks become.
    form: Form,
    next: u64,
    next_record: u64,
    /// Bytes given out since the epoch began, uncompressed.
    given: u64,
    epoch: u32,
    in_flight: VecDeque<InFlight>,
    spare: Vec<Chunk>,
}

impl Order {
    /// No chunk under way.
    pub fn new(slots: Slots, form: Form) -> Order {
        Order {
            slots,
            form,
            next: 0,
            next_record: 0,
            given: 0,
            epoch: 0,
            in_flight: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// The epoch under way; 0 before the first medium.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Begins the next epoch, when no chunk is under way.
    pub fn begin_epoch(&mut self) -> u32 {
        self.epoch += 1;
        self.given = 0;
        self.epoch
    }

    /// The number of the next chunk.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Bytes of the volume before the next chunk, if chunks are records.
    pub fn bytes_before(&self) -> u64 {
        self.given
    }

    /// Whether the next chunk's slot is free.
    pub fn has_room(&self) -> bool {
        (self.in_flight.len() as u64) < u64::from(self.slots.count())
    }

    /// Whether no chunk is under way.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// An empty chunk to be filled; its memory has been used before.
    pub fn take_chunk(&mut self) -> Chunk {
        self.spare.pop().unwrap_or_default()
    }

    /// Gives back the memory of a chunk that is done with.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.spare.push(chunk);
    }

    /// Notes that the next chunk has been given to its worker.
    pub fn assigned(&mut self, chunk: Chunk) {
        let whole = chunk.blocks as usize * TP_BSIZE;
        let most = u32::try_from(self.form.most(whole)).unwrap_or(u32::MAX);
        let bytes = if self.form == Form::Records { most..=most } else { 1..=most };
        self.push(chunk, bytes, false);
    }

    /// Notes that bytes of the planner's own, so many on the medium, have been given to the next worker, in the place of a chunk.
    pub fn assigned_bytes(&mut self, bytes: u32) {
        self.push(Chunk::default(), bytes..=bytes, false);
    }

    /// Notes that so many bytes of the medium have been given to the next worker to be read back.
    pub fn assigned_check(&mut self, bytes: u32) {
        self.push(Chunk::default(), 0..=bytes, true);
    }

    fn push(&mut self, chunk: Chunk, bytes: RangeInclusive<u32>, check: bool) {
        let first_record = self.next_record;
        self.next_record += u64::from(chunk.blocks / self.slots.record_blocks);
        self.given += u64::from(chunk.blocks) * TP_BSIZE as u64;
        self.in_flight.push_back(InFlight {
            sequence: self.next,
            first_record,
            chunk,
            faults: Vec::new(),
            bytes,
            check,
            outcome: None,
        });
        self.next += 1;
    }

    /// Whether chunk `sequence` is under way at `worker` and unanswered.
    pub fn is_with(&self, worker: u32, sequence: u64) -> bool {
        self.slots.worker_of(sequence) == worker && self.unanswered(sequence).is_some()
    }

    /// Takes a fault that `worker` met in record `record` of chunk `sequence`. It is kept until the chunk is settled, so that faults
    /// are reported in the order of the dump.
    ///
    /// Errors: the worker was not given that chunk, or the chunk has fewer records or sectors.
    pub fn fault(&mut self, worker: u32, sequence: u64, record: u32, fault: Fault) -> Result<(), Unasked> {
        let unasked = Unasked { worker, sequence };
        if !self.is_with(worker, sequence) {
            return Err(unasked);
        }
        let in_flight = self.unanswered(sequence).map(|index| &mut self.in_flight[index]).ok_or(unasked)?;
        let blocks = in_flight.chunk.blocks;
        if record >= blocks / self.slots.record_blocks || in_flight.faults.len() >= most_faults(blocks) {
            return Err(unasked);
        }
        in_flight.faults.push((in_flight.first_record + u64::from(record), fault));
        Ok(())
    }

    fn unanswered(&self, sequence: u64) -> Option<usize> {
        let first = self.in_flight.front()?.sequence;
        let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.in_flight.get(index).filter(|chunk| chunk.outcome.is_none()).map(|_| index)
    }

    /// Takes `worker`'s answer for chunk `sequence` of `epoch`.
    ///
    /// Errors: the worker was not given that chunk, or has answered already, or counts more records or other bytes than the
    /// chunk can have.
    pub fn answered(
        &mut self,
        worker: u32,
        sequence: u64,
        epoch: u32,
        outcome: Outcome,
    ) -> Result<(), Unasked> {
        let unasked = Unasked { worker, sequence };
        if epoch != self.epoch || !self.is_with(worker, sequence) {
            return Err(unasked);
        }
        let index = self.unanswered(sequence).ok_or(unasked)?;
        let in_flight = &mut self.in_flight[index];
        let records = in_flight.chunk.blocks / self.slots.record_blocks;
        match outcome {
            Outcome::EndOfMedium { records: n, .. } | Outcome::Failed { records: n, .. } if n > records => {
                return Err(unasked);
            }
            Outcome::Written(_) | Outcome::EndOfMedium { .. } | Outcome::Limit if in_flight.check => {
                return Err(unasked);
            }
            Outcome::Checked { bytes, .. } if !in_flight.check || !in_flight.bytes.contains(&bytes) => {
                return Err(unasked);
            }
            Outcome::Written(placed) if !in_flight.bytes.contains(&placed.bytes) => return Err(unasked),
            Outcome::Limit if self.form == Form::Records || in_flight.chunk.blocks == 0 => {
                return Err(unasked);
            }
            _ => in_flight.outcome = Some(outcome),
        }
        Ok(())
    }

    /// What the answers so far mean for the oldest chunk; none when it is unanswered.
    pub fn settle(&mut self) -> Option<Next> {
        match self.in_flight.front()?.outcome? {
            Outcome::Written(placed) => {
                self.in_flight.pop_front().map(|in_flight| Next::Written(in_flight, placed))
            }
            Outcome::Checked { bytes, digest } => {
                self.in_flight.pop_front().map(|checked| Next::Checked(checked.sequence, bytes, digest))
            }
            stopped => Some(Next::Stopped(stopped)),
        }
    }

    /// The oldest chunk under way.
    pub fn first(&self) -> Option<&InFlight> {
        self.in_flight.front()
    }

    /// The notices of the oldest chunk to print when `blocks` tape blocks of it are on the medium.
    pub fn take_notices(&mut self, blocks: u32) -> Vec<(u32, Notice)> {
        let Some(first) = self.in_flight.front_mut() else { return Vec::new() };
        let (told, kept) = first.chunk.notices.drain(..).partition(|(at, _)| *at <= blocks);
        first.chunk.notices = kept;
        told
    }

    /// The oldest chunk under way, and what of its first `records` records could not be read.
    pub fn faults_of_oldest(&self, records: u32) -> Option<(&InFlight, Vec<(u64, Fault)>)> {
        let first = self.in_flight.front()?;
        let end = first.first_record + u64::from(records);
        let faults = first.faults.iter().filter(|(record, _)| *record < end).copied().collect();
        Some((first, faults))
    }

    /// Takes all chunks back, oldest first, since the medium ended or failed. The next chunk takes the number of the first of them.
    pub fn take_back(&mut self) -> impl Iterator<Item = InFlight> + '_ {
        if let Some(first) = self.in_flight.front() {
            self.next = first.sequence;
            self.next_record = first.first_record;
        }
        self.in_flight.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let mut order = Order::new(Slots::new(3, 64, 1), Form::Records);
        order.begin_epoch();
        order
    }

    fn chunk() -> Chunk {
        Chunk { blocks: 128, ..Chunk::default() }
    }

    fn written(bytes: u32) -> Outcome {
        Outcome::Written(Placed { bytes, ..Placed::default() })
    }

    fn ended(records: u32) -> Outcome {
        Outcome::EndOfMedium { records, digest: Digest::default() }
    }

    const WRITTEN: Outcome =
        Outcome::Written(Placed { bytes: 128 << 10, checksum: 0, digest: Digest([0; 32]) });

    #[test]
    fn answers_out_of_order_are_settled_in_order() {
        let mut order = order();
        for _ in 0..3 {
            assert!(order.has_room());
            order.assigned(chunk());
        }
        assert!(!order.has_room());
        order.answered(1, 1, 1, WRITTEN).unwrap();
        assert!(order.settle().is_none());
        order.answered(0, 0, 1, WRITTEN).unwrap();
        assert!(matches!(order.settle(), Some(Next::Written(..))));
        assert!(matches!(order.settle(), Some(Next::Written(..))));
        assert!(order.settle().is_none());
        assert!(order.has_room());
    }

    #[test]
    fn answers_that_nobody_asked_for_are_refused() {
        let mut order = order();
        order.assigned(chunk());
        assert!(order.answered(1, 0, 1, WRITTEN).is_err(), "another worker's chunk");
        assert!(order.answered(0, 3, 1, WRITTEN).is_err(), "a chunk not given yet");
        assert!(order.answered(0, 0, 2, WRITTEN).is_err(), "another epoch");
        assert!(order.answered(0, 0, 1, ended(3)).is_err(), "more records than it has");
        assert!(order.answered(0, 0, 1, written(1)).is_err(), "other bytes than the chunk's");
        assert!(order.answered(0, 0, 1, Outcome::Limit).is_err(), "no limit of bytes was given");
        order.answered(0, 0, 1, WRITTEN).unwrap();
        assert!(order.answered(0, 0, 1, WRITTEN).is_err(), "twice");
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks zstd, which is C")]
    fn a_compressed_chunk_has_the_bytes_it_can_have() {
        let mut order = Order::new(Slots::new(3, 64, 1), Form::Frames);
        order.begin_epoch();
        order.assigned(chunk());
        order.assigned_bytes(29);
        assert!(order.answered(0, 0, 1, written(0)).is_err());
        assert!(order.answered(0, 0, 1, written(1 << 20)).is_err());
        order.answered(0, 0, 1, written(500)).unwrap();
        assert!(order.answered(1, 1, 1, written(30)).is_err());
        assert!(order.answered(1, 1, 1, Outcome::Limit).is_err());
        order.answered(1, 1, 1, written(29)).unwrap();
        assert!(matches!(order.settle(), Some(Next::Written(_, Placed { bytes: 500, .. }))));
        assert!(matches!(order.settle(), Some(Next::Written(InFlight { sequence: 1, .. }, _))));
    }

    #[test]
    fn chunks_taken_back_are_numbered_anew() {
        let mut order = order();
        for _ in 0..3 {
            order.assigned(chunk());
        }
        order.answered(0, 0, 1, WRITTEN).unwrap();
        order.answered(1, 1, 1, ended(1)).unwrap();
        assert!(matches!(order.settle(), Some(Next::Written(..))));
        assert!(matches!(order.settle(), Some(Next::Stopped(Outcome::EndOfMedium { records: 1, .. }))));
        assert_eq!(order.take_back().map(|taken| taken.sequence).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(order.next_sequence(), 1);
        assert!(order.is_empty());
    }

    #[test]
    fn what_is_read_back_is_answered_for_as_such() {
        let mut order = order();
        order.assigned_check(100);
        let digest = Digest::of(b"x");
        assert!(order.answered(0, 0, 1, WRITTEN).is_err());
        assert!(order.answered(0, 0, 1, ended(0)).is_err());
        assert!(order.answered(0, 0, 1, Outcome::Checked { bytes: 101, digest }).is_err());
        order.answered(0, 0, 1, Outcome::Checked { bytes: 100, digest }).unwrap();
        assert!(matches!(order.settle(), Some(Next::Checked(0, 100, found)) if found == digest));
        order.assigned(chunk());
        assert!(order.answered(1, 1, 1, Outcome::Checked { bytes: 100, digest }).is_err());
    }
}
