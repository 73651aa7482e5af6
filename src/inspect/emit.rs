// SPDX-License-Identifier: BSD-2-Clause
//! `--emit`: a small dump of some paths of a dump.
//!
//! Directories are written anew with only the names that lead to the paths; files are copied as they come. Until the directories
//! have all been read, of each its inode and its extended attributes are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::inspect::interruptible::Interruptible;
use crate::inspect::layout::Layout;
use crate::inspect::open::EmitOutput;
use crate::inspect::record::Writer;
use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::os::output;
use dumpstream::TP_BSIZE;
use dumpstream::reading::plan::{Plan, parts};
use dumpstream::reading::{Fault, Finding, Names, Place, Sink};
use dumpstream::{Block, Decoded, Header, Identity, InodeFields, InodeMap, RecordType};
use ufs::Ino;
use ufs::{ByteOrder, DirWriter, FileType, attributes_to_host};

/// A directory (`DT_DIR`, sys/dirent.h).
const DT_DIR: u8 = 4;

/// How it stands.
enum Stage {
    /// Directories are read.
    Reading,
    /// Files are copied.
    Writing(Writer),
    /// A path does not exist: its number.
    NotFound(usize),
    /// The output took no more.
    Broken(io::Error),
}

/// Writes the smaller dump.
pub struct Emit {
    pub told: Told,
    paths: Vec<Vec<u8>>,
    ntrec: u32,
    output: Option<Interruptible<OwnedFd>>,
    is_file: bool,
    appends: bool,
    identity: Option<Identity>,
    /// Inode and attributes of the directories, as long as it is not known which are wanted.
    directories: BTreeMap<Ino, (InodeFields, Vec<u8>)>,
    stage: Stage,
    plan: Plan,
    /// The file that is copied.
    current: Option<Ino>,
    /// Its headers that are still to be written.
    layout: Layout,
    /// Tape blocks that the last header announced and that have not come.
    owed: u32,
    /// Attributes of the other byte order, until all have been read.
    attributes: Vec<u8>,
    extsize: usize,
    swapped: bool,
    done: BTreeSet<Ino>,
    /// Whether anything wanted is lost or damaged.
    damaged: bool,
    /// What is wanted and lost or damaged, with its path.
    verdicts: BTreeMap<Ino, (Fault, Option<Vec<u8>>)>,
    /// Files are fetched one by one, with an index.
    pub by_index: bool,
    /// The only file that is wanted now.
    pub only: Option<Ino>,
    passed: bool,
}

impl Emit {
    /// A dump of `paths` into `output`, in records of `ntrec` tape blocks.
    pub fn new(told: Told, paths: Vec<Vec<u8>>, ntrec: u32, output: EmitOutput) -> Emit {
        Emit {
            told,
            paths,
            ntrec,
            output: Some(output.to),
            is_file: output.is_file,
            appends: output.appends,
            identity: None,
            directories: BTreeMap::new(),
            stage: Stage::Reading,
            plan: Plan::default(),
            current: None,
            layout: Layout::default(),
            owed: 0,
            attributes: Vec::new(),
            extsize: 0,
            swapped: false,
            done: BTreeSet::new(),
            damaged: false,
            verdicts: BTreeMap::new(),
            by_index: false,
            only: None,
            passed: false,
        }
    }

    /// The files that are still to be copied.
    pub fn missing(&self) -> BTreeSet<Ino> {
        self.plan.files.difference(&self.done).copied().collect()
    }

    /// Whether the file was found.
    pub fn has(&self, ino: Ino) -> bool {
        self.current == Some(ino) || self.done.contains(&ino)
    }

    /// The directories that are wanted.
    pub fn directories(&self) -> Vec<Ino> {
        self.plan.directories.keys().copied().collect()
    }

    /// The index was of no use.
    pub fn distrust(&mut self) {
        self.damaged = true;
    }

    /// The files that are wanted are looked for in the whole dump, not fetched from their places.
    pub fn search(&mut self) {
        self.settle();
        (self.by_index, self.only, self.passed) = (false, None, false);
    }

    /// Says what is lost or damaged, with or without an index in the same words.
    pub fn tell_verdicts(&mut self) {
        self.settle();
        if self.is_writing() {
            for ino in self.missing() {
                let path = self.verdicts.remove(&ino).and_then(|verdict| verdict.1);
                self.verdicts.insert(ino, (Fault::Lost, path));
            }
        }
        for (ino, (fault, path)) in std::mem::take(&mut self.verdicts) {
            self.damaged = true;
            let finding = Finding { place: None, ino: Some(ino), last: None, fault };
            self.told.finding_at(&finding, path.as_deref());
        }
        self.told.unlisted();
    }

