// SPDX-License-Identifier: BSD-2-Clause
//! Levels up and down on a file system that changes: the chain of dumps that the dumpdates file leads to, restored one
//! after the other, gives what the file system held at the last of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::caprestore;
use capdump_support::decode::Dump;
use capdump_support::header::Header;
use capdump_support::listing::differences;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::restore;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

/// Ten levels up, then down in steps, with one above 9, and a second full dump.
const LEVELS: &[i32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5, 9, 3, 4, 1, 2, 10, 0, 7, 1];
const BEGIN: i64 = 1_600_000_000;
/// Seconds between two dumps; what changes does so in the middle.
const STEP: i64 = 100_000;

/// What an inode holds. Its place in [`Tree::inodes`] is its number, as on a disk.
#[derive(Clone)]
enum Inode {
    Dir,
    File { size: u64, seed: u64 },
    Link(String),
}

#[derive(Clone)]
struct Node {
    inode: Inode,
    /// The directory that it is in, by place; the root for none. Stands before what it holds.
    parent: Option<usize>,
    name: String,
    /// A second name in the root.
    second: Option<String>,
    perm: u16,
    mtime: i64,
    ctime: i64,
}

/// A file system; removed inodes leave a free place, which the next new file takes.
#[derive(Default)]
struct Tree {
    inodes: Vec<Option<Node>>,
    /// When the root was changed.
    root: i64,
    made: u64,
    random: u64,
}

impl Tree {
    fn random(&mut self, below: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.random >> 33) % below as u64) as usize
    }

    fn touch(&mut self, dir: Option<usize>, now: i64) {
        match dir {
            None => self.root = now,
            Some(dir) => {
                let node = self.inodes[dir].as_mut().unwrap();
                (node.mtime, node.ctime) = (now, now);
            }
        }
    }

    fn places(&self, wanted: impl Fn(&Node) -> bool) -> Vec<usize> {
        (0..self.inodes.len()).filter(|&n| self.inodes[n].as_ref().is_some_and(&wanted)).collect()
    }

    fn dirs_below(&self, limit: usize) -> Vec<Option<usize>> {
        let dirs = self.places(|node| matches!(node.inode, Inode::Dir));
        [None].into_iter().chain(dirs.into_iter().filter(|&dir| dir < limit).map(Some)).collect()
    }

    fn add(&mut self, inode: Inode, now: i64) {
        let free = self.inodes.iter().position(Option::is_none).unwrap_or(self.inodes.len());
        let dirs = self.dirs_below(free);
        let parent = dirs[self.random(dirs.len())];
        self.made += 1;
        let name = format!("n{:03}", self.made);
        let node = Node { inode, parent, name, second: None, perm: 0o644, mtime: now, ctime: now };
        match self.inodes.get_mut(free) {
            Some(place) => *place = Some(node),
            None => self.inodes.push(Some(node)),
        }
        self.touch(parent, now);
    }

    fn add_file(&mut self, now: i64) {
        let size = self.random(60_000) as u64;
        let seed = self.made;
        self.add(Inode::File { size, seed }, now);
    }

    /// Removes an inode and what it holds.
    fn remove(&mut self, place: usize, now: i64) {
        let held = self.places(|node| node.parent == Some(place));
        held.into_iter().for_each(|place| self.remove(place, now));
        let node = self.inodes[place].take().unwrap();
        self.touch(node.parent, now);
        if node.second.is_some() {
            self.touch(None, now);
        }
    }

    fn some_file(&mut self) -> usize {
        let files = self.places(|node| matches!(node.inode, Inode::File { .. }));
        files[self.random(files.len())]
    }

    /// What happens between two dumps.
    fn change(&mut self, round: usize, now: i64) {
        for _ in 0..3 {
            let place = self.some_file();
            self.remove(place, now);
        }
        if round % 4 == 3 {
            let dirs = self.places(|node| matches!(node.inode, Inode::Dir));
            let place = dirs[self.random(dirs.len())];
            self.remove(place, now);
        }
        for n in 0..4 {
            match (round + n) % 5 {
                0 => self.add(Inode::Dir, now),
                1 => self.add(Inode::Link(format!("to {round}")), now),
                _ => self.add_file(now),
            }
        }
        self.move_one(now);
        let place = self.some_file();
        let node = self.inodes[place].as_mut().unwrap();
        (node.inode, node.mtime, node.ctime) = (Inode::File { size: 30_000, seed: now as u64 }, now, now);
        let place = self.some_file();
        let node = self.inodes[place].as_mut().unwrap();
        (node.perm, node.ctime) = (0o400 + round as u16 % 8, now);
        let second = format!("second{round}");
        let place = self.some_file();
        let node = self.inodes[place].as_mut().unwrap();
        (node.second, node.ctime) = (Some(second), now);
        self.touch(None, now);
    }

    /// Another directory and another name for a file.
    fn move_one(&mut self, now: i64) {
        let place = self.some_file();
        let dirs = self.dirs_below(place);
        let parent = dirs[self.random(dirs.len())];
        let node = self.inodes[place].as_mut().unwrap();
        let before = std::mem::replace(&mut node.parent, parent);
        node.name += "m";
        node.ctime = now;
        self.touch(before, now);
        self.touch(parent, now);
    }

    fn write(&self, image: &Path, g: &Geometry) {
        let root = Attrs { mtime: (self.root, 0), ctime: (self.root, 0), ..Attrs::perm(0o755) };
        let mut writer = Writer::create(image, g, &root);
        for (place, node) in self.inodes.iter().enumerate() {
            let Some(node) = node else {
                writer.leave_free();
                continue;
            };
            let parent = node.parent.map_or(ROOT, |parent| ROOT + 1 + parent as u32);
            let (mtime, ctime) = ((node.mtime, 0), (node.ctime, 0));
            let attrs = Attrs { mtime, ctime, ..Attrs::perm(node.perm) };
            let what = match &node.inode {
                Inode::Dir => None,
                Inode::File { size, seed } => {
                    Some(What::File(Content::full(*size, g.bsize, Fill::Pattern(*seed))))
                }
                Inode::Link(text) => Some(What::Link(text.clone().into_bytes())),
            };
            let ino = match &what {
                None => writer.mkdir(parent, node.name.as_bytes(), &Attrs { perm: 0o755, ..attrs }),
                Some(what) => writer.add(parent, node.name.as_bytes(), &attrs, what),
            };
            assert_eq!(ino, ROOT + 1 + place as u32);
            if let (Some(second), Some(what)) = (&node.second, &what) {
                writer.link(ROOT, second.as_bytes(), ino, what);
            }
        }
        writer.finish();
    }

    fn path(&self, node: &Node) -> String {
        let parent = node.parent.and_then(|parent| self.inodes[parent].as_ref());
        format!("{}/{}", parent.map(|parent| self.path(parent)).unwrap_or_default(), node.name)
    }

    fn paths(&self) -> BTreeSet<String> {
        let nodes = || self.inodes.iter().flatten();
        let second = nodes().filter_map(|node| node.second.as_ref()).map(|name| format!("/{name}"));
        nodes().map(|node| self.path(node)).chain(second).chain([String::new()]).collect()
    }
}

