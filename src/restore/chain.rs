// SPDX-License-Identifier: BSD-2-Clause
//! From the tree of the levels before and the directories of a dump: the tree that is to be, and what leads there. Pure.
//!
//! A directory that is on the dump has the names that the dump says; any other one keeps those that it had. What is gone is what no name
//! leads to any more: that an inode is not on the dump says nothing, since it can have been left out.

use std::cell::OnceCell;
use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::restore::state::{STAGE, STATE, STATE_NEW};
use crate::restore::table::Table;
use crate::restore::tree::Tree;
use dumpstream::InodeMap;
use dumpstream::reading::Names;
use ufs::{Ino, is_whiteout};

/// `d_type` of a directory (sys/dirent.h).
const DT_DIR: u8 = 4;

/// Where a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The directory of this inode.
    Directory(Ino),
    /// The directory for what is on its way.
    Stage,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The directory.
    pub holder: Holder,
    /// The name.
    pub name: Vec<u8>,
}

/// What is done to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A file, or the directory of this inode, gets another name.
    Rename(Spot, Spot, Option<Ino>),
    /// A name that is no directory is removed.
    Remove(Spot),
    /// An empty directory is removed.
    RemoveDirectory(Spot),
    /// A directory is made.
    MakeDirectory(Ino, Spot),
    /// The directory for what is on its way is made, if it is not there.
    MakeStage(Spot),
    /// A file gets a further name: the one that it has, the new one.
    Link(Spot, Spot),
    /// A whiteout is removed.
    RemoveWhiteout(Spot),
}

/// The tree that is to be, and what was noticed on the way.
#[derive(Debug, Default)]
pub struct New {
    /// The tree.
    pub table: Table,
    /// Names of inodes that are neither on the dump nor in the tree: path and inode.
    pub missing: Vec<(Vec<u8>, Ino)>,
    /// Further names of directories, and names that are the state's.
    pub ignored: Vec<Vec<u8>>,
}

/// What is there for a new tree.
pub struct Sources<'a> {
    /// The tree of the levels before.
    pub old: &'a Table,
    /// The directories of the dump.
    pub tree: &'a Tree,
    /// Their names.
    pub names: &'a Names,
    /// `TS_CLRI`.
    pub used: &'a InodeMap,
    /// `TS_BITS`.
    pub dumped: &'a InodeMap,
}

impl Sources<'_> {
    /// The tree that is to be.
    pub fn new_tree(&self) -> New {
        let mut new = New::default();
        let leaves: RoaringBitmap = self.old.leaves().map(|(ino, ..)| ino.0).collect();
        let children = self.old.children();
        // Directories whose names are to be looked at, the next one last.
        let mut todo = vec![0];
        while let Some(at) = todo.pop() {
            let ino = new.table.node(at).ino;
            let mut below = Vec::new();
            match (self.tree.number(ino), self.old.number(ino)) {
                (Some(number), _) => {
                    for entry in self.tree.entries(number) {
                        let (kind, name) = self.names.at(entry.offset);
                        if is_whiteout(entry.ino, kind) {
                            new.table.add_leaf(entry.ino, at, name);
                        } else if at == 0 && [STATE, STATE_NEW, STAGE].contains(&name) {
                            new.ignored.push(name.to_vec());
                        } else {
                            self.add(&mut new, at, (entry.ino, kind), name, &leaves, &mut below);
                        }
                    }
                }
                (None, Some(number)) => {
                    for &child in &children[number] {
                        let node = self.old.node(child);
                        self.add(&mut new, at, (node.ino, DT_DIR), node.name, &leaves, &mut below);
                    }
                    for (ino, name) in self.old.leaves_of(number) {
                        if ino == Ino::WHITEOUT {
                            new.table.add_leaf(ino, at, name);
                            continue;
                        }
                        self.add(&mut new, at, (ino, 0), name, &leaves, &mut below);
                    }
                }
                // It is on the dump's map, but was not read.
                (None, None) => {}
            }
            todo.extend(below.into_iter().rev());
        }
        new.table.settle();
        new
    }

    /// A name of the new tree.
    fn add(
        &self,
        new: &mut New,
        at: usize,
        (ino, kind): (Ino, u8),
        name: &[u8],
        leaves: &RoaringBitmap,
        below: &mut Vec<usize>,
    ) {
        let dumped = self.dumped.contains(ino);
        // Its number can be that of a file now that was left out.
        let was_directory = !dumped && matches!(kind, 0 | DT_DIR) && self.old.number(ino).is_some();
        if self.tree.number(ino).is_some() || was_directory {
            match new.table.add_directory(ino, at, name) {
                Some(number) => below.push(number),
                None => new.ignored.push(new.table.path(at, name)),
            }
            return;
        }
        let kept = leaves.contains(ino.0) && self.is_kept(&new.table, at, ino, name);
        // As the inode of a name that is no whiteout it would be taken for one later.
        if (dumped || kept) && ino != Ino::WHITEOUT {
            new.table.add_leaf(ino, at, name);
        } else {
            new.missing.push((new.table.path(at, name), ino));
        }
    }

    /// Whether a name of an inode that is not on the dump is one of the file that is there: an inode that is not in use for the dump can
    /// have become another file that was left out.
    fn is_kept(&self, new: &Table, at: usize, ino: Ino, name: &[u8]) -> bool {
        let before = self.old.number(new.node(at).ino).and_then(|number| self.old.find(number, name));
        before == Some(ino) || self.used.contains(ino)
    }
}

