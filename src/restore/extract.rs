// SPDX-License-Identifier: BSD-2-Clause
//! Extracts files: selects them, has the writer make them, and reports what failed.

use std::os::unix::ffi::OsStrExt;

use crate::operator::{Restoring, Shown};
use crate::restore::attributes::attributes;
use crate::restore::ext::Records;
use crate::restore::extraction::Extraction;
use crate::restore::file::Current;
use crate::restore::interactive::Commands;
use crate::restore::job::Mode;
use crate::restore::outside::Question;
use crate::restore::session::{Session, is_on_tape};
use crate::restore::tree::{Node, Tree, canonical};
use crate::restore::wire::{InWay, Operation, Place, Step, TARGET};
use dumpstream::reading::{Fault, Finding, Names};
use dumpstream::{Decoded, InodeMap};
use ufs::{ByteOrder, FileType, Ino, attributes_to_host};

/// Symbolic links whose texts are kept until they are known to be made.
const MOST_TEXTS: usize = 256;

impl Session<'_> {
    /// All directories are known: makes those that are wanted, and selects files.
    pub(super) fn begin_extraction(
        &mut self,
        tree: Tree,
        names: &mut Names,
        used: &InodeMap,
        dumped: &InodeMap,
    ) {
        if self.rebuilds() {
            self.begin_rebuild(&tree, names, used, dumped);
        } else {
            self.report(format_args!("Extract directories from tape"));
            self.report(format_args!("Initialize symbol table."));
        }
        if self.is_over() {
            return;
        }
        self.has_directories = true;
        self.extraction.tree = tree;
        if self.job.mode == Mode::Interactive {
            self.commands = Some(Commands::new(dumped));
            return self.interact(names);
        }
        let paths = match self.rebuilds() {
            true => vec![b".".to_vec()],
            false => self.job.names.iter().map(|name| canonical(name.as_bytes())).collect(),
        };
        if let Some(root) = self.extraction.tree.root().and_then(|root| root.directory) {
            // It is there, whatever is wanted; after a rebuild it has its number.
            self.extraction.number(root, true);
        }
        for path in paths {
            self.select(&path, names, dumped);
        }
        self.extraction.settle();
        if self.rebuilds() {
            if self.job.mode == Mode::Resume {
                self.report(format_args!("Continue extraction of new leaves"));
            } else {
                self.report(format_args!("Extract new leaves."));
                self.report(format_args!("Checkpointing the restore"));
            }
        } else {
            self.make_directories(names);
            self.report(format_args!("Extract requested files"));
            self.choose_volume();
        }
    }

    /// Waits until the directories are made, so that what is wrong with them is reported before a question.
    pub(super) fn make_directories(&mut self, names: &mut Names) {
        if let Some(link) = &mut self.link {
            link.flush();
        }
        self.take_failures(names);
    }

    /// Selects a path and what is below it.
    fn select(&mut self, path: &[u8], names: &mut Names, dumped: &InodeMap) {
        // The tree is needed beside all else.
        let mut extraction = std::mem::take(&mut self.extraction);
        if let Some(node) = self.find(&extraction.tree, names, dumped, path) {
            let by_name = self.job.by_name;
            let mut directories: Vec<Node> =
                if by_name { extraction.tree.way(names, path) } else { Vec::new() };
            let (descend, whiteouts) = (self.job.descend || self.rebuilds(), self.takes_whiteouts());
            let tree = std::mem::take(&mut extraction.tree);
            let visit = |node: Node, _: &[u8]| {
                match (node.directory, node.offset) {
                    _ if !is_on_tape(node, names, dumped) => {}
                    // There can be many millions of these.
                    (None, Some(offset)) => extraction.want(node.ino, offset, names, whiteouts),
                    _ => directories.push(node),
                }
                descend
            };
            tree.walk_all(names, node, visit);
            extraction.tree = tree;
            for node in directories {
                self.want(node, &mut extraction, names);
            }
        }
        self.extraction = extraction;
    }

    /// Whether whiteouts are extracted; restore does not show them with `-i` alone.
    fn takes_whiteouts(&self) -> bool {
        self.job.by_name && (self.job.mode != Mode::Interactive || self.verbose)
    }

    /// Makes a directory, or selects a file.
    pub(super) fn want(&mut self, node: Node, extraction: &mut Extraction, names: &mut Names) {
        match (node.directory, node.offset) {
            // Those of the whole tree have been made.
            (Some(_), _) if self.rebuilds() => {}
            (Some(number), offset) if self.job.by_name => {
                let Some(id) = extraction.number(number, offset.is_none()) else { return };
                let Some(offset) = offset else { return };
                let place = extraction
                    .holder(names, offset)
                    .map(|dir| Place { dir, name: names.at(offset).1.to_vec() });
                let Some(place) = place else { return };
                let made =
                    self.operate(&Operation::MakeDirectory(offset, id, place), Some((extraction, names)));
                if made && self.verbose && !self.compares() {
                    let path = names.path(offset).unwrap_or_default();
                    self.report(format_args!("Make node {}", Shown(&path)));
                }
            }
            (None, Some(offset)) => extraction.want(node.ino, offset, names, self.takes_whiteouts()),
            _ => {}
        }
    }

    /// Has the writer do it. With `-v`, waits for it, so that what is reported is true: whether it has been done, as far as is known.
    fn operate(&mut self, operation: &Operation, with: Option<(&mut Extraction, &mut Names)>) -> bool {
        let Some(link) = &mut self.link else { return true };
        link.put(operation);
        if !self.verbose {
            return true;
        }
        let Some((extraction, names)) = with else { return true };
        link.flush();
        let mut done = true;
        while let Some(failure) = self.link.as_mut().and_then(|link| link.failure()) {
            done &= !matches!(
                failure.step,
                Step::MakeDirectory
                    | Step::Create
                    | Step::Symlink
                    | Step::Link
                    | Step::Fifo
                    | Step::Special
                    | Step::Whiteout
            );
            self.fail(&failure, extraction, names);
        }
        self.take_differences(extraction, names);
        done
    }

    /// As [`Session::operate`], outside of the selection.
    fn operate_now(&mut self, operation: &Operation, names: &mut Names) -> bool {
        let mut extraction = std::mem::take(&mut self.extraction);
        let done = self.operate(operation, Some((&mut extraction, names)));
        self.extraction = extraction;
        done
    }

    /// Whether an inode is extracted, or is a directory that is.
    pub(super) fn is_wanted(&self, ino: Ino) -> bool {
        let directory =
            self.extraction.tree.number(ino).and_then(|number| self.extraction.directories.get(number));
        !self.extraction.names(ino).is_empty() || directory.is_some_and(|directory| directory.id.is_some())
    }

    /// Files that are not on the dump.
    pub(super) fn not_found(&mut self, finding: &Finding, names: &mut Names) {
        let Some(first) = finding.ino else { return };
        for selected in self.extraction.missing(first, finding.last.unwrap_or(first)) {
            self.extraction.done(selected.ino);
            // What has no known type is on no dump.
            self.failed |= finding.fault != Fault::Undumped;
            let path = self.path(selected.ino, selected.offset, names);
            self.say(&Restoring::NotFound(&path));
        }
    }

    /// The path of a file as it is extracted.
    pub(super) fn path(&self, ino: Ino, offset: u32, names: &mut Names) -> Vec<u8> {
        match self.job.by_name {
            true => names.path(offset).unwrap_or_else(|| names.at(offset).1.to_vec()),
            false => format!("./{ino}").into_bytes(),
        }
    }

    fn place(&self, ino: Ino, offset: u32, names: &Names) -> Option<Place> {
        match self.job.by_name {
            true => {
                Some(Place { dir: self.extraction.holder(names, offset)?, name: names.at(offset).1.to_vec() })
            }
            false => Some(Place { dir: TARGET, name: ino.to_string().into_bytes() }),
        }
    }

    fn way(&self) -> InWay {
        if self.job.unlink || self.replaces() { InWay::Unlink } else { InWay::Replace }
    }

    /// A `TS_INODE` after the directories.
    pub(super) fn begin_file(&mut self, header: &Decoded, names: &mut Names) {
        self.take_failures(names);
        let ino = header.header.inumber;
        let Some(first) = self.extraction.names(ino).first().copied().filter(|first| !first.done) else {
            return;
        };
        let current = Current::new(&header.header, first.offset);
        let mode = header.header.inode.mode;
        let path = if self.verbose { self.path(ino, first.offset, names) } else { Vec::new() };
        let compares = self.compares();
        if compares && FileType::of(mode) != FileType::Socket {
            let size = header.header.inode.size;
            self.report(format_args!("comparing {} (size: {size}, mode: 0{mode:o})", Shown(&path)));
        }
        match FileType::of(mode) {
            FileType::Block | FileType::Char if !self.job.devices => {
                self.totals.devices += 1;
                return self.extraction.leave_out(ino);
            }
            FileType::Regular => {
                if !compares {
                    self.report(format_args!("extract file {}", Shown(&path)));
                }
                if let Some(place) = self.place(ino, first.offset, names) {
                    self.operate_now(&Operation::File(first.offset, place, self.way()), names);
                }
            }
            FileType::Link => {}
            FileType::Fifo | FileType::Block | FileType::Char if compares => {}
            FileType::Fifo => self.report(format_args!("extract fifo {}", Shown(&path))),
            FileType::Block | FileType::Char => {
                self.report(format_args!("extract special file {}", Shown(&path)));
            }
            FileType::Socket => {
                self.report(format_args!("skipped socket {}", Shown(&path)));
                return self.extraction.leave_out(ino);
            }
            _ => {
                self.extraction.done(ino);
                self.failed = true;
                let path = self.path(ino, first.offset, names);
                return self.say(&Restoring::UnknownMode { path: &path, mode });
            }
        }
        self.current = Some(current);
    }

    /// The file is over: the rest of it is made.
    pub(super) fn finish_file(&mut self, names: &mut Names) {
        let Some(mut current) = self.current.take() else { return };
        self.extraction.done(current.ino);
        if !current.extent.is_complete() && !current.is_told {
            self.incomplete.insert(current.ino);
        }
        self.totals.files += 1;
        if FileType::of(current.inode.mode) == FileType::Regular {
            self.totals.bytes = self.totals.bytes.saturating_add(current.inode.size);
            if self.job.to_stdout {
                self.lines.zeros(current.inode.size.saturating_sub(current.written));
            }
        }
        current.attributes.truncate(current.inode.extsize as usize);
        if self.swapped {
            attributes_to_host(&mut current.attributes, ByteOrder::FOREIGN);
        }
        self.put_attributes(&current.attributes, current.ino, current.offset, names);
        self.put_linux_attributes(&current.linux);
        let (about, way) = (self.about(&current.inode), self.way());
        let Some(place) = self.place(current.ino, current.offset, names) else { return };
        match FileType::of(current.inode.mode) {
            FileType::Regular => _ = self.operate_now(&Operation::Finish(current.inode.size, about), names),
            FileType::Link => self.make_symlink(current, place, names),
            _ => {
                let operation = Operation::Node(current.offset, place, current.inode.rdev, about, way);
                self.operate_now(&operation, names);
            }
        }
    }

    fn make_symlink(&mut self, current: Current, place: Place, names: &mut Names) {
        let mut text = current.text;
        text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
        let path = self.path(current.ino, current.offset, names);
        if text.is_empty() {
            return self.report(format_args!("{}: zero length symbolic link (ignored)", Shown(&path)));
        }
        let (about, way) = (self.about(&current.inode), self.way());
        if self.compares() {
            self.operate_now(&Operation::Symlink(current.offset, place, text, about, way), names);
            return;
        }
        let operation = Operation::Symlink(current.offset, place, text.clone(), about, way);
        // Its text is in the message if it fails.
        self.texts.push((current.offset, text.clone()));
        let made = self.operate_now(&operation, names);
        if made {
            self.report(format_args!("Create symbolic link {}->{}", Shown(&path), Shown(&text)));
        }
        if self.texts.len() >= MOST_TEXTS || self.verbose {
            if let Some(link) = &mut self.link {
                link.flush();
            }
            self.take_failures(names);
            self.texts.clear();
        }
    }

    /// Hands over extended attributes for what is finished next.
    fn put_attributes(&mut self, bytes: &[u8], ino: Ino, offset: u32, names: &mut Names) {
        let (mut count, mut damaged) = (0, false);
        for attribute in attributes(bytes) {
            match attribute {
                // It has been deleted (`EXTATTR_NAMESPACE_EMPTY`).
                Ok(attribute) if attribute.space == 0 => {}
                Ok(attribute) => {
                    match (attribute.for_writer(), &mut self.link) {
                        (Some(attribute), Some(link)) => link.put(&Operation::Attribute(attribute)),
                        (None, _) => self.losses.attributes += 1,
                        (Some(_), None) => {}
                    }
                    count += 1;
                }
                Err(_) => damaged = true,
            }
        }
        if damaged {
            self.failed = true;
            let path = self.path(ino, offset, names);
            let reason = "the extended attributes are damaged";
            self.say(&Restoring::CannotSet { path: &path, what: "attributes", reason });
        }
        if count > 0 && self.verbose && !self.compares() {
            let path = self.path(ino, offset, names);
            self.report(format_args!("Set attributes for {}:", Shown(&path)));
            for attribute in attributes(bytes).flatten() {
                let space = if attribute.space == 1 { "user" } else { "system" };
                let (length, name) = (attribute.length, Shown(attribute.name));
                self.report(format_args!("\t{space}, ({length} bytes), {name}"));
            }
        }
    }

    /// The same of those of Linux's dump.
    fn put_linux_attributes(&mut self, records: &Records) {
        let (attributes, lost) = records.attributes();
        self.losses.attributes += lost;
        if let Some(link) = &mut self.link {
            attributes.into_iter().for_each(|attribute| link.put(&Operation::Attribute(attribute)));
        }
    }

    /// All files have come: links, then the directories.
    pub(super) fn complete(&mut self, names: &mut Names) {
        self.finish_file(names);
        self.take_failures(names);
        if self.is_over() {
            return;
        }
        if !self.compares() {
            self.report(format_args!("Add links"));
        }
        self.make_links(names);
        self.make_whiteouts(names);
        self.report(match self.compares() {
            true => format_args!("Compare directories modes, owner, attributes."),
            false => format_args!("Set directory mode, owner, and times."),
        });
        self.finish_directories(names);
        if let Some(link) = &mut self.link {
            link.flush();
        }
        self.take_failures(names);
        if self.rebuilds() && !self.is_over() {
            self.end_rebuild();
            // The state has changed the time of the directory that it is in.
            let root = self.extraction.tree.root().and_then(|root| root.directory);
            self.finish_root(root, names);
        }
    }

    fn make_links(&mut self, names: &mut Names) {
        if !self.job.by_name {
            return;
        }
        let links: Vec<(Ino, u32, Vec<u32>)> = self
            .extraction
            .all()
            .filter(|names| names.len() > 1 && !self.extraction.is_left_out(names[0].ino))
            .map(|names| {
                (names[0].ino, names[0].offset, names[1..].iter().rev().map(|name| name.offset).collect())
            })
            .collect();
        for (ino, first, others) in links {
            for offset in others {
                let (from, to) = (self.place(ino, first, names), self.place(ino, offset, names));
                let (Some(from), Some(to)) = (from, to) else { continue };
                let done = self.operate_now(&Operation::Link(offset, from, to, self.way()), names);
                if done && self.verbose && !self.compares() {
                    let (path, to) = (self.path(ino, offset, names), self.path(ino, first, names));
                    self.report(format_args!("Create hard link {}->{}", Shown(&path), Shown(&to)));
                }
            }
        }
    }

    fn make_whiteouts(&mut self, names: &mut Names) {
        let whiteouts = std::mem::take(&mut self.extraction.whiteouts);
        if !whiteouts.is_empty() {
            self.report(format_args!("Add whiteouts"));
        }
        for offset in whiteouts {
            let Some(place) = self.place(Ino::WHITEOUT, offset, names) else { continue };
            let done = self.operate_now(&Operation::Whiteout(offset, place), names);
            if done && self.verbose {
                let path = self.path(Ino::WHITEOUT, offset, names);
                self.report(format_args!("Create whiteout {}", Shown(&path)));
            }
        }
    }

    /// Gives directories their attributes.
    fn finish_directories(&mut self, names: &mut Names) {
        if let Some(link) = &mut self.link {
            // Whether they were there is known then.
            link.flush();
        }
        self.take_failures(names);
        let root = self.extraction.tree.root().and_then(|root| root.directory);
        self.before_question();
        let sets_root = self.rebuilds()
            || self.compares()
            || self.job.to_stdout
            || root.and_then(|root| self.extraction.directories[root].id).is_none()
            || self.outside.is_yes(Question::SetMode);
        // From above, so that each is opened from the one before; but what lets nobody in comes last, and from below.
        let lets_in = |mode: u16| mode & 0o700 == 0o700;
        let mut order: Vec<(bool, i64, usize)> = (0..)
            .zip(&self.extraction.directories)
            .filter(|(number, directory)| !directory.finished && (sets_root || Some(*number) != root))
            .filter(|(_, directory)| !directory.existed)
            .filter_map(|(number, directory)| {
                let (id, is_late) = (i64::from(directory.id?), !lets_in(directory.inode.mode));
                Some((is_late, if is_late { -id } else { id }, number))
            })
            .collect();
        order.sort_unstable();
        let mut extraction = std::mem::take(&mut self.extraction);
        for (_, _, number) in order {
            self.finish_directory(number, &mut extraction, names);
        }
        self.extraction = extraction;
    }

    /// Gives the target its attributes once more.
    pub(super) fn finish_root(&mut self, root: Option<usize>, names: &mut Names) {
        let mut extraction = std::mem::take(&mut self.extraction);
        if let Some(number) = root.filter(|root| *root < extraction.directories.len()) {
            extraction.number(number, true);
            self.finish_directory(number, &mut extraction, names);
        }
        self.extraction = extraction;
        if let Some(link) = &mut self.link {
            link.flush();
        }
        self.take_failures(names);
    }

    /// Gives a directory its attributes.
    pub(super) fn finish_directory(&mut self, number: usize, extraction: &mut Extraction, names: &mut Names) {
        let Some(ino) = names.directories().get(number).map(|directory| directory.ino) else {
            // It was not found when the dump was read once more.
            self.failed = true;
            return;
        };
        let offset = if ino == Ino::ROOT { u32::MAX } else { names.entries(ino).next().unwrap_or(u32::MAX) };
        let directory = &mut extraction.directories[number];
        let Some(id) = directory.id else { return };
        let inode = directory.inode.clone();
        let attributes = std::mem::take(&mut directory.attributes);
        let about = self.about(&inode);
        self.put_attributes(&attributes, ino, offset, names);
        extraction.directories[number].attributes = attributes;
        self.put_linux_attributes(&extraction.directories[number].linux);
        self.operate(&Operation::FinishDirectory(offset, id, about), Some((extraction, names)));
    }
}
