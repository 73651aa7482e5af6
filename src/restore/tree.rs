// SPDX-License-Identifier: BSD-2-Clause
//! The tree of a dump: its names as restore goes through them, directory by directory, in the order of the entries. Pure.

use std::collections::HashSet;

use dumpstream::reading::Names;
use dumpstream::reading::plan::parts;
use ufs::Ino;

/// Most bytes of a path that is gone through by name.
pub const MOST_PATH: usize = 1 << 16;

/// An entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The inode that it names.
    pub ino: Ino,
    /// Its name, among the [`Names`].
    pub offset: u32,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The inode.
    pub ino: Ino,
    /// The name by which it was reached; none for the root.
    pub offset: Option<u32>,
    /// The number of the directory on the dump; none for all else.
    pub directory: Option<usize>,
}

/// The tree, when all directories have been read.
#[derive(Debug, Default)]
pub struct Tree {
    /// Grouped by directory, in the order of the dump.
    entries: Vec<Entry>,
    /// Where the entries of each directory begin, and the end.
    starts: Vec<usize>,
    /// Inode and number of each directory, by inode.
    numbers: Vec<(Ino, usize)>,
}

impl Tree {
    /// Puts closed names in order.
    pub fn new(names: &Names) -> Tree {
        let mut entries: Vec<Entry> = names.all().map(|(ino, offset)| Entry { ino, offset }).collect();
        entries.sort_unstable_by_key(|entry| entry.offset);
        let directories = names.directories();
        let mut numbers: Vec<(Ino, usize)> =
            directories.iter().enumerate().map(|(number, directory)| (directory.ino, number)).collect();
        numbers.sort();
        numbers.dedup_by_key(|number| number.0);
        let mut tree = Tree { entries, starts: Vec::new(), numbers };
        tree.count(names);
        tree
    }

    /// Takes out all names of these inodes; what is below them has no place any more.
    pub fn exclude(&mut self, names: &Names, inodes: &HashSet<Ino>) {
        if inodes.is_empty() {
            return;
        }
        self.entries.retain(|entry| !inodes.contains(&entry.ino));
        self.count(names);
    }

