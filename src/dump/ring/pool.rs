// SPDX-License-Identifier: BSD-2-Clause
//! The planner's side of its workers: their processes, their sockets, and the arena.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::compress::{Compressor, Form, Level};
use crate::disk::{Disk, Fault};
use crate::dump::passes::Notice;
use crate::dump::ring::order::{InFlight, Next, Order, Unasked};
use crate::dump::volumes::{Chunk, Leftover, What};
use crate::event::{Child, Event, EventQueue, ExitStatus};
use crate::media::Kind;
use crate::os::arena::Arena;
use crate::os::process::Orphan;
use crate::os::socket::{pair, recv_frame, send_frame, set_nonblocking};
use crate::os::spawn::spawn;
use crate::sandbox;
use crate::sandbox::{DescriptorKind, Role};
use crate::workers::extent::EXTENT_BYTES;
use crate::workers::protocol::{BadFrame, FRAME_BYTES};
use crate::workers::worker::{End, Worker};
use crate::workers::{
    Extent, FromWorker, OnMedium, Outcome, Sealing, SecretWords, Slots, Taken, ToWorker, Token,
};
use agefile::{CHUNK, PayloadKey, sealed_length};
use dumpstream::{Digest, RunningDigest, TP_BSIZE};

/// A report of a worker.
#[derive(Debug)]
pub enum News {
    /// Part of a chunk could not be read; it is reported when the chunk is settled.
    Fault,
    /// The worker has released everything of earlier epochs.
    Ready,
    /// The remote tape that a chunk is written to does not answer.
    Silent,
    /// A chunk has been answered for; see [`Crew::settle`].
    Done,
}

/// Why the ring cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// A worker has ended.
    Ended(u32, ExitStatus),
    /// A worker has closed its socket.
    Gone(u32),
    /// A frame that is invalid.
    Frame(u32, BadFrame),
    /// A frame that no worker may send.
    Unexpected(u32, FromWorker),
    /// An answer to nothing that was asked.
    Unasked(Unasked),
    /// The digest of a volume is of so many bytes, and not of those that were written.
    Digest(u64, u64),
    /// A system call failed.
    System(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Ended(worker, status) => write!(f, "worker {worker} {status}"),
            Broken::Gone(worker) => write!(f, "worker {worker} is gone"),
            Broken::Frame(worker, error) => write!(f, "worker {worker}: {error}"),
            Broken::Unexpected(worker, frame) => write!(f, "worker {worker}: unexpected frame {frame:?}"),
            Broken::Unasked(error) => error.fmt(f),
            Broken::Digest(counted, written) => {
                write!(f, "the workers' digest is of {counted} bytes, and {written} were written")
            }
            Broken::System(error) => write!(f, "the ring of workers: {error}"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::System(error)
    }
}

struct Member {
    socket: OwnedFd,
    ready: u32,
}

/// Keys of a worker's events in the planner's queue: its socket's, and its end's.
const SOCKETS: u64 = 0x100;
const CHILDREN: u64 = 0x200;

/// How long a killed worker may take to be gone: it may be waiting for a disk.
const KILLED: Duration = Duration::from_secs(1);

/// The workers, and what they are at.
pub struct Crew {
    slots: Slots,
    arena: Arena,
    order: Order,
    members: Vec<Member>,
    children: Vec<Rc<Child>>,
}

impl Crew {
    /// Forks the workers, who compress what they write if there is a level, and take these digests of it. The calling
    /// process is in the sandbox already, and so are they.
    ///
    /// Errors: those of mmap(2), socketpair(2) and fork(2).
    pub fn start(
        slots: Slots,
        (form, compress): (Form, Option<Level>),
        digests: Taken,
        disk: &Disk<'_>,
        queue: &mut EventQueue,
    ) -> io::Result<Crew> {
        let mut arena = Arena::new(slots.arena_bytes())?;
        arena.populate(0..arena.len());
        let count = slots.workers as usize;
        // The token's way: ring[n] is read by worker n, and written by the one before it.
        let mut ring = Vec::new();
        if count > 1 {
            for _ in 0..count {
                ring.push(nonblocking_pair()?);
            }
        }
        let mut members = Vec::new();
        let mut children = Vec::new();
        for index in 0..count {
            let (ours, theirs) = pair()?;
            set_nonblocking(ours.as_fd(), true)?;
            limit(ours.as_fd(), DescriptorKind::RingSocket)?;
            limit(theirs.as_fd(), DescriptorKind::RingSocket)?;
            let left = ring.get(index).map(|(read, _)| read.as_fd());
            let right = ring.get((index + 1) % count).map(|(_, write)| write.as_fd());
            let child = start_worker(&theirs, left, right, disk, |planner| Worker {
                index: index as u32,
                arena: &mut arena,
                slots,
                disk: *disk,
                form,
                compressor: compress.map(|level| Compressor::new(level, form.unit())),
                digests,
                planner,
                left,
                right,
            })?;
            children.push(Rc::new(child));
            members.push(Member { socket: ours, ready: 0 });
        }
        for (index, member) in members.iter().enumerate() {
            queue.add_readable(member.socket.as_fd(), SOCKETS + index as u64)?;
        }
        for (index, child) in children.iter().enumerate() {
            limit(child.as_fd(), DescriptorKind::ProcessDescriptor)?;
            queue.add_child(child, CHILDREN + index as u64)?;
        }
        Ok(Crew { slots, arena, order: Order::new(slots, form), members, children })
    }

