// SPDX-License-Identifier: BSD-2-Clause
//! Directories in pass III: the known inodes that they name, and the usable size of a directory.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::dump::passes::names::{each_block, each_entry};
use crate::dump::passes::{Error, Maps};
use dumpstream::InodeMap;
use ufs::Buffer;
use ufs::Ino;
use ufs::{
    BlockMap, DIRBLKSIZ, Dinode, DirDamage, FileSize, FileSystem, FileType, ReadAt, Relatives, dir_entries,
};

/// Types of entries (`DT_DIR`, `DT_WHT`; sys/dirent.h).
const DT_DIR: u8 = 4;
const DT_REG: u8 = 8;
const DT_LNK: u8 = 10;
const DT_WHT: u8 = 14;

/// The inode that whiteouts name (`UFS_WINO`, ufs/ufs/dinode.h).
const WHITEOUT: Ino = Ino(1);

/// File system blocks without an address after which a directory is taken to be at its end: a sound one has none.
const MOST_HOLES: u64 = 16;

/// Most times that a directory is searched for the sake of an entry of another one, so that a hostile disk cannot make the dump slow.
const MOST_SEARCHES: u32 = 1000;

/// Which directory is in which, as far as directories have been dumped.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    maps: Rc<Maps>,
    max_inodes: u64,
    /// Directories that have a name.
    named: InodeMap,
    /// Of a directory that has a name and is not dumped yet, where the name is; of one that is dumped and has none, what its `..` is.
    parents: HashMap<Ino, Ino>,
    searches: u32,
    /// What types entries say inodes are of: regular files, links, and all others, by the type.
    regular: InodeMap,
    links: InodeMap,
    others: BTreeMap<Ino, u8>,
}

impl Tree {
    /// Before the first directory.
    pub fn new(maps: Rc<Maps>, max_inodes: u64) -> Tree {
        let none = InodeMap::new(max_inodes);
        Tree {
            maps,
            max_inodes,
            named: none.clone(),
            parents: HashMap::new(),
            searches: 0,
            regular: none.clone(),
            links: none,
            others: BTreeMap::new(),
        }
    }

    /// An entry says that an inode on the dump is of this type.
    fn note_type(&mut self, ino: Ino, kind: u8) {
        match kind {
            0 => {}
            DT_REG => self.regular.insert(ino),
            DT_LNK => self.links.insert(ino),
            _ => _ = self.others.insert(ino, kind),
        }
    }

    /// Whether entries say that an inode is of another type than it is.
    pub fn mistook(&self, ino: Ino, mode: u16) -> bool {
        // IFTODT (sys/dirent.h).
        let kind = u8::try_from(mode >> 12).unwrap_or(0);
        (self.regular.contains(ino) && kind != DT_REG)
            || (self.links.contains(ino) && kind != DT_LNK)
            || self.others.get(&ino).is_some_and(|&said| kind != said)
    }
}

/// What is known of the parent and the children of one directory.
pub(super) struct In<'a, R: ReadAt> {
    pub fs: &'a FileSystem<R>,
    pub tree: &'a mut Tree,
    /// The directory.
    pub ino: Ino,
}

impl<R: ReadAt> Relatives for In<'_, R> {
    fn dotdot(&mut self, said: Option<Ino>) -> Ino {
        if self.ino == Ino::ROOT {
            return Ino::ROOT;
        }
        if let Some(parent) = self.tree.parents.remove(&self.ino) {
            return parent;
        }
        let said = said.filter(|ino| *ino >= Ino::ROOT && u64::from(ino.0) < self.tree.max_inodes);
        if let Some(said) = said {
            self.tree.parents.insert(self.ino, said);
        }
        said.unwrap_or(Ino::ROOT)
    }

    fn entry(&mut self, ino: Ino, kind: u8) -> Result<(), (DirDamage, bool)> {
        if ino == WHITEOUT && kind == DT_WHT {
            return Ok(());
        }
        if u64::from(ino.0) >= self.tree.max_inodes {
            return Err((DirDamage::PastEnd(ino), true));
        }
        if ino < Ino::ROOT {
            return Err((DirDamage::Reserved(ino), true));
        }
        if self.tree.maps.dirs.contains(ino) {
            return self.directory(ino, kind);
        }
        // That it is not in use may be the way of a file system in use: readers leave it out.
        if self.tree.maps.dump.contains(ino) {
            self.tree.note_type(ino, kind);
        }
        Ok(())
    }
}

