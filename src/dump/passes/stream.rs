// SPDX-License-Identifier: BSD-2-Clause
//! Passes III and IV: the dump as a stream of headers and data, one step at a time.
//!
//! Its state is a small value. A clone of it is a checkpoint: the stream goes on from there as it did before.

use std::rc::Rc;

use crate::dump::passes::ahead::DirectoriesAhead;
use crate::dump::passes::directory;
use crate::dump::passes::directory::Tree;
use crate::dump::passes::file::{File, Room};
use crate::dump::passes::{Error, Maps, Notice, SF_SNAPSHOT, Step, WhichMap, sound};
use dumpstream::TP_BSIZE;
use dumpstream::{DAMAGED, Header, InodeFields, RecordType};
use ufs::Ino;
use ufs::{self, Attributes, Dinode, FileSize, FileSystem, FileType, ReadAt, Repairer};

/// The part of the stream that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    Directories,
    Files,
    End,
}

/// Blocks of a map still to be written.
#[derive(Clone, Copy, Debug)]
struct MapLeft {
    map: WhichMap,
    next: u32,
}

/// The stream of a dump.
#[derive(Clone)]
pub struct Stream {
    maps: Rc<Maps>,
    tree: Tree,
    /// Something is not on the dump as it should be.
    lossy: bool,
    last_inode: Ino,
    /// With -R the time of access is that of modification.
    no_access_time: bool,
    phase: Phase,
    next_inode: u64,
    current: Ino,
    bits_written: bool,
    map: Option<MapLeft>,
    file: Option<File>,
    ahead: DirectoriesAhead,
    /// Memory for the next file.
    room: Room,
    header: Header,
}

impl Stream {
    /// The stream of what `maps` marks. `max_inodes` as the superblock has it; `no_access_time` is -R.
    pub fn new(maps: Rc<Maps>, max_inodes: u64, no_access_time: bool) -> Stream {
        let last_inode = Ino(u32::try_from(max_inodes.saturating_sub(1)).unwrap_or(u32::MAX));
        Stream {
            tree: Tree::new(Rc::clone(&maps), max_inodes),
            maps,
            lossy: false,
            last_inode,
            no_access_time,
            phase: Phase::Start,
            next_inode: 0,
            current: Ino(0),
            bits_written: false,
            map: None,
            file: None,
            ahead: DirectoriesAhead::default(),
            room: Room::new(),
            header: Header::new(RecordType::Clri, last_inode),
        }
    }

    /// The passes before have lost something.
    pub fn with_losses(self, lossy: bool) -> Stream {
        Stream { lossy, ..self }
    }

    /// The header of the last [`Step::Header`] or [`Step::End`].
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The inode that was last looked at (`c_inumber` of a volume that begins here).
    pub fn current_inode(&self) -> Ino {
        self.current
    }

    /// The map that [`Step::Map`] names.
    pub fn map(&self, which: WhichMap) -> &dumpstream::InodeMap {
        match which {
            WhichMap::Used => &self.maps.used,
            WhichMap::Dump => &self.maps.dump,
        }
    }

    /// The next step. After [`Step::End`] there are only more of it.
    ///
    /// Errors: the disk cannot be read.
    pub fn next<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Step, Error> {
        let mut lost = false;
        let step = self.next_step(fs, &mut |notice| {
            lost |= notice.loss().is_some();
            notify(notice);
        });
        self.lossy |= lost;
        if let Ok(Step::End) = step {
            self.header.count = if self.lossy { DAMAGED } else { 0 };
        }
        step
    }

    fn next_step<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Step, Error> {
        loop {
            if let Some(step) = self.next_of_map() {
                return Ok(step);
            }
            if let Some(file) = &mut self.file {
                if let Some(step) = file.next(fs, &mut self.tree, &mut self.header, notify)? {
                    return Ok(step);
                }
                self.room = self.file.take().map(File::into_room).unwrap_or_default();
            }
            match self.phase {
                Phase::Start => {
                    self.phase = Phase::Directories;
                    return Ok(self.begin_map(WhichMap::Used, self.last_inode));
                }
                Phase::Directories if self.next_inode == 0 => {
                    notify(Notice::DumpingDirectories);
                    self.next_inode = 1;
                }
                Phase::Directories | Phase::Files => {
                    if let Some(step) = self.next_inode(fs, notify)? {
                        return Ok(step);
                    }
                }
                Phase::End => return Ok(Step::End),
            }
        }
    }

    fn begin_map(&mut self, map: WhichMap, inumber: Ino) -> Step {
        let kind = if map == WhichMap::Used { RecordType::Clri } else { RecordType::Bits };
        self.header = Header::new(kind, inumber);
        self.header.count = self.map(map).tape_blocks();
        self.map = Some(MapLeft { map, next: 0 });
        Step::Header
    }

    fn next_of_map(&mut self) -> Option<Step> {
        let left = self.map?;
        if left.next == self.map(left.map).tape_blocks() {
            self.map = None;
            return None;
        }
        self.map = Some(MapLeft { next: left.next + 1, ..left });
        Some(Step::Map { map: left.map, index: left.next })
    }