    /// Whether the next chunk's slot is free.
    pub fn has_room(&self) -> bool {
        self.order.has_room()
    }

    /// Whether no chunk is under way.
    pub fn is_idle(&self) -> bool {
        self.order.is_empty()
    }

    /// The buffer of the next chunk, and a description of it to be filled in.
    pub fn next_chunk(&mut self) -> (&mut [u8], Chunk) {
        let slot = self.slots.slot_of(self.order.next_sequence());
        (self.arena.slice_mut(self.slots.buffer(slot)), self.order.take_chunk())
    }

    /// Gives the next chunk to its worker; its buffer is filled but for what the worker has to read.
    pub fn assign(&mut self, chunk: Chunk) -> Result<(), Broken> {
        let sequence = self.order.next_sequence();
        let slot = self.slots.slot_of(sequence);
        let list = self.arena.slice_mut(self.slots.extents(slot));
        let mut extents = 0;
        let disk = chunk.pieces.iter().filter_map(|piece| match piece.what {
            What::Disk(offset) => Some(Extent { offset, at: piece.at, blocks: piece.blocks }),
            _ => None,
        });
        for (extent, bytes) in disk.zip(list.as_chunks_mut::<EXTENT_BYTES>().0) {
            *bytes = extent.encode();
            extents += 1;
        }
        let epoch = self.order.epoch();
        let (blocks, padding, start) = (chunk.blocks, chunk.padding(), self.order.bytes_before());
        self.order.assigned(chunk);
        self.send(
            self.slots.worker_of(sequence),
            ToWorker::Assign { sequence, epoch, slot, blocks, extents, padding, start },
            None,
        )
    }

