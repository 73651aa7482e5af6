// SPDX-License-Identifier: BSD-2-Clause
//! A worker: reads its chunks from the disk, and writes each of them when it has the token.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::compress::{Compressor, bound, table_bytes, unpack};
use crate::disk::Disk;
use crate::event::{Event, EventQueue};
use crate::media::patience;
use crate::media::{Descriptor, Kind, Until, Written, write_bytes, write_chunk, write_frame};
use crate::os::arena::Arena;
use crate::os::socket::{recv_frame, send_frame};
use crate::os::{disk, output};
use crate::workers::extent::EXTENT_BYTES;
use crate::workers::protocol::{BadFrame, FRAME_BYTES, most_faults};
use crate::workers::read::Reader;
use crate::workers::{Digest, Extent, FromWorker, OnMedium, Outcome, Placed, Slots, ToWorker, Token};
use dumpstream::TP_BSIZE;
use ufs::Buffer;

/// Keys of what a worker waits for.
const PLANNER: u64 = 0;
const LEFT: u64 = 1;

/// What a worker is given when it is forked.
pub struct Worker<'a> {
    /// Which worker it is, from 0.
    pub index: u32,
    /// The memory it shares with the planner, and how that is divided.
    pub arena: &'a mut Arena,
    /// How the arena is divided.
    pub slots: Slots,
    /// The disk to read.
    pub disk: Disk<'a>,
    /// Makes frames of chunks; none if they are written as they are.
    pub compressor: Option<Compressor>,
    /// Whether what is written will be read back: then it has a digest.
    pub verify: bool,
    /// The planner's socket.
    pub planner: BorrowedFd<'a>,
    /// The socket that tokens come from; none in a ring of one.
    pub left: Option<BorrowedFd<'a>>,
    /// The socket that tokens go to; none in a ring of one.
    pub right: Option<BorrowedFd<'a>>,
}

/// Why a worker ends.
#[derive(Debug)]
pub enum End {
    /// The planner or a neighbour is gone.
    Alone,
    /// A system call failed.
    System(io::Error),
    /// A frame that is invalid.
    Frame(BadFrame),
    /// A frame that this worker cannot be sent, or with numbers that do not fit.
    Unexpected(ToWorker),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Alone => f.write_str("the planner is gone"),
            End::System(error) => error.fmt(f),
            End::Frame(error) => error.fmt(f),
            End::Unexpected(frame) => write!(f, "unexpected frame {frame:?}"),
        }
    }
}

impl std::error::Error for End {}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                End::Alone
            }
            _ => End::System(error),
        }
    }
}

/// A chunk that this worker was given.
struct Assigned {
    sequence: u64,
    slot: u32,
    blocks: u32,
    extents: u32,
    /// Tape blocks at its end that no reader needs.
    padding: u32,
    read: bool,
    /// Bytes that are to be written as they are; then it has no blocks.
    bytes: Option<u32>,
    /// Whether it is as it will be on the medium: in the compressor, if there is one, and with a digest, if that is wanted.
    packed: bool,
    digest: Digest,
    /// Where it is on the medium, if it is to be read back.
    check: Option<Part>,
}

/// Part of a medium: bytes from byte `offset` of a file on.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    bytes: u32,
}

/// The medium that is written to.
struct Medium {
    fd: OwnedFd,
    kind: Kind,
    limit: Option<NonZeroU64>,
    keep_room: bool,
}

/// What changes while a worker runs.
struct State {
    queue: EventQueue,
    /// The queue reported a frame.
    planner_has_sent: bool,
    left_has_sent: bool,
    chunks: VecDeque<Assigned>,
    medium: Option<Medium>,
    epoch: u32,
    /// The chunk of this epoch that may be written, and what is on the medium by then.
    token: Option<(u64, OnMedium)>,
    reader: Reader,
    page: Vec<u8>,
    /// A frame that was read back.
    frame: Buffer,
}

