// SPDX-License-Identifier: BSD-2-Clause
//! A tree of names and inodes, as a chain of dumps has made it. Pure.

use std::collections::HashMap;
use std::ops::Range;

use ufs::Ino;

/// A name, among the table's.
type Span = Range<usize>;

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directory {
    ino: Ino,
    /// The number of the directory above it, which comes before it; of the root its own.
    parent: usize,
    name: Span,
}

/// A name of anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf {
    ino: Ino,
    /// The number of its directory.
    directory: usize,
    name: Span,
}

/// The tree. It always has a root.
#[derive(Clone, Debug)]
pub struct Table {
    directories: Vec<Directory>,
    /// By directory and name, when it is settled.
    leaves: Vec<Leaf>,
    names: Vec<u8>,
    numbers: HashMap<Ino, usize>,
}

/// A directory, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its inode.
    pub ino: Ino,
    /// The inode of the one above it.
    pub parent: Ino,
    /// Its name in that.
    pub name: &'a [u8],
}

impl Default for Table {
    fn default() -> Table {
        let root = Directory { ino: Ino::ROOT, parent: 0, name: 0..0 };
        Table {
            directories: vec![root],
            leaves: Vec::new(),
            names: Vec::new(),
            numbers: HashMap::from([(Ino::ROOT, 0)]),
        }
    }
}

impl Table {
    fn keep(&mut self, name: &[u8]) -> Span {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        start..self.names.len()
    }

    /// Adds a directory in another one, by number. None: the inode is a directory already, or there is no such parent.
    pub fn add_directory(&mut self, ino: Ino, parent: usize, name: &[u8]) -> Option<usize> {
        let number = self.directories.len();
        if parent >= number || self.numbers.contains_key(&ino) {
            return None;
        }
        self.numbers.insert(ino, number);
        let name = self.keep(name);
        self.directories.push(Directory { ino, parent, name });
        Some(number)
    }

    /// Adds another name. False: there is no such directory.
    pub fn add_leaf(&mut self, ino: Ino, directory: usize, name: &[u8]) -> bool {
        if directory >= self.directories.len() {
            return false;
        }
        let name = self.keep(name);
        self.leaves.push(Leaf { ino, directory, name });
        true
    }

    /// Puts names in order; of one that is there twice the first stays. To be called before any is looked for.
    pub fn settle(&mut self) {
        let names = &self.names;
        self.leaves.sort_by(|a, b| {
            a.directory.cmp(&b.directory).then_with(|| names[a.name.clone()].cmp(&names[b.name.clone()]))
        });
        self.leaves
            .dedup_by(|b, a| a.directory == b.directory && names[a.name.clone()] == names[b.name.clone()]);
    }

    /// How many directories there are.
    pub fn len(&self) -> usize {
        self.directories.len()
    }

    /// The number of the directory that an inode is.
    pub fn number(&self, ino: Ino) -> Option<usize> {
        self.numbers.get(&ino).copied()
    }

    /// A directory by its number.
    pub fn node(&self, number: usize) -> Node<'_> {
        let directory = &self.directories[number];
        let parent = self.directories[directory.parent].ino;
        Node { ino: directory.ino, parent, name: &self.names[directory.name.clone()] }
    }

    /// The number of the directory above a directory.
    pub fn parent(&self, number: usize) -> usize {
        self.directories[number].parent
    }

    /// The directories in it by number, with the names in it, of those directly in a directory.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.directories.len()];
        for (number, directory) in self.directories.iter().enumerate().skip(1) {
            children[directory.parent].push(number);
        }
        children
    }

    /// All other names: inode, number of the directory, name.
    pub fn leaves(&self) -> impl Iterator<Item = (Ino, usize, &[u8])> {
        self.leaves.iter().map(|leaf| (leaf.ino, leaf.directory, &self.names[leaf.name.clone()]))
    }

    /// The names of a directory that are no directories.
    pub fn leaves_of(&self, number: usize) -> impl Iterator<Item = (Ino, &[u8])> {
        let start = self.leaves.partition_point(|leaf| leaf.directory < number);
        let leaves = self.leaves[start..].iter().take_while(move |leaf| leaf.directory == number);
        leaves.map(|leaf| (leaf.ino, &self.names[leaf.name.clone()]))
    }

    /// The inode of a name in a directory, if it is no directory.
    pub fn find(&self, number: usize, name: &[u8]) -> Option<Ino> {
        let order =
            |leaf: &Leaf| leaf.directory.cmp(&number).then_with(|| self.names[leaf.name.clone()].cmp(name));
        self.leaves.binary_search_by(order).ok().map(|at| self.leaves[at].ino)
    }

    /// The path of a name in a directory.
    pub fn path(&self, number: usize, name: &[u8]) -> Vec<u8> {
        let mut parts = vec![name];
        let mut at = number;
        while at != 0 {
            parts.push(&self.names[self.directories[at].name.clone()]);
            at = self.directories[at].parent;
        }
        parts.push(b".");
        parts.reverse();
        parts.join(&b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        let mut table = Table::default();
        let a = table.add_directory(Ino(3), 0, b"a").unwrap();
        let b = table.add_directory(Ino(4), a, b"b").unwrap();
        assert!(
            table.add_directory(Ino(4), 0, b"again").is_none()
                && table.add_directory(Ino(5), 9, b"x").is_none()
        );
        for (ino, directory, name) in [(9, b, "z"), (7, 0, "f"), (8, b, "f"), (6, b, "f")] {
            assert!(table.add_leaf(Ino(ino), directory, name.as_bytes()));
        }
        assert!(!table.add_leaf(Ino(1), 3, b"x"));
        table.settle();
        assert_eq!(
            (table.find(b, b"f"), table.find(0, b"f"), table.find(a, b"f")),
            (Some(Ino(8)), Some(Ino(7)), None)
        );
        assert_eq!(table.leaves_of(b).map(|leaf| leaf.0.0).collect::<Vec<_>>(), [8, 9]);
        assert_eq!(table.path(b, b"f"), b"./a/b/f");
        assert_eq!(table.node(b), Node { ino: Ino(4), parent: Ino(3), name: b"b" });
        assert_eq!(table.children(), [vec![a], vec![b], vec![]]);
    }
}