    /// Gives bytes to the next chunk's worker, to be written as they are, or encrypted as the end of the payload: as many of `bytes` as a
    /// chunk takes. The others are given back.
    pub fn assign_bytes<'b>(&mut self, bytes: &'b [u8], is_sealed: bool) -> Result<&'b [u8], Broken> {
        let sequence = self.order.next_sequence();
        let slot = self.slots.slot_of(sequence);
        let most = self.slots.own_bytes();
        // Only the last chunk of a payload is not whole.
        let most = if is_sealed && bytes.len() > most { most / CHUNK * CHUNK } else { most };
        let (now, later) = bytes.split_at(bytes.len().min(most));
        let start = self.slots.buffer(slot).start;
        self.arena.slice_mut(start..start + now.len()).copy_from_slice(now);
        let bytes = now.len() as u32;
        let (sealing, written) = match (is_sealed, later) {
            (false, _) => (Sealing::No, bytes),
            (true, []) => (Sealing::Last, sealed_length(bytes.into()) as u32),
            (true, _) => (Sealing::More, sealed_length(bytes.into()) as u32),
        };
        self.order.assigned_bytes(written);
        let epoch = self.order.epoch();
        let frame = ToWorker::AssignBytes { sequence, epoch, slot, bytes, sealing };
        self.send(self.slots.worker_of(sequence), frame, None)?;
        Ok(later)
    }

    /// Gives all workers the key of the next volume, which begins at byte `start` of its file and has a header of `head` bytes.
    pub fn take_key(&mut self, key: &PayloadKey, head: u64, start: u64) -> Result<(), Broken> {
        let frame = ToWorker::Key { key: SecretWords::new(key.bytes()), head, start };
        (0..self.slots.workers).try_for_each(|worker| self.send(worker, frame, None))
    }

    /// Has part of the medium read back: `blocks` tape blocks that are `bytes` bytes there, from byte `offset` of a file on.
    pub fn assign_check(&mut self, offset: u64, bytes: u32, blocks: u32) -> Result<(), Broken> {
        let sequence = self.order.next_sequence();
        let slot = self.slots.slot_of(sequence);
        let epoch = self.order.epoch();
        self.order.assigned_check(bytes);
        let frame = ToWorker::AssignCheck { sequence, epoch, slot, offset, bytes, blocks };
        self.send(self.slots.worker_of(sequence), frame, None)
    }

    /// What is in the slot of chunk `sequence`, which was settled last: `blocks` tape blocks. A worker had it, so nothing of it is sure.
    pub fn settled(&self, sequence: u64, blocks: u32) -> &[u8] {
        let start = self.slots.buffer(self.slots.slot_of(sequence)).start;
        self.arena.slice(start..start + blocks.min(self.slots.chunk_blocks) as usize * TP_BSIZE)
    }

    /// Gives a medium to all workers, when no chunk is under way. They answer, see [`Crew::is_ready`]; then
    /// [`Crew::start_writing`] sets the token going. For `limit` and `keep_room` see [`ToWorker::Medium`].
    pub fn take_medium(
        &mut self,
        fd: BorrowedFd<'_>,
        kind: Kind,
        limit: Option<NonZeroU64>,
        keep_room: bool,
    ) -> Result<(), Broken> {
        let epoch = self.order.begin_epoch();
        let frame = ToWorker::Medium { epoch, kind, limit, keep_room };
        (0..self.slots.workers).try_for_each(|worker| self.send(worker, frame, Some(fd)))
    }

    /// Has all workers close the medium and forget the chunks of it. They answer, see [`Crew::is_ready`].
    pub fn release_medium(&mut self) -> Result<(), Broken> {
        let epoch = self.order.begin_epoch();
        (0..self.slots.workers).try_for_each(|worker| self.send(worker, ToWorker::Release { epoch }, None))
    }

    /// Whether all workers have taken or closed the medium, and touch no slot.
    pub fn is_ready(&self) -> bool {
        self.members.iter().all(|member| member.ready == self.order.epoch())
    }

    /// The digest of the volume, of which `bytes` bytes are written, when no chunk is under way.
    ///
    /// Errors: it is of another number of bytes: a worker is not what it should be.
    pub fn digest(&self, bytes: u64) -> Result<Digest, Broken> {
        let running = RunningDigest::load(self.arena.slice(self.slots.running()));
        if running.bytes() == bytes {
            Ok(running.digest())
        } else {
            Err(Broken::Digest(running.bytes(), bytes))
        }
    }

    /// Lets the next chunk's worker write, behind `bytes` bytes of the volume. The digest of a volume begins at its first byte.
    pub fn start_writing(&mut self, bytes: u64) -> Result<(), Broken> {
        if bytes == 0 {
            self.arena.slice_mut(self.slots.running()).fill(0);
        }
        let sequence = self.order.next_sequence();
        let epoch = self.order.epoch();
        self.send(
            self.slots.worker_of(sequence),
            ToWorker::Token(Token { sequence, epoch, volume: OnMedium { bytes, chunks: 0 } }),
            None,
        )
    }

    /// The worker whose socket has this key.
    pub fn socket_of(&self, key: u64) -> Option<u32> {
        let index = key.checked_sub(SOCKETS)?;
        (index < u64::from(self.slots.workers)).then_some(index as u32)
    }

    /// The worker whose end has this key.
    pub fn child_of(&self, key: u64) -> Option<u32> {
        let index = key.checked_sub(CHILDREN)?;
        (index < u64::from(self.slots.workers)).then_some(index as u32)
    }

    /// Takes one frame from `worker`; none if there is none.
    ///
    /// Errors: see [`Broken`]. Workers are not trusted: their replies are checked against their requests.
    pub fn receive(&mut self, worker: u32) -> Result<Option<News>, Broken> {
        let Some(member) = self.members.get_mut(worker as usize) else { return Ok(None) };
        let mut bytes = [0; FRAME_BYTES];
        let received = match recv_frame(member.socket.as_fd(), &mut bytes) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(None),
            // Reset: it has ended with what it was sent unread.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
            {
                return Err(Broken::Gone(worker));
            }
            Err(error) => return Err(error.into()),
        };
        let frame =
            FromWorker::decode(&bytes[..received.len]).map_err(|error| Broken::Frame(worker, error))?;
        match frame {
            FromWorker::Ready { epoch } if epoch == self.order.epoch() => {
                member.ready = epoch;
                Ok(Some(News::Ready))
            }
            FromWorker::Fault { sequence, record, fault } => {
                self.order.fault(worker, sequence, record, fault).map_err(Broken::Unasked)?;
                Ok(Some(News::Fault))
            }
            FromWorker::Silent { sequence, epoch }
                if epoch == self.order.epoch() && self.slots.worker_of(sequence) == worker =>
            {
                Ok(Some(News::Silent))
            }
            FromWorker::Done { sequence, epoch, outcome } => {
                self.order.answered(worker, sequence, epoch, outcome).map_err(Broken::Unasked)?;
                Ok(Some(News::Done))
            }
            other => Err(Broken::Unexpected(worker, other)),
        }
    }

    /// Settles the oldest chunk, if it has been answered for.
    pub fn settle(&mut self) -> Option<Next> {
        self.order.settle()
    }

    /// The notices of the chunk in which the ring stopped, of which `blocks` tape blocks are on the medium.
    pub fn take_notices(&mut self, blocks: u32) -> Vec<(u32, Notice)> {
        self.order.take_notices(blocks)
    }

    /// The chunk that the ring stopped in, and what of its first `blocks` tape blocks could not be read.
    pub fn faults_of_oldest(&self, blocks: u32) -> Option<(&InFlight, Vec<(u64, Fault)>)> {
        self.order.faults_of_oldest(blocks / self.slots.record_blocks)
    }

    /// The chunk that the ring stopped in.
    pub fn stopped_in(&self) -> Option<&InFlight> {
        self.order.first()
    }

    /// Gives back the memory of a chunk that is done with.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.order.recycle(chunk);
    }

    /// Tape blocks that the medium took of the chunk that the ring stopped in, by its outcome.
    pub fn taken(&self, outcome: Outcome) -> u32 {
        match outcome {
            Outcome::Written(_) | Outcome::Checked { .. } | Outcome::Limit => 0,
            Outcome::EndOfMedium { records, .. } | Outcome::Failed { records, .. } => {
                records * self.slots.record_blocks
            }
        }
    }

    /// Takes back all chunks under way after `outcome` of the oldest: what of them is not on the medium.
    pub fn take_back(&mut self, outcome: Outcome) -> Vec<Leftover> {
        let mut written = self.taken(outcome);
        let mut leftovers = Vec::new();
        for taken in self.order.take_back() {
            let buffer = self.arena.slice(self.slots.buffer(self.slots.slot_of(taken.sequence)));
            leftovers.extend(taken.chunk.leftovers(buffer, written));
            written = 0;
        }
        leftovers
    }

    /// The workers' processes.
    pub fn children(&self) -> Vec<Rc<Child>> {
        self.children.clone()
    }

    /// Shuts the workers down: waits until they exit because their sockets are closed, and kills the others after `patience`.
    /// When it returns none is left.
    pub fn dismiss(mut self, queue: &mut EventQueue, patience: Duration) -> io::Result<()> {
        for member in self.members.drain(..) {
            queue.remove(member.socket.as_fd())?;
        }
        if !self.wait_for_children(patience)? {
            self.kill();
            self.wait_for_children(KILLED)?;
        }
        Ok(())
    }

    /// Waits until all workers have ended; false when `patience` is over before.
    fn wait_for_children(&self, patience: Duration) -> io::Result<bool> {
        let mut queue = EventQueue::new()?;
        for (index, child) in self.children.iter().enumerate() {
            queue.add_child(child, CHILDREN + index as u64)?;
        }
        let end = Instant::now() + patience;
        let mut running = self.children.len();
        let mut events = Vec::new();
        while running > 0 {
            let left = end.saturating_duration_since(Instant::now());
            queue.wait(&mut events, Some(left))?;
            running -= events.iter().filter(|event| matches!(event, Event::ChildExited { .. })).count();
            if events.is_empty() && left.is_zero() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Kills the workers.
    fn kill(&self) {
        for child in self.children.iter() {
            // A worker that has ended already is as good.
            let _ = child.kill();
        }
    }

    fn send(&self, worker: u32, frame: ToWorker, fd: Option<BorrowedFd<'_>>) -> Result<(), Broken> {
        let Some(member) = self.members.get(worker as usize) else { return Ok(()) };
        match send_frame(member.socket.as_fd(), &frame.encode(), fd) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Broken::Gone(worker)),
            other => Ok(other?),
        }
    }
}

fn limit(fd: BorrowedFd<'_>, kind: DescriptorKind) -> io::Result<()> {
    sandbox::limit(fd, kind).map_err(io::Error::other)
}

fn nonblocking_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (a, b) = pair()?;
    set_nonblocking(a.as_fd(), true)?;
    set_nonblocking(b.as_fd(), true)?;
    limit(a.as_fd(), DescriptorKind::RingSocket)?;
    limit(b.as_fd(), DescriptorKind::RingSocket)?;
    Ok((a, b))
}

/// Forks a worker that has only the descriptors it needs.
fn start_worker<'a>(
    planner: &'a OwnedFd,
    left: Option<BorrowedFd<'a>>,
    right: Option<BorrowedFd<'a>>,
    disk: &Disk<'a>,
    worker: impl FnOnce(BorrowedFd<'a>) -> Worker<'a>,
) -> io::Result<Child> {
    let mut keep = vec![planner.as_fd(), disk.fd, disk.past_cache()];
    keep.extend(left);
    keep.extend(right);
    spawn(&keep, Orphan::Dies, || match sandbox::enter(Role::Worker).map(|_| worker(planner.as_fd()).run()) {
        Ok(Err(End::Alone)) => 0,
        _ => 1,
    })
}
