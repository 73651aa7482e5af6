// SPDX-License-Identifier: BSD-2-Clause
//! What the reader does with what it finds in the dump.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;

use crate::compress::unpacker::is_compressed;
use crate::exit;
use crate::inspect::input::Input;
use crate::inspect::stream::{Attend, Enough};
use crate::operator::{Bar, FindingLine, Lines, Operator, Restoring, Shown};
use crate::os::errno::strerror;
use crate::os::time::ctime;
use crate::restore::course::Course;
use crate::restore::extraction::{Directory, Extraction};
use crate::restore::file::Current;
use crate::restore::index::Index;
use crate::restore::interactive::Commands;
use crate::restore::job::{Job, Mode};
use crate::restore::link::Link;
use crate::restore::losses::Losses;
use crate::restore::options::Totals;
use crate::restore::outside::{Next, Outside, Request};
use crate::restore::progress::Progress;
use crate::restore::rebuild::{Before, Rebuild};
use crate::restore::tree::{Node, Tree, canonical};
use crate::restore::wire::Tag;
use dumpstream::reading::{Fault, Finding, Names, Place, Reader, Sink};
use dumpstream::{Block, Decoded, Identity, InodeMap, TP_BSIZE, decode};
use ufs::{ByteOrder, FileType, Ino, attributes_to_host, is_whiteout};

/// Findings of one kind that are printed.
const MOST_FINDINGS: u64 = 1000;

/// Tape blocks in a record of a dump that says nothing of it.
const NTREC: u32 = 10;

/// Bytes of extended attributes that are kept: two blocks of 64 KiB.
pub(super) const MOST_ATTRIBUTES: usize = 128 << 10;

/// The work, from the first tape block to the last message.
pub struct Session<'a> {
    pub(super) job: &'a Job,
    pub(super) operator: &'a mut Operator,
    pub(super) lines: Lines,
    pub(super) outside: &'a Outside,
    /// Further volumes come without a question.
    pub(super) is_list: bool,
    /// The writer; none if nothing is written.
    pub(super) link: Option<Link>,
    pub(super) identity: Option<Identity>,
    /// Headers have the other byte order.
    pub(super) swapped: bool,
    /// Nothing more is to be read, with this exit code.
    pub(super) over: Option<u8>,
    /// Something that was wanted is missing or damaged, or could not be written.
    pub(super) failed: bool,
    /// What could not be set.
    pub(super) losses: Losses,
    /// Counts for the end.
    pub(super) totals: Totals,
    /// How many differences a comparison has found.
    pub(super) differences: u64,
    /// How many findings there were of each kind.
    found: BTreeMap<&'static str, u64>,
    /// Directories have been read.
    pub(super) has_directories: bool,
    pub(super) extraction: Extraction,
    /// The file that is being read, if it is wanted.
    pub(super) current: Option<Current>,
    /// Files that were made with less than their data, until that is reported.
    pub(super) incomplete: BTreeSet<Ino>,
    /// The texts of symbolic links that may not be made yet, by their tags.
    pub(super) texts: Vec<(Tag, Vec<u8>)>,
    /// Which volumes are read.
    pub(super) course: Course,
    /// The index of the dump.
    pub(super) index: Option<Index>,
    /// How progress is shown.
    pub(super) progress: Progress,
    /// The names, while the reader has none.
    pub(super) names: Names,
    /// What is known of the target, until the directories have been read.
    pub(super) before: Before,
    /// `-r`.
    pub(super) rebuild: Option<Rebuild>,
    /// `-i`.
    pub(super) commands: Option<Commands>,
    /// What is done is reported.
    pub(super) verbose: bool,
}

