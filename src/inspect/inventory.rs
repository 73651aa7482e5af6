// SPDX-License-Identifier: BSD-2-Clause
//! What is in a dump or an index, by path: for a comparison.

use std::collections::{BTreeMap, HashMap};

use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::operator::{About, Known, about, about_directory};
use dumpstream::reading::{Finding, Names, Place, Sink};
use dumpstream::{Block, Content, Decoded, Digest, InodeMap};
use ufs::{FileType, Ino};

/// By path.
pub type Inventory = BTreeMap<Vec<u8>, Known>;

/// Takes the inventory of a dump.
pub struct Taking {
    /// What is printed.
    pub told: Told,
    paths: Vec<(Vec<u8>, Ino)>,
    abouts: HashMap<Ino, About>,
    digests: HashMap<Ino, Digest>,
    content: Option<(Content, Ino)>,
}

impl Taking {
    /// Of one dump.
    pub fn new(told: Told) -> Taking {
        Taking { told, paths: Vec::new(), abouts: HashMap::new(), digests: HashMap::new(), content: None }
    }

    /// The dump is over: all that is in it.
    pub fn finish(mut self) -> (Told, Inventory) {
        self.end_content();
        let Taking { told, paths, abouts, digests, .. } = self;
        let known = |ino: &Ino| Known { about: abouts.get(ino).copied(), digest: digests.get(ino).copied() };
        (told, paths.into_iter().map(|(path, ino)| (path, known(&ino))).collect())
    }

    fn end_content(&mut self) {
        if let Some((content, ino)) = self.content.take() {
            self.digests.insert(ino, content.digest());
        }
    }

    fn add(&mut self, ino: Ino, about: About, names: &mut Names) {
        self.abouts.insert(ino, about);
        if ino == Ino::ROOT {
            self.paths.push((b".".to_vec(), ino));
            return;
        }
        let offsets: Vec<u32> = names.entries(ino).collect();
        self.paths.extend(offsets.into_iter().filter_map(|offset| Some((names.path(offset)?, ino))));
    }
}

impl Enough for Taking {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    fn is_enough(&self) -> bool {
        self.told.is_stopped()
    }
}

impl Sink for Taking {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        if finding.fault.is_damage() {
            self.told.finding(&finding, names);
        }
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.told.volume(header);
    }

    fn directories(&mut self, names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {
        for at in 0..names.directories().len() {
            let directory = &names.directories()[at];
            let (ino, about) = (directory.ino, about_directory(directory));
            self.add(ino, about, names);
        }
    }

    fn inode(&mut self, header: &Decoded, _place: Place, names: &mut Names) {
        self.end_content();
        let (inode, ino) = (&header.header.inode, header.header.inumber);
        // What is in a directory has lines of its own.
        if FileType::of(inode.mode) != FileType::Dir {
            self.add(ino, about(inode), names);
            self.content = Some((Content::new(&header.header), ino));
        }
    }

    fn addr(&mut self, header: &Decoded) {
        if let Some((content, _)) = self.content.as_mut().filter(|(_, ino)| *ino == header.header.inumber) {
            content.announce(&header.header);
        }
    }

    fn data(&mut self, ino: Ino, _is_data: bool, block: &Block) {
        if let Some((content, _)) = self.content.as_mut().filter(|(_, of)| *of == ino) {
            content.blocks(std::slice::from_ref(block));
        }
    }
}