impl Worker<'_> {
    /// Runs until the planner closes its socket.
    ///
    /// Errors: see [`End`]; [`End::Alone`] is the good one.
    pub fn run(mut self) -> Result<std::convert::Infallible, End> {
        for slot in self.slots.of_worker(self.index) {
            self.arena.populate(self.slots.buffer(slot));
        }
        let mut queue = EventQueue::new()?;
        queue.add_readable(self.planner, PLANNER)?;
        if let Some(left) = self.left {
            queue.add_readable(left, LEFT)?;
        }
        let mut state = State {
            queue,
            planner_has_sent: false,
            left_has_sent: false,
            chunks: VecDeque::new(),
            medium: None,
            epoch: 0,
            token: None,
            reader: Reader::default(),
            page: Vec::new(),
            frame: Buffer::default(),
        };
        let mut events = Vec::new();
        loop {
            if self.check_next(&mut state)?
                || self.write_next(&mut state)?
                || self.pack_next(&mut state)?
                || self.read_next(&mut state)?
            {
                continue;
            }
            if !self.receive(&mut state)? {
                state.queue.wait(&mut events, None)?;
                for event in &events {
                    match event {
                        Event::Readable { key: PLANNER } => state.planner_has_sent = true,
                        Event::Readable { key: LEFT } => state.left_has_sent = true,
                        _ => {}
                    }
                }
            }
        }
    }

    /// Receives one frame, if the queue has reported one. It reports again if there are more.
    ///
    /// A worker without a chunk does not ask the queue: nothing but a frame of the planner can be of use, so it waits for that.
    fn receive(&mut self, state: &mut State) -> Result<bool, End> {
        let mut bytes = [0; FRAME_BYTES];
        if std::mem::take(&mut state.planner_has_sent) || state.chunks.is_empty() {
            let Some(received) = recv_frame(self.planner, &mut bytes)? else { return Ok(true) };
            let frame = ToWorker::decode(&bytes[..received.len]).map_err(End::Frame)?;
            self.planner_said(state, frame, received.fd)?;
            return Ok(true);
        }
        let Some(left) = self.left.filter(|_| std::mem::take(&mut state.left_has_sent)) else {
            return Ok(false);
        };
        let Some(received) = recv_frame(left, &mut bytes)? else { return Ok(true) };
        take_token(state, Token::decode(&bytes[..received.len]).map_err(End::Frame)?);
        Ok(true)
    }

    fn planner_said(&mut self, state: &mut State, frame: ToWorker, fd: Option<OwnedFd>) -> Result<(), End> {
        match frame {
            ToWorker::Medium { epoch, kind, limit, keep_room } => {
                let Some(fd) = fd else { return Err(End::Unexpected(frame)) };
                self.begin_epoch(state, epoch, Some(Medium { fd, kind, limit, keep_room }))
            }
            ToWorker::Release { epoch } => self.begin_epoch(state, epoch, None),
            ToWorker::Token(token) => {
                take_token(state, token);
                Ok(())
            }
            ToWorker::AssignBytes { sequence, epoch, slot, bytes } => {
                let fits = self.is_mine(sequence, slot) && bytes as usize <= self.slots.chunk_bytes();
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let bytes = Some(bytes);
                state.chunks.push_back(Assigned { bytes, read: true, ..Assigned::new(sequence, slot, 0) });
                Ok(())
            }
            ToWorker::AssignCheck { sequence, epoch, slot, offset, bytes, blocks } => {
                let whole = bytes as usize;
                let most = self
                    .compressor
                    .as_ref()
                    .map_or(blocks as usize * TP_BSIZE, |_| bound(self.slots.chunk_bytes()));
                let fits = self.is_mine(sequence, slot)
                    && blocks <= self.slots.chunk_blocks
                    && whole <= if blocks == 0 { self.slots.chunk_bytes() } else { most };
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let check = Some(Part { offset, bytes });
                let chunk =
                    Assigned { check, read: true, packed: true, ..Assigned::new(sequence, slot, blocks) };
                state.chunks.push_back(chunk);
                Ok(())
            }
            ToWorker::Assign { sequence, epoch, slot, blocks, extents, padding } => {
                let fits = self.is_mine(sequence, slot)
                    && blocks <= self.slots.chunk_blocks
                    && blocks.is_multiple_of(self.slots.record_blocks)
                    && extents <= self.slots.chunk_blocks
                    && padding <= blocks;
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let read = extents == 0;
                let chunk = Assigned { extents, padding, read, ..Assigned::new(sequence, slot, blocks) };
                state.chunks.push_back(chunk);
                Ok(())
            }
        }
    }

    /// Whether chunk `sequence` is assigned to this worker, in that slot.
    fn is_mine(&self, sequence: u64, slot: u32) -> bool {
        slot == self.slots.slot_of(sequence) && self.slots.worker_of(sequence) == self.index
    }

    /// Takes or closes the medium; all that was given before is forgotten.
    fn begin_epoch(&self, state: &mut State, epoch: u32, medium: Option<Medium>) -> Result<(), End> {
        state.medium = medium;
        state.epoch = epoch;
        state.chunks.clear();
        state.token = None;
        self.tell(FromWorker::Ready { epoch })
    }

    /// Reads the first chunk that is not read yet, if there is one.
    fn read_next(&mut self, state: &mut State) -> Result<bool, End> {
        let Some(chunk) = state.chunks.iter_mut().find(|chunk| !chunk.read) else { return Ok(false) };
        let list = self.slots.extents(chunk.slot);
        let used = list.start..list.start + chunk.extents as usize * EXTENT_BYTES;
        let extents = state.reader.extents();
        for bytes in self.arena.slice(used).as_chunks::<EXTENT_BYTES>().0 {
            let Some(extent) = Extent::decode(bytes, chunk.blocks) else {
                return Err(End::System(io::ErrorKind::InvalidData.into()));
            };
            extents.push(extent);
        }
        let sequence = chunk.sequence;
        let blocks = chunk.blocks;
        let mut faults = Vec::new();
        let buffer = self.arena.slice_mut(self.slots.buffer(chunk.slot));
        state.reader.read(&self.disk, buffer, self.slots.record_blocks, &mut |record, fault| {
            if faults.len() < most_faults(blocks) {
                faults.push(FromWorker::Fault { sequence, record, fault });
            }
        });
        chunk.read = true;
        faults.into_iter().try_for_each(|fault| self.tell(fault))?;
        Ok(true)
    }

    /// Compresses the oldest chunk, if it is read and not compressed yet, and takes its digest: before its turn, so that all workers do
    /// so at once.
    fn pack_next(&mut self, state: &mut State) -> Result<bool, End> {
        let Some(chunk) = state.chunks.front_mut().filter(|chunk| chunk.read && !chunk.packed) else {
            return Ok(false);
        };
        let start = self.slots.buffer(chunk.slot).start;
        let whole = chunk.bytes.unwrap_or(chunk.blocks * TP_BSIZE as u32);
        let mut bytes = self.arena.slice(start..start + whole as usize);
        if let (Some(compressor), None) = (&mut self.compressor, chunk.bytes) {
            compressor.compress(bytes).map_err(|error| End::System(io::Error::other(error)))?;
            bytes = compressor.frame().bytes;
        }
        if self.verify {
            chunk.digest = Digest::of(bytes);
        }
        chunk.packed = true;
        Ok(true)
    }

    /// Writes the oldest chunk, if it is read and its turn has come.
    fn write_next(&mut self, state: &mut State) -> Result<bool, End> {
        let Some(chunk) = state.chunks.front() else { return Ok(false) };
        let Some((_, volume)) = state.token.filter(|(sequence, _)| *sequence == chunk.sequence) else {
            return Ok(false);
        };
        let Some(medium) = state.medium.as_ref().filter(|_| chunk.read && chunk.packed) else {
            return Ok(false);
        };
        let sequence = chunk.sequence;
        let outcome = self.write(chunk, medium, state.epoch, volume, &mut state.page);
        state.chunks.pop_front();
        state.token = None;
        if let Outcome::Written(placed) = outcome {
            let bytes = volume.bytes + u64::from(placed.bytes);
            self.pass_on(state, sequence + 1, OnMedium { bytes, chunks: volume.chunks + 1 })?;
        }
        self.tell(FromWorker::Done { sequence, epoch: state.epoch, outcome })?;
        Ok(true)
    }

    /// Writes a chunk, whose turn it is, behind what is on the medium by now.
    fn write(
        &self,
        chunk: &Assigned,
        medium: &Medium,
        epoch: u32,
        volume: OnMedium,
        page: &mut Vec<u8>,
    ) -> Outcome {
        let patience = medium.kind.is_remote().then(patience::record);
        let silent = || self.tell(FromWorker::Silent { sequence: chunk.sequence, epoch });
        let wait = |fd: BorrowedFd<'_>, until| wait_until(fd, until, patience, silent);
        let mut out = Descriptor { fd: medium.fd.as_fd(), wait };
        let start = self.slots.buffer(chunk.slot).start;
        let whole = chunk.bytes.unwrap_or(chunk.blocks * TP_BSIZE as u32);
        let bytes = self.arena.slice(start..start + whole as usize);
        let mut placed = Placed { bytes: whole, checksum: 0, digest: chunk.digest };
        let written = match &self.compressor {
            _ if chunk.bytes.is_some() => write_bytes(&mut out, medium.kind, bytes),
            None => {
                let record = self.slots.record_blocks as usize * TP_BSIZE;
                let padding = chunk.padding as usize * TP_BSIZE;
                write_chunk(&mut out, medium.kind, bytes, record, padding, page)
            }
            Some(compressor) => {
                let frame = compressor.frame();
                placed.bytes = frame.bytes.len() as u32;
                placed.checksum = frame.checksum;
                let Some(room) = medium.room(volume, placed.bytes) else { return Outcome::Limit };
                write_frame(&mut out, medium.kind, frame.bytes, room)
            }
        };
        match written {
            Written::All => Outcome::Written(placed),
            Written::End(records) => {
                let there = bytes.get(..records as usize * self.slots.record_blocks as usize * TP_BSIZE);
                let digest = there.filter(|_| self.verify).map(Digest::of).unwrap_or_default();
                Outcome::EndOfMedium { records, digest }
            }
            Written::Failed(records, errno) => Outcome::Failed { records, errno },
        }
    }

    /// Reads back the oldest chunk, if that is what it is for, and what comes before it on a tape was read.
    fn check_next(&mut self, state: &mut State) -> Result<bool, End> {
        let (Some(chunk), Some(medium)) = (state.chunks.front(), &state.medium) else { return Ok(false) };
        let Some(part) = chunk.check else { return Ok(false) };
        let in_turn = medium.kind == Kind::Tape;
        if in_turn && state.token.is_none_or(|(sequence, _)| sequence != chunk.sequence) {
            return Ok(false);
        }
        let (sequence, slot, blocks) = (chunk.sequence, chunk.slot, chunk.blocks);
        let got = self.check(medium, part, slot, blocks, &mut state.frame);
        if in_turn {
            state.token = None;
            self.pass_on(state, sequence + 1, OnMedium::default())?;
        }
        let outcome = got.unwrap_or_else(|error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            Outcome::Failed { records: 0, errno }
        });
        state.chunks.pop_front();
        self.tell(FromWorker::Done { sequence, epoch: state.epoch, outcome })?;
        Ok(true)
    }

    /// Reads a part of the medium back; what it was made from, `blocks` tape blocks, is in the slot then.
    fn check(
        &mut self,
        medium: &Medium,
        part: Part,
        slot: u32,
        blocks: u32,
        frame: &mut Buffer,
    ) -> io::Result<Outcome> {
        let start = self.slots.buffer(slot).start;
        let record = self.slots.record_blocks as usize * TP_BSIZE;
        // A table is no frame: it has no blocks.
        if self.compressor.is_none() || blocks == 0 {
            let buffer = self.arena.slice_mut(start..start + part.bytes as usize);
            let got = read_back(medium, part.offset, buffer, record)?;
            return Ok(Outcome::Checked { bytes: got as u32, digest: Digest::of(&buffer[..got]) });
        }
        frame.set_length(part.bytes as usize);
        let got = read_back(medium, part.offset, frame, record)?;
        let out = self.arena.slice_mut(start..start + blocks as usize * TP_BSIZE);
        let bytes = if unpack(&frame[..got], out) { got as u32 } else { 0 };
        Ok(Outcome::Checked { bytes, digest: Digest::of(&frame[..got]) })
    }

    fn pass_on(&self, state: &mut State, sequence: u64, volume: OnMedium) -> Result<(), End> {
        match self.right {
            None => state.token = Some((sequence, volume)),
            Some(right) => send(right, &Token { sequence, epoch: state.epoch, volume }.encode())?,
        }
        Ok(())
    }

    fn tell(&self, message: FromWorker) -> Result<(), End> {
        send(self.planner, &message.encode())
    }
}