impl<'a> Session<'a> {
    /// Before the first volume.
    pub fn new(
        job: &'a Job,
        operator: &'a mut Operator,
        lines: Lines,
        outside: &'a Outside,
        is_list: bool,
        link: Option<Link>,
        before: Before,
    ) -> Session<'a> {
        Session {
            job,
            operator,
            lines,
            outside,
            is_list,
            link,
            identity: None,
            swapped: false,
            over: None,
            failed: false,
            losses: Losses::default(),
            totals: Totals::default(),
            differences: 0,
            found: BTreeMap::new(),
            has_directories: false,
            extraction: Extraction::default(),
            current: None,
            incomplete: BTreeSet::new(),
            texts: Vec::new(),
            course: Course::default(),
            index: None,
            progress: Progress::new(job.progress),
            names: Names::default(),
            before,
            rebuild: None,
            commands: None,
            verbose: job.verbose,
        }
    }

    /// Prints a line on standard error.
    pub fn say(&mut self, message: &Restoring<'_>) {
        self.lines.flush();
        if let Some(path) = message.failed() {
            self.note_failure(path, &message.to_string());
        }
        self.operator.tell(message);
    }

    /// Prints a line on standard output, with `-v`.
    pub(super) fn report(&mut self, text: std::fmt::Arguments<'_>) {
        if self.verbose {
            self.line(text);
        }
    }

    /// Prints why nothing can be done, and ends.
    pub fn refuse(&mut self, message: &Restoring<'_>) {
        self.say(message);
        self.over = Some(exit::STARTUP);
    }

    /// The operator answers no more: ends.
    pub fn give_up(&mut self) {
        self.over = Some(exit::STARTUP);
    }

    /// Whether nothing more is to be read.
    pub fn is_over(&self) -> bool {
        self.over.is_some()
            || self.lines.broken().is_some()
            || self.link.as_ref().is_some_and(|link| link.broken().is_some())
    }

    /// Whether all that is wanted has been read.
    pub fn has_all(&self) -> bool {
        let ends_early = matches!(self.job.mode, Mode::Extract | Mode::Interactive);
        ends_early && self.has_directories && self.extraction.left() == 0 && self.current.is_none()
    }

    /// Reports the length of records as restore finds it, by one read of at most `most` tape blocks; refuses what is none.
    pub fn say_block_size(&mut self, input: &mut Input, most: u64) {
        if self.identity.is_some() {
            return;
        }
        if self.compares() {
            self.report(format_args!("Begin compare restore"));
        }
        self.report(format_args!("Verify tape and initialize maps"));
        let Some(size) = input.size().filter(|_| self.job.ntrec.is_none()) else { return };
        let bytes = size.min(most * TP_BSIZE as u64);
        if !bytes.is_multiple_of(TP_BSIZE as u64) && !is_compressed(peek(input)) {
            return self.refuse(&Restoring::BlockSize(bytes));
        }
        self.report(format_args!("Tape block size is {}", bytes.div_ceil(TP_BSIZE as u64)));
    }

    /// A volume, from the monitor.
    pub fn volume(&mut self, request: Request) -> Next {
        self.before_question();
        self.outside.volume(request)
    }

    /// Before the monitor asks a question: what is held is written, and a bar is put away.
    pub(super) fn before_question(&mut self) {
        self.lines.flush();
        self.operator.display().bar().into_iter().for_each(Bar::put_away);
    }

    /// Whether this is the volume that was asked for; if not, says so.
    pub fn fits(&mut self, input: &mut Input, number: u32) -> bool {
        let header = peek(input).first_chunk().and_then(|block| decode(block).ok());
        let Some(header) = header else {
            // Its first frame will tell.
            if is_compressed(input.bytes()) {
                return true;
            }
            self.say(&Restoring::NotDumpTape);
            return false;
        };
        if header.place.volume != number {
            self.say(&Restoring::WrongVolume(header.place.volume));
            return false;
        }
        let wanted = self.identity.as_ref().map(|identity| (identity.date, identity.ddate));
        let got = (header.identity.date, header.identity.ddate);
        let Some(wanted) = wanted.filter(|wanted| *wanted != got) else { return true };
        let (got, wanted) = (ctime(got.0), ctime(wanted.0));
        self.say(&Restoring::WrongDate { got: &got, wanted: &wanted });
        false
    }

    /// Which of the files that were wanted were damaged.
    pub fn tell_of_suspects(&mut self, reader: &mut Reader) {
        let wanted: Vec<Ino> = self.extraction.all().map(|names| names[0].ino).collect();
        wanted.into_iter().for_each(|ino| reader.tell_of_suspect(self, ino));
    }

    /// Whether files are to be fetched from their places now.
    pub fn seeks_files(&self) -> bool {
        let seeks = self.index.is_some() && self.has_directories;
        seeks && !self.is_over() && !self.has_all()
    }

    /// The end of the dump or of what is wanted of it. Whether it is to be read again, for more.
    pub fn end_of_dump(&mut self, reader: &mut Reader) -> bool {
        if !self.is_over() && self.has_all() {
            // What is behind was not looked at.
            self.tell_of_suspects(reader);
        } else if !self.is_over() {
            let summary = reader.finish(self);
            if self.job.mode == Mode::List {
                self.failed |= summary.damage > 0;
                self.lines.write(|results| results.summary(&summary));
            }
        }
        self.operator.display().bar().into_iter().for_each(Bar::put_away);
        let mut names = self.known_names(reader);
        if !self.is_over() && self.has_directories {
            self.complete(&mut names);
            self.say_unseen(&mut names);
            self.say_incomplete(&mut names);
        }
        if let Some(link) = &mut self.link {
            link.flush();
        }
        self.take_failures(&mut names);
        if !self.is_over() && self.commands.is_some() {
            self.course.begin_again();
            self.interact(&mut names);
        }
        self.names = names;
        self.commands.is_some() && !self.is_over()
    }

    /// Whether something is found while a file that is fetched from its place is read, or of it. What is before it, and where it should be
    /// and is not, is no fault of the dump.
    fn is_of(&self, only: Ino, finding: &Finding) -> bool {
        let is_done = || self.extraction.names(only).first().is_some_and(|first| first.done);
        self.current.is_some() || (finding.ino == Some(only) && is_done())
    }

    /// It is reported of these that they lack data.
    fn note_told(&mut self, first: Ino, last: Ino) {
        if let Some(current) = self.current.as_mut().filter(|current| (first..=last).contains(&current.ino)) {
            current.is_told = true;
        }
        if first == last {
            self.incomplete.remove(&first);
        } else {
            self.incomplete.retain(|ino| !(first..=last).contains(ino));
        }
    }

    /// No file that lacks data is taken for a whole one, whatever the reader of the dump has said of it.
    fn say_incomplete(&mut self, names: &mut Names) {
        for ino in std::mem::take(&mut self.incomplete) {
            self.finding(Finding { place: None, ino: Some(ino), last: None, fault: Fault::Damaged }, names);
        }
    }

    /// All is over; gives the exit code.
    pub fn finish(mut self) -> u8 {
        self.say_losses();
        self.say_differences();
        self.lines.flush();
        if let Some(code) = self.unwritten() {
            return code;
        }
        if let Some(reason) = self.link.as_ref().and_then(|link| link.broken()).map(strerror) {
            self.operator.tell(&Restoring::Note(format_args!("the process that writes: {reason}")));
            return exit::STARTUP;
        }
        if self.rebuild.is_some() {
            let text = "the restore is not complete; -R and the same dump complete it";
            self.operator.tell(&Restoring::Note(format_args!("{text}")));
        }
        let code = match self.over {
            Some(code) => code,
            None if self.failed || !self.has_directories => exit::STARTUP,
            None if self.differences > 0 => exit::DIFFERENT,
            None => exit::DONE,
        };
        if self.job.mode == Mode::List {
            return code;
        }
        self.sum_up(code);
        self.lines.flush();
        self.unwritten().unwrap_or(code)
    }

    /// Whether standard output could not take all that was for it, which is reported: then gives the exit code.
    fn unwritten(&mut self) -> Option<u8> {
        let reason = self.lines.broken().map(strerror)?;
        self.operator.tell(&Restoring::CannotStart { name: b"standard output", reason: &reason });
        Some(exit::STARTUP)
    }

    pub(super) fn say_dump(&mut self) {
        let Some(identity) = self.identity.clone() else { return };
        self.line(format_args!("Dump   date: {}", ctime(identity.date)));
        match identity.ddate {
            0 => self.line(format_args!("Dumped from: the epoch")),
            date => self.line(format_args!("Dumped from: {}", ctime(date))),
        }
        if !identity.host.is_empty() && !self.job.may_be_amcheckdump() {
            let Identity { level, filesys, host, dev, label, .. } = &identity;
            self.say(&Restoring::LevelOf { level: *level, filesys, host, dev });
            self.say(&Restoring::Label(label));
        }
    }

    /// `-t`.
    fn list(&mut self, tree: &Tree, names: &mut Names, dumped: &InodeMap) {
        for name in &self.job.names {
            let path = canonical(name.as_bytes());
            let Some(node) = self.find(tree, names, dumped, &path) else { continue };
            let (job, lines) = (self.job, &mut self.lines);
            if job.json {
                self.list_json(node, tree, names, dumped);
                continue;
            }
            let mut too_long = Vec::new();
            let visit = |node: Node, path: &[u8]| {
                if is_on_tape(node, names, dumped) {
                    let kind = match (job.verbose, node.directory) {
                        (false, _) => "",
                        (true, Some(_)) => "dir ",
                        (true, None) => "leaf",
                    };
                    lines.listed(kind, node.ino.0, path);
                }
                job.descend
            };
            tree.walk(names, node, &path, visit, |path| too_long.push(path.to_vec()));
            for path in too_long {
                self.failed = true;
                self.say(&Restoring::Note(format_args!("{}: name too long", Shown(&path))));
            }
        }
    }

    /// Where a path leads to; says so if it is not on the dump.
    pub(super) fn find(
        &mut self,
        tree: &Tree,
        names: &Names,
        dumped: &InodeMap,
        path: &[u8],
    ) -> Option<Node> {
        let node = tree.find(names, path).filter(|node| is_on_tape(*node, names, dumped));
        if node.is_none() {
            self.failed = true;
            self.say(&Restoring::NotOnTape(path));
        }
        node
    }

    /// The attributes of the last directory are all there.
    fn settle_directory(&mut self) {
        let Some(last) = self.extraction.directories.last_mut() else { return };
        last.attributes.truncate(last.inode.extsize as usize);
        if self.swapped {
            attributes_to_host(&mut last.attributes, ByteOrder::FOREIGN);
        }
        last.attributes.shrink_to_fit();
    }
}

