// SPDX-License-Identifier: BSD-2-Clause
//! The names in a dump's directories in order of arrival: 5 bytes and the name each, and 8 per directory.

use crate::store::{Mark, Store};
use ufs::Ino;

/// Bytes before a name: the inode. What an entry says of the type (`d_type`) may be wrong, and is not kept.
const HEAD: usize = 4;

/// Most bytes of all names: what a file system made to use up memory gets.
const MOST_BYTES: u64 = 8 << 30;

/// Names, in the order of the dump.
#[derive(Debug, Default)]
pub struct Tree {
    names: Store<HEAD>,
    /// Where the entries of each directory begin.
    directories: Vec<u64>,
}

/// How far names had got.
#[derive(Clone, Copy, Debug)]
pub struct TreeMark {
    names: Mark,
    directories: usize,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The inode.
    pub ino: Ino,
    /// 1 to 255 bytes.
    pub name: &'a [u8],
}

impl Tree {
    /// The next directory; its entries follow.
    pub fn directory(&mut self) {
        self.directories.push(self.names.end());
    }

    /// An entry of the last directory; `.` and `..` are not for here. False: there is no room left, or the name is too long.
    pub fn entry(&mut self, ino: Ino, name: &[u8]) -> bool {
        self.names.push(ino.0.to_ne_bytes(), name, MOST_BYTES).is_some()
    }

    /// How many directories there are.
    pub fn directories(&self) -> usize {
        self.directories.len()
    }

    /// How far it has got.
    pub fn mark(&self) -> TreeMark {
        TreeMark { names: self.names.mark(), directories: self.directories.len() }
    }

    /// Forgets what came after a mark.
    pub fn go_back(&mut self, mark: &TreeMark) {
        self.names.go_back(&mark.names);
        self.directories.truncate(mark.directories);
    }

    /// The entries of directory `number`, from 0 in the order of the dump, with their places for [`Tree::at`].
    pub fn entries(&self, number: usize) -> impl Iterator<Item = (u64, Entry<'_>)> + '_ {
        let start = self.directories.get(number).copied().unwrap_or(u64::MAX);
        let end = self.directories.get(number + 1).copied().unwrap_or_else(|| self.names.end());
        self.names.range(start, end).map(|(place, head, name)| (place, entry(head, name)))
    }

    /// The entry at a place.
    pub fn at(&self, place: u64) -> Option<Entry<'_>> {
        self.names.at(place).map(|(head, name)| entry(head, name))
    }
}

fn entry(head: [u8; HEAD], name: &[u8]) -> Entry<'_> {
    Entry { ino: Ino(u32::from_ne_bytes(head)), name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> Vec<u8> {
        [&n.to_le_bytes()[..], &vec![b'n'; n as usize % 250]].concat()
    }

    fn fill(tree: &mut Tree, numbers: std::ops::Range<u32>) {
        for n in numbers {
            if n % 1000 == 0 {
                tree.directory();
            } else {
                assert!(tree.entry(Ino(n), &name(n)));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "megabytes of names, each byte of them interpreted")]
    fn entries_come_back_and_marks_hold() {
        let mut tree = Tree::default();
        let empty = tree.mark();
        fill(&mut tree, 0..500);
        tree.go_back(&empty);
        fill(&mut tree, 0..12_345);
        let mark = tree.mark();
        fill(&mut tree, 20_000..30_000);
        tree.go_back(&mark);
        assert_eq!((tree.directories(), tree.entries(12).count()), (13, 344));
        fill(&mut tree, 12_345..30_000);
        assert_eq!(tree.directories(), 30);
        for directory in 0..30 {
            let entries = tree.entries(directory).map(|(_, entry)| (entry.ino.0, entry.name.to_vec()));
            let first = directory as u32 * 1000;
            let want: Vec<_> = (first + 1..first + 1000).map(|n| (n, name(n))).collect();
            assert_eq!(entries.collect::<Vec<_>>(), want, "{directory}");
        }
        assert_eq!(tree.entries(30).count(), 0);
        assert!(!tree.entry(Ino(3), &[b'x'; 256]));
    }
}
