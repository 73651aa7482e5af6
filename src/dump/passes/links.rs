// SPDX-License-Identifier: BSD-2-Clause
//! The graph of directories, so that pass II reads each of them only once.
//!
//! Without nodump a directory is dumped if anything below it is, and forgotten if there is nothing below it but directories that
//! are forgotten. Both spread from directories to those that hold them, whatever the order: no second look at the disk is needed.

use crate::dump::passes::Maps;
use ufs::Ino;

/// Entries that are kept at most, 8 bytes each: on a sound file system there is one for each directory.
const MOST_LINKS: usize = 1 << 20;

/// A directory that holds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    child: Ino,
    parent: Ino,
}

/// The undecided directories, and the directories that each holds.
#[derive(Default)]
pub(super) struct Links {
    links: Vec<Link>,
    /// Directories in rising order, and how many of the directories in each are still to be looked at.
    parents: Vec<(Ino, u32)>,
    /// Links of the directory that is being read begin here.
    open: usize,
}

impl Links {
    /// Notes that the directory being read, `parent`, holds the directory `child`. False: there are too many.
    pub fn add(&mut self, parent: Ino, child: Ino) -> bool {
        if self.links.len() >= MOST_LINKS {
            return false;
        }
        self.links.push(Link { child, parent });
        true
    }

    /// Ends with `parent`, which is still undecided or, with `decided`, of no more interest. Parents come in rising order.
    pub fn close(&mut self, parent: Ino, decided: bool) {
        if decided {
            self.links.truncate(self.open);
        }
        let count = (self.links.len() - self.open) as u32;
        if count > 0 {
            self.parents.push((parent, count));
        }
        self.open = self.links.len();
    }

    /// Decides on all: puts into `maps.dump` what is to be dumped, and takes out of `maps.dirs` what is forgotten.
    /// Gives what came into `maps.dump`, rising.
    pub fn decide(mut self, maps: &mut Maps) -> Vec<Ino> {
        self.links.sort_unstable();
        let dumped = self.spread_dumped(maps);
        self.spread_forgotten(maps);
        dumped
    }

    fn spread_dumped(&self, maps: &mut Maps) -> Vec<Ino> {
        let mut found = Vec::new();
        let mut spread: Vec<Ino> = self.children(|child| maps.dump.contains(child));
        while let Some(child) = spread.pop() {
            for link in self.of(child) {
                if !maps.dump.contains(link.parent) {
                    maps.dump.insert(link.parent);
                    found.push(link.parent);
                    spread.push(link.parent);
                }
            }
        }
        found.sort_unstable();
        found
    }

    fn spread_forgotten(&mut self, maps: &mut Maps) {
        let mut spread = self.children(|child| !maps.dirs.contains(child));
        let mut parents = std::mem::take(&mut self.parents);
        while let Some(child) = spread.pop() {
            for link in self.of(child) {
                let Ok(at) = parents.binary_search_by_key(&link.parent, |parent| parent.0) else { continue };
                let left = &mut parents[at].1;
                *left -= 1;
                if *left == 0 && !maps.dump.contains(link.parent) {
                    maps.dirs.remove(link.parent);
                    spread.push(link.parent);
                }
            }
        }
    }

    /// Directories that are held by another and are as `wanted`, each once.
    fn children(&self, wanted: impl Fn(Ino) -> bool) -> Vec<Ino> {
        let mut found: Vec<Ino> =
            self.links.iter().map(|link| link.child).filter(|&ino| wanted(ino)).collect();
        found.dedup();
        found
    }

    /// The links to `child`.
    fn of(&self, child: Ino) -> &[Link] {
        let start = self.links.partition_point(|link| link.child < child);
        let rest = &self.links[start..];
        &rest[..rest.partition_point(|link| link.child == child)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_decides_and_rings_end() {
        // 3 holds 4, 4 holds 5 (dumped); 6 holds 7, which was forgotten; 8 and 9 hold each other; 10 holds 6 and 3.
        let mut links = Links::default();
        for (parent, children) in [(3, &[4][..]), (4, &[5]), (6, &[7]), (8, &[9]), (9, &[8]), (10, &[6, 3])] {
            for &child in children {
                assert!(links.add(Ino(parent), Ino(child)));
            }
            links.close(Ino(parent), false);
        }
        assert!(links.add(Ino(11), Ino(3)));
        links.close(Ino(11), true);
        let mut maps = Maps::new(64);
        [3, 4, 5, 6, 8, 9, 10, 11].into_iter().for_each(|ino| maps.dirs.insert(Ino(ino)));
        [5, 11].into_iter().for_each(|ino| maps.dump.insert(Ino(ino)));
        assert_eq!(links.decide(&mut maps), [Ino(3), Ino(4), Ino(10)]);
        let left: Vec<u32> = maps.dirs.iter().map(|ino| ino.0).collect();
        assert_eq!(left, [3, 4, 5, 8, 9, 10, 11], "6 is forgotten, as by rounds 8 and 9 are not");
    }

    #[test]
    #[cfg_attr(miri, ignore = "a million steps, each of them interpreted")]
    fn there_is_an_end_to_what_is_kept() {
        let mut links = Links::default();
        for _ in 0..MOST_LINKS {
            assert!(links.add(Ino(3), Ino(4)));
        }
        assert!(!links.add(Ino(3), Ino(4)));
    }
}
