// SPDX-License-Identifier: BSD-2-Clause
//! `--exclude`: what is left out of the tree. As with capdump, a file that is excluded is excluded under all its names, and one below an
//! excluded directory is not, if it has another name elsewhere. Pure.

use std::collections::HashSet;

use crate::restore::pattern::{is_pattern, matches};
use crate::restore::tree::{Node, Tree};
use dumpstream::reading::Names;
use dumpstream::reading::plan::parts;
use ufs::Ino;

/// Why a pattern cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is a name, and not on the dump.
    Absent,
    /// It is the root.
    Root,
}

/// The inodes that a pattern excludes; none if it matches nothing.
///
/// Errors: a name that is not there, or the root.
pub fn excluded(tree: &Tree, names: &Names, pattern: &[u8]) -> Result<HashSet<Ino>, Unfit> {
    let parts = parts(pattern);
    let mut found: Vec<Node> = tree.root().into_iter().collect();
    for part in &parts {
        let is_pattern = is_pattern(part);
        let mut next = Vec::new();
        for entry in found.iter().filter_map(|node| node.directory).flat_map(|number| tree.entries(number)) {
            let name = names.at(entry.offset).1;
            let is_hidden = name.starts_with(b".") && !part.starts_with(b".");
            if name == *part || (is_pattern && !is_hidden && matches(part, name)) {
                next.push(tree.node(names, *entry));
            }
        }
        found = next;
    }
    let inodes: HashSet<Ino> = found.iter().map(|node| node.ino).collect();
    match inodes.contains(&Ino::ROOT) {
        true => Err(Unfit::Root),
        false if inodes.is_empty() && !parts.iter().any(|part| is_pattern(part)) => Err(Unfit::Absent),
        false => Ok(inodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dumpstream::reading::names::Directory;

    /// `./a/f`, `./a/.g`, `./b/h`, and `./f2`, a further name of `f`.
    fn names() -> Names {
        let mut names = Names::default();
        let entries: [(u32, &[(u32, &str)]); 3] =
            [(2, &[(3, "a"), (4, "b"), (9, "f2")]), (3, &[(9, "f"), (10, ".g")]), (4, &[(11, "h")])];
        for (ino, entries) in entries {
            names.directory(Directory::new(Ino(ino), 0o40755, (0, 0), 512, 0));
            entries.iter().for_each(|(ino, name)| assert!(names.entry(Ino(*ino), 0, name.as_bytes())));
        }
        names.close();
        names
    }

    #[test]
    fn patterns() {
        let names = names();
        let tree = Tree::new(&names);
        let inodes = |pattern: &str| {
            let mut inodes: Vec<u32> =
                excluded(&tree, &names, pattern.as_bytes())?.into_iter().map(|ino| ino.0).collect();
            inodes.sort_unstable();
            Ok(inodes)
        };
        for (pattern, want) in
            [("a", vec![3]), ("./a/*", vec![9]), ("/*/.*", vec![10]), ("[ab]/?", vec![9, 11]), ("c*", vec![])]
        {
            assert_eq!(inodes(pattern), Ok(want), "{pattern}");
        }
        assert_eq!(
            (inodes("c"), inodes("a/x"), inodes("./")),
            (Err(Unfit::Absent), Err(Unfit::Absent), Err(Unfit::Root))
        );
    }

    #[test]
    fn a_file_with_another_name_stays() {
        let names = names();
        let mut tree = Tree::new(&names);
        let paths = |tree: &Tree| {
            let mut paths = Vec::new();
            let visit = |_: Node, path: &[u8]| {
                paths.push(String::from_utf8(path.to_vec()).unwrap());
                true
            };
            tree.walk(&names, tree.root().unwrap(), b".", visit, |_| ());
            paths
        };
        tree.exclude(&names, &HashSet::from([Ino(3)]));
        assert_eq!(paths(&tree), [".", "./b", "./b/h", "./f2"]);
        assert_eq!(tree.find(&names, b"a/f"), None);
        tree.exclude(&names, &HashSet::from([Ino(9), Ino(11)]));
        assert_eq!(paths(&tree), [".", "./b"]);
    }
}
