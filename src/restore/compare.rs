// SPDX-License-Identifier: BSD-2-Clause
//! `-C`: the dump is read as for `-x`, and what differs on disk is reported.

use std::os::unix::ffi::OsStrExt;

use crate::operator::Restoring;
use crate::os::errno::strerror;
use crate::restore::difference::Difference;
use crate::restore::extraction::Extraction;
use crate::restore::job::Mode;
use crate::restore::session::Session;
use crate::restore::wire::Tag;
use dumpstream::reading::Names;

impl Session<'_> {
    /// Whether the dump is compared with what is there.
    pub(super) fn compares(&self) -> bool {
        self.job.mode == Mode::Compare
    }

    /// Prints which directory is compared, as Linux's restore prints the file system's.
    pub(super) fn say_compared(&mut self) {
        let into = self.job.into.as_deref().map_or(&b"."[..], |into| into.as_bytes());
        let shown = crate::operator::Shown(into).to_string();
        self.line(format_args!("filesys = {shown}"));
    }

    /// Reports what differs so far.
    pub(super) fn take_differences(&mut self, extraction: &Extraction, names: &mut Names) {
        while let Some((tag, difference)) = self.link.as_mut().and_then(|link| link.difference()) {
            self.differ(tag, &difference, extraction, names);
        }
    }

    fn differ(&mut self, tag: Tag, difference: &Difference, extraction: &Extraction, names: &mut Names) {
        match difference {
            Difference::NoAttribute => return self.losses.attributes += 1,
            Difference::NoFlags => return self.losses.flags += 1,
            _ => self.differences += 1,
        }
        let path = match extraction.tree.ino_of(tag) {
            Some(ino) => self.path(ino, tag, names),
            None => b".".to_vec(),
        };
        let path = crate::operator::Shown(&path);
        let reason = |errno: i32| strerror(&std::io::Error::from_raw_os_error(errno));
        match difference {
            Difference::Stat(errno) => {
                self.say(&Restoring::Note(format_args!("unable to stat {path}: {}", reason(*errno))));
            }
            Difference::Open(errno) => {
                self.say(&Restoring::Note(format_args!("can't open {path}: {}", reason(*errno))));
            }
            Difference::Read(errno) => {
                self.say(&Restoring::Note(format_args!("can't read {path}: {}", reason(*errno))));
            }
            _ => self.say(&Restoring::Note(format_args!("{path}: {difference}"))),
        }
    }

    /// Sums up, in the words of Linux's restore.
    pub(super) fn say_differences(&mut self) {
        if self.differences > 0 {
            let count = self.differences;
            self.line(format_args!("Some files were modified!  {count} compare errors"));
        }
    }
}
