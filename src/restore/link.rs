// SPDX-License-Identifier: BSD-2-Clause
//! The reader's end of the writers: has them do operations, and takes back what failed.
//!
//! Files, links and nodes are made by whichever writer has its turn, in any order. All else is done by the first writer, after all that
//! was put before it, and before all that is put after it. All of them wait for what they have written.

use std::io;
use std::os::fd::OwnedFd;

use crate::restore::difference::Difference;
use crate::restore::lane::{Answers, Lane};
use crate::restore::wire::{Failure, Operation, Tag};

/// The writers, as the reader sees them.
pub struct Link {
    /// At least one.
    lanes: Vec<Lane>,
    /// Whose turn it is to make files.
    turn: usize,
    /// What was put last is done by all writers.
    is_spread: bool,
    /// Attributes of what is put next.
    attributes: Vec<u8>,
    scratch: Vec<u8>,
    answers: Answers,
    /// A writer is gone, or has sent nonsense.
    broken: Option<io::Error>,
}

impl Link {
    /// With the writers, at least one.
    pub fn new(lanes: Vec<Lane>) -> Link {
        Link {
            lanes,
            turn: 0,
            is_spread: false,
            attributes: Vec::new(),
            scratch: Vec::new(),
            answers: Answers::default(),
            broken: None,
        }
    }

    /// With a comparer in their place.
    pub fn to_comparer(lane: Lane) -> Link {
        let mut link = Link::new(vec![lane]);
        link.answers.compares = true;
        link
    }

    /// The sockets to the writers.
    pub fn sockets(&self) -> impl Iterator<Item = &OwnedFd> {
        self.lanes.iter().filter_map(Lane::socket)
    }

    /// Has a writer do it, some time.
    pub fn put(&mut self, operation: &Operation) {
        if !operation.takes_attributes() {
            self.attributes.clear();
        }
        match operation {
            Operation::Attribute(..) => operation.encode(&mut self.attributes),
            Operation::File(..) | Operation::Symlink(..) | Operation::Node(..) => {
                self.begin(true);
                self.next_turn();
                self.append(self.turn, operation);
            }
            Operation::Data(..) | Operation::Finish(..) => self.append(self.turn, operation),
            Operation::Directory(..) | Operation::Sync(..) => self.append_to_others(None, operation),
            _ => {
                self.begin(false);
                self.append(0, operation);
                match operation {
                    Operation::MakeDirectory(_, id, place) => {
                        self.append_to_others(Some(0), &Operation::Directory(*id, place.clone()));
                    }
                    Operation::Rename(_, _, to, Some(id)) => {
                        self.append_to_others(Some(0), &Operation::Moved(*id, to.clone()));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Data of the file that has been begun.
    pub fn data(&mut self, offset: u64, bytes: &[u8]) {
        let lane = &mut self.lanes[self.turn];
        if self.broken.is_some() || lane.extend_data(offset, bytes) {
            return;
        }
        self.scratch.clear();
        Operation::Data(offset, bytes.len() as u32).encode(&mut self.scratch);
        self.broken = lane.append_data(&self.scratch, offset, bytes, &mut self.answers).err();
    }

    /// Begins what all writers do, or what only the first does.
    fn begin(&mut self, is_spread: bool) {
        if std::mem::replace(&mut self.is_spread, is_spread) != is_spread && self.lanes.len() > 1 {
            self.flush();
        }
    }

    /// A file is begun: the next writer makes it if this one has had its turn.
    fn next_turn(&mut self) {
        if self.lanes.len() > 1 && self.lanes[self.turn].take_turn() {
            self.hand_over(self.turn);
            self.turn = (self.turn + 1) % self.lanes.len();
            _ = self.lanes[self.turn].take_turn();
        }
    }

    /// Has a writer do it; attributes come before what they are of.
    fn append(&mut self, lane: usize, operation: &Operation) {
        let mut bytes = std::mem::take(&mut self.attributes);
        operation.encode(&mut bytes);
        if self.broken.is_none() {
            self.broken = self.lanes[lane].append(&bytes, &mut self.answers).err();
        }
        bytes.clear();
        self.attributes = bytes;
    }

    /// Tells all writers but one.
    fn append_to_others(&mut self, but: Option<usize>, operation: &Operation) {
        for lane in (0..self.lanes.len()).filter(|lane| Some(*lane) != but) {
            self.append(lane, operation);
        }
    }

    fn hand_over(&mut self, lane: usize) {
        if self.broken.is_none() {
            self.broken = self.lanes[lane].hand_over(&mut self.answers).err();
        }
    }

    /// Waits until all has been done.
    pub fn flush(&mut self) {
        (0..self.lanes.len()).for_each(|lane| self.hand_over(lane));
        for lane in &mut self.lanes {
            if self.broken.is_none() {
                self.broken = lane.settle(&mut self.answers).err();
            }
        }
    }

    /// Whether anything has failed that was not taken yet.
    pub fn has_failed(&self) -> bool {
        !self.answers.failures.is_empty()
    }

    /// What differs and was not taken yet.
    pub fn difference(&mut self) -> Option<(Tag, Difference)> {
        self.answers.differences.pop_front()
    }

    /// What has failed and was not taken yet.
    pub fn failure(&mut self) -> Option<Failure> {
        self.answers.failures.pop_front()
    }

    /// Why a writer can do no more.
    pub fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }
}
