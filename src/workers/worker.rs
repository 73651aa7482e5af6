// SPDX-License-Identifier: BSD-2-Clause
//! A worker: reads its chunks from the disk, and writes each of them when it has the token.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::compress::{Compressor, Form, unpack};
use crate::disk::Disk;
use crate::encrypt::Seal;
use crate::event::{Event, EventQueue};
use crate::media::patience;
use crate::media::{Descriptor, Kind, Until, Written, write_bytes, write_chunk, write_frame, write_sealed};
use crate::os::arena::Arena;
use crate::os::socket::{recv_frame, send_frame};
use crate::os::{disk, output};
use crate::workers::carried::{pack, read_on};
use crate::workers::extent::EXTENT_BYTES;
use crate::workers::protocol::{BadFrame, FRAME_BYTES, most_faults};
use crate::workers::read::Reader;
use crate::workers::waiting::wait_until;
use crate::workers::{
    Digest, Extent, FromWorker, OnMedium, Outcome, Placed, Sealing, Slots, Taken, ToWorker, Token,
};
use agefile::PayloadKey;
use dumpstream::{RunningDigest, Subtrees, TP_BSIZE};
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
    /// What chunks become.
    pub form: Form,
    /// Makes frames of chunks; none if they are written as they are.
    pub compressor: Option<Compressor>,
    /// The digests that are taken of what is written.
    pub digests: Taken,
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
#[derive(Default)]
struct Assigned {
    sequence: u64,
    slot: u32,
    blocks: u32,
    extents: u32,
    /// Tape blocks at its end that no reader needs.
    padding: u32,
    read: bool,
    /// Bytes that are the planner's own; then it has no blocks.
    bytes: Option<u32>,
    sealing: Sealing,
    /// Whether it is as it will be on the medium: in the compressor, if there is one, and with a digest, if that is wanted.
    packed: bool,
    digest: Digest,
    /// Bytes of the volume before it, if that is known, and then its part of the volume's digest.
    start: u64,
    subtrees: Subtrees,
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
    /// How volumes are encrypted, and the byte of its file that this one begins at.
    seal: Option<(Seal, u64)>,
    epoch: u32,
    /// The chunk of this epoch that may be written, and what is on the medium by then.
    token: Option<(u64, OnMedium)>,
    reader: Reader,
    page: Vec<u8>,
    /// A frame that was read back, or is encrypted.
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
            seal: None,
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
            ToWorker::Key { key, head, start } => {
                let key = PayloadKey::from_bytes(key.bytes());
                state.seal = Some((Seal { key, head }, start));
                Ok(())
            }
            ToWorker::Release { epoch } => self.begin_epoch(state, epoch, None),
            ToWorker::Token(token) => {
                take_token(state, token);
                Ok(())
            }
            ToWorker::AssignBytes { sequence, epoch, slot, bytes, sealing } => {
                let fits = self.is_mine(sequence, slot) && bytes as usize <= self.slots.own_bytes();
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let bytes = Some(bytes);
                let chunk = Assigned { bytes, sealing, read: true, ..Assigned::new(sequence, slot, 0) };
                state.chunks.push_back(chunk);
                Ok(())
            }
            ToWorker::AssignCheck { sequence, epoch, slot, offset, bytes, blocks } => {
                let most = match (self.form, blocks) {
                    (Form::Records, 1..) => (blocks as usize * TP_BSIZE) as u64,
                    (form, _) => form.most(self.slots.chunk_bytes()),
                };
                let fits = self.is_mine(sequence, slot)
                    && blocks <= self.slots.chunk_blocks
                    && u64::from(bytes) <= most;
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let check = Some(Part { offset, bytes });
                let chunk =
                    Assigned { check, read: true, packed: true, ..Assigned::new(sequence, slot, blocks) };
                state.chunks.push_back(chunk);
                Ok(())
            }
            ToWorker::Assign { sequence, epoch, slot, blocks, extents, padding, start } => {
                let fits = self.is_mine(sequence, slot)
                    && blocks <= self.slots.chunk_blocks
                    && blocks.is_multiple_of(self.slots.record_blocks)
                    && extents <= self.slots.chunk_blocks
                    && padding <= blocks;
                if epoch != state.epoch || !fits {
                    return Err(End::Unexpected(frame));
                }
                let read = extents == 0;
                let chunk =
                    Assigned { extents, padding, start, read, ..Assigned::new(sequence, slot, blocks) };
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

    /// Compresses the oldest chunk, if it is read and not compressed yet, and takes its digests: before its turn, so that all workers do
    /// so at once.
    fn pack_next(&mut self, state: &mut State) -> Result<bool, End> {
        let Some(chunk) = state.chunks.front_mut().filter(|chunk| chunk.read && !chunk.packed) else {
            return Ok(false);
        };
        let sealing = sealing(self.form, chunk);
        let start = self.slots.buffer(chunk.slot).start;
        let whole = chunk.bytes.unwrap_or(chunk.blocks * TP_BSIZE as u32);
        let mut bytes = self.arena.slice(start..start + whole as usize);
        if let (Some(compressor), None) = (&mut self.compressor, chunk.bytes) {
            compressor.compress(bytes).map_err(|error| End::System(io::Error::other(error)))?;
            bytes = compressor.frame().bytes;
        }
        if self.digests.of_chunks && sealing == Sealing::No {
            chunk.digest = Digest::of(bytes);
        }
        if self.digests.of_volumes && self.form == Form::Records {
            chunk.subtrees = Subtrees::of(chunk.start, bytes);
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
        let frames = u32::from(chunk.bytes.is_none());
        let (seal, scratch) =
            (state.seal.as_ref().map(|(seal, _)| seal), (&mut state.page, &mut state.frame));
        let running = self.slots.running();
        let mut digest =
            self.digests.of_volumes.then(|| RunningDigest::load(self.arena.slice(running.clone())));
        let outcome = self.write(chunk, (medium, seal), state.epoch, (volume, &mut digest), scratch);
        if let Some(digest) = digest {
            digest.save(self.arena.slice_mut(running));
        }
        if let Outcome::Written(placed) = outcome
            && let Some(carried) = self.carried(medium.kind, volume.bytes + u64::from(placed.bytes))
        {
            let rest = state.frame.len() - carried.len();
            self.arena.slice_mut(carried).copy_from_slice(&state.frame[rest..]);
        }
        state.chunks.pop_front();
        state.token = None;
        if let Outcome::Written(placed) = outcome {
            let bytes = volume.bytes + u64::from(placed.bytes);
            self.pass_on(state, sequence + 1, OnMedium { bytes, chunks: volume.chunks + frames })?;
        }
        self.tell(FromWorker::Done { sequence, epoch: state.epoch, outcome })?;
        Ok(true)
    }

    /// Writes a chunk, whose turn it is, behind what is on the medium by now.
    fn write(
        &self,
        chunk: &Assigned,
        (medium, seal): (&Medium, Option<&Seal>),
        epoch: u32,
        (volume, digest): (OnMedium, &mut Option<RunningDigest>),
        (page, sealed): (&mut Vec<u8>, &mut Buffer),
    ) -> Outcome {
        let patience = medium.kind.is_remote().then(patience::record);
        let silent = || self.tell(FromWorker::Silent { sequence: chunk.sequence, epoch });
        let wait = |fd: BorrowedFd<'_>, until| wait_until(fd, until, patience, silent);
        let mut out = Descriptor { fd: medium.fd.as_fd(), wait };
        let start = self.slots.buffer(chunk.slot).start;
        let whole = chunk.bytes.unwrap_or(chunk.blocks * TP_BSIZE as u32);
        let bytes = self.arena.slice(start..start + whole as usize);
        let mut placed = Placed { bytes: whole, checksum: 0, digest: chunk.digest };
        let frame = self.compressor.as_ref().filter(|_| chunk.bytes.is_none()).map(Compressor::frame);
        placed.checksum = frame.map_or(0, |frame| frame.checksum);
        let plain = frame.map_or(bytes, |frame| frame.bytes);
        let (sealing, front) = (sealing(self.form, chunk), self.carried(medium.kind, volume.bytes));
        let front = front.map(|range| self.arena.slice(range));
        let Some(whole) = pack(plain, front, (sealing, seal, volume.bytes), sealed) else {
            return Outcome::Failed { records: 0, errno: libc::EINVAL };
        };
        let payload = &whole[front.map_or(0, <[u8]>::len)..];
        placed.bytes = payload.len() as u32;
        if self.digests.of_chunks && sealing != Sealing::No {
            placed.digest = Digest::of(payload);
        }
        let room = match frame {
            Some(_) => medium.room(self.form, volume, placed.bytes),
            None => Some(0..0),
        };
        let Some(room) = room else { return Outcome::Limit };
        let record = self.slots.record_bytes();
        let written = match (&self.compressor, chunk.bytes) {
            _ if front.is_some() => write_sealed(&mut out, medium.kind, whole, record, page),
            (_, Some(_)) => write_bytes(&mut out, medium.kind, payload),
            (None, None) => {
                let padding = chunk.padding as usize * TP_BSIZE;
                write_chunk(&mut out, medium.kind, payload, record, padding, page)
            }
            (Some(_), None) => write_frame(&mut out, medium.kind, payload, room),
        };
        match written {
            Written::All => {
                digest.iter_mut().for_each(|digest| digest.join(&chunk.subtrees, payload));
                Outcome::Written(placed)
            }
            Written::End(records) => {
                let there = bytes.get(..records as usize * record);
                digest.iter_mut().for_each(|digest| digest.update(there.unwrap_or_default()));
                let digest = there.filter(|_| self.digests.of_chunks).map(Digest::of).unwrap_or_default();
                Outcome::EndOfMedium { records, digest }
            }
            Written::Failed(records, errno) => Outcome::Failed { records, errno },
        }
    }

    /// Where the part of a record is that is behind `bytes` bytes of a volume, where a medium has records and chunks end within them.
    fn carried(&self, kind: Kind, bytes: u64) -> Option<Range<usize>> {
        let Form::Sealed { record, .. } = self.form else { return None };
        let start = self.slots.carried().start;
        kind.has_records().then(|| start..start + (bytes % record) as usize)
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
        let seal = state.seal.as_ref();
        let got = self.check((medium, seal), part, slot, blocks, &mut state.frame);
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
        (medium, seal): (&Medium, Option<&(Seal, u64)>),
        part: Part,
        slot: u32,
        blocks: u32,
        frame: &mut Buffer,
    ) -> io::Result<Outcome> {
        let start = self.slots.buffer(slot).start;
        let record = self.slots.record_bytes();
        if self.compressor.is_none() {
            let buffer = self.arena.slice_mut(start..start + part.bytes as usize);
            let got = read_back(medium, part.offset, buffer, record)?;
            return Ok(Outcome::Checked { bytes: got as u32, digest: Digest::of(&buffer[..got]) });
        }
        frame.set_length(part.bytes as usize);
        let got = match (self.form, medium.kind) {
            (Form::Sealed { .. }, Kind::Tape) => {
                let carried = self.arena.slice_mut(self.slots.carried());
                read_on(frame, part.offset, carried, |record| output::read(medium.fd.as_fd(), record))?
            }
            _ => read_back(medium, part.offset, frame, record)?,
        };
        let digest = Digest::of(&frame[..got]);
        // A table or a header is no frame: it has no blocks.
        if blocks == 0 {
            return Ok(Outcome::Checked { bytes: got as u32, digest });
        }
        let opened = match (self.form, seal) {
            (Form::Sealed { .. }, Some((seal, start))) => {
                seal.open(part.offset.saturating_sub(*start), &mut frame[..got])
            }
            (Form::Sealed { .. }, None) => None,
            _ => Some(&frame[..got]),
        };
        let out = self.arena.slice_mut(start..start + blocks as usize * TP_BSIZE);
        let bytes = if opened.is_some_and(|opened| unpack(opened, out)) { got as u32 } else { 0 };
        Ok(Outcome::Checked { bytes, digest })
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
        Assigned { sequence, slot, blocks, ..Assigned::default() }
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
    fn room(&self, form: Form, before: OnMedium, bytes: u32) -> Option<Range<u64>> {
        let end = before.bytes + u64::from(bytes);
        let table = form.end(end, u64::from(before.chunks) + 1);
        if self.limit.is_some_and(|limit| end + table > limit.get()) {
            return None;
        }
        if !self.keep_room {
            return Some(0..0);
        }
        let kept = match before.chunks {
            0 => 0,
            chunks => before.bytes + form.end(before.bytes, chunks.into()),
        };
        Some(kept.saturating_sub(end)..table)
    }
}

/// Whether a chunk is encrypted.
fn sealing(form: Form, chunk: &Assigned) -> Sealing {
    match (form, chunk.bytes) {
        (Form::Sealed { .. }, None) => Sealing::More,
        _ => chunk.sealing,
    }
}

fn take_token(state: &mut State, token: Token) {
    // A token of an epoch before may still be on its way when a new one begins.
    if token.epoch == state.epoch {
        state.token = Some((token.sequence, token.volume));
    }
}
