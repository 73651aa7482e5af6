// SPDX-License-Identifier: BSD-2-Clause
//! What could not be done: each failure as restore reports it, and the sum of what was lost.

use crate::exit;
use crate::operator::{Restoring, Shown};
use crate::os::errno::strerror;
use crate::restore::extraction::Extraction;
use crate::restore::session::Session;
use crate::restore::wire::{Failure, Step};
use dumpstream::reading::Names;
use ufs::Ino;

impl Session<'_> {
    /// Reports what has failed so far.
    pub(super) fn take_failures(&mut self, names: &mut Names) {
        while let Some(failure) = self.link.as_mut().and_then(|link| link.failure()) {
            self.fail_now(&failure, names);
        }
        let extraction = std::mem::take(&mut self.extraction);
        self.take_differences(&extraction, names);
        self.extraction = extraction;
    }

    fn fail_now(&mut self, failure: &Failure, names: &mut Names) {
        let mut extraction = std::mem::take(&mut self.extraction);
        self.fail(failure, &mut extraction, names);
        self.extraction = extraction;
    }

    pub(super) fn fail(&mut self, failure: &Failure, extraction: &mut Extraction, names: &mut Names) {
        let Failure { tag, step, errno } = *failure;
        let ino = extraction.tree.ino_of(tag);
        let path = match ino {
            Some(ino) => self.path(ino, tag, names),
            None => b".".to_vec(),
        };
        let ino = ino.unwrap_or(Ino::ROOT);
        let reason = reason(errno);
        let (path, reason) = (path.as_slice(), reason.as_str());
        let cannot_create = |what| Restoring::CannotCreate { path, what, reason };
        let cannot_set = |what| Restoring::CannotSet { path, what, reason };
        match step {
            Step::MakeDirectory => {
                let existed = errno == libc::EEXIST;
                if existed && self.job.unlink {
                    return self.report(format_args!("Make node {}", Shown(path)));
                }
                if let Some(directory) =
                    extraction.tree.number(ino).and_then(|at| extraction.directories.get_mut(at))
                {
                    directory.existed = existed;
                }
                self.failed |= !existed;
                if !existed {
                    self.note_failure(path, reason);
                }
                return self.say(&Restoring::Warning { path, reason });
            }
            Step::Attributes if is_full(errno) => self.failed = true,
            Step::Attributes => return self.losses.attributes += 1,
            Step::Flags if is_full(errno) => self.failed = true,
            Step::Flags => return self.losses.flags += 1,
            // One that is lost already is not there.
            Step::RemoveWhiteout if is_unsupported(errno) => return,
            Step::Whiteout if is_unsupported(errno) => return self.losses.whiteouts += 1,
            _ => self.failed = true,
        }
        match step {
            Step::Create => self.say(&cannot_create("file")),
            Step::Fifo => self.say(&cannot_create("fifo")),
            Step::Special => self.say(&cannot_create("special file")),
            Step::Write => {
                self.say(&Restoring::WriteError { ino: ino.0, path, reason });
                self.over = Some(exit::STARTUP);
            }
            Step::Symlink => {
                let text = self.texts.iter().find(|(of, _)| *of == tag).map(|(_, text)| text.clone());
                let to = text.unwrap_or_default();
                self.say(&Restoring::CannotLink { kind: "symbolic", path, to: &to, reason });
            }
            Step::Link => {
                let first = extraction.names(ino).first().map_or(tag, |first| first.offset);
                let to = self.path(ino, first, names);
                self.say(&Restoring::CannotLink { kind: "hard", path, to: &to, reason });
            }
            Step::Attributes => self.say(&cannot_set("attributes")),
            Step::Whiteout => self.say(&Restoring::CannotWhiteOut { act: "create", path, reason }),
            Step::RemoveWhiteout => self.say(&Restoring::CannotWhiteOut { act: "delete", path, reason }),
            Step::Owner => self.say(&cannot_set("owner")),
            Step::Flags => self.say(&cannot_set("flags")),
            Step::Mode => self.say(&cannot_set("mode")),
            Step::Times => self.say(&cannot_set("times")),
            _ => self.say(&Restoring::Warning { path, reason }),
        }
        self.end_if_full(errno);
    }

    /// A rebuild ends where the target takes no more, so that it can go on from there: what has no place in the tree is never made up for.
    fn end_if_full(&mut self, errno: i32) {
        if self.rebuilds() && is_full(errno) {
            self.over = Some(exit::STARTUP);
        }
    }

    /// Sums up what could not be set.
    pub(super) fn say_losses(&mut self) {
        if self.totals.devices > 0 {
            let (count, plural) = (self.totals.devices, if self.totals.devices == 1 { "" } else { "s" });
            self.say(&Restoring::Note(format_args!("left out: {count} device{plural}")));
        }
        if !self.losses.is_empty() && self.link.is_some() {
            let losses = self.losses;
            self.failed |= self.job.strict;
            let what = if self.compares() { "compared" } else { "restored" };
            self.say(&Restoring::Note(format_args!("not {what}: {losses}")));
        }
    }
}

/// Whether an error says that the target can take no more, whatever it is.
pub(super) fn is_full(errno: i32) -> bool {
    [libc::ENOSPC, libc::EDQUOT, libc::EIO, libc::EROFS, libc::ENXIO].contains(&errno)
}

/// Whether the file system has no such thing.
pub(super) fn is_unsupported(errno: i32) -> bool {
    errno == libc::ENOTSUP || errno == libc::EOPNOTSUPP
}

fn reason(errno: i32) -> String {
    strerror(&std::io::Error::from_raw_os_error(errno))
}
