// SPDX-License-Identifier: BSD-2-Clause
//! Produces the lines of an index in order, without holding all paths in memory.
//!
//! Lines are sorted by the bytes of the path as it is printed, so that `./a-b` comes between `./a` and `./a/b`. Directories are
//! therefore two things beside their siblings: their own line, and behind a slash all that is below them.

use std::cmp::Ordering;

use super::Line;
use super::places::Places;
use super::tree::Tree;
use crate::escape::{escape, is_plain};
use ufs::Ino;

/// Most bytes of a path: what is below a longer one is left out. Readers of an index count on it.
pub const MOST_PATH: usize = 1 << 16;

/// Walks down from the root, in the order of the lines.
pub struct Walk<'a> {
    tree: &'a Tree,
    places: &'a Places,
    /// The directories on the way to where it is.
    stack: Vec<Level>,
    /// Directories, by number, that are being or have been visited: one with several names is visited once.
    seen: Vec<bool>,
    line: Line,
    /// Names whose paths are too long.
    left_out: u64,
}

/// A directory on the way.
struct Level {
    /// What is left of its entries, last first.
    items: Vec<Item>,
    /// Bytes of its path.
    path: usize,
}

/// Part of a directory: the place of an entry, with the lowest bit set for what is below the entry.
#[derive(Clone, Copy)]
struct Item(u64);

impl Item {
    fn place(self) -> u64 {
        self.0 >> 1
    }

    fn is_below(self) -> bool {
        self.0 & 1 == 1
    }
}

impl<'a> Walk<'a> {
    /// Begins at the root.
    pub fn new(tree: &'a Tree, places: &'a Places) -> Walk<'a> {
        let line = Line {
            path: b".".to_vec(),
            ino: Ino(0),
            volume: 0,
            offset: 0,
            frame: None,
            blocks: 0,
            digest: None,
        };
        Walk { tree, places, stack: Vec::new(), seen: vec![false; tree.directories()], line, left_out: 0 }
    }

    /// The next line.
    pub fn next_line(&mut self) -> Option<&Line> {
        if self.line.ino == Ino(0) {
            let root = self.places.find(Ino::ROOT)?;
            self.set(root);
            self.enter(root);
            return Some(&self.line);
        }
        loop {
            let level = self.stack.last_mut()?;
            self.line.path.truncate(level.path);
            let Some(item) = level.items.pop() else {
                self.stack.pop();
                continue;
            };
            let Some(entry) = self.tree.at(item.place()) else { continue };
            let Some(number) = self.places.find(entry.ino) else { continue };
            self.line.path.push(b'/');
            self.line.path.extend_from_slice(entry.name);
            match (item.is_below(), self.line.path.len() > MOST_PATH) {
                (true, false) => self.enter(number),
                (true, true) => {}
                (false, true) => self.left_out += 1,
                (false, false) => {
                    self.set(number);
                    return Some(&self.line);
                }
            }
        }
    }

    /// Names that were left out since their paths are too long.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Fills in the line, but for its path.
    fn set(&mut self, number: usize) {
        let Some(place) = self.places.place(number) else { return };
        let path = std::mem::take(&mut self.line.path);
        let ino = self.places.ino(number);
        let (volume, offset, frame, blocks) = (place.volume, place.offset, place.frame, place.blocks);
        self.line = Line { path, ino, volume, offset, frame, blocks, digest: place.digest };
    }

    /// Goes on with what is in a directory, if it is one and was not gone through.
    fn enter(&mut self, number: usize) {
        match self.seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            _ => return,
        }
        let mut items = Vec::new();
        for (place, entry) in self.tree.entries(number) {
            items.push(Item(place << 1));
            // What the entry says of the type (d_type) may be wrong; the inode's own mode put it among the directories.
            if self.places.find(entry.ino).is_some_and(|number| number < self.seen.len()) {
                items.push(Item(place << 1 | 1));
            }
        }
        let tree = self.tree;
        items.sort_unstable_by(|&a, &b| compare(tree, b, a));
        self.stack.push(Level { items, path: self.line.path.len() });
    }
}

/// Compares names as they are printed, with a slash behind those of what is below.
fn compare(tree: &Tree, a: Item, b: Item) -> Ordering {
    let name = |item: Item| tree.at(item.place()).map_or(&[][..], |entry| entry.name);
    let (left, right) = (name(a), name(b));
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let next = |name: &[u8], item: Item| {
        let slash = (item.is_below() && same == name.len()).then_some(b'/');
        name.get(same).copied().or(slash)
    };
    let order = match (next(left, a), next(right, b)) {
        (l, r) if [l, r].into_iter().flatten().all(is_plain) => l.cmp(&r),
        _ => {
            let start = character(left, right, same);
            let printed = |name: &[u8], item: Item| {
                let mut out = escape(&name[start..]);
                out.extend(item.is_below().then_some(b'/'));
                out
            };
            printed(left, a).cmp(&printed(right, b))
        }
    };
    // Of two entries with one name, each is something else.
    order.then(a.0.cmp(&b.0))
}

