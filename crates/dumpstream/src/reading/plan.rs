// SPDX-License-Identifier: BSD-2-Clause
//! Selects the inodes of a dump of some paths, and the remaining entries of the directories above them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::Names;
use crate::InodeMap;
use ufs::Ino;
use ufs::is_whiteout;

/// A directory of the smaller dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The directory above it; the root's is the root.
    pub parent: Ino,
    /// The names that are left in it: name, inode, `d_type`.
    pub children: Vec<(Vec<u8>, Ino, u8)>,
}

/// What the smaller dump holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Directories: the paths' own, all below them, and those above them up to the root.
    pub directories: BTreeMap<Ino, Node>,
    /// All else.
    pub files: BTreeSet<Ino>,
}

/// The parts of a path as a user gives it: `./a/b`, `a/b` and `/a/b/` are the same, `.` has none.
pub fn parts(path: &[u8]) -> Vec<&[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect()
}

impl Plan {
    /// Finds `paths` (see [`parts`]) among the names of a dump that has the inodes of `dumped`.
    ///
    /// Errors: the number of the first path that does not exist.
    pub fn new(names: &Names, paths: &[Vec<&[u8]>], dumped: &InodeMap) -> Result<Plan, usize> {
        let numbers: HashMap<Ino, usize> = names
            .directories()
            .iter()
            .enumerate()
            .map(|(number, directory)| (directory.ino, number))
            .collect();
        let root = *numbers.get(&Ino::ROOT).ok_or(0_usize)?;
        let found = find(names, paths, &numbers, root, dumped)?;
        let whole = whole(names, &found, &numbers, root);
        let mut plan = Plan::default();
        plan.add_directory(names, root);
        for (ino, offset) in names.all() {
            let whiteout = is_whiteout(ino, names.at(offset).0);
            let there = whiteout || dumped.contains(ino);
            let Some(holder) = names.holder_number(offset).filter(|_| there) else { continue };
            if whole[holder] || found.ways.contains(&offset) {
                plan.add_directory(names, holder);
                let (kind, name) = names.at(offset);
                match numbers.get(&ino) {
                    Some(&number) if names.directories()[number].reachable => {
                        plan.add_directory(names, number)
                    }
                    _ if whiteout => {}
                    _ => _ = plan.files.insert(ino),
                }
                if let Some(node) = plan.directories.get_mut(&names.directories()[holder].ino) {
                    node.children.push((name.to_vec(), ino, kind));
                }
            }
        }
        plan.directories.values_mut().for_each(|node| node.children.sort());
        Ok(plan)
    }

    fn add_directory(&mut self, names: &Names, number: usize) {
        let ino = names.directories()[number].ino;
        let above = names.above(number).map_or(Ino::ROOT, |above| names.directories()[above].ino);
        self.directories.entry(ino).or_insert_with(|| Node { parent: above, children: Vec::new() });
    }

    /// Whether the inode is in it.
    pub fn contains(&self, ino: Ino) -> bool {
        self.files.contains(&ino) || self.directories.contains_key(&ino)
    }

    /// Those of its inodes that are from `first` to `last`.
    pub fn within(&self, first: Ino, last: Ino) -> Vec<Ino> {
        let directories = self.directories.range(first..=last).map(|(ino, _)| *ino);
        self.files.range(first..=last).copied().chain(directories).collect()
    }

    /// All its inodes, in a map for inodes up to what `like` has room for.
    pub fn map(&self, like: &InodeMap) -> InodeMap {
        let mut map = InodeMap::new(u64::from(like.tape_blocks()) * 8192);
        self.files.iter().chain(self.directories.keys()).for_each(|&ino| map.insert(ino));
        map
    }
}

/// Where the paths lead.
#[derive(Default)]
struct Found {
    /// The entries on the way to them, and their own.
    ways: HashSet<u32>,
    /// The inodes that they name.
    ends: Vec<Ino>,
}

