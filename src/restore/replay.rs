// SPDX-License-Identifier: BSD-2-Clause
//! What `-r` does with the dumps of a chain, one after the other, without a target: no message and no result of it is its own, it only
//! decides. Pure.

use std::collections::HashMap;
use std::fmt;

use crate::operator::{Change, Counts};
use crate::restore::attributes::attributes;
use crate::restore::chain::{Action, Holder, New, Sources, Spot, Way};
use crate::restore::extraction::Extraction;
use crate::restore::file::Current;
use crate::restore::fit::{Misfit, fit};
use crate::restore::session::{MOST_ATTRIBUTES, is_on_tape};
use crate::restore::state::{DumpId, Phase, STATE, State};
use crate::restore::table::Table;
use crate::restore::tree::Tree;
use dumpstream::reading::{Fault, Finding, Names};
use dumpstream::{Block, Decoded, InodeMap};
use ufs::{ByteOrder, FileType, Ino, attributes_to_host, is_whiteout};

/// Where what is found goes.
pub trait Told {
    /// This happens to a name.
    fn change(&mut self, path: &[u8], change: Change<'_>);
    /// This is missing or wrong.
    fn fault(&mut self, path: &[u8], what: &str);
    /// This is worth saying.
    fn note(&mut self, path: &[u8], what: &str);
}

/// The chain so far, and the dump that is being read.
#[derive(Default)]
pub struct Replay {
    /// What has been restored.
    state: Option<State>,
    level: Level,
}

/// A dump that is being read.
#[derive(Default)]
struct Level {
    dump: Option<DumpId>,
    swapped: bool,
    /// Why it cannot be restored.
    refused: Option<Refused>,
    /// The tree that is to be, once the directories have been read.
    table: Option<Table>,
    extraction: Extraction,
    /// The directory that is being read, and the extended attributes that it has on the dump.
    directory: Option<(Ino, usize)>,
    attributes: Vec<u8>,
    /// Directories whose extended attributes are damaged.
    damaged: Vec<Ino>,
    current: Option<Current>,
    counts: Counts,
    faults: u64,
    /// There is more of it.
    goes_on: bool,
}

/// Why a dump cannot be restored: one line.
#[derive(Debug)]
pub enum Refused {
    /// Its first tape block is not a header.
    NoHeader,
    /// What there is begins with a later volume.
    NotVolumeOne,
    /// Its maps of inodes are missing.
    NoMaps,
    /// Its directories are missing.
    NoDirectories,
    /// A full dump behind another one.
    Full,
    /// It builds on another dump, and there is none.
    NothingRestored,
    /// It builds on another dump than the one before.
    Misfit(Misfit),
    /// There are more names than are kept.
    TooManyNames,
    /// It has more volumes.
    GoesOn,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::NoHeader => "it does not begin with a header",
            Refused::NotVolumeOne => "it does not begin with volume 1",
            Refused::NoMaps => "its maps of inodes are missing",
            Refused::NoDirectories => "its directories are missing",
            Refused::Full => "a full dump does not build on another dump",
            Refused::NothingRestored => "it builds on another dump, and none has been restored",
            Refused::Misfit(misfit) => return misfit.fmt(f),
            Refused::TooManyNames => "there are more names than can be kept",
            Refused::GoesOn => "it does not end on these volumes",
        })
    }
}

/// What became of a dump.
pub struct Replayed {
    /// `c_level`.
    pub level: Option<i32>,
    /// What it does, or why it cannot be restored.
    pub taken: Result<Counts, Refused>,
    /// What was missing or wrong.
    pub faults: u64,
}

impl Replay {
    /// The header of a volume.
    pub fn volume(&mut self, header: &Decoded) {
        if self.level.dump.is_none() {
            self.level.dump = Some(DumpId::of(&header.identity));
            self.level.swapped = header.swapped;
        }
    }

    /// What was found in the dump.
    pub fn finding(&mut self, finding: &Finding, names: &mut Names, told: &mut impl Told) {
        let level = &mut self.level;
        match finding.fault {
            Fault::NoHeader(_) if level.dump.is_none() => level.refuse(Refused::NoHeader),
            Fault::StartsAt(_) => level.refuse(Refused::NotVolumeOne),
            Fault::NoEnd | Fault::GoesOn(_) => level.goes_on = true,
            Fault::Lost | Fault::Absent | Fault::Undumped | Fault::NotSeen => {
                let Some(first) = finding.ino else { return };
                let is_fault = finding.fault != Fault::Undumped;
                level.missing(first, finding.last.unwrap_or(first), is_fault, names, told);
            }
            _ => {}
        }
    }

