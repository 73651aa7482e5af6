// SPDX-License-Identifier: BSD-2-Clause
//! What is extracted of a dump: which names, which of them are there already, and the directories that have been made. Pure.

use std::collections::HashSet;

use crate::restore::ext::Records;
use crate::restore::tree::Tree;
use crate::restore::wire::{About, DirectoryId, TARGET};
use dumpstream::InodeFields;
use dumpstream::reading::Names;
use ufs::{Ino, is_whiteout};

/// A directory of the dump.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// What its inode is.
    pub inode: InodeFields,
    /// Its extended attributes, in the host's byte order when it is over.
    pub attributes: Vec<u8>,
    /// Those of Linux's dump.
    pub linux: Records,
    /// The writer's number for it; none if it is not extracted.
    pub id: Option<DirectoryId>,
    /// It was there before, so that it keeps its attributes.
    pub existed: bool,
    /// It has its attributes.
    pub finished: bool,
}

/// A name that is extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its inode.
    pub ino: Ino,
    /// Its place among the names.
    pub offset: u32,
    /// Its file has been extracted, or it has been reported why not. Of the first name of each inode only.
    pub done: bool,
}

/// The selection, and how far it is.
#[derive(Debug, Default)]
pub struct Extraction {
    /// The tree of the dump.
    pub tree: Tree,
    /// The directories, by the number that they have in the names.
    pub directories: Vec<Directory>,
    /// By inode; the first name of an inode is the one that is extracted, the others are links to it.
    selected: Vec<Selected>,
    /// Inodes that are left out on purpose: they get no further names either.
    left_out: HashSet<Ino>,
    /// Whiteouts that are extracted: their places among the names.
    pub whiteouts: Vec<u32>,
    /// Inodes that are not done.
    left: usize,
    last: DirectoryId,
}

impl Extraction {
    /// Selects a name of something that is no directory.
    pub fn select(&mut self, ino: Ino, offset: u32) {
        self.selected.push(Selected { ino, offset, done: false });
    }

    /// Selects a name of something that is no directory, or notes a whiteout if those are extracted.
    pub fn want(&mut self, ino: Ino, offset: u32, names: &Names, takes_whiteouts: bool) {
        if !is_whiteout(ino, names.at(offset).0) {
            self.select(ino, offset);
        } else if takes_whiteouts {
            self.whiteouts.push(offset);
        }
    }

    /// Forgets what was selected.
    pub fn clear(&mut self) {
        self.selected.clear();
        self.whiteouts.clear();
        self.left = 0;
        // Directories that were made keep their numbers.
        self.directories.iter_mut().for_each(|directory| directory.finished = directory.id.is_some());
    }

    /// Puts what was selected in order.
    pub fn settle(&mut self) {
        // Stable: the names of an inode stay in the order of the tree.
        self.selected.sort_by_key(|selected| selected.ino);
        // Names that were given overlap.
        let (mut seen, mut last) = (HashSet::new(), Ino(0));
        self.selected.retain(|selected| {
            if std::mem::replace(&mut last, selected.ino) != selected.ino {
                seen.clear();
            }
            seen.insert(selected.offset)
        });
        self.selected.shrink_to_fit();
        self.left = self.selected.chunk_by(|a, b| a.ino == b.ino).count();
        self.whiteouts.sort_unstable();
        self.whiteouts.dedup();
    }

    /// The names of an inode; the first is the one that is extracted.
    pub fn names(&self, ino: Ino) -> &[Selected] {
        let start = self.selected.partition_point(|selected| selected.ino < ino);
        let length = self.selected[start..].partition_point(|selected| selected.ino == ino);
        &self.selected[start..start + length]
    }

    /// All names, by inode.
    pub fn all(&self) -> impl Iterator<Item = &[Selected]> {
        self.selected.chunk_by(|a, b| a.ino == b.ino)
    }

    /// Notes that an inode is done. False: it was before, or is not selected.
    pub fn done(&mut self, ino: Ino) -> bool {
        let start = self.selected.partition_point(|selected| selected.ino < ino);
        match self.selected.get_mut(start).filter(|selected| selected.ino == ino && !selected.done) {
            Some(selected) => {
                selected.done = true;
                self.left -= 1;
                true
            }
            None => false,
        }
    }

    /// Notes that an inode is done, without a file.
    pub fn leave_out(&mut self, ino: Ino) {
        self.done(ino);
        self.left_out.insert(ino);
    }

    /// Whether an inode was left out.
    pub fn is_left_out(&self, ino: Ino) -> bool {
        self.left_out.contains(&ino)
    }

    /// Inodes that are not done.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The last inode that is not done.
    pub fn last_left(&self) -> Option<Ino> {
        let mut last = None;
        let mut at = self.selected.len();
        while let Some(end) = self.selected.get(..at).and_then(<[Selected]>::last) {
            let first = self.selected[..at].partition_point(|selected| selected.ino < end.ino);
            if !self.selected[first].done {
                last = Some(end.ino);
                break;
            }
            at = first;
        }
        last
    }

    /// Those of `first` to `last` that are selected and not done.
    pub fn missing(&self, first: Ino, last: Ino) -> Vec<Selected> {
        let start = self.selected.partition_point(|selected| selected.ino < first);
        let end = self.selected.partition_point(|selected| selected.ino <= last);
        let range = self.selected.get(start..end).unwrap_or(&[]);
        range.chunk_by(|a, b| a.ino == b.ino).map(|names| names[0]).filter(|first| !first.done).collect()
    }

    /// A number for a directory that is extracted, if it has none; the root is the target.
    pub fn number(&mut self, directory: usize, is_root: bool) -> Option<DirectoryId> {
        let entry = self.directories.get_mut(directory).filter(|directory| directory.id.is_none())?;
        if is_root {
            entry.id = Some(TARGET);
        } else {
            self.last += 1;
            entry.id = Some(self.last);
        }
        entry.id
    }

    /// The writer's number for the directory that a name is in.
    pub fn holder(&self, names: &Names, offset: u32) -> Option<DirectoryId> {
        self.directories.get(names.holder_number(offset)?)?.id
    }
}

/// What the writer needs to know of an inode.
pub fn about(inode: &InodeFields) -> About {
    About {
        mode: inode.mode,
        uid: inode.uid,
        gid: inode.gid,
        flags: inode.file_flags,
        atime: inode.atime,
        mtime: inode.mtime,
        birthtime: inode.birthtime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_inode_stay_in_order() {
        let mut extraction = Extraction::default();
        for (ino, offset) in [(9, 5), (4, 7), (9, 2), (9, 5), (4, 7)] {
            extraction.select(Ino(ino), offset);
        }
        extraction.settle();
        let offsets = |ino| extraction.names(Ino(ino)).iter().map(|name| name.offset).collect::<Vec<_>>();
        assert_eq!((offsets(9), offsets(4), offsets(5)), (vec![5, 2], vec![7], vec![]));
        assert_eq!((extraction.left(), extraction.all().count()), (2, 2));
        assert!(extraction.done(Ino(9)) && !extraction.done(Ino(9)) && !extraction.done(Ino(5)));
        let missing = extraction.missing(Ino(3), Ino(9));
        assert_eq!(missing, [Selected { ino: Ino(4), offset: 7, done: false }]);
        assert_eq!(extraction.missing(Ino(7), Ino(3)), []);
    }
}
