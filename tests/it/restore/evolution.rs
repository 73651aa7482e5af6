// SPDX-License-Identifier: BSD-2-Clause
//! Random chains of levels: a model of a file system changes in all the ways that names and inodes can change, each level is dumped, and
//! what -r has made of the levels so far is what the model is.

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use capdump_support::caprestore::{Place, run_in};
use capdump_support::program::{run, without_tty};
use capdump_support::stream_writer::Stream;

use super::caprestore;
use super::mutated::{Random, seconds};
use crate::changes::next_level;
use crate::mutations::Choose;

const ROOT: u32 = 2;

/// An inode of the model.
#[derive(Clone, Debug)]
enum Node {
    Directory(BTreeMap<String, u32>),
    File(Vec<u8>),
    Link(String),
    Fifo,
}

impl Node {
    /// `d_type` and `c_mode`.
    fn kind(&self) -> (u8, u32) {
        match self {
            Node::Directory(_) => (4, 0o040_755),
            Node::File(_) => (8, 0o100_644),
            Node::Link(_) => (10, 0o120_777),
            Node::Fifo => (1, 0o010_600),
        }
    }
}

/// The file system.
struct Model {
    nodes: BTreeMap<u32, Node>,
    /// Inodes that changed since the last dump.
    changed: BTreeSet<u32>,
}

impl Model {
    fn new() -> Model {
        let nodes = BTreeMap::from([(ROOT, Node::Directory(BTreeMap::new()))]);
        Model { nodes, changed: BTreeSet::from([ROOT]) }
    }

    fn names(&self, directory: u32) -> &BTreeMap<String, u32> {
        match &self.nodes[&directory] {
            Node::Directory(names) => names,
            other => panic!("{directory} is {other:?}"),
        }
    }

    fn names_mut(&mut self, directory: u32) -> &mut BTreeMap<String, u32> {
        self.changed.insert(directory);
        match self.nodes.get_mut(&directory) {
            Some(Node::Directory(names)) => names,
            other => panic!("{directory} is {other:?}"),
        }
    }

    fn directories(&self) -> Vec<u32> {
        self.nodes
            .iter()
            .filter(|(_, node)| matches!(node, Node::Directory(_)))
            .map(|(ino, _)| *ino)
            .collect()
    }

    /// All entries: directory, name, inode.
    fn entries(&self) -> Vec<(u32, String, u32)> {
        let of = |directory: u32| {
            self.names(directory).iter().map(move |(name, ino)| (directory, name.clone(), *ino))
        };
        self.directories().into_iter().flat_map(of).collect()
    }

    /// Whether `below` is the directory or in it, at any depth.
    fn is_below(&self, below: u32, directory: u32) -> bool {
        below == directory
            || self.entries().iter().any(|(parent, _, ino)| {
                *ino == below
                    && self.is_below(*parent, directory)
                    && matches!(self.nodes[ino], Node::Directory(_))
            })
    }

    /// The lowest number that is free, as file systems use them again, or any other one.
    fn free(&self, choose: &mut Random) -> u32 {
        let mut free = (3..).filter(|ino| !self.nodes.contains_key(ino));
        free.nth([0, 0, 0, 1, 7][choose.below(5)]).unwrap()
    }

    /// Takes a name away, and what has none any more.
    fn remove(&mut self, directory: u32, name: &str) {
        let Some(ino) = self.names_mut(directory).remove(name) else { return };
        if let Node::Directory(names) = self.nodes[&ino].clone() {
            names.keys().for_each(|name| self.remove(ino, name));
        }
        if !self.entries().iter().any(|entry| entry.2 == ino) {
            self.nodes.remove(&ino);
            self.changed.remove(&ino);
        }
    }