    /// All directories have been read.
    pub fn directories(
        &mut self,
        names: &mut Names,
        used: Option<&InodeMap>,
        dumped: Option<&InodeMap>,
        told: &mut impl Told,
    ) {
        let level = &mut self.level;
        level.end_directory();
        let Some(dump) = level.dump.clone().filter(|_| level.refused.is_none() && level.table.is_none())
        else {
            return;
        };
        let (Some(used), Some(dumped)) = (used, dumped) else {
            return level.refuse(Refused::NoMaps);
        };
        let refused = match (&self.state, dump.ddate) {
            (None, 0) => None,
            (Some(_), 0) => Some(Refused::Full),
            (None, _) => Some(Refused::NothingRestored),
            (Some(state), _) => fit(&dump, state).err().map(Refused::Misfit),
        };
        if let Some(reason) = refused {
            return level.refuse(reason);
        }
        let none = Table::default();
        let old = self.state.as_ref().map_or(&none, |state| &state.table);
        let tree = Tree::new(names);
        let new = Sources { old, tree: &tree, names, used, dumped }.new_tree();
        if new.table.is_full() {
            return level.refuse(Refused::TooManyNames);
        }
        level.notice(&new, told);
        // What a first dump makes is all that is in it.
        level.act(old, &new.table, dumped, dump.ddate != 0, told);
        level.select(tree, names, dumped, told);
        level.table = Some(new.table);
    }

    /// The `TS_INODE` of an inode.
    pub fn inode(&mut self, header: &Decoded, names: &mut Names, told: &mut impl Told) {
        let level = &mut self.level;
        let (ino, inode) = (header.header.inumber, &header.header.inode);
        if level.table.is_none() {
            level.end_directory();
            if FileType::of(inode.mode) == FileType::Dir {
                level.directory = Some((ino, inode.extsize as usize));
            }
            return;
        }
        level.finish_file(names, told);
        let Some(first) = level.extraction.names(ino).first().copied().filter(|first| !first.done) else {
            return;
        };
        match FileType::of(inode.mode) {
            FileType::Regular | FileType::Link | FileType::Fifo | FileType::Block | FileType::Char => {
                level.current = Some(Current::new(&header.header, first.offset))
            }
            FileType::Socket => level.extraction.leave_out(ino),
            _ => {
                level.extraction.done(ino);
                let path = names.path(first.offset).unwrap_or_default();
                level.fault(&path, "its mode has no known type", told);
            }
        }
    }

    /// A tape block of data, or of attributes, of that inode.
    pub fn data(&mut self, ino: Ino, is_data: bool, block: &Block) {
        let level = &mut self.level;
        if is_data {
            return;
        }
        if let Some(current) = level.current.as_mut().filter(|current| current.ino == ino) {
            current.block(is_data, block, None);
        } else if level.directory.is_some_and(|(of, _)| of == ino) && level.attributes.len() < MOST_ATTRIBUTES
        {
            level.attributes.extend_from_slice(block);
        }
    }

    /// The dump is over: what became of it. The next one builds on it.
    pub fn end(&mut self, names: &mut Names, told: &mut impl Told) -> Replayed {
        let mut level = std::mem::take(&mut self.level);
        level.finish_file(names, told);
        let table = level.table.take();
        if table.is_some() {
            level.missing(Ino(0), Ino(u32::MAX), true, names, told);
            level.links(names, told);
        } else if level.refused.is_none() {
            level.refuse(Refused::NoDirectories);
        }
        if let (Some(dump), Some(table)) = (level.dump.clone(), table) {
            for number in level.damaged.clone().into_iter().filter_map(|ino| table.number(ino)) {
                let path = table.path(table.parent(number), table.node(number).name);
                level.fault(&path, DAMAGED_ATTRIBUTES, told);
            }
            let phase = if level.goes_on { Phase::Extract } else { Phase::Done };
            self.state = Some(State { phase, dump, table });
        }
        if level.goes_on {
            level.refuse(Refused::GoesOn);
        }
        let taken = level.refused.map_or(Ok(level.counts), Err);
        Replayed { level: level.dump.map(|dump| dump.level), taken, faults: level.faults }
    }
}

/// What is wrong with the extended attributes.
const DAMAGED_ATTRIBUTES: &str = "the extended attributes are damaged";

impl Level {
    fn refuse(&mut self, reason: Refused) {
        self.refused.get_or_insert(reason);
    }

    fn fault(&mut self, path: &[u8], what: &str, told: &mut impl Told) {
        self.faults += 1;
        told.fault(path, what);
    }

    /// What was noticed while the tree was made.
    fn notice(&mut self, new: &New, told: &mut impl Told) {
        for (path, ino) in &new.missing {
            told.note(path, &format!("inode {ino} is neither on the dump nor restored"));
        }
        for path in &new.ignored {
            match path.starts_with(STATE) {
                true => told.note(path, "ignored, a file of restore's own"),
                false => self.fault(path, "ignored, a further name of a directory", told),
            }
        }
    }