/// Sends a frame; when the other side has not taken what was sent before, waits for it.
fn send(to: BorrowedFd<'_>, bytes: &[u8; FRAME_BYTES]) -> Result<(), End> {
    loop {
        match send_frame(to, bytes, None) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait_until(to, Until::Writable, None, || Ok(()))?
            }
            other => return Ok(other?),
        }
    }
}

impl Assigned {
    /// A chunk with nothing done yet.
    fn new(sequence: u64, slot: u32, blocks: u32) -> Assigned {
        let (read, packed, digest) = (false, false, Digest::default());
        let (extents, padding, bytes, check) = (0, 0, None, None);
        Assigned { sequence, slot, blocks, extents, padding, read, bytes, packed, digest, check }
    }
}

/// Fills `buffer` with what is on the medium: from byte `offset` of a file on, or on a tape with its next records. Gives how much of
/// it was there.
fn read_back(medium: &Medium, offset: u64, buffer: &mut [u8], record: usize) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        let n = match medium.kind {
            Kind::Tape => {
                let end = buffer.len().min(got + record);
                output::read(medium.fd.as_fd(), &mut buffer[got..end])?
            }
            _ => disk::pread(medium.fd.as_fd(), &mut buffer[got..], offset + got as u64)?,
        };
        got += n;
        if n == 0 || (medium.kind == Kind::Tape && n != record) {
            break;
        }
    }
    Ok(got)
}

