// SPDX-License-Identifier: BSD-2-Clause
//! A tree of names and inodes, as a chain of dumps has made it. Pure.

use std::collections::HashMap;

use ufs::Ino;

/// The most bytes of names, with one more for each: places among them have 32 bits.
const MOST_NAMES: usize = u32::MAX as usize;

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directory {
    ino: Ino,
    /// The number of the directory above it, which comes before it; of the root its own.
    parent: u32,
    name: u32,
}

/// A name of anything else. There can be many millions of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf {
    ino: Ino,
    /// The number of its directory.
    directory: u32,
    name: u32,
}

/// Names, one behind the other, each with its length before it.
#[derive(Clone, Debug, Default)]
struct Texts(Vec<u8>);

impl Texts {
    /// Keeps a name of at most 255 bytes. None: there is no room, or it is too long.
    fn keep(&mut self, name: &[u8]) -> Option<u32> {
        let (at, length) = (self.0.len(), u8::try_from(name.len()).ok()?);
        if at + name.len() >= MOST_NAMES {
            return None;
        }
        self.0.push(length);
        self.0.extend_from_slice(name);
        u32::try_from(at).ok()
    }

    fn at(&self, at: u32) -> &[u8] {
        let at = at as usize;
        &self.0[at + 1..at + 1 + usize::from(self.0[at])]
    }
}

/// The tree. It always has a root.
#[derive(Clone, Debug)]
pub struct Table {
    directories: Vec<Directory>,
    /// By directory and name, when it is settled.
    leaves: Vec<Leaf>,
    names: Texts,
    numbers: HashMap<Ino, usize>,
    /// There was no room for a name.
    full: bool,
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
        let root = Directory { ino: Ino::ROOT, parent: 0, name: 0 };
        Table {
            directories: vec![root],
            leaves: Vec::new(),
            // That of the root.
            names: Texts(vec![0]),
            numbers: HashMap::from([(Ino::ROOT, 0)]),
            full: false,
        }
    }
}

impl Table {
    fn keep(&mut self, name: &[u8]) -> Option<u32> {
        let kept = self.names.keep(name);
        self.full |= kept.is_none();
        kept
    }

    /// Whether a name is not in it since there were too many.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Adds a directory in another one, by number. None: the inode is a directory already, there is no such parent, or there are too many
    /// names.
    pub fn add_directory(&mut self, ino: Ino, parent: usize, name: &[u8]) -> Option<usize> {
        let number = self.directories.len();
        if parent >= number || self.numbers.contains_key(&ino) {
            return None;
        }
        let name = self.keep(name)?;
        self.numbers.insert(ino, number);
        self.directories.push(Directory { ino, parent: u32::try_from(parent).ok()?, name });
        Some(number)
    }

    /// Adds another name. False: there is no such directory, or there are too many names.
    pub fn add_leaf(&mut self, ino: Ino, directory: usize, name: &[u8]) -> bool {
        if directory >= self.directories.len() {
            return false;
        }
        let (Some(name), Ok(directory)) = (self.keep(name), u32::try_from(directory)) else { return false };
        self.leaves.push(Leaf { ino, directory, name });
        true
    }

    /// Puts names in order; of one that is there twice the first stays. To be called before any is looked for.
    pub fn settle(&mut self) {
        let names = &self.names;
        // In the order in which they came where all else is the same.
        self.leaves.sort_unstable_by(|a, b| {
            let place = |leaf: &Leaf| (leaf.directory, names.at(leaf.name));
            place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name))
        });
        self.leaves.dedup_by(|b, a| a.directory == b.directory && names.at(a.name) == names.at(b.name));
        self.leaves.shrink_to_fit();
        self.names.0.shrink_to_fit();
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
        let parent = self.directories[directory.parent as usize].ino;
        Node { ino: directory.ino, parent, name: self.names.at(directory.name) }
    }

    /// The number of the directory above a directory.
    pub fn parent(&self, number: usize) -> usize {
        self.directories[number].parent as usize
    }

    /// The directories in it by number, with the names in it, of those directly in a directory.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.directories.len()];
        for (number, directory) in self.directories.iter().enumerate().skip(1) {
            children[directory.parent as usize].push(number);
        }
        children
    }

    /// All other names: inode, number of the directory, name.
    pub fn leaves(&self) -> impl Iterator<Item = (Ino, usize, &[u8])> {
        self.leaves.iter().map(|leaf| (leaf.ino, leaf.directory as usize, self.names.at(leaf.name)))
    }

    /// The names of a directory that are no directories.
    pub fn leaves_of(&self, number: usize) -> impl Iterator<Item = (Ino, &[u8])> {
        let start = self.leaves.partition_point(|leaf| (leaf.directory as usize) < number);
        let leaves = self.leaves[start..].iter().take_while(move |leaf| leaf.directory as usize == number);
        leaves.map(|leaf| (leaf.ino, self.names.at(leaf.name)))
    }

    /// The inode of a name in a directory, if it is no directory.
    pub fn find(&self, number: usize, name: &[u8]) -> Option<Ino> {
        let order = |leaf: &Leaf| {
            (leaf.directory as usize).cmp(&number).then_with(|| self.names.at(leaf.name).cmp(name))
        };
        self.leaves.binary_search_by(order).ok().map(|at| self.leaves[at].ino)
    }

    /// The path of a name in a directory.
    pub fn path(&self, number: usize, name: &[u8]) -> Vec<u8> {
        let mut parts = vec![name];
        let mut at = number;
        while at != 0 {
            parts.push(self.names.at(self.directories[at].name));
            at = self.parent(at);
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
