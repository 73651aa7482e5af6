// SPDX-License-Identifier: BSD-2-Clause
//! Read errors and damage: reported, counted as dump counts them, and what they cost.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::ffi::OsStr;
use std::io;

use crate::disk::{Disk, Fault};
use crate::dump::console::Console;
use crate::dump::dead_disk::is_dead;
use crate::dump::losses::Losses;
use crate::dump::passes;
use crate::dump::passes::Notice;
use crate::dump::prepare::OpenDisk;
use crate::dump::questions::Questions;
use crate::dump::source::Faults;
use crate::dump::stop::Stop;
use crate::operator::{Attention, DiskMessage, Event, Message, Question, Remark};
use crate::os::errno::strerror;

/// Who read what could not be read. Dump has a master and three workers, which take records in turn, and each counts its own
/// read errors: as many of them are forgiven here, however many workers there are.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// The planner.
    Planner,
    /// Whoever reads this record of the dump (from 0).
    Record(u64),
}

/// Readers that dump has.
const READERS: usize = 4;

impl Reader {
    fn index(self) -> usize {
        match self {
            Reader::Planner => READERS - 1,
            Reader::Record(record) => (record % (READERS as u64 - 1)) as usize,
        }
    }
}

/// What could not be read so far.
pub struct ReadErrors<'a> {
    console: &'a Console<'a>,
    questions: &'a Questions<'a>,
    /// The disk's name in messages.
    disk: &'a OsStr,
    /// Whether it is a snapshot.
    snapshot: bool,
    /// The disk, once its file system is known.
    reads: OnceCell<Disk<'a>>,
    /// Read errors of a reader after which the operator is asked; 0: never.
    most: u32,
    faults: Cell<[u32; READERS]>,
    /// The operator chose to abort.
    stopped: Cell<bool>,
    losses: RefCell<Losses>,
}

impl<'a> ReadErrors<'a> {
    /// Of `disk`. After more than `most` errors of one reader the operator is asked, unless that is 0.
    pub fn new(
        disk: &'a OpenDisk,
        most: u32,
        console: &'a Console<'a>,
        questions: &'a Questions<'a>,
    ) -> ReadErrors<'a> {
        let (faults, stopped) = (Cell::new([0; READERS]), Cell::new(false));
        ReadErrors {
            console,
            questions,
            disk: &disk.name,
            snapshot: disk.snapshot,
            reads: OnceCell::new(),
            most,
            faults,
            stopped,
            losses: RefCell::default(),
        }
    }

    /// From now on a read error is the end if `disk` does not respond at other places either.
    pub fn watch(&self, disk: Disk<'a>) {
        // It is set once.
        let _ = self.reads.set(disk);
    }

    /// Why a pass stopped; nothing more to report if the operator chose to abort.
    pub fn stop(&self, error: passes::Error) -> Stop {
        if self.is_stopped() { Stop::Told } else { error.into() }
    }

    /// Prints what the completed dump has lost; false: nothing.
    pub fn tell_losses(&self) -> bool {
        let (lines, things) = {
            let losses = self.losses.borrow();
            (losses.lines(), losses.things())
        };
        if !lines.is_empty() {
            self.console.show(Event::Lost { things });
        }
        for line in &lines {
            self.console.say(Remark(format_args!("{line}")));
        }
        !lines.is_empty()
    }

    /// Reports a read error. The dump ends if nothing more can be read. After more than `--max-read-errors` of one reader, the operator is asked whether to continue.
    pub fn fault(&self, reader: Reader, fault: Fault) {
        if self.is_stopped() {
            return;
        }
        let reason = io::Error::from_raw_os_error(fault.errno);
        let reason = strerror(&reason);
        let block = i64::try_from(fault.block).unwrap_or(i64::MAX);
        let (count, got) = (u64::from(fault.count), u64::from(fault.got));
        let disk = self.disk;
        if self.reads.get().is_some_and(|reads| is_dead(reads, &fault, self.most > 0)) {
            self.console.say(DiskMessage::DeadDisk { disk, reason: &reason, block, snapshot: self.snapshot });
            self.stopped.set(true);
            return;
        }
        let message = match (fault.sector, fault.errno) {
            (false, 0) => DiskMessage::ShortReadError { disk, block, count, got },
            (false, _) => DiskMessage::ReadError { disk, reason: &reason, block, count },
            (true, 0) => DiskMessage::SectorShortRead { disk, sector: block, count, got },
            (true, _) => DiskMessage::SectorReadError { disk, reason: &reason, sector: block, count },
        };
        self.console.say(message);
        if !fault.sector {
            self.count_fault(reader);
        }
    }

    /// Prints a notice of a pass.
    pub fn notice(&self, notice: Notice) {
        if self.is_stopped() {
            return;
        }
        if let Some(ino) = notice.loss() {
            self.losses().damaged(ino);
        }
        match notice {
            Notice::DumpingDirectories => self.console.say(Message::DumpingDirectories),
            Notice::DumpingFiles => self.console.say(Message::DumpingFiles),
            Notice::CorruptDirectory(ino) => {
                self.console.say(DiskMessage::CorruptedDirectory { inode: ino.0.into() })
            }
            Notice::CorruptEntry(_, ino, maxino) => {
                self.console.say(DiskMessage::CorruptedEntry { inode: ino.0.into(), maxino });
            }
            Notice::Directory(ino, at, damage) => match at {
                Some(at) => {
                    self.console.say(Remark(format_args!("directory inode {ino}, byte {at}: {damage}")))
                }
                None => self.console.say(Remark(format_args!("directory inode {ino}: {damage}"))),
            },
            // Reported where its record is known.
            Notice::Unread { .. } => {}
            Notice::EntryType(ino) => {
                self.console.say(Remark(format_args!("inode {ino}: d_type of its directory entry is wrong")))
            }
            Notice::UndefinedType(mode) => {
                self.console.say(DiskMessage::UndefinedType { mode: u32::from(mode) & 0o170_000 });
            }
            Notice::Warning(warning) => self.console.say(Remark(format_args!("WARNING: {warning}"))),
            Notice::Damaged(error) => {
                self.console.say(Remark(format_args!("{error}")));
                self.count_fault(Reader::Planner);
            }
        }
    }

    fn count_fault(&self, reader: Reader) {
        let mut faults = self.faults.get();
        let count = &mut faults[reader.index()];
        *count = count.saturating_add(1);
        let too_many = self.most > 0 && *count > self.most;
        self.faults.set(faults);
        if !too_many {
            return;
        }
        self.console.say(DiskMessage::TooManyReadErrors { disk: self.disk, most: self.most });
        self.questions.broadcast(Attention::Ailing);
        self.console.say(DiskMessage::Unrecoverable);
        match self.questions.ask(Question::Continue) {
            Ok(true) => {
                faults[reader.index()] = 0;
                self.faults.set(faults);
            }
            Ok(false) | Err(Stop::Told) => self.stopped.set(true),
            Err(Stop::Because(reason)) => {
                self.console.say(Remark(format_args!("{reason}")));
                self.stopped.set(true);
            }
        }
    }
}

impl Faults for ReadErrors<'_> {
    fn report(&self, fault: Fault) {
        self.fault(Reader::Planner, fault);
    }

    fn losses(&self) -> RefMut<'_, Losses> {
        self.losses.borrow_mut()
    }

    fn is_stopped(&self) -> bool {
        self.stopped.get()
    }
}
