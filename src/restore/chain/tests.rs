// SPDX-License-Identifier: BSD-2-Clause
//! Trees that are changed into each other, on a file system that is a map.

use super::*;
use dumpstream::reading::names::Directory;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

/// A tree by path: `None` is a directory, else the content.
type Files = BTreeMap<Vec<u8>, (Ino, Option<u32>)>;

/// A directory of a file system: names, with inodes and whether each is a directory.
type Contents = BTreeMap<u32, Vec<(String, u32, bool)>>;

fn table(contents: &Contents) -> Table {
    let mut table = Table::default();
    let mut todo = vec![(2, 0)];
    while let Some((ino, number)) = todo.pop() {
        for (name, child, is_directory) in contents.get(&ino).into_iter().flatten() {
            match is_directory {
                true => {
                    todo.push((*child, table.add_directory(Ino(*child), number, name.as_bytes()).unwrap()))
                }
                false => assert!(table.add_leaf(Ino(*child), number, name.as_bytes())),
            }
        }
    }
    table.settle();
    table
}

/// The names of a dump that has all directories of `contents` that are in `dumped`.
fn names(contents: &Contents, dumped: &InodeMap) -> Names {
    let mut names = Names::default();
    for (ino, entries) in contents.iter().filter(|(ino, _)| dumped.contains(Ino(**ino))) {
        names.directory(Directory::new(Ino(*ino), 0o40755, (0, 0), 512, 0));
        for (name, child, is_directory) in entries {
            assert!(names.entry(Ino(*child), if *is_directory { 4 } else { 8 }, name.as_bytes()));
        }
    }
    names.close();
    names
}

/// A file system that actions are done to.
struct Disk {
    /// By directory (0 is that for what is on its way) and name: the inode, and whether it is a directory.
    entries: BTreeMap<(u32, Vec<u8>), (u32, bool)>,
}

impl Disk {
    fn new(table: &Table) -> Disk {
        let mut entries = BTreeMap::new();
        for number in 1..table.len() {
            let node = table.node(number);
            entries.insert((node.parent.0, node.name.to_vec()), (node.ino.0, true));
        }
        for (ino, number, name) in table.leaves() {
            entries.insert((table.node(number).ino.0, name.to_vec()), (ino.0, false));
        }
        Disk { entries }
    }

    fn key(spot: &Spot) -> (u32, Vec<u8>) {
        let holder = match spot.holder {
            Holder::Directory(ino) => ino.0,
            Holder::Stage => 0,
        };
        (holder, spot.name.clone())
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Rename(from, to, _) => {
                let found = self.entries.remove(&Disk::key(from)).expect("something to rename");
                assert!(self.entries.insert(Disk::key(to), found).is_none(), "{action:?}");
            }
            Action::Remove(spot) => {
                let found = self.entries.remove(&Disk::key(spot)).expect("something to remove");
                assert!(!found.1, "{action:?}");
            }
            Action::RemoveDirectory(spot) => {
                let found = self.entries.remove(&Disk::key(spot)).expect("something to remove");
                assert!(found.1 && !self.entries.keys().any(|key| key.0 == found.0), "{action:?}");
            }
            Action::MakeDirectory(ino, spot) => {
                assert!(self.entries.insert(Disk::key(spot), (ino.0, true)).is_none(), "{action:?}");
            }
            Action::MakeStage(spot) => {
                assert!(self.entries.insert(Disk::key(spot), (0, true)).is_none());
            }
            Action::RemoveWhiteout(spot) => {
                let found = self.entries.remove(&Disk::key(spot)).expect("something to remove");
                assert_eq!(found, (Ino::WHITEOUT.0, false));
            }
            Action::Link(from, to) => {
                let found = *self.entries.get(&Disk::key(from)).expect("something to link");
                assert!(!found.1 && self.entries.insert(Disk::key(to), found).is_none(), "{action:?}");
            }
        }
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        let mut todo = vec![(2, b".".to_vec())];
        while let Some((ino, path)) = todo.pop() {
            for ((_, name), (child, is_directory)) in
                self.entries.range((ino, Vec::new())..(ino + 1, Vec::new()))
            {
                let path = [path.as_slice(), b"/", name].concat();
                files.insert(path.clone(), (Ino(*child), (!is_directory).then_some(*child)));
                if *is_directory {
                    todo.push((*child, path));
                }
            }
        }
        files
    }
}

/// Goes from one file system to the other by a dump that has `dumped`.
fn check(old: &Contents, new: &Contents, dumped: &InodeMap, used: &InodeMap) {
    let (before, after) = (table(old), table(new));
    let names = names(new, dumped);
    let tree = Tree::new(&names);
    let found = Sources { old: &before, tree: &tree, names: &names, used, dumped }.new_tree();
    assert!(found.missing.is_empty() && found.ignored.is_empty(), "{:?} {:?}", found.missing, found.ignored);
    let way = Way::new(&before, &found.table, dumped);
    let mut disk = Disk::new(&before);
    [way.stage(), way.remove(), way.place(), way.clean().into_iter().collect()]
        .iter()
        .flatten()
        .for_each(|action| disk.act(action));
    // What the dump has is extracted.
    for (ino, number, name) in found.table.leaves().filter(|(ino, ..)| dumped.contains(*ino)) {
        disk.entries.insert((found.table.node(number).ino.0, name.to_vec()), (ino.0, false));
    }
    assert_eq!(disk.files(), Disk::new(&after).files());
}

