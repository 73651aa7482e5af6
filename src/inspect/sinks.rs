// SPDX-License-Identifier: BSD-2-Clause
//! The sinks of a check and of a listing.

use crate::inspect::indexed::Digests;
use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::operator::List;
use dumpstream::reading::{Fault, Finding, Names, Place, Sink};
use dumpstream::{Block, Content, Decoded};
use ufs::Ino;

/// Finds what is wrong.
pub struct Check {
    /// What is printed.
    pub told: Told,
    /// What the index says of contents.
    digests: Option<Digests>,
    /// The content of the inode under way, where it begins, and what it should be.
    content: Option<(Content, Place, Ino)>,
    /// `c_date` of the dump.
    pub date: Option<i64>,
    /// Contents that are not what the index says.
    pub changed: u64,
}

impl Check {
    /// With what an index says of contents.
    pub fn new(told: Told, digests: Option<Digests>) -> Check {
        Check { told, digests, content: None, date: None, changed: 0 }
    }

    /// A path of an inode, if the index has a digest for it.
    pub fn path(&self, ino: Ino) -> Option<Vec<u8>> {
        self.digests.as_ref()?.get(&ino).map(|(path, _)| path.clone())
    }

    /// The inode under way is over.
    pub fn end_content(&mut self) {
        let Some((content, place, ino)) = self.content.take() else { return };
        let known = self.digests.as_ref().and_then(|digests| digests.get(&ino));
        if let Some((path, wanted)) = known
            && content.digest() != *wanted
        {
            self.changed += 1;
            let finding = Finding { place: Some(place), ino: Some(ino), last: None, fault: Fault::Content };
            self.told.finding_at(&finding, Some(path));
        }
    }
}

impl Enough for Check {
    type Told = Told;

    fn is_enough(&self) -> bool {
        self.told.is_stopped()
    }

    fn told(&mut self) -> &mut Told {
        &mut self.told
    }
}

impl Sink for Check {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        self.told.finding(&finding, names);
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.date.get_or_insert(header.identity.date);
        self.told.volume(header);
    }

    fn inode(&mut self, header: &Decoded, place: Place, _names: &mut Names) {
        self.end_content();
        let ino = header.header.inumber;
        if self.digests.as_ref().is_some_and(|digests| digests.contains_key(&ino)) {
            self.content = Some((Content::new(&header.header), place, ino));
        }
    }

    fn addr(&mut self, header: &Decoded) {
        if let Some((content, _, ino)) = &mut self.content
            && *ino == header.header.inumber
        {
            content.announce(&header.header);
        }
    }

    fn data(&mut self, ino: Ino, _is_data: bool, block: &Block) {
        if let Some((content, _, _)) = self.content.as_mut().filter(|(_, _, of)| *of == ino) {
            content.blocks(std::slice::from_ref(block));
        }
    }
}

impl Enough for List<Told> {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        &mut self.0
    }

    fn wants_data(&self) -> bool {
        false
    }

    fn is_enough(&self) -> bool {
        self.0.is_stopped()
    }
}
