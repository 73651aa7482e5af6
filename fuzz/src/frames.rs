// SPDX-License-Identifier: BSD-2-Clause
//! Frames of the ring and messages of the monitor, from a process that has been taken over; and what the planner makes of answers.

use capdump::internals::Chunk;
use capdump::internals::EXTENT_BYTES;
use capdump::internals::FRAME_BYTES;
use capdump::internals::Next;
use capdump::internals::protocol::{Reply, Request};
use capdump::internals::{Extent, Form, FromWorker, Order, Slots, ToWorker, merge};

use crate::input::Input;

/// Runs an input.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() & 3 {
        0 => messages(input.rest()),
        1 => answers(&mut input),
        2 => extents(&mut input),
        _ => raw_frames(&mut input),
    }
}

/// Decoded and encoded again, a message is the same.
fn messages(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    if let Ok(reply) = Reply::decode(bytes) {
        assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    }
    again(bytes);
    if let Ok(frame) = ToWorker::decode(bytes) {
        assert_eq!(ToWorker::decode(&frame.encode()), Ok(frame));
    }
}

fn again(bytes: &[u8]) -> Option<FromWorker> {
    let frame = FromWorker::decode(bytes).ok()?;
    assert_eq!(FromWorker::decode(&frame.encode()), Ok(frame));
    Some(frame)
}

/// Frames byte by byte, to the planner's side of the ring.
fn raw_frames(input: &mut Input<'_>) {
    let mut side = Side::new(input.byte(), input.byte());
    while !input.is_empty() {
        let worker = input.byte();
        if let Some(frame) = again(input.bytes(FRAME_BYTES)) {
            side.take(worker, frame);
        }
    }
}

/// Frames made of small numbers, which are more often right.
fn answers(input: &mut Input<'_>) {
    let mut side = Side::new(input.byte(), input.byte());
    while !input.is_empty() {
        let (worker, tag) = (input.byte(), input.byte() % 10);
        let mut frame = [0; FRAME_BYTES];
        frame[0] = tag;
        for place in 1..6 {
            frame[place * 8] = input.byte();
        }
        // Bytes of whole chunks, which no small number is.
        if input.byte() & 1 != 0 {
            let bytes = u64::from(side.slots.chunk_blocks) * 1024;
            frame[24..32].copy_from_slice(&bytes.to_le_bytes());
        }
        if let Some(frame) = again(&frame) {
            side.take(worker, frame);
        }
    }
}

/// The planner's side.
struct Side {
    slots: Slots,
    /// Whether the medium is read back.
    check: bool,
    order: Order,
    settled: u64,
}

impl Side {
    fn new(measures: u8, how: u8) -> Side {
        let slots = Slots::new(1 + u32::from(measures & 7), 1 + u32::from(measures >> 3) * 8, 1);
        let form = if how & 1 == 0 { Form::Records } else { Form::Frames };
        let order = Order::new(slots, form);
        let mut side = Side { slots, check: how & 2 != 0, order, settled: 0 };
        side.order.begin_epoch();
        side.fill();
        side
    }

    fn fill(&mut self) {
        while self.order.has_room() {
            if self.check {
                self.order.assigned_check(self.slots.chunk_blocks * 1024);
                continue;
            }
            let chunk = Chunk { blocks: self.slots.chunk_blocks, ..self.order.take_chunk() };
            self.order.assigned(chunk);
        }
    }

    /// Takes a frame as `workers::pool` does. Chunks are settled in order, each once.
    fn take(&mut self, worker: u8, frame: FromWorker) {
        let worker = u32::from(worker) % self.slots.workers;
        match frame {
            FromWorker::Fault { sequence, record, fault } => {
                let with = self.order.is_with(worker, sequence);
                assert!(self.order.fault(worker, sequence, record, fault).is_err() || with);
            }
            FromWorker::Done { sequence, epoch, outcome } => {
                let with = self.order.is_with(worker, sequence) && epoch == self.order.epoch();
                assert!(self.order.answered(worker, sequence, epoch, outcome).is_err() || with);
            }
            _ => {}
        }
        while let Some(next) = self.order.settle() {
            match next {
                Next::Checked(sequence, bytes, _) => {
                    assert!(self.check && bytes <= self.slots.chunk_blocks * 1024);
                    assert_eq!(sequence, self.settled);
                    self.settled += 1;
                }
                Next::Written(done, placed) => {
                    assert!(!self.check && done.sequence == self.settled && placed.bytes > 0);
                    self.settled += 1;
                    assert!(done.faults.iter().all(|(record, _)| *record >= done.first_record));
                    self.order.recycle(done.chunk);
                }
                Next::Stopped(_) => {
                    let taken: Vec<u64> = self.order.take_back().map(|taken| taken.sequence).collect();
                    assert_eq!(taken.first(), Some(&self.settled));
                    assert!(taken.windows(2).all(|two| two[0] + 1 == two[1]));
                    self.order.begin_epoch();
                    break;
                }
            }
        }
        self.fill();
        assert_eq!(self.order.next_sequence(), self.settled + u64::from(self.slots.count()));
    }
}

/// A list of extents as a worker takes it out of the shared memory: what is accepted is within the chunk, and is read once.
fn extents(input: &mut Input<'_>) {
    let chunk_blocks = 1 + input.number(2) as u32;
    let mut list = Vec::new();
    while !input.is_empty() {
        let mut bytes = [0; EXTENT_BYTES];
        let given = input.bytes(EXTENT_BYTES);
        bytes[..given.len()].copy_from_slice(given);
        if let Some(extent) = Extent::decode(&bytes, chunk_blocks) {
            assert!(extent.at + extent.blocks <= chunk_blocks);
            list.push(extent);
        }
    }
    let mut reads = Vec::new();
    let limits = merge::Limits { gap: 32 << 10, bytes: 1 << 20 };
    merge::plan(&mut list, &mut reads, limits);
    let mut next = 0;
    for read in &reads {
        assert_eq!(read.extents.start, next);
        next = read.extents.end;
    }
    assert_eq!(next, list.len());
}