/// The first bytes of a volume.
fn peek(input: &mut Input) -> &[u8] {
    input.peek(TP_BSIZE, |_| true);
    input.bytes()
}

/// Whether the map has the inode; a whiteout is nothing but its name.
pub(super) fn is_on_tape(node: Node, names: &Names, dumped: &InodeMap) -> bool {
    dumped.contains(node.ino) || node.offset.is_some_and(|offset| is_whiteout(node.ino, names.at(offset).0))
}

impl Attend for Session<'_> {
    /// Shows the progress.
    fn ready(&mut self, input: &Input) -> bool {
        self.progress.read(input, self.operator);
        true
    }

    fn no_checksum(&mut self) {}
}

impl Enough for Session<'_> {
    type Told = Self;

    fn told(&mut self) -> &mut Self {
        self
    }

    fn wants_data(&self) -> bool {
        self.current.is_some() || (!self.has_directories && self.job.mode.takes_files())
    }

    fn is_enough(&self) -> bool {
        self.is_over() || self.has_all() || self.course.is_at_end(self.index.is_some())
    }
}

impl Sink for Session<'_> {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        if self.is_over() {
            return;
        }
        match finding.fault {
            Fault::NoHeader(_) if self.identity.is_none() => return self.refuse(&Restoring::NotADump),
            // A volume that the operator has chosen.
            Fault::StartsAt(volume) if self.course.has_chosen(volume) => return,
            Fault::StartsAt(_) => return self.refuse(&Restoring::NotVolumeOne),
            Fault::BeginsBefore | Fault::OutOfOrder(_) if self.course.has_jumped() => return,
            _ if self.course.only().is_some_and(|only| !self.is_of(only, &finding)) => return,
            _ => {}
        }
        match finding.fault {
            Fault::Lost | Fault::Absent | Fault::Undumped | Fault::NotSeen => {
                return match self.job.mode {
                    Mode::List => self.list_missing(&finding, names),
                    _ => self.not_found(&finding, names),
                };
            }
            Fault::Damaged | Fault::EndsAfter | Fault::BeginsBefore => {
                let Some(first) = finding.ino.filter(|_| self.job.mode.takes_files()) else { return };
                let last = finding.last.unwrap_or(first);
                self.note_told(first, last);
                if !(first.0..=last.0).any(|ino| self.is_wanted(Ino(ino))) {
                    return;
                }
                self.failed = true;
            }
            _ if !finding.fault.is_damage() => return,
            // The file system was so, and is again.
            Fault::OnDisk | Fault::NotInUse | Fault::EntryType(..) | Fault::Mode(_) => {}
            _ => self.failed = true,
        }
        let found = self.found.entry(finding.fault.word()).or_default();
        *found += 1;
        if *found <= MOST_FINDINGS {
            let path = finding.ino.filter(|_| finding.last.is_none()).and_then(|ino| names.path_of(ino));
            let ntrec = self.job.ntrec.unwrap_or(NTREC);
            let line = FindingLine { finding: &finding, path: path.as_deref(), ntrec };
            match self.job.mode {
                Mode::List if self.job.json => self.lines.write(|results| results.finding(&line)),
                _ => self.say(&Restoring::Finding(line)),
            }
        }
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        if self.identity.is_none() {
            self.identity = Some(header.identity.clone());
            self.swapped = header.swapped;
            self.check_index();
            self.lines.write(|results| match self.job.mode {
                Mode::List => results.dump(header),
                _ => Ok(()),
            });
            let is_told = self.job.mode == Mode::List && !self.job.json;
            if self.verbose || is_told || self.compares() {
                self.say_dump();
            }
            if self.compares() {
                self.say_compared();
            }
        }
    }

    fn directories(&mut self, names: &mut Names, used: Option<&InodeMap>, dumped: Option<&InodeMap>) {
        self.course.pass_directories();
        // When the dump is read once more, they are known.
        if self.is_over() || self.has_directories {
            return;
        }
        let (Some(used), Some(dumped)) = (used, dumped) else {
            return self.refuse(&Restoring::NoRemovalList);
        };
        self.settle_directory();
        let mut tree = Tree::new(names);
        if !self.exclude(&mut tree, names) {
            return;
        }
        match self.job.mode {
            Mode::List if self.job.json => {
                self.has_directories = true;
                self.list(&tree, names, dumped);
                self.extraction.settle();
            }
            Mode::List => {
                self.report(format_args!("Extract directories from tape"));
                self.report(format_args!("Initialize symbol table."));
                self.has_directories = true;
                self.list(&tree, names, dumped);
                self.over = Some(if self.failed { exit::STARTUP } else { exit::DONE });
            }
            _ => self.begin_extraction(tree, names, used, dumped),
        }
    }

    fn inode(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        let inode = &header.header.inode;
        if !self.has_directories {
            if FileType::of(inode.mode) == FileType::Dir && self.job.mode.takes_files() {
                self.settle_directory();
                self.extraction.directories.push(Directory { inode: inode.clone(), ..Directory::default() });
            }
            return;
        }
        if self.job.mode == Mode::List {
            return self.list_file(header, place, names);
        }
        self.finish_file(names);
        if FileType::of(inode.mode) == FileType::Dir {
            // Once more, since the first volume is read again.
            return;
        }
        // A file whose data is not read next must not be begun.
        if !self.course.wants(header.header.inumber) || self.is_enough() {
            return;
        }
        let is_behind = |last: Ino| header.header.inumber > last;
        if self.asks_for_volumes() && self.extraction.last_left().is_some_and(is_behind) {
            self.course.pass_last();
            return;
        }
        self.begin_file(header, names);
    }

    fn addr(&mut self, header: &Decoded) {
        if let Some(current) = self.current.as_mut().filter(|current| current.ino == header.header.inumber) {
            current.extent.announce(&header.header);
        }
    }

    fn data(&mut self, ino: Ino, is_data: bool, block: &Block) {
        if !self.has_directories {
            if let Some(last) = self.extraction.directories.last_mut().filter(|_| !is_data)
                && last.attributes.len() < MOST_ATTRIBUTES
            {
                last.attributes.extend_from_slice(block);
            }
            return;
        }
        if is_data && self.job.to_stdout {
            self.write_out(block);
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.ino == ino) {
            current.block(is_data, block, self.link.as_mut());
        }
    }

    fn linux_attributes(&mut self, ino: Ino, is_first: bool, block: &Block) {
        if self.has_directories {
            if let Some(current) = self.current.as_mut().filter(|current| current.ino == ino) {
                current.linux.block(is_first, block);
            }
        } else if let Some(last) = self.extraction.directories.last_mut() {
            last.linux.block(is_first, block);
        }
    }
}
