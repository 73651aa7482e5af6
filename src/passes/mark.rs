// SPDX-License-Identifier: BSD-2-Clause
//! Pass I: looks at every inode; finds those to dump, and the directories.

use super::{Criteria, Error, Maps, Notice, damage, estimate};
use crate::format::InodeMap;
use crate::ufs::{CylinderGroup, FileSystem, FileType, InodeTable, ReadAt, Superblock};
use crate::units::Ino;

/// Inodes that are read at once: 256 KiB of them, which a processor's cache still holds when they are looked at.
const INODES_PER_READ: u32 = 1024;

/// Pass I under way. Each [`step`](MarkFiles::step) maps one cylinder group.
pub struct MarkFiles {
    criteria: Criteria,
    group: u32,
    buffer: Vec<u8>,
    /// The maps so far.
    pub maps: Maps,
    /// Tape blocks that the files found so far will take.
    pub tape_blocks: i64,
    /// Whether a directory was passed over, so that pass II is needed.
    pub directory_skipped: bool,
}

impl MarkFiles {
    /// Begins pass I on the file system that `sb` describes.
    pub fn new(sb: &Superblock, criteria: Criteria) -> MarkFiles {
        MarkFiles {
            criteria,
            group: 0,
            buffer: Vec::new(),
            maps: Maps::new(sb.max_inodes()),
            tape_blocks: 0,
            directory_skipped: false,
        }
    }

    /// Maps the next cylinder group; false when there is none left.
    ///
    /// Errors: the disk cannot be read; with soft updates, a group without its magic number.
    pub fn step<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        let sb = fs.superblock();
        if self.group >= sb.ncg {
            // Restore gets very upset if the root is not dumped.
            self.maps.dump.insert(Ino::ROOT);
            return Ok(false);
        }
        let group = self.group;
        self.group += 1;
        let inodes = match damage(fs.cylinder_group(group))? {
            Ok(cg) => {
                cg.warnings.iter().cloned().for_each(|warning| notify(Notice::Warning(warning)));
                initialised_inodes(sb, group, &cg)?
            }
            Err(error) if sb.soft_updates => {
                notify(Notice::Damaged(error));
                return Err(Error::GroupMagic(group));
            }
            Err(error) => {
                notify(Notice::Damaged(error));
                sb.ipg
            }
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
            let count = INODES_PER_READ.min(inodes - first);
            match damage(fs.inode_table(group, first, count, &mut buffer))? {
                Ok(table) => self.scan_table(fs.superblock(), &table),
                Err(error) => notify(Notice::Damaged(error)),
            }
            first += count;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn scan_table(&mut self, sb: &Superblock, table: &InodeTable<'_>) {
        let criteria = self.criteria;
        let mut found = Found::default();
        table.for_each(|inode| {
            let ino = inode.ino;
            let kind = inode.file_type();
            if ino < Ino::ROOT || kind == FileType::Free {
                return;
            }
            let bit = found.bit(ino, &mut self.maps);
            found.used |= bit;
            let directory = kind == FileType::Dir;
            if directory {
                found.dirs |= bit;
            }
            let flags = inode.flags();
            if criteria.wants(inode.mtime(), inode.ctime(), flags) {
                found.dump |= bit;
                self.tape_blocks += estimate::of_inode(sb, kind, inode.size(), inode.blocks(), flags);
            } else if directory {
                // A directory that is in `dirs` and not in `used` is one with nodump, for pass II.
                if criteria.skips(flags) {
                    found.used &= !bit;
                }
                self.directory_skipped = true;
            }
        });
        found.put_into(&mut self.maps);
    }
}

/// What is to be put into one word of each map: inodes come in order, and the maps are written to once a word.
#[derive(Default)]
struct Found {
    word: usize,
    used: u64,
    dirs: u64,
    dump: u64,
}

impl Found {
    /// The bit of `ino`, which is in the word at hand from now on.
    fn bit(&mut self, ino: Ino, maps: &mut Maps) -> u64 {
        let (word, bit) = InodeMap::place_of(ino);
        if word != self.word {
            std::mem::replace(self, Found { word, ..Found::default() }).put_into(maps);
        }
        bit
    }

    fn put_into(self, maps: &mut Maps) {
        maps.used.insert_word(self.word, self.used);
        maps.dirs.insert_word(self.word, self.dirs);
        maps.dump.insert_word(self.word, self.dump);
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
