// SPDX-License-Identifier: BSD-2-Clause
//! The end of a dump: what is lost, what is damaged, and the sums.

use super::Fault;
use super::reader::{Reader, Sink};
use crate::units::Ino;

/// What a whole dump came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tape blocks read, passed over included.
    pub blocks: u64,
    /// Inodes whose header was read.
    pub inodes: u64,
    /// Inodes in `TS_BITS`.
    pub announced: u64,
    /// Inodes that are lost.
    pub lost: u64,
    /// Inodes that are there, but damaged.
    pub damaged: u64,
    /// Findings that are damage, lost and damaged inodes included.
    pub damage: u64,
}

impl Reader {
    /// The end of the last volume. Tells of what is lost and damaged, inode by inode, and gives the sums.
    pub fn finish(&mut self, sink: &mut impl Sink) -> Summary {
        self.end(sink);
        let mut summary = Summary { blocks: self.blocks, inodes: self.files, ..Summary::default() };
        // Of a stream without a gap, what the map has too much was never dumped: inodes of no or an undefined type.
        let missing = if self.broken > 0 { Fault::Lost } else { Fault::Absent };
        if let Some(dumped) = self.dumped.take() {
            summary.announced = dumped.len();
            for ino in dumped.iter() {
                if self.seen.contains(ino.0) {
                    continue;
                }
                summary.lost += u64::from(missing.is_damage());
                self.tell(sink, None, Some(ino), missing.clone());
            }
            self.dumped = Some(dumped);
        }
        let suspect = std::mem::take(&mut self.suspect);
        for ino in suspect.into_iter().map(Ino) {
            if self.seen.contains(ino.0) {
                summary.damaged += 1;
                self.tell(sink, None, Some(ino), Fault::Damaged);
            }
        }
        self.tell_of_names(sink);
        summary.damage = self.damage;
        summary
    }

    /// Directories that hang in the air, and files that no directory names.
    fn tell_of_names(&mut self, sink: &mut impl Sink) {
        if self.shift > 0 && self.names.directories().is_empty() {
            return;
        }
        let whole = self.broken == 0;
        for at in 0..self.names.directories().len() {
            let directory = &self.names.directories()[at];
            let (ino, reachable) = (directory.ino, directory.reachable);
            let named = self.names.entries(ino).next().is_some();
            match (reachable, named) {
                (true, _) => {}
                (false, true) if whole && !self.is_in_ring(ino) => {
                    self.tell(sink, None, Some(ino), Fault::Nameless)
                }
                (false, true) => self.tell(sink, None, Some(ino), Fault::Unreachable),
                (false, false) => self.tell(sink, None, Some(ino), Fault::Nameless),
            }
        }
        let seen = std::mem::take(&mut self.seen);
        for ino in seen.iter().map(Ino) {
            let is_dir = self.names.directories().binary_search_by_key(&ino, |d| d.ino).is_ok();
            if !is_dir && self.names.entries(ino).next().is_none() {
                self.tell(sink, None, Some(ino), Fault::Nameless);
            }
        }
        self.seen = seen;
    }

    /// Whether one comes back to a directory by going up from it, or for too long.
    fn is_in_ring(&self, from: Ino) -> bool {
        let mut at = from;
        for _ in 0..=self.names.directories().len().min(4096) {
            let Some(parent) = self.names.entries(at).next().and_then(|offset| self.names.parent(offset))
            else {
                return false;
            };
            if parent == from {
                return true;
            }
            at = parent;
        }
        true
    }
}
