// SPDX-License-Identifier: BSD-2-Clause
//! The state machine that parses a dump, one tape block at a time.

use roaring::RoaringBitmap;

use super::file::File;
use super::marks::Marks;
use super::names::{Directory, Names};
use super::{Fault, Finding, Place};
use crate::TapeBlock;
use crate::decode::decode;
use crate::{Block, DAMAGED, DecodeError, Decoded, Dialect, Identity, InodeMap, RecordType};
use ufs::FileType;
use ufs::Ino;

/// Receives what is read. Implementations may ignore everything except findings.
pub trait Sink {
    /// Something is wrong, or worth saying.
    fn finding(&mut self, finding: Finding, names: &mut Names);
    /// The header of a volume.
    fn volume(&mut self, _header: &Decoded, _place: Place) {}
    /// All directories have been read; once in a dump. With `TS_CLRI` and `TS_BITS`, if they were there.
    fn directories(&mut self, _names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {}
    /// The `TS_INODE` of an inode; directories come before [`Sink::directories`], all else after it. Attributes of Linux's dump
    /// are left out.
    fn inode(&mut self, _header: &Decoded, _place: Place, _names: &mut Names) {}
    /// A `TS_ADDR` of the inode before.
    fn addr(&mut self, _header: &Decoded) {}
    /// A tape block of data, or of attributes, of that inode.
    fn data(&mut self, _ino: Ino, _is_data: bool, _block: &Block) {}
    /// A tape block of attributes of Linux's dump of that inode; the first one of such a record or not.
    fn linux_attributes(&mut self, _ino: Ino, _is_first: bool, _block: &Block) {}
}

/// What the next tape block should be.
#[derive(Clone, Debug, Default)]
pub(super) enum Expect {
    /// The first block of a volume.
    #[default]
    Volume,
    /// A header.
    Header,
    /// Data of the current file.
    Data,
    /// A map's: so many more.
    Map(RecordType, u32),
    /// Nothing of use: so many more, then what is behind.
    Skip(u64, Box<Expect>),
    /// A header, wherever it is: passed over so far.
    Lost(u64),
    /// The first header of a dump that is read from a later volume on; what is before it is of a file of the volume before.
    First,
    /// Nothing: the dump is over. Passed over so far.
    End(u64),
}

/// Reads a dump.
#[derive(Debug, Default)]
pub struct Reader {
    pub(super) names: Names,
    /// `TS_CLRI` and `TS_BITS`, when they were read.
    pub(super) used: Option<InodeMap>,
    pub(super) dumped: Option<InodeMap>,
    pub(super) seen: RoaringBitmap,
    pub(super) suspect: RoaringBitmap,
    /// Damage found so far.
    pub(super) damage: u64,
    /// Damage of the dump itself found so far: see [`Fault::is_of_the_stream`].
    pub(super) broken: u64,
    pub(super) files: u64,
    pub(super) blocks: u64,
    first: Option<(Identity, Dialect, bool)>,
    pub(super) place: Place,
    pub(super) expect: Expect,
    pub(super) file: Option<File>,
    /// `c_tapea` of the next tape block, and how much more it may be: a volume's header may have a number of its own.
    pub(super) next: u64,
    pub(super) slack: u64,
    /// Whether the headers of volumes have numbers of their own, once that has been seen: all have, or none.
    pub(super) own: Option<bool>,
    pub(super) numbered: bool,
    pub(super) last: Ino,
    /// It was that of a directory.
    last_is_dir: bool,
    /// Volumes before the first one that was given.
    pub(super) shift: u32,
    /// The file before a place without the header that should be there.
    doubt: Option<Ino>,
    /// Inodes touched since [`Reader::mark`].
    recent: Option<Vec<Ino>>,
    recent_block: u64,
    /// `c_tapea` of the header of this volume.
    begins: u64,
    /// The inode that the volume before the first one given left open.
    pub(super) open_before: Option<Ino>,
    /// The last volume was written to its end, as its medium says.
    closed: bool,
    /// Tape blocks of a volume that is closed at a limit, if the user says it.
    limit: Option<u64>,
    /// Volumes before the first one or after the last one were not given.
    pub(super) partial: bool,
    pub(super) marks: Marks,
}

/// Most inodes that are remembered of one compressed frame.
const MOST_RECENT: usize = 1 << 20;

impl Reader {
    /// The next volume begins: number `volume` of those given, from 1.
    pub fn begin_volume(&mut self, volume: u32) {
        self.closed = false;
        self.place = Place { volume: volume.saturating_add(self.shift), block: 0 };
        let before = std::mem::replace(&mut self.expect, Expect::Volume);
        if volume > 1 && !matches!(before, Expect::Volume) {
            // What the volume before left open is behind the header; see `later_volume`.
            self.expect = Expect::Skip(0, Box::new(before));
        }
    }