impl Medium {
    /// The room that is to be kept behind a frame of `bytes` bytes for the table of it and those before, in bytes from its end: see
    /// [`write_frame`]. None if the frame and the table would go past the limit.
    fn room(&self, before: OnMedium, bytes: u32) -> Option<Range<u64>> {
        let table = table_bytes(u64::from(before.chunks) + 1);
        let end = before.bytes + u64::from(bytes);
        if self.limit.is_some_and(|limit| end + table > limit.get()) {
            return None;
        }
        if !self.keep_room {
            return Some(0..0);
        }
        let kept = match before.chunks {
            0 => 0,
            chunks => before.bytes + table_bytes(chunks.into()),
        };
        Some(kept.saturating_sub(end)..table)
    }
}

fn take_token(state: &mut State, token: Token) {
    // A token of an epoch before may still be on its way when a new one begins.
    if token.epoch == state.epoch {
        state.token = Some((token.sequence, token.volume));
    }
}

/// Waits until `fd` is ready. Whenever that takes longer than `patience` it calls `silent`, and waits on.
fn wait_until(
    fd: BorrowedFd<'_>,
    until: Until,
    patience: Option<Duration>,
    silent: impl Fn() -> Result<(), End>,
) -> io::Result<()> {
    let mut queue = EventQueue::new()?;
    if matches!(until, Until::Writable | Until::Ready) {
        queue.add_writable(fd, 0)?;
    }
    if matches!(until, Until::Readable | Until::Ready) {
        queue.add_readable(fd, 0)?;
    }
    let mut events = Vec::new();
    loop {
        queue.wait(&mut events, patience)?;
        if !events.is_empty() {
            return Ok(());
        }
        // When the planner has exited this process ends as well.
        silent().map_err(io::Error::other)?;
    }
}
