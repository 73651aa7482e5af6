// SPDX-License-Identifier: BSD-2-Clause
//! Removes excluded files from the dump, between passes I and II.
//!
//! The directories named are walked down. With paths to be dumped, only what was found on the way stays, and the directories that
//! lead there; without, what was found goes. The map of inodes in use stays as it is: an incremental restore then leaves alone what
//! was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::dump::passes::names::each_entry;
use crate::dump::passes::{Error, Maps, Notice, estimate, sound};
use dumpstream::InodeMap;
use ufs::Buffer;
use ufs::Ino;
use ufs::{Dinode, FileSystem, ReadAt};

/// Directories, or inodes, that one step looks at.
const INODES_PER_STEP: u32 = 1024;

/// What is dumped and what is not.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The ways to what is dumped with all below it, each from the root ([`crate::dump::passes::find`]); none: everything.
    pub included: Vec<Vec<Ino>>,
    /// What is left out with all below it; not the root.
    pub excluded: BTreeSet<Ino>,
}

impl Wanted {
    /// Whether it is everything.
    pub fn is_everything(&self) -> bool {
        self.included.is_empty() && self.excluded.is_empty()
    }
}

/// The selection under way.
pub struct Select {
    wanted: Wanted,
    /// What was found on the way down, what was begun with too.
    found: InodeMap,
    /// Names of a file that were found after its first.
    names: BTreeMap<Ino, u64>,
    /// Directories still to be read.
    stack: Vec<Ino>,
    block: Buffer,
    /// The next inode to be counted or taken off.
    next: u64,
    walked: bool,
}

impl Select {
    /// Begins with a file system of so many inodes.
    pub fn new(wanted: Wanted, max_inodes: u64) -> Select {
        let mut found = InodeMap::new(max_inodes);
        let ends = wanted.included.iter().filter_map(|way| way.last().copied());
        let stack: Vec<Ino> = match wanted.included.is_empty() {
            true => wanted.excluded.iter().copied().collect(),
            false => ends.collect(),
        };
        stack.iter().for_each(|&ino| found.insert(ino));
        let block = Buffer::default();
        Select { wanted, found, names: BTreeMap::new(), stack, block, next: 0, walked: false }
    }