    /// The medium says that the volume was written to its end: a filemark, or the table of a compressed volume. Without
    /// `TS_END`, a volume that ends there and one that was cut short look alike.
    pub fn volume_is_closed(&mut self) {
        self.closed = true;
    }

    /// Volumes are closed when they have so many tape blocks.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// Whether the volume is as long as each of those before it, where there are any: then it was closed at a limit.
    fn is_full(&self) -> bool {
        if self.limit == Some(self.place.block) {
            return true;
        }
        let before = u64::from(self.place.volume.saturating_sub(1));
        let Some(length) = self.place.block.checked_sub(1).filter(|_| before > 0) else { return false };
        // Volume headers have a number of their own, or not, or only the first one has.
        let all = [before.checked_mul(length + 1), before.checked_mul(length)];
        all.contains(&Some(self.begins)) || before.checked_mul(length).is_some_and(|n| n + 1 == self.begins)
    }

    pub(super) fn begins_at(&mut self, tapea: u64) {
        self.begins = tapea;
    }

    /// Goes on at the header of a file, at this place, without what is before it. `names` are those of the dump, closed.
    pub fn resume(place: Place, head: Option<(Identity, Dialect, bool)>, names: Names) -> Reader {
        Reader { place, names, expect: Expect::Header, first: head, ..Reader::default() }
    }

    /// Stops before the end of the dump; returns whether the file `ino` is damaged.
    pub fn leave(&mut self, sink: &mut impl Sink, ino: Ino) {
        // That after it has only begun.
        if self.file.as_ref().is_some_and(|file| file.ino == ino) {
            self.finish_file(sink);
        }
        if let Some(ino) = self.doubt.take() {
            self.suspect(ino);
        }
        self.tell_of_suspect(sink, ino);
    }

    /// Returns whether what was read of an inode is damaged, before the end of the dump.
    pub fn tell_of_suspect(&mut self, sink: &mut impl Sink, ino: Ino) {
        if self.suspect.contains(ino.0) {
            self.tell(sink, None, Some(ino), Fault::Damaged);
        }
    }

    /// The names, which the reader lacks from now on.
    pub fn take_names(&mut self) -> Names {
        std::mem::take(&mut self.names)
    }

    /// Gives it the names back.
    pub fn give_names(&mut self, names: Names) {
        self.names = names;
    }

    /// Where the next tape block is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The header of the dump, when one was read: what all headers have in common, the layout, whether it is of the other byte order.
    pub fn head(&self) -> Option<&(Identity, Dialect, bool)> {
        self.first.as_ref()
    }

    /// Whether `TS_END` was read.
    pub fn is_over(&self) -> bool {
        matches!(self.expect, Expect::End(_))
    }

    /// Whether the dump was over before the volume that has just begun.
    pub fn was_over(&self) -> bool {
        matches!(&self.expect, Expect::Skip(_, before) if matches!(**before, Expect::End(_)))
    }

    /// A stretch begins that may turn out bad as a whole, such as a compressed frame.
    pub fn mark(&mut self) {
        self.recent = Some(self.file.as_ref().map(|file| file.ino).into_iter().collect());
        self.recent_block = self.place.block;
    }

    /// The stretch since [`Reader::mark`] is bad, and what follows it may be missing.
    pub fn spoil(&mut self, sink: &mut impl Sink, fault: Fault) {
        let place = Place { block: self.recent_block, ..self.place };
        self.tell(sink, Some(place), None, fault);
        for ino in self.recent.take().unwrap_or_default() {
            self.suspect(ino);
        }
        self.gap();
    }

    /// What comes next does not follow what came last: tape blocks are missing.
    pub fn gap(&mut self) {
        if let Some(file) = &mut self.file {
            file.damaged = true;
        }
        if !self.is_over() {
            self.expect = Expect::Lost(0);
        }
    }

    /// These many tape blocks do not come: what comes is behind them. To be followed by [`Reader::gap`] or [`Reader::spoil`].
    pub fn missing(&mut self, blocks: u64) {
        self.marks.pass();
        self.count(blocks);
    }

