// SPDX-License-Identifier: BSD-2-Clause
//! Pass I: examines every inode; finds those to dump, and the directories.

use std::ops::Range;

use crate::dump::passes::ahead::{GroupsAhead, INODES_PER_READ};
use crate::dump::passes::{Criteria, Error, Maps, Notice, estimate, sound};
use dumpstream::InodeMap;
use ufs::Buffer;
use ufs::Ino;
use ufs::{CylinderGroup, FileSystem, FileType, InodeTable, Look, RawDinode, ReadAt, Superblock, Warning};

/// Inodes with a wrong check hash that are named; of the others only the number is reported.
const MOST_NAMED: u64 = 32;

/// Pass I under way. Each [`step`](MarkFiles::step) maps one cylinder group.
pub struct MarkFiles {
    criteria: Criteria,
    /// The next group, and the one behind the last of this share.
    group: u32,
    end: u32,
    ahead: GroupsAhead,
    buffer: Buffer,
    /// The maps so far.
    pub maps: Maps,
    /// Tape blocks that the files found so far will take.
    pub tape_blocks: i64,
    /// Whether a directory was passed over, so that pass II is needed.
    pub directory_skipped: bool,
    /// Inodes whose check hash is wrong.
    wrong_hashes: u64,
}

impl MarkFiles {
    /// Begins pass I on the file system that `sb` describes.
    pub fn new(sb: &Superblock, criteria: Criteria) -> MarkFiles {
        MarkFiles {
            criteria,
            group: 0,
            end: sb.ncg,
            ahead: GroupsAhead::default(),
            buffer: Buffer::default(),
            maps: Maps::new(sb.max_inodes()),
            tape_blocks: 0,
            directory_skipped: false,
            wrong_hashes: 0,
        }
    }

    /// From now on maps these groups only, until there is another share.
    pub fn share(&mut self, groups: Range<u32>) {
        (self.group, self.end) = (groups.start, groups.end);
        self.ahead = GroupsAhead::default();
    }

    /// Inodes with a wrong check hash so far.
    pub fn wrong_hashes(&self) -> u64 {
        self.wrong_hashes
    }

    /// Maps the next cylinder group; false when there is none left, and pass I is complete.
    ///
    /// Errors: as [`MarkFiles::map_next`] and [`MarkFiles::complete`].
    pub fn step<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        let more = self.map_next(fs, notify)?;
        if !more {
            self.complete(notify)?;
        }
        Ok(more)
    }

    /// Completes pass I when all groups are mapped.
    ///
    /// Errors: no root directory.
    pub fn complete(&mut self, notify: &mut dyn FnMut(Notice)) -> Result<(), Error> {
        if let Some(count) = self.wrong_hashes.checked_sub(MOST_NAMED).filter(|&count| count > 0) {
            notify(Notice::Warning(Warning::MoreInodeHashes { count }));
        }
        if !self.maps.dirs.contains(Ino::ROOT) {
            return Err(Error::NoRoot);
        }
        // Restore gets very upset if the root is not dumped.
        self.maps.dump.insert(Ino::ROOT);
        Ok(())
    }

    /// Maps the next cylinder group of this share; false when there is none left.
    ///
    /// Errors: the disk cannot be read; with soft updates, a group without its magic number.
    pub fn map_next<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        let sb = fs.superblock();
        if self.group >= self.end {
            return Ok(false);
        }
        let group = self.group;
        self.group += 1;
        self.announce(fs);
        let header = self.ahead.header(group).map_or_else(|| fs.cylinder_group(group), Ok);
        let inodes = match sound(header, notify)? {
            Some(cg) => {
                cg.warnings.iter().cloned().for_each(|warning| notify(Notice::Warning(warning)));
                initialised_inodes(sb, group, &cg)?
            }
            None if sb.soft_updates => return Err(Error::GroupMagic(group)),
            None => sb.ipg,
        };
        self.scan(fs, group, inodes, notify)?;
        Ok(true)
    }

    fn scan<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        group: u32,
        inodes: u32,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        let mut first = 0;
        let mut buffer = std::mem::take(&mut self.buffer);
        while first < inodes {
            self.announce(fs);
            let count = INODES_PER_READ.min(inodes - first);
            if let Some(table) = sound(fs.inode_table(group, first, count, &mut buffer), notify)? {
                self.scan_table(fs.superblock(), &table);
                if fs.superblock().inode_hashes {
                    self.check_hashes(&table, notify);
                }
            }
            first += count;
            self.ahead.table_is_read();
        }
        self.buffer = buffer;
        Ok(())
    }

    fn announce<R: ReadAt>(&mut self, fs: &FileSystem<R>) {
        let groups = (self.group - 1, self.end);
        self.ahead.advance(fs, groups, |cg| initialised_inodes(fs.superblock(), cg.cg, cg).ok());
    }

    /// Reports inodes whose check hash is wrong. They are dumped all the same.
    fn check_hashes(&mut self, table: &InodeTable<'_>, notify: &mut dyn FnMut(Notice)) {
        let mut check = Check { wrong: self.wrong_hashes, notify };
        table.show(&mut check);
        self.wrong_hashes = check.wrong;
    }

    fn scan_table(&mut self, sb: &Superblock, table: &InodeTable<'_>) {
        let mut scan = Scan {
            criteria: self.criteria,
            sb,
            maps: &mut self.maps,
            tape_blocks: self.tape_blocks,
            directory_skipped: self.directory_skipped,
            word: 0,
            used: 0,
            dirs: 0,
            dump: 0,
        };
        table.show(&mut scan);
        scan.next_word(0);
        (self.tape_blocks, self.directory_skipped) = (scan.tape_blocks, scan.directory_skipped);
    }
}