    /// Takes up the next inode of this pass; none when it has to be asked again.
    fn next_inode<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<Step>, Error> {
        let directories = self.phase == Phase::Directories;
        let map = if directories { &self.maps.dirs } else { &self.maps.dump };
        let Some(ino) = map.next_from(self.next_inode) else {
            self.end_pass(notify);
            return Ok(None);
        };
        let known = match directories {
            true => self.ahead.take(fs, ino, |from| map.next_from(from)),
            false => None,
        };
        let Some(inode) = sound(known.map_or_else(|| fs.inode(ino), Ok), notify)? else {
            self.next_inode = u64::from(ino.0) + 1;
            return Ok(None);
        };
        // An inode may have been freed, or taken for another type, since pass I.
        let wanted = (inode.file_type() == FileType::Dir) == directories && self.maps.dump.contains(ino);
        if wanted && !self.bits_written {
            self.bits_written = true;
            return Ok(Some(self.begin_map(WhichMap::Dump, ino)));
        }
        self.next_inode = u64::from(ino.0) + 1;
        self.current = ino;
        if wanted {
            fs.disk().reading(ino);
            if self.tree.mistook(ino, inode.mode) {
                notify(Notice::EntryType(ino));
            }
            self.file = self.begin_file(fs, ino, inode, notify)?;
        }
        Ok(None)
    }

    fn end_pass(&mut self, notify: &mut dyn FnMut(Notice)) {
        if self.phase == Phase::Directories {
            self.phase = Phase::Files;
            self.next_inode = 1;
            notify(Notice::DumpingFiles);
        } else {
            self.phase = Phase::End;
            self.header = Header::new(RecordType::End, self.last_inode);
        }
    }

    fn begin_file<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        ino: Ino,
        inode: Dinode,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<File>, Error> {
        let sb = fs.superblock();
        let kind = inode.file_type();
        let snapshot = inode.flags & SF_SNAPSHOT != 0;
        let mut sure = 0;
        let size = match kind {
            FileType::Dir if !snapshot => {
                let found =
                    directory::size(fs, &inode, &mut |damage| notify(Notice::Directory(ino, None, damage)))?;
                sure = found.sure;
                Some(found.held)
            }
            FileType::Regular | FileType::Link if !snapshot => {
                inode.size(sb).map_err(|error| notify(Notice::Damaged(error))).ok()
            }
            _ => None,
        };
        let has_size = snapshot || matches!(kind, FileType::Regular | FileType::Dir | FileType::Link);
        let stated = if has_size { size.map_or(0, FileSize::bytes) } else { inode.raw_size() };
        let size = size.filter(|size| size.bytes() > 0);
        let attributes = inode.attributes(sb).unwrap_or_else(|error| {
            notify(Notice::Damaged(error));
            Attributes::default()
        });
        self.header = Header::new(RecordType::Inode, ino);
        self.header.inode = inode_fields(&inode, stated, attributes.bytes, self.no_access_time);
        let room = std::mem::take(&mut self.room);
        Ok(match (kind, size) {
            (FileType::Free, _) => None,
            (FileType::Whiteout | FileType::Undefined(_), _) => {
                notify(Notice::UndefinedType(inode.mode));
                None
            }
            (FileType::Link, Some(_)) if inode.link_text(sb).is_some() => {
                let text = inode.link_text(sb).unwrap_or_default();
                // Text, NUL, and zeros to the end of the tape block.
                let mut block = [0; TP_BSIZE];
                block[..text.len()].copy_from_slice(text);
                self.header.count = 1;
                self.header.addr[0] = 1;
                Some(File::without_blocks(inode, attributes, Some(Rc::new(block)), room))
            }
            (FileType::Dir, size) if !snapshot => {
                let repairer = Repairer::new(ino, sure);
                if size.is_none() {
                    self.header.inode.size = ufs::DIRBLKSIZ as u64;
                }
                Some(File::directory(inode, size, attributes, repairer, room))
            }
            (FileType::Regular | FileType::Dir | FileType::Link, Some(size)) => {
                Some(File::with_blocks(inode, size, attributes, room))
            }
            (FileType::Regular | FileType::Dir | FileType::Link, None)
            | (FileType::Fifo | FileType::Socket | FileType::Char | FileType::Block, _) => {
                Some(File::without_blocks(inode, attributes, None, room))
            }
        })
    }
}

fn inode_fields(inode: &Dinode, size: u64, attributes: u32, no_access_time: bool) -> InodeFields {
    let mtime = (inode.mtime, inode.mtimensec);
    InodeFields {
        mode: inode.mode,
        size,
        atime: if no_access_time { mtime } else { (inode.atime, inode.atimensec) },
        mtime,
        birthtime: (inode.birthtime, inode.birthnsec),
        rdev: inode.rdev,
        extsize: attributes,
        file_flags: inode.flags & !SF_SNAPSHOT,
        uid: inode.uid,
        gid: inode.gid,
    }
}

const _: () = assert!(TP_BSIZE > 120, "a short link and its NUL fit in one tape block");