    /// The date of the dump.
    pub fn date(&self) -> Option<i64> {
        self.identity.as_ref().map(|identity| identity.date)
    }

    /// Whether files are being copied.
    pub fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Writing(_))
    }

    /// Only this file is wanted from now on.
    pub fn fetch(&mut self, ino: Ino) {
        self.settle();
        (self.only, self.passed) = (Some(ino), false);
    }

    /// Ends the dump. Errors: the path that does not exist, or why the output could not be written.
    #[expect(clippy::result_large_err, reason = "called once")]
    pub fn finish(mut self) -> Result<(Told, u64, bool), (Told, EmitError)> {
        self.settle();
        match self.stage {
            Stage::Reading => Err((self.told, EmitError::NoDirectories)),
            Stage::NotFound(number) => {
                let path = self.paths.swap_remove(number);
                Err((self.told, EmitError::NotFound(path)))
            }
            Stage::Broken(error) => Err((self.told, EmitError::Output(error))),
            Stage::Writing(writer) => match writer.finish() {
                Ok(blocks) => Ok((self.told, blocks, self.damaged)),
                Err(error) => Err((self.told, EmitError::Output(error))),
            },
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Writer) -> io::Result<()>) {
        if let Stage::Writing(writer) = &mut self.stage
            && let Err(error) = write(writer)
        {
            self.stage = Stage::Broken(error);
        }
    }

    /// The maps and all directories.
    fn begin(
        &mut self,
        names: &Names,
        used: Option<&InodeMap>,
        dumped: Option<&InodeMap>,
    ) -> Result<(), Stage> {
        let (Some(dumped), Some(identity)) = (dumped, &self.identity) else { return Err(Stage::Reading) };
        let parts: Vec<Vec<&[u8]>> = self.paths.iter().map(|path| parts(path)).collect();
        self.plan = Plan::new(names, &parts, dumped).map_err(Stage::NotFound)?;
        let Some(to) = self.output.take() else { return Err(Stage::Reading) };
        let used = used.unwrap_or(dumped);
        let map = self.plan.map(dumped);
        if self.is_file && !self.appends {
            // Only now that the paths are found; what an older file had behind an unfinished dump would look like the rest of it.
            output::cut_here(to.as_fd()).map_err(Stage::Broken)?;
        }
        let mut writer = Writer::new(to, self.ntrec, identity, used, &map).map_err(Stage::Broken)?;
        for (&ino, node) in &self.plan.directories {
            let Some((inode, attributes)) = self.directories.remove(&ino) else { continue };
            let mut entries = DirWriter::new();
            entries.add(b".", ino, DT_DIR);
            entries.add(b"..", node.parent, DT_DIR);
            node.children.iter().for_each(|(name, child, kind)| entries.add(name, *child, *kind));
            let bytes = entries.finish();
            let mut header = Header::new(RecordType::Inode, ino);
            let extsize = attributes.len() as u32;
            header.inode = InodeFields { size: bytes.len() as u64, extsize, ..inode };
            writer.file(header, &bytes, &attributes).map_err(Stage::Broken)?;
        }
        self.directories.clear();
        self.stage = Stage::Writing(writer);
        Ok(())
    }

    /// What the file that is copied lacks is filled with zeros.
    pub fn settle(&mut self) {
        self.flush_attributes();
        let Some(ino) = self.current else { return };
        self.fill();
        self.done.insert(ino);
        self.current = None;
    }

    /// What the last header that was read announced, and has not come, is filled with zeros.
    fn fill(&mut self) {
        if self.owed == 0 {
            return;
        }
        self.damaged = true;
        for _ in 0..std::mem::take(&mut self.owed) {
            self.write(|writer| writer.block(&[0; TP_BSIZE]));
        }
        self.layout.give_up();
        self.lay_out();
    }

    fn announce(&mut self, header: &Header) {
        self.layout.announce(header);
        self.lay_out();
    }

    /// Writes headers up to the next tape block of data.
    fn lay_out(&mut self) {
        while self.owed == 0
            && let Some(header) = self.layout.header()
        {
            self.owed = header.blocks_that_follow();
            self.write(|writer| writer.header(&header));
        }
    }

    fn flush_attributes(&mut self) {
        let mut bytes = std::mem::take(&mut self.attributes);
        let end = bytes.len().min(self.extsize);
        attributes_to_host(&mut bytes[..end], ByteOrder::FOREIGN);
        let (blocks, _) = bytes.as_chunks::<TP_BSIZE>();
        blocks.iter().for_each(|block| self.write(|writer| writer.block(block)));
    }
}

