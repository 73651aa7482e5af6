// SPDX-License-Identifier: BSD-2-Clause
//! One writer as the reader sees it: the memory that both have, in slots, and what is on its way.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::os::arena::Arena;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::restore::difference::{self, Difference};
use crate::restore::directories::refused;
use crate::restore::wire::{Failure, Tag, batch, decode_batch, decode_done};
use crate::restore::writer::Writer;

/// Bytes of a slot.
pub const SLOT: usize = 1 << 20;

/// Slots of a writer.
pub const SLOTS: usize = 4;

/// Where the writer is.
enum Far {
    /// In another process.
    Process(OwnedFd),
    /// In this one, for tests.
    Here(Box<Writer>),
}

/// What has come back and was not taken yet.
#[derive(Debug, Default)]
pub struct Answers {
    /// At the other end is a comparer, which sends differences.
    pub compares: bool,
    /// What has failed.
    pub failures: VecDeque<Failure>,
    /// What differs.
    pub differences: VecDeque<(Tag, Difference)>,
}

impl Answers {
    /// Takes what is in a frame; whether more follows. None: it is no frame.
    fn take(&mut self, frame: &[u8]) -> Option<bool> {
        if self.compares {
            let (more, differences) = difference::decode(frame)?;
            self.differences.extend(differences);
            return Some(more);
        }
        let (more, failures) = decode_done(frame)?;
        self.failures.extend(failures);
        Some(more)
    }
}

/// At the writer's end: the operations that come next. None: the reader is gone.
///
/// Errors: what came is no batch.
pub fn next_batch<'a>(socket: BorrowedFd<'_>, arena: &'a Arena) -> io::Result<Option<&'a [u8]>> {
    let mut bytes = [0; MAX_FRAME];
    let received = loop {
        match recv_frame(socket, &mut bytes) {
            Ok(Some(received)) => break received,
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    let (slot, length) = decode_batch(&bytes[..received.len])
        .filter(|&(slot, length)| (slot as usize) < SLOTS && length as usize <= SLOT)
        .ok_or_else(refused)?;
    let start = slot as usize * SLOT;
    Ok(Some(arena.slice(start..start + length as usize)))
}

/// A writer.
pub struct Lane {
    far: Far,
    arena: Arena,
    /// The slot that is being filled, how much is in it, and how many are at the writer's.
    slot: usize,
    filled: usize,
    away: usize,
    /// A slot was handed over since this writer's turn began.
    has_had: bool,
    /// The data that was put last: where its length is, and where in the file it ends.
    data: Option<(usize, u64)>,
}

impl Lane {
    /// With the reader's end of a pair of sockets, and memory of [`SLOTS`] slots that the writer has, too.
    pub fn new(socket: OwnedFd, arena: Arena) -> Lane {
        Lane { far: Far::Process(socket), arena, slot: 0, filled: 0, away: 0, has_had: false, data: None }
    }

    /// With a writer in this process.
    pub fn here(writer: Writer, arena: Arena) -> Lane {
        let far = Far::Here(Box::new(writer));
        Lane { far, arena, slot: 0, filled: 0, away: 0, has_had: false, data: None }
    }

    /// The socket.
    pub fn socket(&self) -> Option<&OwnedFd> {
        match &self.far {
            Far::Process(socket) => Some(socket),
            Far::Here(_) => None,
        }
    }

    /// Whether it is another's turn; this one's begins anew.
    pub fn take_turn(&mut self) -> bool {
        std::mem::take(&mut self.has_had)
    }

    /// Appends bytes, at most a slot of them, which are kept together.
    ///
    /// Errors: the writer is gone, or has sent nonsense; `InvalidInput` for too many bytes.
    pub fn append(&mut self, bytes: &[u8], answers: &mut Answers) -> io::Result<()> {
        self.data = None;
        if bytes.len() > SLOT {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.filled + bytes.len() > SLOT {
            self.hand_over(answers)?;
        }
        self.copy(bytes);
        Ok(())
    }

    /// Appends data of a file; `head` is the operation for it, which ends in its length.
    ///
    /// Errors: as [`Lane::append`].
    pub fn append_data(
        &mut self,
        head: &[u8],
        offset: u64,
        bytes: &[u8],
        answers: &mut Answers,
    ) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        if self.filled + head.len() + bytes.len() > SLOT {
            self.hand_over(answers)?;
        }
        self.copy(head);
        self.data = Some((self.filled - size_of::<u32>(), end));
        self.copy(bytes);
        Ok(())
    }

    /// Has the last data go on by `bytes`; false if they do not follow it, or there is no room.
    pub fn extend_data(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let Some((at, end)) = self.data else { return false };
        if end != offset || self.filled + bytes.len() > SLOT {
            return false;
        }
        self.copy(bytes);
        let length = (self.filled - at - size_of::<u32>()) as u32;
        let start = self.slot * SLOT + at;
        self.arena.slice_mut(start..start + size_of::<u32>()).copy_from_slice(&length.to_le_bytes());
        self.data = Some((at, end + bytes.len() as u64));
        true
    }

    fn copy(&mut self, bytes: &[u8]) {
        let at = self.slot * SLOT + self.filled;
        self.arena.slice_mut(at..at + bytes.len()).copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Hands the slot over, and waits until the next one is free.
    ///
    /// Errors: the writer is gone, or has sent nonsense.
    pub fn hand_over(&mut self, answers: &mut Answers) -> io::Result<()> {
        self.data = None;
        if self.filled > 0 {
            let (slot, length) = (self.slot, self.filled);
            match &mut self.far {
                Far::Process(socket) => {
                    send_frame(socket.as_fd(), &batch(slot as u32, length as u32), None)?;
                    self.away += 1;
                }
                Far::Here(writer) => {
                    answers
                        .failures
                        .extend(writer.batch(self.arena.slice(slot * SLOT..slot * SLOT + length))?);
                }
            }
            (self.slot, self.filled) = ((slot + 1) % SLOTS, 0);
            self.has_had = true;
        }
        while self.away >= SLOTS {
            self.wait(answers)?;
        }
        Ok(())
    }

    /// Waits until all that was handed over has been done.
    ///
    /// Errors: as [`Lane::hand_over`].
    pub fn settle(&mut self, answers: &mut Answers) -> io::Result<()> {
        while self.away > 0 {
            self.wait(answers)?;
        }
        Ok(())
    }

    fn wait(&mut self, answers: &mut Answers) -> io::Result<()> {
        let Far::Process(socket) = &self.far else { return Ok(()) };
        let mut bytes = [0; MAX_FRAME];
        let received = recv_frame(socket.as_fd(), &mut bytes)?;
        let more = answers
            .take(&bytes[..received.map_or(0, |received| received.len)])
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "invalid message of the writer"))?;
        self.away -= usize::from(!more);
        Ok(())
    }
}