    /// Goes on; false when all is decided. `maps` and `tape_blocks` are those of pass I.
    ///
    /// Errors: the disk cannot be read.
    pub fn step<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        let including = !self.wanted.included.is_empty();
        for _ in 0..INODES_PER_STEP {
            if let Some(directory) = self.stack.pop() {
                self.walk(fs, maps, directory, notify)?;
                continue;
            }
            if including && !std::mem::replace(&mut self.walked, true) {
                self.keep_found(maps);
                *tape_blocks = 0;
            }
            let map = if including { &maps.dump } else { &self.found };
            let Some(ino) = map.next_from(self.next) else { return Ok(false) };
            self.next = u64::from(ino.0) + 1;
            match including {
                true => *tape_blocks += blocks(fs, ino, notify)?.map_or(0, |(_, blocks)| blocks),
                false => self.leave_out(fs, maps, tape_blocks, ino, notify)?,
            }
        }
        Ok(true)
    }

    fn walk<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        maps: &Maps,
        directory: Ino,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        if !maps.dirs.contains(directory) {
            return Ok(());
        }
        let including = !self.wanted.included.is_empty();
        let Select { wanted, found, names, stack, block, .. } = self;
        each_entry(fs, directory, block, notify, &mut |entry| {
            let ino = entry.ino;
            // A damaged directory may hold what is above it.
            if !maps.used.contains(ino) && !maps.dirs.contains(ino)
                || ino <= Ino::ROOT
                || including && wanted.excluded.contains(&ino)
            {
                return ControlFlow::Continue(());
            }
            if found.contains(ino) {
                *names.entry(ino).or_default() += 1;
            } else {
                found.insert(ino);
                stack.push(ino);
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    /// Takes off all that was not found, but for the directories on the way.
    fn keep_found(&mut self, maps: &mut Maps) {
        for &ino in self.wanted.included.iter().flatten() {
            self.found.insert(ino);
        }
        self.found.insert(Ino::ROOT);
        maps.dump.keep(&self.found);
        maps.dirs.keep(&self.found);
    }

    /// Takes `ino` off the dump, unless it has a name elsewhere.
    fn leave_out<R: ReadAt>(
        &self,
        fs: &FileSystem<R>,
        maps: &mut Maps,
        tape_blocks: &mut i64,
        ino: Ino,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        let directory = maps.dirs.contains(ino);
        maps.dirs.remove(ino);
        if !maps.dump.contains(ino) {
            return Ok(());
        }
        let Some((inode, blocks)) = blocks(fs, ino, notify)? else { return Ok(()) };
        let names = 1 + self.names.get(&ino).copied().unwrap_or(0);
        let elsewhere = inode.links() > names;
        if directory || self.wanted.excluded.contains(&ino) || !elsewhere {
            maps.dump.remove(ino);
            *tape_blocks -= blocks;
        }
        Ok(())
    }
}

/// An inode, and the tape blocks that it is counted for.
fn blocks<R: ReadAt>(
    fs: &FileSystem<R>,
    ino: Ino,
    notify: &mut dyn FnMut(Notice),
) -> Result<Option<(Dinode, i64)>, Error> {
    let Some(inode) = sound(fs.inode(ino), notify)? else { return Ok(None) };
    let blocks = estimate::of_dinode(fs.superblock(), &inode);
    Ok(Some((inode, blocks)))
}

#[cfg(test)]
mod tests {
    use capdump_support::ufs_writer::content::{Content, Fill};
    use capdump_support::ufs_writer::geometry::Geometry;
    use capdump_support::ufs_writer::inode::{Attrs, What};
    use capdump_support::ufs_writer::{ROOT, Writer};

    use super::*;
    use crate::dump::passes::names::{NotFound, PathFault, find};
    use crate::dump::passes::{Criteria, MarkFiles};

    /// a/one, a/b/two, c/three, c/d/ and one file that is a/b/both and c/both; a symbolic link at l to a.
    fn image() -> Vec<u8> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("capdump-select-{}-{number}", std::process::id()));
        let dir = Attrs::perm(0o755);
        let mut w = Writer::create(&path, &Geometry::new(2, (4096, 512), 2, 256, 1 << 20), &dir);
        let file = What::File(Content::full(3000, 4096, Fill::Pattern(1)));
        let [a, c] = [&b"a"[..], b"c"].map(|name| w.mkdir(ROOT, name, &dir));
        let b = w.mkdir(a, b"b", &dir);
        w.mkdir(c, b"d", &dir);
        w.add(a, b"one", &dir, &file);
        w.add(b, b"two", &dir, &file);
        w.add(c, b"three", &dir, &file);
        let both = w.add(b, b"both", &dir, &file);
        w.link(c, b"both", both, &file);
        w.add(ROOT, b"l", &dir, &What::Link(b"a".to_vec()));
        w.finish();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        bytes
    }

    struct Case {
        fs: FileSystem<Vec<u8>>,
        maps: Maps,
        blocks: i64,
    }

    impl Case {
        fn new() -> Case {
            let fs = FileSystem::open(image()).unwrap().0;
            let mut files = MarkFiles::new(fs.superblock(), Criteria { since: 0, honor_nodump: false });
            while files.step(&fs, &mut |_| ()).unwrap() {}
            Case { maps: files.maps, blocks: files.tape_blocks, fs }
        }

        fn find(&self, path: &str) -> Result<Vec<Ino>, PathFault> {
            find(&self.fs, path.as_bytes(), &mut |_| ()).map_err(|error| match error {
                NotFound::Path(fault) => fault,
                NotFound::Pass(error) => panic!("{error}"),
            })
        }

        fn ino(&self, path: &str) -> Ino {
            *self.find(path).unwrap().last().unwrap()
        }

        fn select(&mut self, included: &[&str], excluded: &[&str]) {
            let wanted = Wanted {
                included: included.iter().map(|path| self.find(path).unwrap()).collect(),
                excluded: excluded.iter().map(|path| self.ino(path)).collect(),
            };
            let mut select = Select::new(wanted, self.fs.superblock().max_inodes());
            while select.step(&self.fs, &mut self.maps, &mut self.blocks, &mut |_| ()).unwrap() {}
        }

        /// What of all there is in the image is on the dump.
        fn dumped(&self) -> Vec<&'static str> {
            const ALL: [&str; 9] = ["a", "a/one", "a/b", "a/b/two", "a/b/both", "c", "c/three", "c/d", "l"];
            ALL.into_iter().filter(|path| self.maps.dump.contains(self.ino(path))).collect()
        }
    }

    #[test]
    fn what_is_named_stays_with_the_way_there() {
        let mut case = Case::new();
        let all = case.blocks;
        case.select(&["a/b", "c/three"], &[]);
        assert_eq!(case.dumped(), ["a", "a/b", "a/b/two", "a/b/both", "c", "c/three"]);
        assert!(case.maps.dump.contains(Ino::ROOT) && !case.maps.dirs.contains(case.ino("c/d")));
        assert!(case.maps.used.contains(case.ino("c/d")), "what is in use stays so");
        assert!(case.blocks > 0 && case.blocks < all);
    }

    #[test]
    fn what_is_left_out_goes_unless_it_has_another_name() {
        let mut case = Case::new();
        let all = case.blocks;
        case.select(&[], &["a"]);
        assert_eq!(case.dumped(), ["a/b/both", "c", "c/three", "c/d", "l"]);
        assert!(!case.maps.dirs.contains(case.ino("a/b")));
        assert!(case.blocks < all);
        let mut case = Case::new();
        case.select(&[], &["a/b", "c/both"]);
        assert_eq!(case.dumped(), ["a", "a/one", "c", "c/three", "c/d", "l"]);
        let mut case = Case::new();
        case.select(&[], &["a/b", "c"]);
        assert_eq!(case.dumped(), ["a", "a/one", "l"], "both of its names");
    }

    #[test]
    fn parts_of_what_is_named_are_left_out() {
        let mut case = Case::new();
        case.select(&["a"], &["a/b"]);
        assert_eq!(case.dumped(), ["a", "a/one"]);
        let mut case = Case::new();
        case.select(&["a", "c"], &["a/b"]);
        assert_eq!(case.dumped(), ["a", "a/one", "a/b/both", "c", "c/three", "c/d"]);
    }

    #[test]
    fn paths() {
        let case = Case::new();
        assert_eq!(case.find(""), Ok(vec![Ino::ROOT]));
        assert_eq!(case.find("/./a//b/"), case.find("a/b"));
        assert_eq!(case.find("a/../c/three"), case.find("c/three"));
        let fault = |path| case.find(path).unwrap_err().to_string();
        assert_eq!(fault("a/none/x"), "a/none is not in the file system");
        assert_eq!(fault("/a/one/x"), "/a/one is not a directory of the file system");
        assert_eq!(fault("l/one"), "l is not a directory of the file system");
        assert_eq!(fault("a/../../x"), "a/../.. leads out of the file system");
    }
}
