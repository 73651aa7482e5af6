// SPDX-License-Identifier: BSD-2-Clause
//! Which volumes are read, and in which order: one after the other, as the operator says (`-x`, `-i`), or as an index leads.

use crate::exit;
use crate::operator::Restoring;
use crate::restore::job::Mode;
use crate::restore::outside::{Reply, Request};
use crate::restore::reader::Way;
use crate::restore::session::Session;
use dumpstream::reading::{Names, Reader};
use ufs::Ino;

/// How far the reading is.
#[derive(Debug, Default)]
pub struct Course {
    /// The volume that is read.
    volume: u32,
    /// Volumes that were read, as bits, from 1.
    read: u32,
    /// The volume to read next, if the operator has chosen one.
    chosen: Option<u32>,
    /// A volume was read that does not follow the one before.
    jumped: bool,
    /// The rest of the volume was not read.
    left_off: bool,
    /// This reading of the dump has passed the directories.
    passed_directories: bool,
    /// All that is left is before this.
    passed_last: bool,
    /// The only file that is wanted now, and whether what comes after it has begun.
    only: Option<Ino>,
    passed_only: bool,
}

impl Course {
    /// A volume begins.
    pub fn begin(&mut self, volume: u32) {
        self.jumped |= !self.is_followed_by(volume);
        self.volume = volume;
        self.chosen = None;
        (self.passed_last, self.left_off) = (false, false);
        if volume == 1 {
            (self.jumped, self.passed_directories) = (false, false);
        }
        self.mark();
    }

    /// No volume is at hand any more: the dump is read once more, for other files.
    pub fn begin_again(&mut self) {
        *self = Course::default();
    }

    /// The volume that the dump is read from once more: the first one, if the operator has not chosen another.
    pub fn first(&mut self) -> u32 {
        self.chosen.take().unwrap_or(1)
    }

    /// Whether what is on a volume follows what was read last.
    pub fn is_followed_by(&self, volume: u32) -> bool {
        volume == self.volume + 1 && !self.left_off
    }

    fn mark(&mut self) {
        self.read |= 1_u32.checked_shl(self.volume).unwrap_or(0);
    }

    /// Whether the operator has chosen to read this volume.
    pub fn has_chosen(&self, volume: u32) -> bool {
        self.jumped && self.volume == volume
    }

    /// Whether volumes were not read in order.
    pub fn has_jumped(&self) -> bool {
        self.jumped
    }

    /// The directories are over.
    pub fn pass_directories(&mut self) {
        self.passed_directories = true;
    }

    /// All that is left is before what comes.
    pub fn pass_last(&mut self) {
        self.passed_last = self.volume > 1;
    }

    /// Only this file is wanted from now on; none for all.
    pub fn seek(&mut self, only: Option<Ino>) {
        (self.only, self.passed_only) = (only, false);
    }

    /// The file that is fetched from its place.
    pub fn only(&self) -> Option<Ino> {
        self.only
    }

    /// Whether a file that comes may be taken.
    pub fn wants(&mut self, ino: Ino) -> bool {
        let wanted = self.only.is_none_or(|only| only == ino);
        self.passed_only |= !wanted;
        wanted
    }

    /// Whether reading goes on elsewhere.
    pub fn is_at_end(&self, has_index: bool) -> bool {
        match self.only {
            Some(_) => self.passed_only,
            None => self.chosen.is_some() || self.passed_last || (has_index && self.passed_directories),
        }
    }
}

impl Session<'_> {
    /// Whether the operator is asked which volume comes next.
    pub(super) fn asks_for_volumes(&self) -> bool {
        let selects = matches!(self.job.mode, Mode::Extract | Mode::Interactive);
        selects && !self.is_list && !self.job.source.is_pipe() && !self.job.to_stdout && self.index.is_none()
    }

    /// How volumes are found.
    pub(super) fn way_to_volumes(&self) -> Way {
        if self.asks_for_volumes() { Way::Chosen } else { Way::Known }
    }

    /// Asks for the volume to begin with, as restore does where volumes can be changed.
    pub(super) fn choose_volume(&mut self) {
        if !self.asks_for_volumes() {
            return;
        }
        self.course.read = 0;
        match self.which() {
            Some(volume) if volume == self.course.volume => self.course.mark(),
            chosen => self.course.chosen = chosen,
        }
    }

    /// Whether no file goes on on another volume.
    pub(super) fn is_between_files(&self) -> bool {
        self.has_directories && self.current.is_none()
    }

    /// Which volume the operator wants. None: no answer, so that it is over.
    pub(super) fn which(&mut self) -> Option<u32> {
        self.before_question();
        match self.outside.ask(Request::Which(self.course.read)).0 {
            Reply::Number(volume) => Some(volume),
            _ => {
                self.over = Some(exit::STARTUP);
                None
            }
        }
    }

    /// The volume to read next. None: it is over.
    pub fn after_volume(&mut self, reader: &Reader) -> Option<u32> {
        if self.is_over() || self.has_all() {
            return None;
        }
        self.course.left_off |= self.course.passed_last;
        if let Some(chosen) = self.course.chosen.take() {
            self.course.left_off = true;
            return Some(chosen);
        }
        let volume = self.course.volume;
        if !self.has_directories || !self.asks_for_volumes() {
            return if reader.is_over() { None } else { self.next_in_order(volume) };
        }
        let skips = reader.pending_data() > 0 || self.course.passed_last;
        if !reader.is_over() && (self.current.is_some() || !skips) {
            return self.next_in_order(volume);
        }
        // Bits 1 to the number of the last volume.
        let all = 2_u32.checked_shl(volume).unwrap_or(0).wrapping_sub(2);
        if reader.is_over() && self.course.read & all == all {
            return None;
        }
        loop {
            match self.which()? {
                // There is no more on it.
                again if again == volume => {}
                chosen => return Some(chosen),
            }
        }
    }

    /// The names that the reader has, or those of before if it has not come so far since the dump was begun again.
    pub(super) fn known_names(&mut self, reader: &mut Reader) -> Names {
        let (names, before) = (reader.take_names(), std::mem::take(&mut self.names));
        if names.is_closed() { names } else { before }
    }

    /// The dump is read from another place on: its names are kept.
    pub(super) fn begin_again(&mut self, reader: &mut Reader, volume: u32) {
        self.tell_of_suspects(reader);
        let names = self.known_names(reader);
        *reader = Reader::default();
        match volume {
            // They come again.
            1 => self.names = names,
            _ => reader.give_names(names),
        }
    }

    /// The dump is over, and so is its last file.
    pub(super) fn end_last_file(&mut self, reader: &mut Reader) {
        if reader.is_over() && self.current.is_some() {
            let mut names = reader.take_names();
            self.finish_file(&mut names);
            reader.give_names(names);
        }
    }

    /// The volume after one that was read to its end.
    fn next_in_order(&mut self, volume: u32) -> Option<u32> {
        self.report(format_args!("End-of-tape encountered"));
        Some(volume + 1)
    }

    /// Files that no volume had which was read.
    pub(super) fn say_unseen(&mut self, names: &mut Names) {
        for selected in self.extraction.missing(Ino(0), Ino(u32::MAX)) {
            self.extraction.done(selected.ino);
            self.failed = true;
            let path = self.path(selected.ino, selected.offset, names);
            self.say(&Restoring::NotFound(&path));
        }
    }
}
