// SPDX-License-Identifier: BSD-2-Clause
//! What the writer has changed is on disk before the state of a chain says so.
//!
//! On Linux that is one syncfs(2) when the state is committed. FreeBSD has no such call: sync(2) begins to write all, and fsync(2) waits for
//! each file and directory. By then most of it is on disk, so that it costs a fraction of an fsync(2) after each file.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::os::output;
use crate::os::tree;
use crate::restore::directories::Directories;
use crate::restore::wire::DirectoryId;

/// Files that are kept open until they have been waited for.
const MOST_FILES: usize = 200;

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE))
}

/// What is to be waited for.
#[derive(Default)]
pub struct Durable {
    begun: bool,
    changed: bool,
    files: Vec<OwnedFd>,
    directories: HashSet<DirectoryId>,
    /// The first that could not be waited for.
    error: Option<io::Error>,
}

impl Durable {
    /// A file is complete: it is closed, or kept until it is waited for if it `waits`. Errors: those of close(2).
    pub fn file(&mut self, fd: OwnedFd, waits: bool) -> io::Result<()> {
        self.changed = true;
        if tree::SYNCS_AT_ONCE || !waits {
            return tree::close(fd);
        }
        self.files.push(fd);
        if self.files.len() >= MOST_FILES {
            let begun = tree::sync_file_system(self.files[0].as_fd()).map(drop);
            self.note(begun);
            self.wait_for_files();
        }
        Ok(())
    }

    /// Names in a directory, or its attributes, have changed.
    pub fn directory(&mut self, id: DirectoryId) {
        self.changed = true;
        if !tree::SYNCS_AT_ONCE {
            self.directories.insert(id);
        }
    }

    fn note(&mut self, waited: io::Result<()>) {
        if let Err(error) = waited {
            self.error.get_or_insert(error);
        }
    }

    fn wait_for_files(&mut self) {
        for fd in std::mem::take(&mut self.files) {
            let waited = output::sync(fd.as_fd());
            self.note(waited);
            self.note(tree::close(fd));
        }
    }

    /// Waits until all is on disk. Errors: the first thing that is not, also of what was waited for before.
    pub fn wait(&mut self, directories: &mut Directories) -> io::Result<()> {
        if tree::SYNCS_AT_ONCE && !self.begun && !self.changed {
            // The first sync reports errors of earlier writes. Those are not of this restore: what an interrupted one has written, and was
            // not on disk when its state was, is written again.
            _ = tree::sync_file_system(directories.target());
        }
        self.begun = true;
        if std::mem::take(&mut self.changed) && !tree::sync_file_system(directories.target())? {
            self.wait_for_files();
            for id in std::mem::take(&mut self.directories) {
                let waited = match directories.get(id) {
                    Ok(fd) => output::sync(fd),
                    // It is gone; the one above it is waited for, too.
                    Err(error) if is_gone(&error) => Ok(()),
                    Err(error) => Err(error),
                };
                self.note(waited);
            }
        }
        self.error.take().map_or(Ok(()), Err)
    }
}