fn map(inos: impl IntoIterator<Item = u32>) -> InodeMap {
    let mut map = InodeMap::new(100);
    inos.into_iter().for_each(|ino| map.insert(Ino(ino)));
    map
}

fn contents(text: &[(u32, &[(&str, u32)])]) -> Contents {
    let directories: HashSet<u32> = text.iter().map(|entry| entry.0).collect();
    text.iter()
        .map(|(ino, entries)| {
            let entries =
                entries.iter().map(|(name, ino)| ((*name).to_owned(), *ino, directories.contains(ino)));
            (*ino, entries.collect())
        })
        .collect()
}

#[test]
fn directories_change_places() {
    let old =
        contents(&[(2, &[("a", 3), ("b", 4)]), (3, &[("c", 5), ("f", 20)]), (4, &[]), (5, &[("g", 21)])]);
    let new = contents(&[
        (2, &[("b", 3), ("a", 5)]),
        (3, &[("f", 20)]),
        (5, &[("g", 21), ("h", 20), ("d", 4)]),
        (4, &[]),
    ]);
    check(&old, &new, &map([2, 3, 5, 4]), &map([2, 3, 4, 5, 20, 21]));
}

#[test]
fn names_change_places() {
    let old = contents(&[(2, &[("a", 20), ("b", 21), ("c", 20), ("d", 3)]), (3, &[])]);
    let new = contents(&[(2, &[("b", 20), ("a", 21), ("d", 22), ("e", 20)])]);
    check(&old, &new, &map([2, 22]), &map([2, 20, 21, 22]));
}

#[test]
fn an_inode_becomes_something_else() {
    let old = contents(&[(2, &[("a", 3), ("f", 4)]), (3, &[("x", 5)])]);
    let new = contents(&[(2, &[("a", 3), ("f", 4)]), (4, &[("y", 5)])]);
    check(&old, &new, &map([2, 3, 4]), &map([2, 3, 4, 5]));
}

#[test]
fn what_was_left_out_is_not_taken_for_deleted() {
    // The inode 20 is not dumped and not in use for the dump; 21 was, and its number is now that of another file that was left out.
    let old = contents(&[(2, &[("kept", 20), ("old", 21)])]);
    let new = contents(&[(2, &[("kept", 20), ("other", 21), ("never", 22)])]);
    let (before, dumped) = (table(&old), map([2]));
    let names = names(&new, &dumped);
    let tree = Tree::new(&names);
    let found =
        Sources { old: &before, tree: &tree, names: &names, used: &map([2]), dumped: &dumped }.new_tree();
    assert_eq!(found.missing, [(b"./other".to_vec(), Ino(21)), (b"./never".to_vec(), Ino(22))]);
    let actions = Way::new(&before, &found.table, &dumped).remove();
    let old = Spot { holder: Holder::Directory(Ino::ROOT), name: b"old".to_vec() };
    assert_eq!(actions, [Action::Remove(old)]);
}

/// A file system: each directory 2 to 6 is in another one before it, each file 10 to 16 has some names.
fn file_system() -> impl Strategy<Value = Contents> {
    let place = || (0_u32..5, 0_u32..4);
    let directories = proptest::collection::vec(place(), 4);
    let files = proptest::collection::vec(proptest::collection::vec(place(), 0..3), 7);
    (directories, files, any::<u64>()).prop_map(|(directories, files, order)| {
        let mut contents: Contents = BTreeMap::from([(2, Vec::new())]);
        let mut taken = HashSet::new();
        // The order in which directories are put below each other.
        let mut inos = vec![3, 4, 5, 6];
        (0..4).for_each(|at| inos.swap(at, (order >> (at * 8)) as usize % 4));
        let mut there = vec![2];
        for (ino, (parent, name)) in inos.into_iter().zip(directories) {
            let parent = there[parent as usize % there.len()];
            if taken.insert((parent, name)) {
                contents.entry(parent).or_default().push((name.to_string(), ino, true));
                contents.insert(ino, Vec::new());
                there.push(ino);
            }
        }
        for (ino, names) in (10..).zip(files) {
            for (parent, name) in names {
                let parent = there[parent as usize % there.len()];
                if taken.insert((parent, name)) {
                    contents.entry(parent).or_default().push((name.to_string(), ino, false));
                }
            }
        }
        contents
    })
}

proptest! {
    #[test]
    fn any_tree_becomes_any_other(old in file_system(), new in file_system(), changed in any::<u32>()) {
        let inodes = |contents: &Contents| -> HashSet<u32> {
            contents.values().flatten().map(|entry| entry.1).chain([2]).collect()
        };
        let (before, after) = (inodes(&old), inodes(&new));
        // Directories are dumped when they differ, files when they are new or by chance.
        let dumped = after.iter().copied().filter(|ino| match new.get(ino) {
            Some(entries) => old.get(ino).is_none_or(|old| old != entries) || changed >> ino & 1 == 1,
            None => !before.contains(ino) || old.contains_key(ino) || changed >> ino & 1 == 1,
        });
        let mut dumped: HashSet<u32> = dumped.collect();
        // So are the directories that have a name of something that is, and those above them.
        loop {
            let more: Vec<u32> = new
                .iter()
                .filter(|(ino, entries)| !dumped.contains(ino) && entries.iter().any(|entry| dumped.contains(&entry.1)))
                .map(|(ino, _)| *ino)
                .collect();
            if more.is_empty() {
                break;
            }
            dumped.extend(more);
        }
        dumped.insert(2);
        check(&old, &new, &map(dumped), &map(after));
    }
}