    /// Finds where the entries of each directory begin.
    fn count(&mut self, names: &Names) {
        let mut starts = vec![0; names.directories().len() + 1];
        for entry in &self.entries {
            if let Some(count) =
                names.holder_number(entry.offset).and_then(|number| starts.get_mut(number + 1))
            {
                *count += 1;
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        self.starts = starts;
    }

    /// The entries of a directory.
    pub fn entries(&self, number: usize) -> &[Entry] {
        match (self.starts.get(number), self.starts.get(number + 1)) {
            (Some(&start), Some(&end)) => self.entries.get(start..end).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// The number of the directory that an inode is.
    pub fn number(&self, ino: Ino) -> Option<usize> {
        let at = self.numbers.binary_search_by_key(&ino, |number| number.0).ok()?;
        Some(self.numbers[at].1)
    }

    /// The root; none if the dump lacks it.
    pub fn root(&self) -> Option<Node> {
        let directory = Some(self.number(Ino::ROOT)?);
        Some(Node { ino: Ino::ROOT, offset: None, directory })
    }

    /// Where an entry leads to. A directory has one place in the tree; a further name of it leads to nothing more.
    pub fn node(&self, names: &Names, entry: Entry) -> Node {
        let directory = self
            .number(entry.ino)
            .filter(|_| entry.ino != Ino::ROOT && names.entries(entry.ino).next() == Some(entry.offset));
        Node { ino: entry.ino, offset: Some(entry.offset), directory }
    }

    /// The place of a path, as a user gives it.
    pub fn find(&self, names: &Names, path: &[u8]) -> Option<Node> {
        let mut node = self.root()?;
        for part in parts(path) {
            let entries = self.entries(node.directory?);
            let entry = entries.iter().find(|entry| names.at(entry.offset).1 == part)?;
            node = self.node(names, *entry);
        }
        Some(node)
    }

    /// The places from the root down to a path, without both.
    pub fn way(&self, names: &Names, path: &[u8]) -> Vec<Node> {
        let parts = parts(path);
        (1..parts.len()).filter_map(|end| self.find(names, &parts[..end].join(&b'/'))).collect()
    }

    /// The inode of an entry.
    pub fn ino_of(&self, offset: u32) -> Option<Ino> {
        let at = self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        Some(self.entries[at].ino)
    }

    /// As [`Tree::walk`], however long paths become.
    pub fn walk_all(&self, names: &Names, from: Node, mut visit: impl FnMut(Node, &[u8]) -> bool) {
        if !visit(from, b"") {
            return;
        }
        let mut way: Vec<(usize, usize)> = from.directory.map(|number| (number, 0)).into_iter().collect();
        while let Some((number, next)) = way.last_mut() {
            let Some(entry) = self.entries(*number).get(*next).copied() else {
                way.pop();
                continue;
            };
            *next += 1;
            let node = self.node(names, entry);
            if visit(node, b"")
                && let Some(number) = node.directory
            {
                way.push((number, 0));
            }
        }
    }

    /// Goes through what is below a place and itself, from above, with paths that begin with `path`. `visit` says whether to go down.
    /// Paths of more than [`MOST_PATH`] bytes are given to `too_long` instead.
    pub fn walk(
        &self,
        names: &Names,
        from: Node,
        path: &[u8],
        mut visit: impl FnMut(Node, &[u8]) -> bool,
        mut too_long: impl FnMut(&[u8]),
    ) {
        let mut path = path.to_vec();
        if !visit(from, &path) {
            return;
        }
        // Of each directory on the way: its number, the next entry, the length of its path.
        let mut way: Vec<(usize, usize, usize)> =
            from.directory.map(|number| (number, 0, path.len())).into_iter().collect();
        while let Some((number, next, length)) = way.last_mut() {
            path.truncate(*length);
            let Some(entry) = self.entries(*number).get(*next).copied() else {
                way.pop();
                continue;
            };
            *next += 1;
            path.push(b'/');
            path.extend_from_slice(names.at(entry.offset).1);
            if path.len() > MOST_PATH {
                too_long(&path);
                continue;
            }
            let node = self.node(names, entry);
            if visit(node, &path)
                && let Some(number) = node.directory
            {
                way.push((number, 0, path.len()));
            }
        }
    }
}

/// A path as restore shows it: `./a/b`; the root is `.`, and there is nothing above it.
pub fn canonical(path: &[u8]) -> Vec<u8> {
    let mut all = vec![&b"."[..]];
    for part in parts(path) {
        match part {
            b".." if all.len() > 1 => _ = all.pop(),
            b".." => {}
            part => all.push(part),
        }
    }
    all.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use dumpstream::reading::names::Directory;

    fn names() -> Names {
        let mut names = Names::default();
        let entries: [(u32, &[(u32, &str)]); 3] =
            [(2, &[(4, "z"), (3, "a"), (9, "f")]), (3, &[(9, "g"), (3, "self"), (2, "up")]), (4, &[])];
        for (ino, entries) in entries {
            names.directory(Directory::new(Ino(ino), 0o40755, (0, 0), 512, 0));
            entries.iter().for_each(|(ino, name)| assert!(names.entry(Ino(*ino), 0, name.as_bytes())));
        }
        names.close();
        names
    }

    #[test]
    fn goes_through_in_the_order_of_entries_and_never_round() {
        let names = names();
        let tree = Tree::new(&names);
        let mut seen = Vec::new();
        let root = tree.root().unwrap();
        let visit = |node: Node, path: &[u8]| {
            seen.push((node.ino.0, node.directory.is_some(), String::from_utf8(path.to_vec()).unwrap()));
            true
        };
        tree.walk(&names, root, b".", visit, |path| panic!("{path:?}"));
        let seen: Vec<_> = seen.iter().map(|(ino, is_dir, path)| (*ino, *is_dir, path.as_str())).collect();
        assert_eq!(
            seen,
            [
                (2, true, "."),
                (4, true, "./z"),
                (3, true, "./a"),
                (9, false, "./a/g"),
                (3, false, "./a/self"),
                (2, false, "./a/up"),
                (9, false, "./f"),
            ]
        );
    }

    #[test]
    fn finds_paths() {
        let names = names();
        let tree = Tree::new(&names);
        let find = |path: &str| tree.find(&names, path.as_bytes()).map(|node| node.ino.0);
        assert_eq!(
            ["", ".", "/a/", "./a/g", "f/x", "a/self/g", "q"].map(find),
            [Some(2), Some(2), Some(3), Some(9), None, None, None]
        );
        assert_eq!(tree.way(&names, b"a/g").len(), 1);
        assert_eq!(canonical(b"/a//b/"), b"./a/b");
        assert_eq!(canonical(b""), b".");
        assert_eq!(canonical(b"../a/./b/../../../c/.."), b".");
        assert_eq!(canonical(b"/a/../../b/c"), b"./b/c");
    }
}