    /// A finding reported by the medium, at the current position.
    pub fn report(&mut self, sink: &mut impl Sink, fault: Fault) {
        let ino = self.file.as_ref().map(|file| file.ino);
        self.tell(sink, Some(self.place), ino, fault);
    }

    /// A finding that concerns the whole volume.
    pub fn report_volume(&mut self, sink: &mut impl Sink, fault: Fault) {
        self.tell(sink, Some(Place { block: 0, ..self.place }), None, fault);
    }

    /// The next tape block.
    pub fn block(&mut self, block: &Block, sink: &mut impl Sink) {
        let begins = matches!(self.expect, Expect::Volume | Expect::Skip(0, _));
        match std::mem::replace(&mut self.expect, Expect::Header) {
            Expect::Data => self.data(block, sink),
            Expect::Header => self.header(block, sink),
            Expect::Map(kind, left) => self.map(kind, left, block, sink),
            Expect::Skip(0, behind) => self.later_volume(block, *behind, sink),
            Expect::Skip(left, behind) => {
                self.expect = skip(left - 1, *behind);
                self.check_repeated(block, sink);
            }
            Expect::Volume => self.first_volume(block, sink),
            Expect::Lost(passed) => self.search(passed, block, sink),
            Expect::First if !decode(block).is_ok_and(|header| self.is_ours(&header)) => {
                self.tell_of_beginning(sink);
                self.expect = Expect::First;
            }
            Expect::First => self.header(block, sink),
            // Further TS_END fill the record.
            Expect::End(0) if decode(block).is_ok_and(|header| header.header.kind == RecordType::End) => {
                self.expect = Expect::End(0);
            }
            Expect::End(passed) => self.expect = Expect::End(passed + 1),
        }
        if !begins {
            self.marks.note(block);
        }
        self.count(1);
    }

    pub(super) fn count(&mut self, blocks: u64) {
        self.place.block += blocks;
        self.blocks += blocks;
        self.next = self.next.wrapping_add(blocks);
    }

    /// The end of the input: what is open is closed.
    pub(super) fn end(&mut self, sink: &mut impl Sink) {
        let goes_on = !self.is_over() && (self.closed || self.is_full());
        self.partial |= goes_on;
        let is_open = |file: &File| !file.damaged && (file.wants_data() || file.check_extent().is_some());
        if let Some(file) = self.file.take_if(|file| goes_on && is_open(file)) {
            self.tell(sink, None, Some(file.ino), Fault::EndsAfter);
        }
        self.finish_file(sink);
        self.close_names(sink);
        if let Expect::Skip(0, behind) = &mut self.expect {
            // A last volume with nothing on it.
            self.expect = std::mem::replace(behind, Expect::Header);
        }
        if let Some(ino) = self.doubt.take() {
            self.suspect(ino);
        }
        match self.expect {
            Expect::End(0) => {}
            Expect::End(passed) => self.tell(sink, None, None, Fault::AfterEnd(passed)),
            _ if goes_on => {
                self.tell(sink, None, None, Fault::GoesOn(self.place.volume.saturating_add(1)));
            }
            _ => self.tell(sink, Some(self.place), None, Fault::NoEnd),
        }
    }

    /// An inode whose content is not sure.
    fn suspect(&mut self, ino: Ino) {
        self.suspect.insert(ino.0);
    }

    fn touch(&mut self, ino: Ino) {
        if let Some(recent) = &mut self.recent
            && recent.len() < MOST_RECENT
        {
            recent.push(ino);
        }
    }

    /// Takes the first header's word for what the dump is.
    pub(super) fn remember(&mut self, header: &Decoded, sink: &mut impl Sink) {
        if header.is_compressed() {
            self.here(sink, None, Fault::Compressed);
        }
        self.first = Some((header.identity.clone(), header.dialect, header.swapped));
        self.next = header.place.tapea.0;
        self.numbered = true;
    }

    pub(super) fn is_ours(&self, header: &Decoded) -> bool {
        self.first.as_ref().is_none_or(|(first, dialect, swapped)| {
            let same_layout = std::mem::discriminant(dialect) == std::mem::discriminant(&header.dialect);
            let other = &header.identity;
            let (date, level) = ((first.date, first.ddate), first.level);
            same_layout
                && *swapped == header.swapped
                && date == (other.date, other.ddate)
                && level == other.level
        })
    }