/// Goes down all paths at once, a level at each pass over the names.
fn find(
    names: &Names,
    paths: &[Vec<&[u8]>],
    numbers: &HashMap<Ino, usize>,
    root: usize,
    dumped: &InodeMap,
) -> Result<Found, usize> {
    let mut found = Found::default();
    let mut at: Vec<Option<usize>> = vec![Some(root); paths.len()];
    found.ends.extend(paths.iter().filter(|path| path.is_empty()).map(|_| Ino::ROOT));
    let depth = paths.iter().map(Vec::len).max().unwrap_or(0);
    for level in 0..depth {
        let mut wanted: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, _) in paths.iter().enumerate().filter(|(_, path)| path.len() > level) {
            wanted.entry(at[number].take().ok_or(number)?).or_default().push(number);
        }
        let mut met = vec![false; paths.len()];
        for (ino, offset) in names.all() {
            let there = dumped.contains(ino) || is_whiteout(ino, names.at(offset).0);
            let Some(holder) = names.holder_number(offset).filter(|_| there) else { continue };
            for &number in wanted.get(&holder).into_iter().flatten() {
                if paths[number][level] == names.at(offset).1 {
                    (met[number], at[number]) = (true, numbers.get(&ino).copied());
                    found.ways.insert(offset);
                    if paths[number].len() == level + 1 {
                        found.ends.push(ino);
                    }
                }
            }
        }
        if let Some(number) = wanted.values().flatten().copied().filter(|&number| !met[number]).min() {
            return Err(number);
        }
    }
    Ok(found)
}

/// Of each directory, whether all of it is wanted: it is an end, or below one.
fn whole(names: &Names, found: &Found, numbers: &HashMap<Ino, usize>, root: usize) -> Vec<bool> {
    let directories = names.directories();
    let mut whole = vec![None; directories.len()];
    found.ends.iter().filter_map(|ino| numbers.get(ino)).for_each(|&number| whole[number] = Some(true));
    whole[root].get_or_insert(false);
    let mut way = Vec::new();
    for from in 0..directories.len() {
        let mut at = Some(from).filter(|&at| directories[at].reachable);
        let answer = loop {
            let Some(number) = at else { break false };
            if let Some(known) = whole[number] {
                break known;
            }
            way.push(number);
            at = names.above(number);
        };
        way.drain(..).for_each(|number| whole[number] = Some(answer));
    }
    whole.into_iter().map(|whole| whole.unwrap_or(false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::names::Directory;

    /// `./a/b/f`, `./a/g`, `./h`, and `./h2`, a further name of `f`.
    fn names() -> (Names, InodeMap) {
        let mut names = Names::default();
        let mut dumped = InodeMap::new(100);
        let directory = |ino| Directory::new(Ino(ino), 0o40755, (0, 0), 512, 0);
        for (ino, entries) in [
            (2, vec![(3, "a"), (11, "h"), (9, "h2"), (50, "undumped")]),
            (3, vec![(4, "b"), (10, "g")]),
            (4, vec![(9, "f")]),
        ] {
            names.directory(directory(ino));
            dumped.insert(Ino(ino));
            for (child, name) in entries {
                assert!(names.entry(Ino(child), if child < 9 { 4 } else { 8 }, name.as_bytes()));
                if child != 50 {
                    dumped.insert(Ino(child));
                }
            }
        }
        names.close();
        (names, dumped)
    }

    fn plan(paths: &[&str]) -> Result<(Vec<u32>, Vec<u32>), usize> {
        let (names, dumped) = names();
        let paths: Vec<Vec<&[u8]>> = paths.iter().map(|path| parts(path.as_bytes())).collect();
        let plan = Plan::new(&names, &paths, &dumped)?;
        let numbers = |inos: Vec<&Ino>| inos.into_iter().map(|ino| ino.0).collect();
        Ok((numbers(plan.directories.keys().collect()), numbers(plan.files.iter().collect())))
    }

    #[test]
    fn paths_and_what_is_below_them() {
        assert_eq!(plan(&["a/b/f"]), Ok((vec![2, 3, 4], vec![9])));
        assert_eq!(plan(&["./a"]), Ok((vec![2, 3, 4], vec![9, 10])));
        assert_eq!(plan(&["/h", "a/g"]), Ok((vec![2, 3], vec![10, 11])));
        assert_eq!(plan(&["."]), Ok((vec![2, 3, 4], vec![9, 10, 11])));
        assert_eq!(plan(&["h2"]), Ok((vec![2], vec![9])));
        for missing in ["x", "a/x", "h/x", "undumped"] {
            assert_eq!(plan(&["h", missing]), Err(1), "{missing}");
        }
    }

    #[test]
    fn other_names_are_left_out() {
        let (names, dumped) = names();
        let plan = Plan::new(&names, &[parts(b"a/b/f")], &dumped).unwrap();
        let root = &plan.directories[&Ino::ROOT];
        assert_eq!(root.children, [(b"a".to_vec(), Ino(3), 4)]);
        assert_eq!(plan.directories[&Ino(4)].parent, Ino(3));
        assert_eq!(plan.map(&dumped).len(), 4);
    }
}
