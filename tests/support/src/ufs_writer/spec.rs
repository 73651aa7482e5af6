// SPDX-License-Identifier: BSD-2-Clause
//! A whole tree said beforehand: written as an image, or listed as what a dump of it is to hold.

use std::collections::BTreeMap;
use std::path::Path;

use super::geometry::Geometry;
use super::inode::{Attrs, SF_SNAPSHOT, What};
use super::{ROOT, Writer};
use crate::listing::{ContentHash, Entry, Listing};

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A directory.
    Dir,
    /// One more name of an earlier node that is neither.
    Same(usize),
    /// All else.
    Leaf(What),
}

/// One name of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The directory it is in, by its place in [`Spec::nodes`]; `None` for the root.
    pub parent: Option<usize>,
    /// Its name, 1 to 255 bytes.
    pub name: Vec<u8>,
    /// Owner, times, flags; not of [`Kind::Same`].
    pub attrs: Attrs,
    /// What it is.
    pub kind: Kind,
}

/// A tree; parents stand before what they hold.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The root's owner, times and flags.
    pub root: Attrs,
    /// The names.
    pub nodes: Vec<Node>,
}

impl Spec {
    /// Adds a node and returns its place.
    pub fn add(&mut self, parent: Option<usize>, name: &str, attrs: Attrs, kind: Kind) -> usize {
        self.nodes.push(Node { parent, name: name.as_bytes().to_vec(), attrs, kind });
        self.nodes.len() - 1
    }

    /// Writes the tree as an image.
    pub fn write(&self, path: &Path, geometry: &Geometry) {
        let mut writer = Writer::create(path, geometry, &self.root);
        let mut inodes: Vec<u32> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let parent = node.parent.map_or(ROOT, |p| inodes[p]);
            let ino = match &node.kind {
                Kind::Dir => writer.mkdir(parent, &node.name, &node.attrs),
                Kind::Leaf(what) => writer.add(parent, &node.name, &node.attrs, what),
                Kind::Same(other) => {
                    let Kind::Leaf(what) = &self.nodes[*other].kind else {
                        panic!("a hard link to what is no file")
                    };
                    writer.link(parent, &node.name, inodes[*other], what);
                    inodes[*other]
                }
            };
            inodes.push(ino);
        }
        writer.finish();
    }

    /// What a full dump of the image is to hold.
    pub fn listing(&self, g: &Geometry) -> Listing {
        let mut paths: Vec<Vec<u8>> = Vec::new();
        for node in &self.nodes {
            let parent = node.parent.map_or(&[][..], |p| &paths[p]);
            paths.push([parent, b"/", &node.name].concat());
        }
        let mut first: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for (n, path) in paths.iter().enumerate() {
            let of = self.same(n);
            let name = first.entry(of).or_insert_with(|| path.clone());
            if path < name {
                name.clone_from(path);
            }
        }
        let mut out = Listing::new();
        out.insert(Vec::new(), entry(&self.root, &Kind::Dir, g));
        for (n, path) in paths.into_iter().enumerate() {
            let node = &self.nodes[self.same(n)];
            let mut entry = entry(&node.attrs, &node.kind, g);
            entry.same_as.clone_from(&first[&self.same(n)]);
            out.insert(path, entry);
        }
        out
    }

    fn same(&self, n: usize) -> usize {
        match self.nodes[n].kind {
            Kind::Same(other) => other,
            _ => n,
        }
    }
}

fn entry(attrs: &Attrs, kind: &Kind, g: &Geometry) -> Entry {
    // A snapshot is dumped as an empty file without its flag.
    let snapshot = attrs.flags & SF_SNAPSHOT != 0;
    // UFS1 keeps 32 bits of seconds, unsigned, and no time of creation.
    let time = |t: (i64, i32)| {
        if g.version == 1 { (i64::from(t.0 as u32), t.1) } else { t }
    };
    let mut entry = Entry {
        mode: 0o040_000 | u32::from(attrs.perm),
        uid: attrs.uid,
        gid: attrs.gid,
        atime: Some(time(attrs.atime)),
        mtime: Some(time(attrs.mtime)),
        birthtime: Some(if g.version == 1 { (0, 0) } else { attrs.birthtime }),
        flags: Some(attrs.flags & !SF_SNAPSHOT),
        ext: Some(attrs.ext.clone()),
        ..Entry::default()
    };
    let Kind::Leaf(what) = kind else { return entry };
    entry.mode = u32::from(what.kind() | attrs.perm);
    entry.size = Some(0);
    entry.content = Some(ContentHash::of(&[]));
    match what {
        What::File(content) if !snapshot => {
            entry.size = Some(content.size);
            entry.runs = Some(content.places(g.bsize));
            entry.content = Some(hash(content, g));
        }
        What::File(_) => entry.runs = Some(Vec::new()),
        What::Link(text) => {
            entry.size = Some(text.len() as u64);
            entry.content = Some(ContentHash::of(text));
        }
        What::Char(rdev) | What::Block(rdev) => (entry.size, entry.rdev) = (None, Some(*rdev)),
        What::Fifo | What::Socket => {}
    }
    entry
}

fn hash(content: &super::content::Content, g: &Geometry) -> u64 {
    let mut hash = ContentHash::default();
    let mut block = vec![0; g.bsize as usize];
    for part in &content.parts {
        for lbn in part.block..part.block + part.blocks {
            part.fill(lbn, g.bsize, content.size, &mut block);
            hash.add(lbn * g.bsize, &block);
        }
    }
    hash.finish()
}