    /// What comes next is not of the current file.
    pub(super) fn abandon(&mut self) {
        if let Some(file) = &mut self.file {
            file.damaged = true;
        }
    }

    /// There is no header where one should be: it is searched for.
    pub(super) fn lose(&mut self, error: DecodeError, sink: &mut impl Sink) {
        let open = self.file.as_ref().filter(|file| file.check_extent().is_some()).map(|file| file.ino);
        self.here(sink, open, Fault::NoHeader(error));
        // Its header is damaged, or tape blocks of the file before are missing: the numbers will tell.
        self.doubt = self.file.as_ref().map(|file| file.ino);
        self.expect = Expect::Lost(1);
    }

    fn search(&mut self, passed: u64, block: &Block, sink: &mut impl Sink) {
        match decode(block) {
            Ok(header) if self.is_ours(&header) => {
                if passed > 0 {
                    self.here(sink, None, Fault::Skipped(passed));
                }
                if self.first.is_none() {
                    self.remember(&header, sink);
                }
                self.take(&header, sink);
            }
            _ => self.expect = Expect::Lost(passed + 1),
        }
    }

    pub(super) fn header(&mut self, block: &Block, sink: &mut impl Sink) {
        match decode(block) {
            Ok(header) => {
                if self.first.is_none() {
                    self.remember(&header, sink);
                } else if !self.is_ours(&header) {
                    self.here(sink, None, Fault::OtherDump);
                }
                self.take(&header, sink);
            }
            Err(error) => self.lose(error, sink),
        }
    }

    /// A good header.
    fn take(&mut self, header: &Decoded, sink: &mut impl Sink) {
        self.check_number(header, sink);
        match header.header.kind {
            RecordType::Tape => self.here(sink, None, Fault::OutOfOrder(RecordType::Tape)),
            RecordType::Clri | RecordType::Bits => self.begin_map(header, sink),
            RecordType::Inode => self.begin_file(header, sink),
            RecordType::Addr => self.go_on(header, sink),
            RecordType::End => {
                self.finish_file(sink);
                self.close_names(sink);
                if header.header.count == DAMAGED {
                    self.here(sink, None, Fault::OnDisk);
                }
                self.expect = Expect::End(0);
            }
        }
    }

    fn check_number(&mut self, header: &Decoded, sink: &mut impl Sink) {
        let tapea = header.place.tapea.0;
        let fits = !self.numbered || self.follows(tapea);
        if !fits {
            self.here(sink, None, Fault::Numbers(TapeBlock(self.next), TapeBlock(tapea)));
            self.abandon();
            if let Some(ino) = self.doubt {
                self.suspect(ino);
            }
        }
        self.doubt = None;
        (self.next, self.slack, self.numbered) = (tapea, 0, true);
    }

    fn begin_file(&mut self, header: &Decoded, sink: &mut impl Sink) {
        let (ino, inode) = (header.header.inumber, &header.header.inode);
        if header.is_attributes() {
            return self.begin_attributes(header, sink);
        }
        self.finish_file(sink);
        self.touch(ino);
        let kind = FileType::of(inode.mode);
        let is_dir = kind == FileType::Dir;
        if matches!(kind, FileType::Free | FileType::Undefined(_)) {
            self.here(sink, Some(ino), Fault::Mode(inode.mode));
        }
        self.check_place(ino, is_dir, sink);
        let has_names = is_dir && !self.names.is_closed();
        let file = if has_names { File::directory(header) } else { File::new(&header.header) };
        if has_names {
            let owner = (inode.uid, inode.gid);
            self.names.directory(Directory::new(ino, inode.mode, owner, inode.size, inode.mtime.0));
        } else if !is_dir {
            self.close_names(sink);
            self.check_type(ino, inode.mode, sink);
        }
        sink.inode(header, self.place, &mut self.names);
        self.files += 1;
        self.open_file(file);
    }

    /// The extended attributes of Linux's dump, which follow their inode.
    fn begin_attributes(&mut self, header: &Decoded, sink: &mut impl Sink) {
        let ino = header.header.inumber;
        self.touch(ino);
        let follows = self.file.as_ref().is_some_and(|file| file.ino == ino);
        self.finish_file(sink);
        // Where the dump is read from a later volume on, the inode can be on the volume before.
        if !follows && (self.shift == 0 || self.files > 0) {
            self.here(sink, Some(ino), Fault::StrayAttributes);
            self.suspect(ino);
        }
        let mut file = File::new(&header.header);
        file.foreign = true;
        self.open_file(file);
    }

