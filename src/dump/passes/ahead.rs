// SPDX-License-Identifier: BSD-2-Clause
//! What the passes will read is announced, so that a disk has many reads under way, whatever one of them takes.
//!
//! Nothing is reported here: what cannot be read ahead is read by the pass when its turn comes, and reported then.

use std::collections::VecDeque;

use ufs::{CylinderGroup, Dinode, FileSystem, Ino, ReadAt};

/// Inodes that are read at once: 256 KiB of them, which a processor's cache still holds when they are looked at.
pub(super) const INODES_PER_READ: u32 = 1024;

/// Headers of groups that are read ahead.
const GROUPS: u32 = 16;

/// Tables of inodes that are announced and not read.
const TABLES: u32 = 16;

/// Pass I's.
#[derive(Default)]
pub(super) struct GroupsAhead {
    /// The first group whose header was not announced.
    header: u32,
    /// Headers that were read.
    known: VecDeque<CylinderGroup>,
    /// The next group to look at.
    group: u32,
    /// Tables that are still to be announced: the group, the first inode in it, and the one behind the last.
    tables: Option<(u32, u32, u32)>,
    announced: u32,
}

impl GroupsAhead {
    /// Announces more of the groups from the current one up to `end`, if enough of what was announced has been read. `inodes` says how many of a group's inodes will be.
    pub fn advance<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        (current, end): (u32, u32),
        inodes: impl Fn(&CylinderGroup) -> Option<u32>,
    ) {
        (self.header, self.group) = (self.header.max(current), self.group.max(current));
        let end = end.min(current.saturating_add(GROUPS));
        while self.header < end {
            fs.announce_group(self.header);
            self.header += 1;
        }
        while self.announced < TABLES {
            if let Some((cg, first, behind)) = &mut self.tables
                && *first < *behind
            {
                let count = INODES_PER_READ.min(*behind - *first);
                fs.announce_table(*cg, *first, count);
                *first += count;
                self.announced += 1;
                continue;
            }
            if self.group >= end {
                return;
            }
            self.tables = None;
            if let Some(header) = fs.peek_group(self.group) {
                self.tables = inodes(&header).map(|inodes| (self.group, 0, inodes));
                self.known.push_back(header);
            }
            self.group += 1;
        }
    }

    /// The header of group `cg`, if it was read ahead.
    pub fn header(&mut self, cg: u32) -> Option<CylinderGroup> {
        while self.known.front().is_some_and(|known| known.cg < cg) {
            self.known.pop_front();
        }
        self.known.front().filter(|known| known.cg == cg)?;
        self.known.pop_front()
    }

    /// A table of inodes was read.
    pub fn table_is_read(&mut self) {
        self.announced = self.announced.saturating_sub(1);
    }
}

/// Directories whose inodes are announced at a time, and how many are left by then.
const INODES: usize = 256;
const FEW: usize = 32;

/// Directories whose blocks are announced and not read.
const DIRECTORIES: usize = 96;

/// Of the passes that read directories, in the order of their inodes.
#[derive(Default)]
pub(super) struct DirectoriesAhead {
    /// From which inode on directories are still to be announced.
    next: u64,
    /// Those whose inodes are announced.
    announced: VecDeque<Ino>,
    /// Those whose blocks are.
    known: VecDeque<(Ino, Dinode)>,
}

/// A stream that goes on from a checkpoint reads everything again.
impl Clone for DirectoriesAhead {
    fn clone(&self) -> Self {
        DirectoriesAhead::default()
    }
}

impl DirectoriesAhead {
    /// The inode of directory `ino`, if it was read ahead; announces more of those that come after it. `next` gives the first directory that
    /// will be read of those not below a number.
    pub fn take<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        ino: Ino,
        next: impl Fn(u64) -> Option<Ino>,
    ) -> Option<Dinode> {
        self.advance(fs, ino, next);
        while self.known.front().is_some_and(|(known, _)| *known < ino) {
            self.known.pop_front();
        }
        self.known.front().filter(|(known, _)| *known == ino)?;
        self.known.pop_front().map(|(_, inode)| inode)
    }

    fn advance<R: ReadAt>(&mut self, fs: &FileSystem<R>, current: Ino, next: impl Fn(u64) -> Option<Ino>) {
        self.next = self.next.max(current.0.into());
        if self.announced.len() < FEW {
            let mut more = Vec::new();
            let mut from = self.next;
            while let Some(ino) = next(from).filter(|_| more.len() < INODES) {
                more.push(ino);
                from = u64::from(ino.0) + 1;
            }
            if more.is_empty() {
                // Nothing is searched again.
                self.next = u64::MAX;
            }
            more.truncate(fs.announce_inodes(&more));
            if let Some(last) = more.last() {
                self.next = u64::from(last.0) + 1;
            }
            self.announced.extend(more);
        }
        while self.known.len() < DIRECTORIES
            && let Some(ino) = self.announced.pop_front()
        {
            if ino >= current
                && let Some(inode) = fs.peek_inode(ino)
            {
                fs.announce_directory(&inode);
                self.known.push_back((ino, inode));
            }
        }
    }
}