/// The looking at a table. Inodes come in order, and the maps are written to a word at a time.
struct Scan<'a> {
    criteria: Criteria,
    sb: &'a Superblock,
    maps: &'a mut Maps,
    tape_blocks: i64,
    directory_skipped: bool,
    /// The word at hand, and what is to be put into it in each map.
    word: usize,
    used: u64,
    dirs: u64,
    dump: u64,
}

impl Scan<'_> {
    fn next_word(&mut self, word: usize) {
        self.maps.used.insert_word(self.word, std::mem::take(&mut self.used));
        self.maps.dirs.insert_word(self.word, std::mem::take(&mut self.dirs));
        self.maps.dump.insert_word(self.word, std::mem::take(&mut self.dump));
        self.word = word;
    }
}

impl<'b> Look<'b> for Scan<'_> {
    #[inline(always)]
    fn look(&mut self, inode: RawDinode<'b>) {
        let ino = inode.ino;
        let kind = inode.file_type();
        if ino < Ino::ROOT || kind == FileType::Free {
            return;
        }
        let (word, bit) = InodeMap::place_of(ino);
        if word != self.word {
            self.next_word(word);
        }
        self.used |= bit;
        let directory = kind == FileType::Dir;
        if directory {
            self.dirs |= bit;
        }
        let flags = inode.flags();
        if self.criteria.wants(inode.mtime(), inode.ctime(), flags) {
            self.dump |= bit;
            self.tape_blocks +=
                estimate::of_inode(self.sb, kind, inode.size(self.sb), inode.disk_bytes(), flags);
        } else if directory {
            // A directory that is in `dirs` and not in `used` is one with nodump, for pass II.
            if self.criteria.skips(flags) {
                self.used &= !bit;
            }
            self.directory_skipped = true;
        }
    }
}

/// The comparing of check hashes in a table.
struct Check<'a> {
    wrong: u64,
    notify: &'a mut dyn FnMut(Notice),
}

impl<'b> Look<'b> for Check<'_> {
    #[inline(always)]
    fn look(&mut self, inode: RawDinode<'b>) {
        if let Some((stored, computed)) = inode.wrong_hash() {
            self.wrong += 1;
            if self.wrong <= MOST_NAMED {
                (self.notify)(Notice::Warning(Warning::InodeHash { ino: inode.ino, stored, computed }));
            }
        }
    }
}

/// How many inodes of a group are to be looked at: those that were ever initialised (UFS2), and with soft updates
/// not those after the last one in use, since then the map of inodes can be trusted.
fn initialised_inodes(sb: &Superblock, group: u32, cg: &CylinderGroup) -> Result<u32, Error> {
    if !sb.soft_updates {
        // A group without its magic number may say that it has no inodes; they are looked at all the same.
        return Ok(if cg.magic_ok { cg.initialized } else { sb.ipg });
    }
    cg.used().map_err(|_| Error::GroupMagic(group))
}