    /// Whether the inode may be here: once, in rising order, directories first, and in the map.
    fn check_place(&mut self, ino: Ino, is_dir: bool, sink: &mut impl Sink) {
        if is_dir && self.names.is_closed() {
            self.here(sink, Some(ino), Fault::OutOfOrder(RecordType::Inode));
        }
        // Directories after the names have been closed are those of the end of an earlier volume that is read on its own.
        let first_file = !is_dir && (!self.names.is_closed() || self.last_is_dir);
        if ino <= self.last && !first_file {
            self.here(sink, Some(ino), Fault::InodeOrder(self.last));
        }
        (self.last, self.last_is_dir) = (ino, is_dir);
        if self.seen.contains(ino.0) {
            self.here(sink, Some(ino), Fault::InodeTwice);
        }
        if self.dumped.as_ref().is_some_and(|dumped| !dumped.contains(ino)) {
            self.here(sink, Some(ino), Fault::NotInMap);
        }
        self.seen.insert(ino.0);
    }

    fn open_file(&mut self, file: File) {
        self.expect = if file.wants_data() { Expect::Data } else { Expect::Header };
        self.file = Some(file);
    }

    /// A `TS_ADDR`.
    fn go_on(&mut self, header: &Decoded, sink: &mut impl Sink) {
        let ino = header.header.inumber;
        self.touch(ino);
        if header.header.count == 0 {
            self.here(sink, Some(ino), Fault::EmptyAddr);
        }
        match &mut self.file {
            Some(file) if file.ino == ino => {
                file.announce(&header.header);
                if !file.foreign {
                    sink.addr(header);
                }
                self.expect = if file.wants_data() { Expect::Data } else { Expect::Header };
            }
            _ => {
                self.finish_file(sink);
                // Where the dump is read from a later volume on, its beginning is on the volume before.
                if self.shift == 0 || self.files > 0 {
                    self.here(sink, Some(ino), Fault::StrayAddr);
                    self.suspect(ino);
                } else {
                    self.open_before.get_or_insert(ino);
                    self.tell_of_beginning(sink);
                }
                let blocks = header.header.blocks_that_follow();
                self.expect = skip(u64::from(blocks), Expect::Header);
            }
        }
    }

    fn data(&mut self, block: &Block, sink: &mut impl Sink) {
        let Some(mut file) = self.file.take() else { return };
        let is_data = file.is_data();
        if let Some(scan) = file.scan.as_mut().filter(|_| is_data) {
            let (used, dumped) = (&self.used, &self.dumped);
            let known = |ino: Ino| {
                let last =
                    used.as_ref().or(dumped.as_ref()).map_or(u64::MAX, |m| u64::from(m.tape_blocks()) * 8192);
                (u64::from(ino.0) <= last, used.as_ref().is_none_or(|used| used.contains(ino)))
            };
            let names = &mut self.names;
            for fault in scan.block(block, |ino, kind, name| names.entry(ino, kind, name), known) {
                file.damaged |= fault.is_damage();
                self.here(sink, Some(file.ino), fault);
            }
        }
        if file.foreign {
            sink.linux_attributes(file.ino, file.position() == 0, block);
        } else {
            sink.data(file.ino, is_data, block);
        }
        file.advance();
        self.open_file(file);
    }

    fn finish_file(&mut self, sink: &mut impl Sink) {
        let Some(file) = self.file.take() else { return };
        if let Some(fault) = file.check_extent() {
            self.here(sink, Some(file.ino), fault);
            self.suspect(file.ino);
        } else if file.damaged || file.wants_data() {
            self.suspect(file.ino);
        }
    }

    /// Whether the entries of an inode agree with it.
    pub(super) fn check_type(&mut self, ino: Ino, mode: u16, sink: &mut impl Sink) {
        // DTTOIF (sys/dirent.h).
        let wrong = self.names.entries(ino).map(|offset| self.names.at(offset).0);
        let wrong = wrong.filter(|&kind| kind != 0).find(|&kind| u16::from(kind) != mode >> 12);
        if let Some(kind) = wrong {
            self.here(sink, Some(ino), Fault::EntryType(kind, mode));
        }
    }
}

pub(super) fn skip(blocks: u64, behind: Expect) -> Expect {
    if blocks == 0 { behind } else { Expect::Skip(blocks, Box::new(behind)) }
}
