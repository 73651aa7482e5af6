// SPDX-License-Identifier: BSD-2-Clause
//! What the options of caprestore's own change: what is left out, and where results go.

use std::collections::HashSet;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::exit;
use crate::operator::{Restored, Restoring};
use crate::restore::exclude::{Unfit, excluded};
use crate::restore::extraction;
use crate::restore::session::Session;
use crate::restore::tree::{Tree, canonical};
use crate::restore::wire::About;
use dumpstream::reading::Names;
use dumpstream::{Block, InodeFields, TP_BSIZE};
use ufs::FileType;

/// No owner, for chown(2).
pub const NO_OWNER: u32 = u32::MAX;

/// `S_ISUID` and `S_ISGID`.
const SETID: u16 = 0o6000;

impl Session<'_> {
    /// Takes out of the tree what is excluded. False: a pattern is wrong, which has been reported.
    pub(super) fn exclude(&mut self, tree: &mut Tree, names: &Names) -> bool {
        let mut all = HashSet::new();
        for pattern in &self.job.excluded {
            match excluded(tree, names, pattern.as_bytes()) {
                Ok(inodes) => all.extend(inodes),
                Err(Unfit::Absent) => {
                    self.refuse(&Restoring::NotOnTape(&canonical(pattern.as_bytes())));
                    return false;
                }
                Err(Unfit::Root) => {
                    self.refuse(&Restoring::Note(format_args!("the root of the dump cannot be excluded")));
                    return false;
                }
            }
        }
        tree.exclude(names, &all);
        true
    }

    /// What is set of an inode.
    pub(super) fn about(&self, inode: &InodeFields) -> About {
        let mut about = extraction::about(inode);
        if !self.job.owners {
            (about.uid, about.gid) = (NO_OWNER, NO_OWNER);
        }
        // A program that runs as its owner must not do so as another one.
        if !self.job.owners || !self.job.setuid {
            about.mode &= !SETID;
        }
        about
    }

    /// Whether standard output takes nothing but results for programs.
    pub(super) fn has_results(&self) -> bool {
        self.job.to_stdout || self.job.json
    }

    /// Prints a line on standard output, or with the messages if that takes something else.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        match self.has_results() {
            true => self.operator.tell(&Restoring::Note(text)),
            false => self.lines.line(text),
        }
    }

    /// A tape block of a file goes to standard output (`--to-stdout`), with zeros for what is not on the dump before it.
    pub(super) fn write_out(&mut self, block: &Block) {
        let Some(current) = &mut self.current else { return };
        let Some(offset) = current.extent.position().checked_mul(TP_BSIZE as u64) else { return };
        let size = current.inode.size;
        if FileType::of(current.inode.mode) != FileType::Regular || offset >= size {
            return;
        }
        let length = (size - offset).min(TP_BSIZE as u64);
        self.lines.zeros(offset.saturating_sub(current.written));
        self.lines.bytes(&block[..length as usize]);
        current.written = offset + length;
    }

    /// Notes what could not be restored, with `--json`.
    pub(super) fn note_failure(&mut self, path: &[u8], text: &str) {
        if self.job.json {
            self.totals.failures += 1;
            self.lines.write(|results| results.failure(path, text));
        }
    }

    /// The last line of `-x`, `-r` and `-R` with `--json`.
    pub(super) fn sum_up(&mut self, code: u8) {
        let (totals, losses) = (self.totals, self.losses);
        let restored = Restored {
            is_good: code == exit::DONE,
            files: totals.files,
            bytes: totals.bytes,
            failures: totals.failures,
            attributes: losses.attributes,
            flags: losses.flags,
            whiteouts: losses.whiteouts,
            devices: totals.devices,
        };
        self.lines.write(|results| results.restored(&restored));
    }
}

/// Counts for the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files that were taken from the dump, directories not among them.
    pub files: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
    /// Lines about what could not be restored.
    pub failures: u64,
    /// Devices that were left out.
    pub devices: u64,
}