/// A dump that was made.
struct Made {
    level: i32,
    date: i64,
    file: PathBuf,
    /// The dumps to be restored for this one, itself the last.
    chain: Vec<usize>,
}

fn dump(image: &Path, level: i32, date: i64, dumpdates: Option<&Path>, to: &Path) -> String {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("TZ", "UTC").env("SOURCE_DATE_EPOCH", date.to_string());
    match dumpdates {
        Some(dumpdates) => command.arg(format!("-{level}au")).arg("-D").arg(dumpdates),
        None => command.args(["-0a", "-D", "/dev/null"]),
    };
    run(command.arg("-f").arg(to).arg(image), Duration::from_secs(30)).ok().stderr
}

fn up_and_down(version: u8) {
    if !restore::available() {
        return;
    }
    let dir = TempDir::new("capdump-levels");
    let (image, dumpdates) = (dir.join("image"), dir.join("dumpdates"));
    let g = Geometry::new(version, (8192, 1024), 1, 600, 24 << 20);
    let mut tree = Tree { root: BEGIN, ..Tree::default() };
    for n in 0..40 {
        let now = BEGIN - STEP;
        if n % 4 == 0 { tree.add(Inode::Dir, now) } else { tree.add_file(now) }
    }
    let mut made: Vec<Made> = Vec::new();
    for (round, &level) in LEVELS.iter().enumerate() {
        let date = BEGIN + round as i64 * STEP;
        tree.change(round, date - STEP / 2);
        tree.write(&image, &g);
        let file = dir.join(&format!("dump{round}"));
        dump(&image, level, date, Some(&dumpdates), &file);
        // Dates only grow here, so the newest of a lower level is the last one.
        let base = made.iter().rfind(|m| m.level < level);
        let stream = std::fs::read(&file).unwrap();
        let head = Header::parse(&stream[..1024]).unwrap();
        assert_eq!(head.i64("c_ddate"), base.map_or(0, |m| m.date), "round {round}");
        let mut chain = base.map_or_else(Vec::new, |m| m.chain.clone());
        chain.push(round);
        made.push(Made { level, date, file, chain });
        check(&dir, &tree, &image, &made);
    }
    assert_eq!(made[9].chain, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(made[11].chain, [0, 1, 2, 3, 4, 10, 11]);
    assert_eq!(made[16].chain, [0, 14, 15, 16]);
    assert_eq!(made[19].chain, [17, 19]);
}

/// Restores the chain of the last dump, and compares it with a full dump of the same image.
fn check(dir: &TempDir, tree: &Tree, image: &Path, made: &[Made]) {
    let last = made.last().unwrap();
    let (chained, whole) = (dir.join("chained"), dir.join("whole"));
    for &n in &last.chain {
        restore::restore(&made[n].file, &chained);
    }
    let full = dir.join("full");
    dump(image, 0, last.date, None, &full);
    restore::restore(&full, &whole);
    let [chained_list, whole_list] = [&chained, &whole].map(|into| restore::listing(into));
    let found = differences(&chained_list, &whole_list);
    assert!(found.is_empty(), "level {}: {:?}: {found:#?}", last.level, last.chain);
    let paths: BTreeSet<String> = whole_list.keys().map(|p| String::from_utf8(p.clone()).unwrap()).collect();
    assert_eq!(paths, tree.paths());
    let ours = dir.join("ours");
    for &n in &last.chain {
        let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
        caprestore::run_in(command.arg("-rf").arg(&made[n].file), &ours, "").ok();
    }
    let chain: Vec<&Path> = last.chain.iter().map(|&n| made[n].file.as_path()).collect();
    if chain.len() > 1 {
        assert!(crate::chain::agrees(&chain).iter().all(|&good| good));
    }
    let found = caprestore::differences(&ours, &Dump::one(std::fs::read(&full).unwrap()).unwrap());
    assert!(found.is_empty(), "level {}: {:?}: {found:#?}", last.level, last.chain);
    for folder in [chained, whole, ours] {
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn ufs1() {
    up_and_down(1);
}

#[test]
fn ufs2() {
    up_and_down(2);
}
