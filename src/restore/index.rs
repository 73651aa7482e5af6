// SPDX-License-Identifier: BSD-2-Clause
//! `--index`: lists what is in an index, or fetches files from the places that it has for them.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use crate::exit;
use crate::inspect::feed::Feed;
use crate::inspect::indexed::{BadIndex, read};
use crate::inspect::input::Input;
use crate::operator::{Restoring, Shown};
use crate::os::time::ctime;
use crate::restore::reader::{Opener, Way, next_volume};
use crate::restore::session::Session;
use crate::restore::tree::canonical;
use dumpstream::TP_BSIZE;
use dumpstream::index::{Head, Line};
use dumpstream::reading::{Place, Reader};

/// An index, and where it is used.
pub struct Index {
    input: Input,
}

impl Index {
    /// The index in an open file. None: it is no file that can be read twice.
    pub fn new(input: Input) -> Option<Index> {
        input.is_seekable().then_some(Index { input })
    }

    fn name(&self) -> String {
        Shown(self.input.name.as_bytes()).to_string()
    }

    /// Gives the lines to `line`, and returns the head.
    fn read(&mut self, line: impl FnMut(Line)) -> Result<Head, BadIndex> {
        self.input.seek(0);
        read(&mut self.input, line)
    }
}

impl Session<'_> {
    /// Refuses an index that is none, or one of another dump, before anything is done.
    pub(super) fn check_index(&mut self) {
        let (Some(index), Some(identity)) = (&mut self.index, &self.identity) else { return };
        let reason = match index.read(|_| ()) {
            Ok(head) if (head.date, head.level) == (identity.date, identity.level) => return,
            Ok(_) => BadIndex::OtherDump.to_string(),
            Err(reason) => reason.to_string(),
        };
        let name = index.name();
        self.refuse(&Restoring::Note(format_args!("{name}: {reason}")));
    }

    /// `-t` with an index: lists what is in it, without the dump; gives the exit code.
    pub fn list_index(&mut self) -> u8 {
        let Some(mut index) = self.index.take() else { return exit::STARTUP };
        let names: Vec<Vec<u8>> = self.job.names.iter().map(|name| canonical(name.as_bytes())).collect();
        let mut found = vec![false; names.len()];
        let mut lines = Vec::new();
        let read = index.read(|line| {
            let mut is_listed = false;
            for (name, found) in names.iter().zip(&mut found) {
                let below = line.path.strip_prefix(name.as_slice());
                let is_below = below.is_some_and(|rest| rest.starts_with(b"/")) && self.job.descend;
                let is_it = line.path == *name;
                *found |= is_it;
                is_listed |= is_it || is_below;
            }
            if is_listed {
                lines.push(line);
            }
        });
        let head = match read {
            Ok(head) => head,
            Err(reason) => {
                let name = index.name();
                self.refuse(&Restoring::Note(format_args!("{name}: {reason}")));
                return exit::STARTUP;
            }
        };
        if !self.job.json {
            self.line(format_args!("Dump   date: {}", ctime(head.date)));
        }
        for line in &lines {
            if self.job.json {
                self.lines.write(|results| results.indexed(line));
                continue;
            }
            // Directories come first on a dump.
            let is_dir = head.files.is_none_or(|files| (line.volume, line.offset) < files);
            let kind = match (self.verbose, is_dir) {
                (false, _) => "",
                (true, true) => "dir ",
                (true, false) => "leaf",
            };
            self.lines.listed(kind, line.ino.0, &line.path);
        }
        for (name, _) in names.iter().zip(found).filter(|(_, found)| !found) {
            self.failed = true;
            self.say(&Restoring::NotOnTape(name));
        }
        if self.failed { exit::STARTUP } else { exit::DONE }
    }

    /// Where the files are that are wanted.
    fn places(&mut self) -> BTreeMap<(u32, u64), Line> {
        let extraction = &self.extraction;
        let mut places = BTreeMap::new();
        let Some(index) = &mut self.index else { return places };
        // What is wrong with it has been found before.
        _ = index.read(|line| {
            if extraction.names(line.ino).first().is_some_and(|first| !first.done) {
                places.entry((line.volume, line.offset)).or_insert(line);
            }
        });
        places
    }

    /// Fetches all files that are wanted. False: the index does not lead to all of them, so that the dump is to be read.
    pub(super) fn fetch_all(
        &mut self,
        reader: &mut Reader,
        input: &mut Input,
        volume: u32,
        opener: &Opener<'_>,
    ) -> bool {
        let mut at = (volume, input);
        for line in self.places().into_values() {
            if self.is_over() {
                break;
            }
            self.fetch(reader, &mut at, &line, opener);
        }
        self.course.seek(None);
        if self.is_over() || self.has_all() {
            return true;
        }
        let name = self.index.take().map_or(String::new(), |index| index.name());
        self.say(&Restoring::Note(format_args!("{name}: it does not lead to all files; the dump is read")));
        false
    }

    /// Fetches one file from its place, if it is there.
    fn fetch(&mut self, reader: &mut Reader, at: &mut (u32, &mut Input), line: &Line, opener: &Opener<'_>) {
        let (from, mut ahead) = match line.frame {
            Some((frame, start)) => match line.offset.checked_sub(start) {
                Some(ahead) => (frame, ahead),
                None => return,
            },
            None => (line.offset, 0),
        };
        if !self.goes_to(at, line.volume, opener) {
            return;
        }
        at.1.seek(from);
        self.course.seek(Some(line.ino));
        let place = Place { volume: line.volume, block: line.offset / TP_BSIZE as u64 };
        let mut file = Reader::resume(place, reader.head().cloned(), reader.take_names());
        loop {
            Feed::new(true, None).after(ahead).run(at.1, &mut file, self);
            ahead = 0;
            let goes_on = self.current.is_some() && !self.course.is_at_end(true) && !file.is_over();
            if !goes_on || self.is_over() || !self.goes_to(at, at.0 + 1, opener) {
                break;
            }
            file.begin_volume(at.0);
            at.1.seek(0);
        }
        file.leave(self, line.ino);
        let mut names = file.take_names();
        self.finish_file(&mut names);
        self.take_failures(&mut names);
        reader.give_names(names);
    }

    /// Has this volume at hand. False: there is none.
    fn goes_to(&mut self, at: &mut (u32, &mut Input), volume: u32, opener: &Opener<'_>) -> bool {
        if at.0 != volume {
            let found = next_volume(self, volume, Way::Known, opener);
            let Some((_, input)) = found else { return false };
            (at.0, *at.1) = (volume, input);
            self.begin_volume(volume, at.1);
        }
        true
    }

    /// A volume begins.
    pub(super) fn begin_volume(&mut self, volume: u32, input: &Input) {
        self.course.begin(volume);
        self.progress.begin(volume, input, self.operator);
    }
}
