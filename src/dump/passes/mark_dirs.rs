// SPDX-License-Identifier: BSD-2-Clause
//! Pass II: directories that contain something to dump are dumped as well; the others are dropped.
//!
//! A directory not dumped itself is read; it is dumped if it holds something that is, and dropped from `dirs` if it holds neither
//! that nor a directory that is still in `dirs`. By that its parent may drop out too, so rounds are made until one changes nothing.
//! A directory that is in `dirs` but not in `used` has the flag nodump, or inherits it: all that is in it is taken off the dump.
//! Where there is none of these, one round is enough (see [`Links`]), and none where there is nothing to dump.

use std::ops::ControlFlow;

use crate::dump::passes::ahead::DirectoriesAhead;
use crate::dump::passes::links::Links;
use crate::dump::passes::names::each_block;
use crate::dump::passes::{Criteria, Error, Maps, Notice, estimate, sound};
use ufs::Buffer;
use ufs::Ino;
use ufs::{Dinode, FileSystem, FileType, ReadAt, dir_entries};

/// Directories that one step reads at most.
const DIRECTORIES_PER_STEP: u32 = 1024;

/// Rounds after which the directories still undecided are all dumped: more than any tree is deep that can be made by its
/// names, but a damaged one can go round in circles.
const MOST_ROUNDS: u32 = 4096;

/// Pass II under way.
pub struct MarkDirs {
    criteria: Criteria,
    next: u64,
    ahead: DirectoriesAhead,
    changed: bool,
    round: u32,
    block: Buffer,
    /// A way has been chosen; set from the start, it is that of rounds.
    pub(super) begun: bool,
    /// What holds what, if it is decided by that.
    links: Option<Links>,
    /// Directories whose nodump has been handed down: once is enough, and ends on directories that hold each other.
    handed_down: Option<dumpstream::InodeMap>,
}

/// What a directory was found to hold.
#[derive(Clone, Copy, Default)]
struct Found {
    dumped: bool,
    subdirectories: bool,
}

impl MarkDirs {
    /// Begins pass II; `criteria` are those of pass I.
    pub fn new(criteria: Criteria) -> MarkDirs {
        MarkDirs {
            criteria,
            next: 0,
            ahead: DirectoriesAhead::default(),
            changed: false,
            round: 0,
            block: Buffer::default(),
            begun: false,
            links: None,
            handed_down: None,
        }
    }

    /// Chooses how to go about it; false when nothing is left to be looked at.
    fn begin(&mut self, maps: &mut Maps) -> bool {
        let any_nodump = self.criteria.honor_nodump && !maps.dirs.is_within(&maps.used);
        if any_nodump {
            return true;
        }
        // Pass I put in the root whatever is to be dumped. With nothing else, no directory holds anything.
        if maps.dump.next_from(u64::from(Ino::ROOT.0) + 1).is_none() {
            maps.dirs.keep(&maps.dump);
            return false;
        }
        self.links = Some(Links::default());
        true
    }

