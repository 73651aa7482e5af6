// SPDX-License-Identifier: BSD-2-Clause
//! The file that an index is written to: made under a name of its own beside the one that it will have, and given that one by the
//! monitor when it is whole. What was there before stays until then; what does not become whole is removed (see `remover`).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::remover::Remover;
use crate::index;
use crate::job::{Names, Output};
use crate::os::errno::strerror;
use crate::os::output;

/// Bytes that are written at once.
const AT_ONCE: usize = 1 << 16;

/// The names that an index has.
#[derive(Clone, Debug)]
pub struct IndexNames {
    /// When it is whole.
    pub name: PathBuf,
    /// Until then.
    pub unfinished: PathBuf,
}

/// An index that is being written.
pub struct IndexFile {
    fd: OwnedFd,
    names: IndexNames,
    remover: Remover,
}

impl IndexFile {
    /// Makes the file, empty, with the permissions of the one that it will take the place of.
    ///
    /// Errors, one line: there is something else than an index, or the dump goes there, or those of open(2).
    pub fn make(name: &Path, output: &Output) -> Result<IndexFile, String> {
        let told = |error: io::Error| strerror(&error);
        let name = whole(name).map_err(told)?;
        if goes_to(output, &name) {
            return Err("the dump goes there".to_owned());
        }
        let before = match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&name) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(told(error)),
        };
        let permissions = match before {
            Some(file) => Some(replaceable(file)?),
            None => None,
        };
        let mut unfinished = name.clone().into_os_string();
        unfinished.push(format!(".{}", std::process::id()));
        let names = IndexNames { name, unfinished: unfinished.into() };
        let remover = Remover::start(&names).map_err(told)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&names.unfinished);
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                remover.dismiss();
                return Err(told(error));
            }
        };
        if let Some(permissions) = permissions {
            file.set_permissions(permissions).map_err(told)?;
        }
        Ok(IndexFile { fd: file.into(), names, remover })
    }

    /// The descriptor, whose rights are to be limited.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What removes the file when the planner is gone and it did not get its name.
    pub fn remover(&self) -> &Remover {
        &self.remover
    }

    /// Its names.
    pub fn names(&self) -> &IndexNames {
        &self.names
    }

    /// Writes the index: the lines of `walk`. `look_up` is called now and then, and an error of it ends the writing.
    ///
    /// Gives the number of lines. Errors: the outer one is that of `look_up`, the inner one that of writing.
    pub fn write<E>(
        &self,
        head: &index::Head,
        walk: &mut index::Walk<'_>,
        mut look_up: impl FnMut() -> Result<(), E>,
    ) -> Result<io::Result<u64>, E> {
        let mut text = head.print();
        let mut lines = 0;
        while let Some(line) = walk.next_line() {
            line.print(&mut text);
            lines += 1;
            if text.len() >= AT_ONCE {
                look_up()?;
                if let Err(error) = self.put(&mut text) {
                    return Ok(Err(error));
                }
            }
        }
        Ok(self.put(&mut text).and_then(|()| output::fsync(self.fd.as_fd())).map(|()| lines))
    }

    fn put(&self, text: &mut Vec<u8>) -> io::Result<()> {
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            match output::write(self.fd.as_fd(), rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                wrote => rest = &rest[wrote..],
            }
        }
        text.clear();
        Ok(())
    }
}

impl IndexNames {
    /// Gives the index, which is whole, its name, for good.
    ///
    /// Errors: those of rename(2) and fsync(2).
    pub fn keep(&self) -> io::Result<()> {
        fs::rename(&self.unfinished, &self.name)?;
        let above = self.name.parent().unwrap_or(Path::new("/"));
        match File::open(above)?.sync_all() {
            // Not every file system can sync a folder.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            other => other,
        }
    }

    /// Removes what there is of it.
    pub fn discard(&self) {
        // What cannot be removed stays, under a name that says that it is no index yet.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// The path with no link in it, as far as it exists.
fn whole(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = match path.parent() {
                Some(above) if !above.as_os_str().is_empty() => above,
                _ => Path::new("."),
            };
            let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
            Ok(fs::canonicalize(above)?.join(name))
        }
        other => other,
    }
}

/// Whether a volume of the dump has this name, which is [`whole`].
fn goes_to(output: &Output, name: &Path) -> bool {
    let is_it = |volume: &OsString| whole(Path::new(volume)).is_ok_and(|volume| volume == name);
    match output {
        Output::Names(Names::List(list)) => list.iter().any(is_it),
        Output::Names(Names::Numbered(base)) => {
            // The first volume's name has the form of all.
            let Ok(first) = whole(Path::new(&Names::Numbered(base.clone()).of(1))) else { return false };
            let (first, name) = (first.as_os_str().as_bytes(), name.as_os_str().as_bytes());
            let digits = name.strip_prefix(&first[..first.len() - 3]).unwrap_or(&[]);
            digits.len() >= 3 && digits.iter().all(u8::is_ascii_digit)
        }
        Output::Stdout | Output::Command(_) | Output::Remote(_) => false,
    }
}

/// The permissions of a file that an index may take the place of: another index, or an empty one. A disk, a dump or any other file
/// whose name went to the wrong option is not lost.
fn replaceable(mut file: File) -> Result<fs::Permissions, String> {
    let meta = file.metadata().map_err(|error| strerror(&error))?;
    if !meta.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut start = Vec::new();
    let read = file.by_ref().take(index::WORD.len() as u64).read_to_end(&mut start);
    read.map_err(|error| strerror(&error))?;
    if start.is_empty() || start == index::WORD {
        return Ok(meta.permissions());
    }
    Err("it is there, and is no index".to_owned())
}