/// What leads from one tree to the other, phase by phase. Inodes on the dump are extracted in between.
pub struct Way<'a> {
    old: &'a Table,
    new: &'a Table,
    dumped: &'a InodeMap,
    /// Files that are not on the dump and have none of their old names: each with the first of those, by inode.
    adrift: OnceCell<Vec<(Ino, Spot)>>,
}

impl<'a> Way<'a> {
    /// From `old` to `new`.
    pub fn new(old: &'a Table, new: &'a Table, dumped: &'a InodeMap) -> Way<'a> {
        Way { old, new, dumped, adrift: OnceCell::new() }
    }

    /// The directories of the old tree, those below before those above them.
    fn upwards(&self) -> impl Iterator<Item = usize> + use<> {
        // Those above come before those below.
        (1..self.old.len()).rev()
    }

    /// The directories of the new tree but the root, each before what is below it, as one goes through them.
    fn downwards(&self) -> Vec<usize> {
        let children = self.new.children();
        let (mut order, mut todo) = (Vec::with_capacity(self.new.len()), vec![0]);
        while let Some(number) = todo.pop() {
            order.extend(Some(number).filter(|&number| number != 0));
            todo.extend(children[number].iter().rev());
        }
        order
    }

    fn spot(table: &Table, number: usize, name: &[u8]) -> Spot {
        Spot { holder: Holder::Directory(table.node(number).ino), name: name.to_vec() }
    }

    fn place_of(table: &Table, number: usize) -> Spot {
        let node = table.node(number);
        Spot { holder: Holder::Directory(node.parent), name: node.name.to_vec() }
    }

    fn staged(ino: Ino) -> Spot {
        Spot { holder: Holder::Stage, name: ino.to_string().into_bytes() }
    }

    /// The directory is in both trees, at another place.
    fn is_moved(&self, number: usize) -> bool {
        let node = self.old.node(number);
        self.new.number(node.ino).is_some_and(|new| self.new.node(new) != node)
    }

    /// The inodes of directories that are moved, rising.
    pub fn moved(&self) -> Vec<Ino> {
        let moved = self.upwards().filter(|&number| self.is_moved(number));
        let mut inos: Vec<Ino> = moved.map(|number| self.old.node(number).ino).collect();
        inos.sort_unstable();
        inos
    }

    /// Whether a name of a file is in both trees.
    fn stays(&self, number: usize, ino: Ino, name: &[u8]) -> bool {
        let directory = self.new.number(self.old.node(number).ino);
        directory.and_then(|directory| self.new.find(directory, name)) == Some(ino)
    }

    /// Whether it is a file that is not on the dump.
    fn is_left_out(&self, ino: Ino) -> bool {
        ino != Ino::WHITEOUT && !self.dumped.contains(ino)
    }

    fn adrift(&self) -> &[(Ino, Spot)] {
        self.adrift.get_or_init(|| {
            let new = self.new.leaves().map(|(ino, ..)| ino);
            let mut wanted: RoaringBitmap =
                new.filter(|ino| self.is_left_out(*ino)).map(|ino| ino.0).collect();
            let staying = self.old.leaves().filter(|(ino, number, name)| self.stays(*number, *ino, name));
            staying.for_each(|(ino, ..)| _ = wanted.remove(ino.0));
            let mut adrift: Vec<(Ino, Spot)> = Vec::new();
            for (ino, number, name) in self.old.leaves() {
                // The first name only.
                if wanted.remove(ino.0) {
                    adrift.push((ino, Way::spot(self.old, number, name)));
                }
            }
            adrift.sort_by_key(|(ino, _)| *ino);
            adrift
        })
    }

    /// Moves aside what gets another place.
    pub fn stage(&self) -> Vec<Action> {
        let stage = Spot { holder: Holder::Directory(Ino::ROOT), name: STAGE.to_vec() };
        let mut actions: Vec<Action> = self
            .adrift()
            .iter()
            .map(|(ino, spot)| Action::Rename(spot.clone(), Way::staged(*ino), None))
            .collect();
        for number in self.upwards().filter(|&number| self.is_moved(number)) {
            let ino = self.old.node(number).ino;
            actions.push(Action::Rename(Way::place_of(self.old, number), Way::staged(ino), Some(ino)));
        }
        if !actions.is_empty() {
            actions.insert(0, Action::MakeStage(stage));
        }
        actions
    }

    /// Removes what has no place any more.
    pub fn remove(&self) -> Vec<Action> {
        let adrift: HashMap<Ino, &Spot> = self.adrift().iter().map(|(ino, spot)| (*ino, spot)).collect();
        let mut actions = Vec::new();
        for (ino, number, name) in self.old.leaves() {
            if self.stays(number, ino, name) {
                continue;
            }
            let spot = Way::spot(self.old, number, name);
            if adrift.get(&ino).is_some_and(|first| **first == spot) {
                continue;
            }
            actions.push(match ino {
                Ino::WHITEOUT => Action::RemoveWhiteout(spot),
                _ => Action::Remove(spot),
            });
        }
        // As restore does.
        actions.sort_by_key(|action| !matches!(action, Action::RemoveWhiteout(_)));
        for number in self.upwards() {
            if self.new.number(self.old.node(number).ino).is_none() {
                actions.push(Action::RemoveDirectory(Way::place_of(self.old, number)));
            }
        }
        actions
    }

    /// Makes directories, and brings what was moved aside to its place.
    pub fn place(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for number in self.downwards() {
            let ino = self.new.node(number).ino;
            let place = Way::place_of(self.new, number);
            match self.old.number(ino) {
                None => actions.push(Action::MakeDirectory(ino, place)),
                Some(old) if self.is_moved(old) => {
                    actions.push(Action::Rename(Way::staged(ino), place, Some(ino)));
                }
                Some(_) => {}
            }
        }
        let adrift: RoaringBitmap = self.adrift().iter().map(|(ino, _)| ino.0).collect();
        // Names of kept files that are new, and their inodes.
        let further = || {
            let kept = self.new.leaves().filter(|(ino, ..)| self.is_left_out(*ino));
            kept.filter(|(ino, number, name)| !self.had(*number, *ino, name))
        };
        let linked: RoaringBitmap = further().map(|(ino, ..)| ino.0).collect();
        // The name that such a file has for sure.
        let mut sources: HashMap<Ino, Spot> = HashMap::new();
        for (ino, number, name) in self.old.leaves().filter(|(ino, ..)| linked.contains(ino.0)) {
            if self.stays(number, ino, name) {
                sources.entry(ino).or_insert_with(|| Way::spot(self.old, number, name));
            }
        }
        for (ino, number, name) in further() {
            let spot = Way::spot(self.new, number, name);
            match sources.get(&ino) {
                None if adrift.contains(ino.0) => {
                    actions.push(Action::Rename(Way::staged(ino), spot.clone(), None));
                    sources.insert(ino, spot);
                }
                None => {}
                Some(source) => actions.push(Action::Link(source.clone(), spot)),
            }
        }
        actions
    }

    /// Whether a name of the new tree was there before.
    fn had(&self, number: usize, ino: Ino, name: &[u8]) -> bool {
        let old = self.old.number(self.new.node(number).ino);
        old.and_then(|old| self.old.find(old, name)) == Some(ino)
    }

    /// Removes the directory for what was on its way.
    pub fn clean(&self) -> Option<Action> {
        let stage = Spot { holder: Holder::Directory(Ino::ROOT), name: STAGE.to_vec() };
        (!self.stage().is_empty()).then_some(Action::RemoveDirectory(stage))
    }
}

#[cfg(test)]
mod tests;