    /// Looks at the next directories; false when all is decided.
    ///
    /// Errors: the disk cannot be read.
    pub fn step<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        if !std::mem::replace(&mut self.begun, true) && !self.begin(maps) {
            return Ok(false);
        }
        for _ in 0..DIRECTORIES_PER_STEP {
            let Some(ino) = maps.dirs.next_from(self.next) else {
                if let Some(links) = self.links.take() {
                    decide(fs, maps, tape_blocks, links, notify)?;
                    return Ok(false);
                }
                return Ok(self.end_round(maps));
            };
            self.next = u64::from(ino.0) + 1;
            let nodump = self.is_nodump(maps, ino);
            if !maps.dump.contains(ino) || nodump {
                self.look_at(fs, maps, tape_blocks, ino, nodump, notify)?;
            }
        }
        Ok(true)
    }

    /// Whether directory `ino` has the flag nodump, and that counts.
    fn is_nodump(&self, maps: &Maps, ino: Ino) -> bool {
        self.criteria.honor_nodump && !maps.used.contains(ino)
    }

    /// The first directory not below `from` that is to be looked at.
    fn next_to_look_at(&self, maps: &Maps, mut from: u64) -> Option<Ino> {
        loop {
            let ino = maps.dirs.next_from(from)?;
            if !maps.dump.contains(ino) || self.is_nodump(maps, ino) {
                return Some(ino);
            }
            from = u64::from(ino.0) + 1;
        }
    }

    fn end_round(&mut self, maps: &mut Maps) -> bool {
        self.round += 1;
        if self.changed && self.round >= MOST_ROUNDS {
            for ino in maps.dirs.clone().iter().filter(|&ino| maps.used.contains(ino)) {
                maps.dump.insert(ino);
            }
            return false;
        }
        self.next = 0;
        self.ahead = DirectoriesAhead::default();
        std::mem::take(&mut self.changed)
    }

    fn look_at<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        ino: Ino,
        nodump: bool,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        let mut ahead = std::mem::take(&mut self.ahead);
        let known = ahead.take(fs, ino, |from| self.next_to_look_at(maps, from));
        self.ahead = ahead;
        let inode = known.map_or_else(|| fs.inode(ino), Ok);
        let Some(inode) = sound(inode, notify)? else {
            maps.dirs.remove(ino);
            return Ok(());
        };
        let found = self.search(fs, maps, tape_blocks, ino, &inode, nodump, notify)?;
        if let Some(links) = &mut self.links {
            links.close(ino, found.dumped);
        }
        if found.dumped {
            maps.dump.insert(ino);
            *tape_blocks += estimate::of_dinode(fs.superblock(), &inode);
            self.changed = true;
        } else if nodump {
            self.changed |= found.subdirectories;
            // The root stays, as it does in the map of what is dumped: without it nothing could be read, not even that it is empty.
            if ino != Ino::ROOT {
                maps.dirs.remove(ino);
            }
        } else if !found.subdirectories {
            maps.dirs.remove(ino);
            self.changed = true;
        }
        Ok(())
    }

    /// Reads the directory's blocks until it is known to be dumped.
    #[expect(clippy::too_many_arguments, reason = "one pass's state, used here only")]
    fn search<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        ino: Ino,
        inode: &Dinode,
        nodump: bool,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        if nodump && !self.first_time(fs, ino) {
            return Ok(found);
        }
        let mut block = std::mem::take(&mut self.block);
        let result = each_block(fs, ino, inode, &mut block, notify, &mut |bytes, notify| {
            self.search_block(fs, maps, tape_blocks, ino, nodump, bytes, &mut found, notify)?;
            Ok(if found.dumped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        self.block = block;
        result.map(|()| found)
    }

    fn first_time<R: ReadAt>(&mut self, fs: &FileSystem<R>, ino: Ino) -> bool {
        let done =
            self.handed_down.get_or_insert_with(|| dumpstream::InodeMap::new(fs.superblock().max_inodes()));
        let first = !done.contains(ino);
        done.insert(ino);
        first
    }

    #[expect(clippy::too_many_arguments, reason = "one pass's state, used here only")]
    fn search_block<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        directory: Ino,
        nodump: bool,
        bytes: &[u8],
        found: &mut Found,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        let sb = fs.superblock();
        for entry in dir_entries(bytes, sb.order, sb.old_directories) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(_) => {
                    notify(Notice::CorruptDirectory(directory));
                    return Ok(());
                }
            };
            let ino = entry.ino;
            if u64::from(ino.0) >= sb.max_inodes() {
                notify(Notice::CorruptEntry(directory, ino, sb.max_inodes()));
                return Ok(());
            }
            if entry.is_dot() {
                continue;
            }
            if nodump {
                self.hand_down(fs, maps, tape_blocks, ino, found, notify)?;
                continue;
            }
            found.dumped |= maps.dump.contains(ino);
            let subdirectory = maps.dirs.contains(ino);
            found.subdirectories |= subdirectory;
            if subdirectory && self.links.as_mut().is_some_and(|links| !links.add(directory, ino)) {
                // More than can be kept: then rounds are made, and this was the first.
                self.links = None;
                self.changed = true;
            }
            if found.dumped && found.subdirectories {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes `ino` off the dump since it is in a directory with nodump, and marks it so if it is a directory.
    fn hand_down<R: ReadAt>(
        &self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        ino: Ino,
        found: &mut Found,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        if ino <= Ino::ROOT {
            return Ok(());
        }
        let Some(inode) = sound(fs.inode(ino), notify)? else { return Ok(()) };
        if maps.dump.contains(ino) {
            maps.dump.remove(ino);
            *tape_blocks -= estimate::of_dinode(fs.superblock(), &inode);
        }
        let done = self.handed_down.as_ref().is_some_and(|done| done.contains(ino));
        if inode.file_type() == FileType::Dir && !done {
            maps.dirs.insert(ino);
            maps.used.remove(ino);
            found.subdirectories = true;
        }
        Ok(())
    }
}

/// Decides on all directories by what holds what, and counts those that came to be dumped.
fn decide<R: ReadAt>(
    fs: &FileSystem<R>,
    maps: &mut Maps,
    tape_blocks: &mut i64,
    links: Links,
    notify: &mut dyn FnMut(Notice),
) -> Result<(), Error> {
    for ino in links.decide(maps) {
        if let Some(inode) = sound(fs.inode(ino), notify)? {
            *tape_blocks += estimate::of_dinode(fs.superblock(), &inode);
        }
    }
    Ok(())
}