    /// Counts what leads from one tree to the other, and names it if `names` is set.
    fn act(&mut self, old: &Table, new: &Table, dumped: &InodeMap, names: bool, told: &mut impl Told) {
        let way = Way::new(old, new, dumped);
        let mut change = |path: Vec<u8>, change: Change<'_>| {
            if names {
                told.change(&path, change);
            }
        };
        let path = |table: &Table, spot: &Spot| match spot.holder {
            Holder::Directory(ino) => table.number(ino).map(|number| table.path(number, &spot.name)),
            Holder::Stage => None,
        };
        // By the names that they have on their way.
        let mut from: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for action in way.stage() {
            if let Action::Rename(spot, staged, _) = action {
                from.insert(staged.name, path(old, &spot).unwrap_or_default());
            }
        }
        for action in way.remove() {
            match action {
                Action::Remove(spot) | Action::RemoveWhiteout(spot) => {
                    self.counts.removed += 1;
                    change(path(old, &spot).unwrap_or_default(), Change::Remove);
                }
                Action::RemoveDirectory(spot) => {
                    self.counts.removed_directories += 1;
                    change(path(old, &spot).unwrap_or_default(), Change::RemoveDirectory);
                }
                _ => {}
            }
        }
        for action in way.place() {
            match action {
                Action::MakeDirectory(_, spot) => {
                    self.counts.directories += 1;
                    change(path(new, &spot).unwrap_or_default(), Change::MakeDirectory);
                }
                Action::Rename(staged, spot, _) => {
                    self.counts.renamed += 1;
                    let from = from.remove(&staged.name).unwrap_or_default();
                    change(path(new, &spot).unwrap_or_default(), Change::Rename(&from));
                }
                Action::Link(_, spot) => {
                    self.counts.links += 1;
                    change(path(new, &spot).unwrap_or_default(), Change::Link);
                }
                _ => {}
            }
        }
    }

    /// Selects what is on the dump.
    fn select(&mut self, tree: Tree, names: &Names, dumped: &InodeMap, told: &mut impl Told) {
        let root = tree.root().filter(|root| is_on_tape(*root, names, dumped));
        let extraction = &mut self.extraction;
        match root {
            Some(root) => tree.walk_all(names, root, |node, _| {
                let whiteout = node.offset.is_some_and(|offset| is_whiteout(node.ino, names.at(offset).0));
                if let (None, Some(offset), false) = (node.directory, node.offset, whiteout)
                    && is_on_tape(node, names, dumped)
                {
                    extraction.select(node.ino, offset);
                }
                true
            }),
            None => self.fault(b".", "it is not on the dump", told),
        }
        self.extraction.settle();
        self.extraction.tree = tree;
    }

    /// Those of `first` to `last` that have not come.
    fn missing(&mut self, first: Ino, last: Ino, is_fault: bool, names: &mut Names, told: &mut impl Told) {
        for selected in self.extraction.missing(first, last) {
            // It has no further names then.
            self.extraction.leave_out(selected.ino);
            let path = names.path(selected.offset).unwrap_or_default();
            match is_fault {
                true => self.fault(&path, "it is not on the dump", told),
                false => told.note(&path, "it is not on the dump"),
            }
        }
    }

    /// The extended attributes of a directory are all there.
    fn end_directory(&mut self) {
        let Some((ino, size)) = self.directory.take() else { return };
        let mut bytes = std::mem::take(&mut self.attributes);
        if self.has_damaged(&mut bytes, size) {
            self.damaged.push(ino);
        }
    }

    fn has_damaged(&self, bytes: &mut Vec<u8>, size: usize) -> bool {
        bytes.truncate(size);
        if self.swapped {
            attributes_to_host(bytes, ByteOrder::FOREIGN);
        }
        attributes(bytes).any(|attribute| attribute.is_err())
    }

    /// The file is over.
    fn finish_file(&mut self, names: &mut Names, told: &mut impl Told) {
        let Some(mut current) = self.current.take() else { return };
        self.extraction.done(current.ino);
        self.counts.files += 1;
        if FileType::of(current.inode.mode) == FileType::Regular {
            self.counts.bytes = self.counts.bytes.saturating_add(current.inode.size);
        }
        let is_increment = self.dump.as_ref().is_some_and(|dump| dump.ddate != 0);
        let is_damaged = self.has_damaged(&mut current.attributes, current.inode.extsize as usize);
        if is_increment || is_damaged {
            let path = names.path(current.offset).unwrap_or_default();
            if is_increment {
                told.change(&path, Change::Extract);
            }
            if is_damaged {
                self.fault(&path, DAMAGED_ATTRIBUTES, told);
            }
        }
    }

    /// The further names of what was extracted.
    fn links(&mut self, names: &mut Names, told: &mut impl Told) {
        let is_increment = self.dump.as_ref().is_some_and(|dump| dump.ddate != 0);
        let of_files = self.extraction.all().filter(|names| !self.extraction.is_left_out(names[0].ino));
        for further in of_files.flat_map(|names| &names[1..]) {
            self.counts.links += 1;
            if is_increment {
                told.change(&names.path(further.offset).unwrap_or_default(), Change::Link);
            }
        }
    }
}
