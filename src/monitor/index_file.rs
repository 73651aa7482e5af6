// SPDX-License-Identifier: BSD-2-Clause
//! The file that an index is written to: made under its unfinished name (see `index_names`) and locked, and written by the planner.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::encrypt;
use crate::encrypt::Sealer;
use crate::job::{Names, Output};
use crate::monitor::commands::Commands;
use crate::monitor::index_names::IndexNames;
use crate::os::errno::strerror;
use crate::os::shared;
use crate::os::shared::Lock;
use crate::os::{disk, output};
use dumpstream::index;

/// Bytes that are written at once.
const AT_ONCE: usize = 1 << 16;

/// Why an index cannot be made.
#[derive(Debug)]
pub enum Unmade {
    /// A system call failed.
    System(io::Error),
    /// A volume of the dump has this name.
    IsOutput,
    /// Another dump writes it.
    InUse,
    /// What there is is no regular file.
    NotRegular,
    /// What there is is neither an index nor empty.
    NotIndex,
}

impl From<io::Error> for Unmade {
    fn from(error: io::Error) -> Unmade {
        Unmade::System(error)
    }
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unmade::System(error) => return f.write_str(&strerror(error)),
            Unmade::IsOutput => "it is an output of the dump",
            Unmade::InUse => "it is being written by another dump",
            Unmade::NotRegular => "not a regular file",
            Unmade::NotIndex => "exists and is not an index file",
        })
    }
}

/// Why an index was not written.
#[derive(Debug)]
pub enum Unwritten<E> {
    /// A system call failed.
    System(io::Error),
    /// The caller ended the writing.
    Ended(E),
}

/// An index that is being written.
pub struct IndexFile {
    fd: OwnedFd,
    names: IndexNames,
    /// The index to be replaced, locked against other dumps.
    before: Option<File>,
}

/// An index that is to be made.
pub struct IndexPlan {
    names: IndexNames,
    before: Option<File>,
    permissions: Option<fs::Permissions>,
}

impl IndexPlan {
    /// Looks where an index goes to, and makes nothing.
    ///
    /// Errors: there is something else than an index, or it is an output of the dump, or those of open(2).
    pub fn new(name: &Path, output: &Output) -> Result<IndexPlan, Unmade> {
        let name = whole(name)?;
        if goes_to(output, &name) {
            return Err(Unmade::IsOutput);
        }
        let before = match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&name) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let permissions = before.as_ref().map(replaceable).transpose()?;
        let mut unfinished = name.clone().into_os_string();
        unfinished.push(format!(".{}", std::process::id()));
        let id = |file: &File| disk::identity(file.as_fd());
        let replaced = before.as_ref().map(id).transpose()?;
        let names = IndexNames { name, unfinished: unfinished.into(), made: None, replaced };
        Ok(IndexPlan { names, before, permissions })
    }

    /// Its names.
    pub fn names(&self) -> &IndexNames {
        &self.names
    }

    /// Makes the file, empty, with the permissions of the one that it will take the place of. `commands`, which was started for it, removes
    /// it when this process is killed.
    ///
    /// Errors: those of open(2), or it is being written by another dump.
    pub fn make(self, commands: &Commands) -> Result<IndexFile, Unmade> {
        let IndexPlan { mut names, before, permissions } = self;
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&names.unfinished);
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                commands.made(None)?;
                return Err(error.into());
            }
        };
        names.made = Some(disk::identity(file.as_fd())?);
        let index = IndexFile { fd: file.into(), names, before };
        // Who removes it otherwise may have been killed.
        index.ready(permissions, commands).inspect_err(|_| index.names.discard())?;
        Ok(index)
    }
}

impl IndexFile {
    /// What [`IndexPlan::make`] does with the file that it has made.
    fn ready(&self, permissions: Option<fs::Permissions>, commands: &Commands) -> Result<(), Unmade> {
        commands.made(self.names.made)?;
        if let Some(permissions) = permissions {
            File::from(self.fd.try_clone()?).set_permissions(permissions)?;
        }
        if self.is_written_by_another() { Err(Unmade::InUse) } else { Ok(()) }
    }

    /// Whether another dump writes an index of the same name: both lock their unfinished files, and the one that they replace.
    fn is_written_by_another(&self) -> bool {
        let is_taken = |fd: BorrowedFd<'_>| shared::try_lock(fd, Lock::Exclusive).is_ok_and(|free| !free);
        let IndexNames { name, unfinished, .. } = &self.names;
        if self.before.iter().any(|before| is_taken(before.as_fd())) || is_taken(self.fd.as_fd()) {
            return true;
        }
        let (Some(above), Some(base)) = (name.parent(), name.file_name()) else { return false };
        let others = fs::read_dir(above).into_iter().flatten().flatten().filter(|entry| {
            let file = entry.file_name();
            let digits =
                file.as_bytes().strip_prefix(base.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
            digits.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        });
        others.map(|entry| entry.path()).filter(|path| path != unfinished).any(|path| {
            let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
            let file = File::options().read(true).custom_flags(flags).open(path);
            file.is_ok_and(|file| is_taken(file.as_fd()))
        })
    }

    /// The descriptor, whose rights are to be limited.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its names.
    pub fn names(&self) -> &IndexNames {
        &self.names
    }

    /// Writes the index: the lines of `walk`, encrypted if there is a sealer. `look_up` is called now and then, and an error of it ends the
    /// writing.
    ///
    /// Gives the number of lines.
    pub fn write<E>(
        &self,
        head: &index::Head,
        walk: &mut index::Walk<'_>,
        sealer: Option<(Sealer, Vec<u8>)>,
        mut look_up: impl FnMut() -> Result<(), E>,
    ) -> Result<u64, Unwritten<E>> {
        let (mut sealer, header) = sealer.unzip();
        self.put(&header.unwrap_or_default()).map_err(Unwritten::System)?;
        let mut text = head.print();
        let mut lines = 0;
        while let Some(line) = walk.next_line() {
            line.print(&mut text);
            lines += 1;
            if text.len() >= AT_ONCE {
                look_up().map_err(Unwritten::Ended)?;
                let out = match &mut sealer {
                    Some(sealer) => sealer.whole(&mut text),
                    None => std::mem::take(&mut text),
                };
                self.put(&out).map_err(Unwritten::System)?;
            }
        }
        let out = match sealer {
            Some(sealer) => sealer.end(&mut text),
            None => text,
        };
        self.put(&out).and_then(|()| output::fsync(self.fd.as_fd())).map_err(Unwritten::System)?;
        Ok(lines)
    }

    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match output::write(self.fd.as_fd(), rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                wrote => rest = &rest[wrote..],
            }
        }
        Ok(())
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
fn replaceable(mut file: &File) -> Result<fs::Permissions, Unmade> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(Unmade::NotRegular);
    }
    let mut start = Vec::new();
    file.by_ref().take(agefile::MOST_HEADER as u64).read_to_end(&mut start)?;
    if start.is_empty() || start.starts_with(index::WORD) || encrypt::is_index(&start) {
        return Ok(meta.permissions());
    }
    Err(Unmade::NotIndex)
}