impl<R: ReadAt> In<'_, R> {
    /// The type that an inode has now.
    fn kind(&self, ino: Ino) -> Option<FileType> {
        self.fs.inode_now(ino).ok().map(|inode| inode.file_type())
    }

    /// An entry that names a directory. A directory has one name, so that the tree has no rings, in which restore(8) would go
    /// round for ever.
    fn directory(&mut self, ino: Ino, kind: u8) -> Result<(), (DirDamage, bool)> {
        if ino == self.ino || ino == Ino::ROOT || self.tree.named.contains(ino) {
            return Err((DirDamage::SecondName(ino), true));
        }
        let mut wrong_type = None;
        if ![0, DT_DIR].contains(&kind) {
            match self.kind(ino) {
                Some(FileType::Dir) if self.parent_of(ino) != Some(self.ino) => {
                    return Err((DirDamage::Misplaced(ino), true));
                }
                Some(FileType::Dir) => wrong_type = Some(DirDamage::Type(ino, kind)),
                _ => return Ok(()),
            }
        }
        let said = self.tree.parents.get(&ino).copied();
        match said {
            Some(said) if said != self.ino && self.holds(said, ino) => {
                return Err((DirDamage::Misplaced(ino), true));
            }
            Some(_) => _ = self.tree.parents.remove(&ino),
            None => _ = self.tree.parents.insert(ino, self.ino),
        }
        self.tree.named.insert(ino);
        match said {
            Some(said) if said != self.ino => Err((DirDamage::Misplaced(ino), false)),
            _ => wrong_type.map_or(Ok(()), |damage| Err((damage, false))),
        }
    }

    /// What `..` of a directory names.
    fn parent_of(&mut self, ino: Ino) -> Option<Ino> {
        let inode = self.search(ino)?;
        let (mut block, mut parent) = (Buffer::default(), None);
        let sb = self.fs.superblock();
        let read = each_block(self.fs, ino, &inode, &mut block, &mut |_| {}, &mut |bytes, _| {
            let second = dir_entries(bytes, sb.order, sb.old_directories).nth(1);
            parent = second.and_then(Result::ok).filter(|entry| entry.name == b"..").map(|entry| entry.ino);
            Ok(ControlFlow::Break(()))
        });
        self.fs.disk().reading(self.ino);
        read.ok().and(parent)
    }

    /// Whether the directory `holder` has an entry for `ino`.
    fn holds(&mut self, holder: Ino, ino: Ino) -> bool {
        let Some(_) = self.search(holder).filter(|inode| inode.file_type() == FileType::Dir) else {
            return false;
        };
        let (mut block, mut found) = (Buffer::default(), false);
        let read = each_entry(self.fs, holder, &mut block, &mut |_| {}, &mut |entry| {
            found |= entry.ino == ino;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.fs.disk().reading(self.ino);
        read.is_ok() && found
    }

    fn search(&mut self, ino: Ino) -> Option<Dinode> {
        self.tree.searches += 1;
        (self.tree.searches <= MOST_SEARCHES).then(|| self.fs.inode_now(ino).ok()).flatten()
    }
}

/// How many bytes a directory has, as far as it has blocks: what is wrong with its size goes to `report`.
///
/// Errors: the disk cannot be read.
pub(super) fn size<R: ReadAt>(
    fs: &FileSystem<R>,
    inode: &Dinode,
    report: &mut dyn FnMut(DirDamage),
) -> Result<Size, Error> {
    let sb = fs.superblock();
    let piece = DIRBLKSIZ as u64;
    let (said, most) = (inode.raw_size(), sb.max_file_size());
    let whole = said.checked_next_multiple_of(piece).unwrap_or(u64::MAX);
    let most = most.cut(most.bytes() / piece * piece).cut(whole);
    let (end, holes) = blocks_end(fs, inode, most)?;
    let size = most.cut(end.saturating_mul(sb.bsize.into()));
    let held = size.bytes();
    let sure = inode.disk_bytes().saturating_add(holes * u64::from(sb.bsize));
    if held != said {
        report(DirDamage::Size(said, held));
    } else if held > sure {
        report(DirDamage::Blocks(held, sure));
    } else if held == 0 {
        report(DirDamage::NoDots);
    }
    Ok(Size { held: size, sure })
}

/// The size of a directory, in bytes.
pub(super) struct Size {
    /// A multiple of [`DIRBLKSIZ`], up to the last block.
    pub held: FileSize,
    /// As much as `di_blocks` has room for.
    pub sure: u64,
}

/// The file system block behind the last one that has an address, and how many without one are before it. Behind too many
/// without one there is nothing.
fn blocks_end<R: ReadAt>(fs: &FileSystem<R>, inode: &Dinode, size: FileSize) -> Result<(u64, u64), Error> {
    let (mut map, mut end, mut holes, mut before) = (BlockMap::new(inode, size), 0, 0, 0);
    while let Some(segment) = map.next(fs).map_err(Error::Read)? {
        if segment.addresses().is_empty() {
            break;
        }
        for (block, &address) in (segment.first.0..).zip(segment.addresses()) {
            match address {
                0 => holes += 1,
                _ => (end, before) = (block + 1, holes),
            }
            if holes > MOST_HOLES {
                return Ok((end, before));
            }
        }
    }
    Ok((end, before))
}
