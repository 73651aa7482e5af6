// SPDX-License-Identifier: BSD-2-Clause
//! How the reader reports findings: one, or one for a range of inodes.

use super::reader::{Reader, Sink};
use super::{Fault, Finding, Place};
use ufs::Ino;

/// More than this number of consecutive inodes without a name are one finding.
const MOST_ALONE: u32 = 50;

impl Reader {
    /// The file that the previous volume left incomplete; reported once.
    pub(super) fn tell_of_beginning(&mut self, sink: &mut impl Sink) {
        if let Some(ino) = self.open_before.take() {
            self.tell(sink, None, Some(ino), Fault::BeginsBefore);
        }
    }

    pub(super) fn tell(
        &mut self,
        sink: &mut impl Sink,
        place: Option<Place>,
        ino: Option<Ino>,
        fault: Fault,
    ) {
        self.damage += u64::from(fault.is_damage());
        self.broken += u64::from(fault.is_damage() && fault.is_of_the_stream());
        sink.finding(Finding { place, ino, last: None, fault }, &mut self.names);
    }

    /// The same of all inodes from `first` to `last`: one finding for each that has a name, and one for each long run of
    /// those between.
    pub(super) fn tell_of_all(&mut self, sink: &mut impl Sink, first: Ino, last: Ino, fault: &Fault) {
        let mut next = Some(first).filter(|first| *first <= last);
        while let Some(ino) = next {
            let named = self.names.next_named(ino).filter(|named| *named <= last);
            let until = match named {
                Some(named) => Ino(named.0.saturating_sub(1)),
                None => last,
            };
            if until.0 > ino.0.saturating_add(MOST_ALONE) {
                self.tell_of_range(sink, ino, until, fault.clone());
            } else {
                (ino.0..=until.0).for_each(|ino| self.tell(sink, None, Some(Ino(ino)), fault.clone()));
            }
            if let Some(named) = named {
                self.tell(sink, None, Some(named), fault.clone());
            }
            next = named.unwrap_or(last).0.checked_add(1).map(Ino).filter(|next| *next <= last);
        }
    }

    /// One finding for all inodes from `first` to `last`.
    pub(super) fn tell_of_range(&mut self, sink: &mut impl Sink, first: Ino, last: Ino, fault: Fault) {
        self.damage += u64::from(fault.is_damage());
        self.broken += u64::from(fault.is_damage() && fault.is_of_the_stream());
        let last = Some(last).filter(|last| *last > first);
        sink.finding(Finding { place: None, ino: Some(first), last, fault }, &mut self.names);
    }

    pub(super) fn here(&mut self, sink: &mut impl Sink, ino: Option<Ino>, fault: Fault) {
        self.tell(sink, Some(self.place), ino, fault);
    }

    /// All directories have been read.
    pub(super) fn close_names(&mut self, sink: &mut impl Sink) {
        if self.names.is_closed() {
            return;
        }
        self.names.close();
        self.last = Ino(0);
        for at in 0..self.names.directories().len() {
            let directory = &self.names.directories()[at];
            let (ino, mode) = (directory.ino, directory.mode);
            self.check_type(ino, mode, sink);
        }
        sink.directories(&mut self.names, self.used.as_ref(), self.dumped.as_ref());
    }
}
