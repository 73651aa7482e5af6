// SPDX-License-Identifier: BSD-2-Clause
//! The files and directories, in memory.

use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::fuse::wire::{longs, words};

/// Type bits of a mode, and directories (sys/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;

/// Seconds and nanoseconds.
pub type Time = (u64, u32);

/// A file of any type.
#[derive(Debug, Default)]
pub struct Node {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u32,
    pub links: u32,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    /// Data of a file, or the text of a symbolic link.
    pub data: Vec<u8>,
    /// Of a directory.
    pub entries: BTreeMap<Vec<u8>, u64>,
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Node {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    /// Its type, as entries of a directory have it (dirent.h).
    pub fn kind(&self) -> u32 {
        (self.mode & S_IFMT) >> 12
    }
}

/// All of them, by number. Those without a name are kept.
#[derive(Debug)]
pub struct Nodes(Vec<Node>);

impl Nodes {
    /// An empty root, whose number is 1 (`FUSE_ROOT_ID`).
    pub fn new() -> Nodes {
        let root = Node { mode: S_IFDIR | 0o755, links: 2, ..Node::default() };
        Nodes(vec![Node::default(), root])
    }

    pub fn get(&mut self, id: u64) -> Result<&mut Node, Errno> {
        usize::try_from(id).ok().and_then(|at| self.0.get_mut(at)).ok_or(Errno::ESTALE)
    }

    /// The number that a name has in a directory.
    pub fn find(&mut self, dir: u64, name: &[u8]) -> Result<u64, Errno> {
        self.get(dir)?.entries.get(name).copied().ok_or(Errno::ENOENT)
    }

    /// Makes a node, and gives its number.
    pub fn make(&mut self, dir: u64, name: &[u8], node: Node) -> Result<u64, Errno> {
        if self.find(dir, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        let id = self.0.len() as u64;
        let links = if node.is_directory() { 2 } else { 1 };
        self.0.push(Node { links, ..node });
        self.get(dir)?.entries.insert(name.to_vec(), id);
        Ok(id)
    }

    /// Makes a further name.
    pub fn link(&mut self, id: u64, dir: u64, name: &[u8]) -> Result<(), Errno> {
        if self.find(dir, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.get(id)?.links += 1;
        self.get(dir)?.entries.insert(name.to_vec(), id);
        Ok(())
    }

    /// Removes a name, of a directory or of anything else.
    pub fn remove(&mut self, dir: u64, name: &[u8], is_directory: bool) -> Result<(), Errno> {
        let id = self.find(dir, name)?;
        let node = self.get(id)?;
        match (node.is_directory(), is_directory) {
            (true, false) => return Err(Errno::EISDIR),
            (false, true) => return Err(Errno::ENOTDIR),
            (true, true) if !node.entries.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => node.links -= 1,
        }
        self.get(dir)?.entries.remove(name);
        Ok(())
    }

    /// Renames; what has the name is removed.
    pub fn rename(&mut self, from: u64, old: &[u8], to: u64, new: &[u8]) -> Result<(), Errno> {
        let id = self.find(from, old)?;
        if let Ok(there) = self.find(to, new) {
            if there == id {
                return Ok(());
            }
            let is_directory = self.get(id)?.is_directory();
            self.remove(to, new, is_directory)?;
        }
        self.get(from)?.entries.remove(old);
        self.get(to)?.entries.insert(new.to_vec(), id);
        Ok(())
    }

    /// `struct fuse_attr` (88 bytes).
    pub fn attributes(&mut self, id: u64) -> Result<Vec<u8>, Errno> {
        let node = self.get(id)?;
        let size = node.data.len() as u64;
        let times = [node.atime, node.mtime, node.ctime];
        let seconds = times.map(|time| time.0);
        let nanoseconds = times.map(|time| time.1);
        let head = longs(&[id, size, size.div_ceil(512)]);
        let about = words(&[node.mode, node.links, node.uid, node.gid, node.rdev, 4096, 0]);
        Ok([head, longs(&seconds), words(&nanoseconds), about].concat())
    }

    /// `struct fuse_entry_out`: nothing of it may be cached.
    pub fn entry(&mut self, id: u64) -> Result<Vec<u8>, Errno> {
        Ok([longs(&[id, 0, 0, 0, 0]), self.attributes(id)?].concat())
    }

    /// `struct fuse_dirent` of each entry from this number on, in so many bytes.
    pub fn directory(&mut self, id: u64, from: usize, most: usize) -> Result<Vec<u8>, Errno> {
        let entries: Vec<(Vec<u8>, u64)> =
            self.get(id)?.entries.iter().map(|(name, id)| (name.clone(), *id)).collect();
        let mut out = Vec::new();
        for (at, (name, id)) in entries.into_iter().enumerate().skip(from) {
            let kind = self.get(id)?.kind();
            let mut entry = [longs(&[id, at as u64 + 1]), words(&[name.len() as u32, kind]), name].concat();
            entry.resize(entry.len().next_multiple_of(8), 0);
            if out.len() + entry.len() > most {
                break;
            }
            out.extend(entry);
        }
        Ok(out)
    }
}