    /// Changes something.
    fn change(&mut self, choose: &mut Random) {
        let (directories, entries) = (self.directories(), self.entries());
        let to = directories[choose.below(directories.len())];
        let name = ["a", "b", "c", "d", "e", "a name"][choose.below(6)].to_owned();
        let (from, old, ino) = match entries.len() {
            0 => (ROOT, String::new(), ROOT),
            count => entries[choose.below(count)].clone(),
        };
        let is_directory = matches!(self.nodes[&ino], Node::Directory(_));
        // A directory cannot move below itself.
        let is_above = is_directory && self.is_below(to, ino);
        match choose.below(12) {
            0..5 => {
                let node = match choose.below(8) {
                    0..3 => Node::Directory(BTreeMap::new()),
                    3 => Node::Link(["a", "../b", "nowhere"][choose.below(3)].to_owned()),
                    4 => Node::Fifo,
                    _ => Node::File(vec![b'a' + choose.below(26) as u8; [0, 3, 1024, 5000][choose.below(4)]]),
                };
                self.remove(to, &name);
                let new = self.free(choose);
                self.nodes.insert(new, node);
                self.changed.insert(new);
                self.names_mut(to).insert(name, new);
            }
            5 | 6 if !old.is_empty() => self.remove(from, &old),
            // What it moves over cannot be above it.
            7..10 if !old.is_empty() && !is_above => {
                let over = self.names(to).get(&name).copied();
                if over
                    .is_some_and(|over| over == ino || self.is_below(from, over) || self.is_below(ino, over))
                {
                    return;
                }
                self.remove(to, &name);
                self.names_mut(from).remove(&old);
                self.names_mut(to).insert(name, ino);
                // A rename changes the inode, too, on some file systems.
                if choose.below(2) == 0 {
                    self.changed.insert(ino);
                }
            }
            10 if !old.is_empty() && !is_directory && !self.names(to).contains_key(&name) => {
                self.names_mut(to).insert(name, ino);
                self.changed.insert(ino);
            }
            _ => {
                if let Some(Node::File(data)) = self.nodes.get_mut(&ino) {
                    data.push(b'+');
                    self.changed.insert(ino);
                }
            }
        }
    }

    /// Dumps what has changed, and the directories that lead there.
    fn dump(&mut self, mut stream: Stream) -> Stream {
        let mut dumped = std::mem::take(&mut self.changed);
        // As dump(8) does in any case.
        dumped.insert(ROOT);
        loop {
            let entries = self.entries();
            let above = entries.iter().filter(|entry| dumped.contains(&entry.2)).map(|entry| entry.0);
            let all: BTreeSet<u32> = dumped.iter().copied().chain(above).collect();
            if all == dumped {
                break;
            }
            dumped = all;
        }
        let is_directory = |ino: &&u32| matches!(self.nodes[*ino], Node::Directory(_));
        let (first, then): (Vec<&u32>, Vec<&u32>) = dumped.iter().partition(is_directory);
        let entries = self.entries();
        for ino in first.into_iter().chain(then) {
            let node = &self.nodes[ino];
            match node {
                Node::Directory(names) => {
                    let kind = |ino: &u32| self.nodes[ino].kind().0;
                    let names: Vec<(&[u8], u32, u8)> =
                        names.iter().map(|(name, ino)| (name.as_bytes(), *ino, kind(ino))).collect();
                    let parent = entries.iter().find(|entry| entry.2 == *ino).map_or(ROOT, |entry| entry.0);
                    stream.directory(*ino, parent, &names);
                }
                Node::File(data) => _ = stream.file(*ino, data),
                Node::Link(text) => _ = stream.inode(*ino, node.kind().1, text.as_bytes()),
                Node::Fifo => _ = stream.inode(*ino, node.kind().1, b""),
            }
        }
        stream.used = self.nodes.keys().filter(|ino| !dumped.contains(ino)).copied().collect();
        stream
    }

