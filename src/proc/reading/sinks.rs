// SPDX-License-Identifier: BSD-2-Clause
//! What a check and a listing make of what is read.

use std::io;

use super::feed::Enough;
use crate::format::{Decoded, InodeFields, InodeMap};
use crate::operator::{About, Entry, FindingLine, Line, Operator, Remark, Results, SummaryLine};
use crate::os::errno::strerror;
use crate::proc::exit;
use crate::reading::names::Directory;
use crate::reading::{Fault, Finding, Names, Place, Sink, Summary};
use crate::ufs::{FileType, is_whiteout};
use crate::units::Ino;

/// The mode of a whiteout (`IFWHT`, ufs/ufs/dinode.h), which has no inode of its own.
const IFWHT: u16 = 0o160_000;

/// The two ways out: messages, and results.
pub struct Told {
    operator: Operator,
    report: Results,
    ntrec: u32,
    /// Why the results could not be written.
    broken: Option<io::Error>,
    named_dump: bool,
}

impl Told {
    /// `ntrec` is the number of tape blocks in a record.
    pub fn new(operator: Operator, report: Results, ntrec: u32) -> Told {
        Told { operator, report, ntrec, broken: None, named_dump: false }
    }

    fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>) {
        if self.broken.is_none() {
            self.broken = write(&mut self.report).err();
        }
    }

    /// A finding, with a path of its inode.
    pub fn finding(&mut self, finding: &Finding, names: &mut Names) {
        let path = finding.ino.and_then(|ino| names.path_of(ino));
        let line = FindingLine { finding, path: path.as_deref(), ntrec: self.ntrec };
        match self.report.is_json() {
            true if self.broken.is_none() => self.broken = self.report.finding(&line).err(),
            true => {}
            false => self.operator.say(line),
        }
    }

    /// Says a line.
    pub fn say(&mut self, line: impl Line) {
        self.operator.say(line);
    }

    fn volume(&mut self, header: &Decoded) {
        if !std::mem::replace(&mut self.named_dump, true) {
            self.write(|report| report.dump(header));
        }
    }

    /// All paths of an inode.
    fn entries(&mut self, ino: Ino, about: Option<About>, place: Option<Place>, names: &mut Names) {
        if ino == Ino::ROOT {
            return self.entry(&Entry { ino, path: b".", about, place });
        }
        let offsets: Vec<u32> = names.entries(ino).collect();
        for offset in offsets {
            if let Some(path) = names.path(offset) {
                self.entry(&Entry { ino, path: &path, about, place });
            }
        }
    }

    /// All names that are whiteouts.
    fn whiteouts(&mut self, names: &mut Names) {
        let about = About { mode: IFWHT, uid: 0, gid: 0, size: 0, mtime: 0, rdev: None };
        let offsets: Vec<u32> = names.entries(Ino::WHITEOUT).collect();
        for offset in offsets {
            let kind = names.at(offset).0;
            if is_whiteout(Ino::WHITEOUT, kind)
                && let Some(path) = names.path(offset)
            {
                self.entry(&Entry { ino: Ino::WHITEOUT, path: &path, about: Some(about), place: None });
            }
        }
    }

    /// A line of an index.
    pub fn indexed(&mut self, line: &crate::index::Line) {
        self.write(|report| report.indexed(line));
    }

    /// The end of the results: gives the exit code.
    pub fn flush(self) -> u8 {
        self.close(0)
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        self.write(|report| report.entry(entry));
    }

    /// The end of a check: says what it came to, and gives the exit code.
    pub fn end(mut self, summary: &Summary) -> u8 {
        if !self.report.is_json() {
            self.operator.say(SummaryLine(summary));
        }
        self.end_of_list(summary)
    }

    /// The end of a listing: gives the exit code.
    pub fn end_of_list(mut self, summary: &Summary) -> u8 {
        self.write(|report| report.summary(summary));
        self.close(summary.damage)
    }

    fn close(mut self, damage: u64) -> u8 {
        self.write(Results::flush);
        match self.broken {
            Some(error) => {
                self.operator.say(Remark(format_args!("standard output: {}", strerror(&error))));
                exit::STARTUP
            }
            None if damage > 0 => exit::ABORTED,
            None => exit::DONE,
        }
    }
}

/// Finds what is wrong.
pub struct Check(pub Told);

impl Enough for Check {}

impl Sink for Check {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        self.0.finding(&finding, names);
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.0.volume(header);
    }
}

/// Lists files.
pub struct List(pub Told);

impl Enough for List {
    fn wants_data(&self) -> bool {
        false
    }

    fn is_enough(&self) -> bool {
        self.0.broken.is_some()
    }
}

impl Sink for List {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        if let (Fault::Lost | Fault::Absent, Some(ino)) = (&finding.fault, finding.ino) {
            self.0.entries(ino, None, None, names);
        }
        if finding.fault.is_damage() {
            self.0.finding(&finding, names);
        }
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.0.volume(header);
    }

    fn directories(&mut self, names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {
        for at in 0..names.directories().len() {
            let directory = &names.directories()[at];
            let (ino, about) = (directory.ino, about_directory(directory));
            self.0.entries(ino, Some(about), None, names);
        }
        self.0.whiteouts(names);
    }

    fn inode(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        let inode = &header.header.inode;
        if FileType::of(inode.mode) != FileType::Dir {
            self.0.entries(header.header.inumber, Some(about(inode)), Some(place), names);
        }
    }
}

fn about(inode: &InodeFields) -> About {
    let is_device = matches!(FileType::of(inode.mode), FileType::Block | FileType::Char);
    About {
        mode: inode.mode,
        uid: inode.uid,
        gid: inode.gid,
        size: inode.size,
        mtime: inode.mtime.0,
        rdev: is_device.then_some(inode.rdev),
    }
}

fn about_directory(directory: &Directory) -> About {
    let Directory { mode, uid, gid, size, mtime, .. } = *directory;
    About { mode, uid, gid, size, mtime, rdev: None }
}
