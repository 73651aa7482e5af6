// SPDX-License-Identifier: BSD-2-Clause
//! The reader's end of the writer: fills memory with operations, hands it over, and takes back what failed.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::os::arena::Arena;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::restore::wire::{Failure, Operation, batch, decode_done};

/// Bytes of a slot.
pub const SLOT: usize = 1 << 20;

/// Slots.
pub const SLOTS: usize = 4;

/// The writer, as the reader sees it.
pub struct Link {
    socket: OwnedFd,
    arena: Arena,
    /// The slot that is being filled, how much is in it, and how many are at the writer's.
    slot: usize,
    filled: usize,
    away: usize,
    /// The data that was put last: where its length is, and where in the file it ends.
    data: Option<(usize, u64)>,
    scratch: Vec<u8>,
    failures: VecDeque<Failure>,
    /// The writer is gone, or has sent nonsense.
    broken: Option<io::Error>,
}

impl Link {
    /// With the reader's end of a pair of sockets, and memory of [`SLOTS`] slots that the writer has, too.
    pub fn new(socket: OwnedFd, arena: Arena) -> Link {
        Link {
            socket,
            arena,
            slot: 0,
            filled: 0,
            away: 0,
            data: None,
            scratch: Vec::new(),
            failures: VecDeque::new(),
            broken: None,
        }
    }

    /// The socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Has the writer do it, some time.
    pub fn put(&mut self, operation: &Operation) {
        self.data = None;
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        operation.encode(&mut bytes);
        self.append(&bytes);
        self.scratch = bytes;
    }

    /// Data of the file that has been begun.
    pub fn data(&mut self, offset: u64, bytes: &[u8]) {
        // It goes on where the last one ended, and there is room.
        if let Some((at, end)) = self.data
            && end == offset
            && self.filled + bytes.len() <= SLOT
        {
            let start = self.slot * SLOT;
            let slot = self.arena.slice_mut(start..start + SLOT);
            slot[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
            self.filled += bytes.len();
            let length = (self.filled - at - 4) as u32;
            slot[at..at + 4].copy_from_slice(&length.to_le_bytes());
            self.data = Some((at, end + bytes.len() as u64));
            return;
        }
        let mut all = std::mem::take(&mut self.scratch);
        all.clear();
        Operation::Data(offset, bytes.len() as u32).encode(&mut all);
        let head = all.len();
        all.extend_from_slice(bytes);
        self.append(&all);
        self.data = Some((self.filled - all.len() + head - 4, offset + bytes.len() as u64));
        self.scratch = all;
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.filled + bytes.len() > SLOT {
            self.hand_over();
        }
        if bytes.len() > SLOT {
            self.broken.get_or_insert_with(|| io::ErrorKind::InvalidInput.into());
        }
        if self.broken.is_none() {
            let at = self.slot * SLOT + self.filled;
            self.arena.slice_mut(at..at + bytes.len()).copy_from_slice(bytes);
            self.filled += bytes.len();
        }
    }

    /// Hands the slot over, and waits until the next one is free.
    fn hand_over(&mut self) {
        self.data = None;
        if self.filled > 0 && self.broken.is_none() {
            let frame = batch(self.slot as u32, self.filled as u32);
            self.broken = send_frame(self.socket.as_fd(), &frame, None).err();
            (self.slot, self.filled) = ((self.slot + 1) % SLOTS, 0);
            self.away += 1;
        }
        while self.away >= SLOTS && self.broken.is_none() {
            self.wait();
        }
    }

    /// Waits until all has been done.
    pub fn flush(&mut self) {
        self.hand_over();
        while self.away > 0 && self.broken.is_none() {
            self.wait();
        }
    }

    fn wait(&mut self) {
        let mut bytes = [0; MAX_FRAME];
        let taken = match recv_frame(self.socket.as_fd(), &mut bytes) {
            Ok(received) => decode_done(&bytes[..received.map_or(0, |received| received.len)]),
            Err(error) => return self.broken = Some(error),
        };
        match taken {
            Some((more, failures)) => {
                self.failures.extend(failures);
                self.away -= usize::from(!more);
            }
            None => {
                self.broken =
                    Some(io::Error::new(io::ErrorKind::InvalidData, "invalid message of the writer"))
            }
        }
    }

    /// What has failed and was not taken yet.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failures.pop_front()
    }

    /// Why the writer can do no more.
    pub fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }
}