    /// Paths, with what each is and the first path of the same inode.
    fn tree(&self) -> BTreeMap<String, String> {
        let (mut out, mut first) = (BTreeMap::new(), BTreeMap::new());
        let mut todo = vec![(String::new(), ROOT)];
        while let Some((path, ino)) = todo.pop() {
            for (name, ino) in self.names(ino) {
                let path = format!("{path}/{name}");
                let text = match &self.nodes[ino] {
                    Node::Directory(_) => {
                        todo.push((path.clone(), *ino));
                        "/".to_owned()
                    }
                    Node::File(data) => String::from_utf8(data.clone()).unwrap(),
                    Node::Link(text) => format!("-> {text}"),
                    Node::Fifo => "fifo".to_owned(),
                };
                out.insert(path, (text, u64::from(*ino)));
            }
        }
        named(out, &mut first)
    }
}

/// With the first path of the same inode.
fn named(
    tree: BTreeMap<String, (String, u64)>,
    first: &mut BTreeMap<u64, String>,
) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (path, (text, ino)) in tree {
        let same = first.entry(ino).or_insert_with(|| path.clone());
        out.insert(path, format!("{text} {same}"));
    }
    out
}

/// The same of what was restored.
fn restored(into: &Path) -> BTreeMap<String, String> {
    let (mut out, mut first) = (BTreeMap::new(), BTreeMap::new());
    let mut todo = vec![String::new()];
    while let Some(above) = todo.pop() {
        for entry in fs::read_dir(into.join(above.trim_start_matches('/'))).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{above}/{}", entry.file_name().to_str().unwrap());
            if path == "/restoresymtable" {
                continue;
            }
            let meta = fs::symlink_metadata(entry.path()).unwrap();
            let text = match meta.file_type() {
                kind if kind.is_dir() => {
                    todo.push(path.clone());
                    "/".to_owned()
                }
                kind if kind.is_symlink() => format!("-> {}", fs::read_link(entry.path()).unwrap().display()),
                kind if kind.is_fifo() => "fifo".to_owned(),
                _ => fs::read_to_string(entry.path()).unwrap(),
            };
            out.insert(path, (text, meta.ino()));
        }
    }
    named(out, &mut first)
}

/// Restores a random chain; how many levels. Errors: what is wrong.
fn evolve(choose: &mut Random) -> Result<usize, String> {
    let (place, mut model) = (Place::new(), Model::new());
    let mut last = Stream::new();
    let mut names = Vec::new();
    (0..choose.below(40)).for_each(|_| model.change(choose));
    let levels = 2 + choose.below(5);
    for level in 0..levels {
        last = model.dump(if level == 0 { Stream::new() } else { next_level(&last) });
        let dump = place.join(&format!("dump{level}"));
        fs::write(&dump, last.bytes()).unwrap();
        let jobs = (1 + choose.below(3)).to_string();
        let ran = run_in(caprestore().args(["--jobs", &jobs, "-rf"]).arg(&dump), &place.join("into"), "");
        let (found, wanted) = (restored(&place.join("into")), model.tree());
        if ran.code() != 0 || !ran.stderr.is_empty() || found != wanted {
            return Err(format!("level {level}: {} {}\n{found:?}\n{wanted:?}", ran.code(), ran.stderr));
        }
        names.extend((level > 0).then(|| "--".into()).into_iter().chain([dump]));
        (0..1 + choose.below(14)).for_each(|_| model.change(choose));
    }
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    let checked = run(command.arg("--check").args(&names), Duration::from_secs(60));
    if checked.code() != 0 {
        return Err(format!("--check: {} {}", checked.code(), checked.stderr));
    }
    Ok(levels)
}

#[test]
fn any_chain_becomes_the_tree() {
    let end = Instant::now() + seconds();
    let (mut chains, mut levels, mut wrong) = (0, 0, Vec::new());
    while Instant::now() < end || chains < 20 {
        chains += 1;
        match evolve(&mut Random::new(chains)) {
            Ok(count) => levels += count,
            Err(what) => wrong.push(format!("chain {chains}, {what}")),
        }
    }
    println!("{chains} chains of {levels} levels");
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}
