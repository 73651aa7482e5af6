// SPDX-License-Identifier: BSD-2-Clause
//! The names of an index that is written: one of its own beside the one that it will have, which the monitor gives it when it is whole.
//! What was there before stays until then; what does not become whole is removed by the monitor, or by the supervisor (see `commands`)
//! when that was killed.
//!
//! The index gets its name before the dump is recorded. Until that is done the index that it replaces is kept under the unfinished
//! one's name, so that it can be put back; after a crash in between there is an index without a record, never a record whose index
//! is missing.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::os::rename;

/// The names that an index has.
#[derive(Clone, Debug)]
pub struct IndexNames {
    /// When it is whole.
    pub name: PathBuf,
    /// Until then.
    pub unfinished: PathBuf,
    /// The file that is written.
    pub(super) made: Option<FileId>,
    /// The index that had the name at the start.
    pub(super) replaced: Option<FileId>,
}

/// File system and inode.
pub type FileId = (u64, u64);

/// Why an index did not get its name.
#[derive(Debug)]
pub enum Unkept {
    /// A system call failed.
    System(io::Error),
    /// Another file has its name now.
    Replaced,
    /// Another file has its unfinished name now.
    UnfinishedReplaced,
}

impl From<io::Error> for Unkept {
    fn from(error: io::Error) -> Unkept {
        Unkept::System(error)
    }
}

impl IndexNames {
    /// Renames the complete index to its final name, unless another file has been given that name since the start.
    ///
    /// Errors: all is as it was, or the index has its name and the folder could not be synced.
    pub fn keep(&self) -> Result<(), Unkept> {
        let IndexNames { name, unfinished, made, replaced } = self;
        if Some(id_of(unfinished)?) != *made {
            return Err(Unkept::UnfinishedReplaced);
        }
        match id_of(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match rename::to_new(unfinished, name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(Unkept::Replaced),
                renamed => renamed?,
            },
            Err(error) => return Err(error.into()),
            Ok(id) if Some(id) != *replaced => return Err(Unkept::Replaced),
            Ok(_) => {
                rename::exchange(unfinished, name)?;
                // Where it could not be exchanged, nothing has the other name.
                if id_of(unfinished).is_ok_and(|id| Some(id) != *replaced) {
                    rename::exchange(unfinished, name)?;
                    return Err(Unkept::Replaced);
                }
            }
        }
        if Some(id_of(name)?) != *made {
            return Err(Unkept::Replaced);
        }
        Ok(self.sync()?)
    }

    /// Puts back what was there before the index got its name, if it did: the dump is not recorded.
    pub fn take_back(&self) -> io::Result<()> {
        let IndexNames { name, unfinished, made, replaced } = self;
        match id_of(name) {
            Ok(id) if Some(id) == *made => {}
            _ => return Ok(()),
        }
        match id_of(unfinished) {
            Ok(id) if Some(id) == *replaced => rename::exchange(unfinished, name)?,
            _ => fs::remove_file(name)?,
        }
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        let above = self.name.parent().unwrap_or(Path::new("/"));
        match File::open(above)?.sync_all() {
            // Not every file system can sync a folder.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            other => other,
        }
    }

    /// Removes what there is of it, or the index that it has replaced.
    pub fn discard(&self) {
        self.discard_file(self.made);
    }

    /// The same in a process that has the names from before the file was made. `made` is that file: nothing else is removed. None when
    /// its maker was gone before it could say.
    pub fn discard_file(&self, made: Option<FileId>) {
        let ours = id_of(&self.unfinished)
            .is_ok_and(|id| made.is_none_or(|made| id == made) || Some(id) == self.replaced);
        if ours {
            // What cannot be removed stays, under a name that says that it is not an index yet.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

/// What has that name; a link is not followed.
fn id_of(name: &Path) -> io::Result<FileId> {
    fs::symlink_metadata(name).map(|meta| (meta.dev(), meta.ino()))
}