/// Why no dump was written.
pub enum EmitError {
    /// The dump has no directories, or no map.
    NoDirectories,
    /// A path is not on the dump.
    NotFound(Vec<u8>),
    /// The output could not be written.
    Output(io::Error),
}

impl Enough for Emit {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    fn wants_data(&self) -> bool {
        self.current.is_some()
    }

    fn is_enough(&self) -> bool {
        if self.told.is_stopped() {
            return true;
        }
        match self.stage {
            Stage::Reading => false,
            Stage::Writing(_) if self.only.is_some() => self.passed,
            Stage::Writing(_) => self.by_index,
            Stage::NotFound(_) | Stage::Broken(_) => true,
        }
    }
}

impl Sink for Emit {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        let fault = match finding.fault {
            Fault::Lost | Fault::Absent | Fault::Undumped | Fault::NotSeen => Fault::Lost,
            Fault::Damaged | Fault::EndsAfter | Fault::BeginsBefore => Fault::Damaged,
            // When the directories have been read, only findings on the requested files are reported.
            _ if self.is_writing() => return,
            _ if finding.fault.is_damage() => return self.told.finding(&finding, names),
            _ => return,
        };
        let (Some(first), last) = (finding.ino, finding.last.or(finding.ino)) else { return };
        for ino in self.plan.within(first, last.unwrap_or(first)) {
            self.verdicts.insert(ino, (fault.clone(), names.path_of(ino)));
        }
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.identity.get_or_insert_with(|| header.identity.clone());
    }

    fn directories(&mut self, names: &mut Names, used: Option<&InodeMap>, dumped: Option<&InodeMap>) {
        // When the dump is read once more, they are known.
        if self.is_writing() {
            return;
        }
        self.flush_directory();
        if let Err(stage) = self.begin(names, used, dumped) {
            self.stage = stage;
        }
    }

    fn inode(&mut self, header: &Decoded, _place: Place, _names: &mut Names) {
        self.settle();
        let (ino, inode) = (header.header.inumber, &header.header.inode);
        self.swapped = header.swapped;
        self.extsize = inode.extsize as usize;
        if !self.is_writing() {
            if FileType::of(inode.mode) == FileType::Dir {
                self.flush_directory();
                self.directories.insert(ino, (inode.clone(), Vec::new()));
            }
            return;
        }
        // With an index, files are fetched from their places when all directories are there.
        if self.by_index && self.only.is_none() {
            return;
        }
        let wanted = self.plan.files.contains(&ino) && !self.done.contains(&ino);
        self.passed |= self.only.is_some_and(|only| only != ino);
        if wanted && !self.passed {
            self.current = Some(ino);
            self.announce(&header.header);
        }
    }

    fn addr(&mut self, header: &Decoded) {
        if self.current == Some(header.header.inumber) {
            self.flush_attributes();
            self.fill();
            self.announce(&header.header);
        }
    }

    fn data(&mut self, ino: Ino, is_data: bool, block: &Block) {
        if let (Stage::Reading, false) = (&self.stage, is_data) {
            // Attributes are at most two blocks of 64 KiB.
            if let Some((_, attributes)) = self.directories.get_mut(&ino).filter(|d| d.1.len() < 128 << 10) {
                attributes.extend_from_slice(block);
            }
        }
        if self.current != Some(ino) || self.owed == 0 {
            return;
        }
        self.owed -= 1;
        if self.swapped && !is_data && self.attributes.len() < 128 << 10 {
            self.attributes.extend_from_slice(block);
        } else {
            self.write(|writer| writer.block(block));
        }
        self.lay_out();
    }
}

impl Emit {
    /// The attributes of the last directory are all there.
    fn flush_directory(&mut self) {
        let Some(mut last) = self.directories.last_entry() else { return };
        let (inode, attributes) = last.get_mut();
        attributes.truncate(inode.extsize as usize);
        if self.swapped {
            attributes_to_host(attributes, ByteOrder::FOREIGN);
        }
        attributes.shrink_to_fit();
    }
}
