// SPDX-License-Identifier: BSD-2-Clause
//! The end of a dump: lost and damaged inodes, and totals.

use roaring::RoaringBitmap;

use super::Fault;
use super::reader::{Reader, Sink};
use crate::InodeMap;
use ufs::Ino;

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
    /// Inodes in `TS_BITS` that are on volumes that were not given.
    pub unseen: u64,
    /// All volumes were given.
    pub complete: bool,
    /// Inodes that are in the dump, but damaged.
    pub damaged: u64,
    /// Findings that are damage, lost and damaged inodes included.
    pub damage: u64,
}

/// `d_type` of what is dumped, and 0, which says nothing: FIFO, devices, directories, files, links, sockets (sys/dirent.h).
const DUMPED_TYPES: [u8; 8] = [0, 1, 2, 4, 6, 8, 10, 12];

/// The runs of inodes that follow each other: the first and the last of each.
fn runs(set: &RoaringBitmap) -> impl Iterator<Item = (Ino, Ino)> {
    let mut rest = set.iter().peekable();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        let mut last = first;
        while let Some(next) = rest.next_if(|&next| next == last + 1) {
            last = next;
        }
        Some((Ino(first), Ino(last)))
    })
}

impl Reader {
    /// The end of the last volume. Reports what is lost and damaged, inode by inode, and returns the totals.
    pub fn finish(&mut self, sink: &mut impl Sink) -> Summary {
        self.end(sink);
        let mut summary = Summary { blocks: self.blocks, inodes: self.files, ..Summary::default() };
        summary.complete = !self.partial;
        let missing = match (self.partial, self.broken) {
            (true, _) => Fault::NotSeen,
            (_, 0) => Fault::Absent,
            _ => Fault::Lost,
        };
        if let Some(mut left) = self.dumped.take() {
            summary.announced = left.len();
            self.seen.iter().for_each(|ino| left.remove(Ino(ino)));
            if missing == Fault::Absent {
                self.tell_of_undumped(sink, &mut left);
            }
            let count = if self.partial { &mut summary.unseen } else { &mut summary.lost };
            *count = left.len();
            for (first, last) in left.runs() {
                match self.partial {
                    true => self.tell_of_range(sink, first, last, missing.clone()),
                    false => self.tell_of_all(sink, first, last, &missing),
                }
            }
        }
        let suspect = std::mem::take(&mut self.suspect) & &self.seen;
        summary.damaged = suspect.len();
        for (first, last) in runs(&suspect) {
            self.tell_of_all(sink, first, last, &Fault::Damaged);
        }
        self.tell_of_names(sink);
        summary.damage = self.damage;
        summary
    }

    /// Takes out of `left` the inodes whose entries have a type that no dump has: dump leaves them out with a warning.
    fn tell_of_undumped(&mut self, sink: &mut impl Sink, left: &mut InodeMap) {
        let mut undumped: Vec<Ino> = Vec::new();
        let mut next = self.names.next_named(Ino(0));
        while let Some(ino) = next {
            let mut kinds = self.names.entries(ino).map(|offset| self.names.at(offset).0);
            if left.contains(ino) && kinds.all(|kind| !DUMPED_TYPES.contains(&kind)) {
                undumped.push(ino);
            }
            next = ino.0.checked_add(1).and_then(|ino| self.names.next_named(Ino(ino)));
        }
        for ino in undumped {
            left.remove(ino);
            self.tell(sink, None, Some(ino), Fault::Undumped);
        }
    }

    /// Directories that hang in the air, and files that no directory names.
    fn tell_of_names(&mut self, sink: &mut impl Sink) {
        // Names on the volumes before are not known.
        if self.shift > 0 {
            return;
        }
        let whole = self.broken == 0 || self.partial;
        for at in 0..self.names.directories().len() {
            let directory = &self.names.directories()[at];
            let (ino, reachable) = (directory.ino, directory.reachable);
            let named = self.names.entries(ino).next().is_some();
            match (reachable, named) {
                (true, _) => {}
                (false, true) if whole && (self.partial || !self.is_in_ring(ino)) => {
                    self.tell(sink, None, Some(ino), Fault::Nameless)
                }
                (false, true) => self.tell(sink, None, Some(ino), Fault::Unreachable),
                (false, false) => self.tell(sink, None, Some(ino), Fault::Nameless),
            }
        }
        let mut nameless = std::mem::take(&mut self.seen);
        self.names.all().for_each(|(ino, _)| _ = nameless.remove(ino.0));
        self.names.directories().iter().for_each(|directory| _ = nameless.remove(directory.ino.0));
        for (first, last) in runs(&nameless) {
            self.tell_of_all(sink, first, last, &Fault::Nameless);
        }
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