/// Where the character begins in which two names differ first, at `same`.
fn character(left: &[u8], right: &[u8], same: usize) -> usize {
    let continues =
        |at: usize| [left, right].iter().any(|name| name.get(at).is_some_and(|&b| b & 0xc0 == 0x80));
    (0..=same).rev().find(|&at| !continues(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Inode and name.
    type Given<'a> = (u32, &'a [u8]);

    /// A dump of directories with their entries; the inodes of `more` come behind.
    fn dump(directories: &[(u32, &[Given<'_>])], more: &[u32]) -> (Tree, Places) {
        let (mut tree, mut places) = (Tree::default(), Places::default());
        places.begin_volume();
        for (ino, entries) in directories {
            places.inode(Ino(*ino));
            tree.directory();
            for (ino, name) in *entries {
                assert!(tree.entry(Ino(*ino), name));
            }
        }
        more.iter().for_each(|&ino| places.inode(Ino(ino)));
        places.end();
        (tree, places)
    }

    fn lines(tree: &Tree, places: &Places) -> Vec<(Vec<u8>, u32)> {
        let mut walk = Walk::new(tree, places);
        let mut out = Vec::new();
        while let Some(line) = walk.next_line() {
            out.push((line.key(), line.ino.0));
        }
        out
    }

    fn paths(tree: &Tree, places: &Places) -> Vec<String> {
        lines(tree, places).into_iter().map(|line| String::from_utf8(line.0).unwrap()).collect()
    }

    #[test]
    fn what_is_below_a_directory_comes_behind_its_siblings_with_a_hyphen() {
        let (tree, places) =
            dump(&[(2, &[(9, b"a0"), (3, b"a"), (8, b"a-b"), (7, b"gone")]), (3, &[(9, b"x")])], &[8, 9]);
        assert_eq!(paths(&tree, &places), [".", "./a", "./a-b", "./a/x", "./a0"]);
    }

    #[test]
    fn without_a_root_there_is_nothing() {
        let (tree, places) = dump(&[(3, &[(9, b"x")])], &[9]);
        assert!(lines(&tree, &places).is_empty());
    }

    /// Rings, directories with two names, and wrong types.
    #[test]
    fn a_damaged_tree_comes_to_an_end() {
        let (tree, places) = dump(
            &[
                (2, &[(3, b"b"), (2, b"root"), (3, b"a")]),
                (3, &[(4, b"down"), (3, b"self")]),
                (4, &[(3, b"up"), (9, b"file")]),
            ],
            &[9],
        );
        let want = [".", "./a", "./a/down", "./a/down/file", "./a/down/up", "./a/self", "./b", "./root"];
        assert_eq!(paths(&tree, &places), want);
    }

    #[test]
    fn paths_have_a_longest() {
        let (mut tree, mut places) = (Tree::default(), Places::default());
        places.begin_volume();
        for ino in 2..302 {
            places.inode(Ino(ino));
            tree.directory();
            assert!(tree.entry(Ino(ino + 1), &[b'd'; 255]));
        }
        places.end();
        let mut walk = Walk::new(&tree, &places);
        let mut count = 0;
        while let Some(line) = walk.next_line() {
            assert!(line.path.len() <= MOST_PATH);
            count += 1;
        }
        assert_eq!((count, walk.left_out()), (256, 1));
    }

    proptest! {
        #[test]
        fn lines_are_sorted(
            names in proptest::collection::btree_set(proptest::collection::vec(
                prop_oneof![Just(b'a'), Just(b'-'), Just(b'\\'), Just(1), Just(b'0'), Just(0x7f), any::<u8>()], 1..4), 1..40),
        ) {
            let names: Vec<Vec<u8>> =
                names.into_iter().filter(|name| !name.contains(&b'/') && !name.contains(&0)).collect();
            let entries: Vec<Given<'_>> =
                names.iter().zip(3..).map(|(name, ino)| (ino, name.as_slice())).collect();
            let mut all: Vec<(u32, &[Given<'_>])> = vec![(2, &entries)];
            // Each directory has the same names in it.
            let inner: Vec<Given<'_>> = names.iter().map(|name| (900, name.as_slice())).collect();
            all.extend(entries.iter().map(|entry| (entry.0, inner.as_slice())));
            let (tree, places) = dump(&all, &[900]);
            let found = lines(&tree, &places);
            prop_assert_eq!(found.len(), 1 + names.len() * (1 + names.len()));
            prop_assert!(found.is_sorted());
        }
    }
}
