// SPDX-License-Identifier: BSD-2-Clause
//! Parses a directory entry by entry as its tape blocks arrive.

use super::Fault;
use crate::Block;
use crate::TP_BSIZE;
use ufs::Ino;
use ufs::{ByteOrder, dir_entries};

/// A directory that is being read.
#[derive(Clone, Debug)]
pub struct Scan {
    ino: Ino,
    /// Bytes of it that are still to come.
    size: u64,
    /// Bytes of it that have come, holes included.
    at: u64,
    order: ByteOrder,
    /// Entries have no type (from before 4.4BSD).
    old: bool,
    /// Entries seen, up to 2.
    seen: u8,
}

/// What one tape block had that is wrong or worth saying.
pub type Told = Vec<Fault>;

impl Scan {
    /// A directory of `size` bytes.
    pub fn new(ino: Ino, size: u64, order: ByteOrder, old: bool) -> Scan {
        Scan { ino, size, at: 0, order, old, seen: 0 }
    }

    /// These many tape blocks of the directory are a hole.
    pub fn hole(&mut self, blocks: u32) {
        self.pass(blocks);
    }

    fn pass(&mut self, blocks: u32) {
        self.at = self.at.saturating_add(u64::from(blocks) * TP_BSIZE as u64);
        // If entries were omitted, it is unknown which is the first.
        self.seen = self.seen.max(2);
    }

    /// The next tape block: its entries go to `take`, with inode, `d_type` and a name of at most 255 bytes, which says whether there
    /// was room for them; problems are reported. `known` says of an inode whether the maps have room for it, and whether it is in
    /// use.
    pub fn block(
        &mut self,
        block: &Block,
        mut take: impl FnMut(Ino, u8, &[u8]) -> bool,
        known: impl Fn(Ino) -> (bool, bool),
    ) -> Told {
        let left = self.size.saturating_sub(self.at).min(TP_BSIZE as u64) as usize;
        let mut told = Told::new();
        for entry in dir_entries(&block[..left], self.order, self.old) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.seen = 2;
                    told.push(Fault::Directory(self.at + error.offset as u64, error.fault));
                    continue;
                }
            };
            if !self.is_dot(entry.ino, entry.name, &mut told) {
                let (inside, used) = known(entry.ino);
                let name = entry.name;
                if name.contains(&b'/') || name.contains(&0) || name.len() > 255 {
                    told.push(Fault::Name(self.at));
                } else if !inside {
                    told.push(Fault::PastEnd(entry.ino));
                } else if !take(entry.ino, entry.kind, name) {
                    told.push(Fault::TooManyNames);
                } else if !used && !entry.is_whiteout() {
                    told.push(Fault::Unused(entry.ino));
                }
            }
        }
        self.pass(1);
        told
    }

    /// Whether it is `.` or `..`. They are the first two, and `.` is the directory itself.
    fn is_dot(&mut self, ino: Ino, name: &[u8], told: &mut Told) -> bool {
        let place = self.seen;
        self.seen = place.saturating_add(1).min(2);
        match (place, name) {
            (0, b".") if ino == self.ino => return true,
            (1, b"..") => return true,
            (0 | 1, _) | (_, b"." | b"..") => {
                told.push(Fault::Dots);
                self.seen = 2;
            }
            _ => {}
        }
        matches!(name, b"." | b"..")
    }
}
