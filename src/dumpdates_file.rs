// SPDX-License-Identifier: BSD-2-Clause
//! The dumpdates file: read before the sandbox is entered, and written when the dump is safely on the medium.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dumpstream::escape;

use crate::dumpdates;
use crate::dumpdates::{Change, Dumpdates, Entry, MAX_FILE};
use crate::exit;
use crate::exit::Refused;
use crate::job::{Job, Since};
use crate::operator::{FilesMessage, Operator, Remark, StopMessage};
use crate::os::errno::strerror;
use crate::os::identity::{Identity, of_path};
use crate::os::shared;
use crate::os::shared::{Access, Lock};
use crate::os::{disk, output, time};

/// Maximum number of malformed lines that are reported.
const MOST_TOLD: usize = 10;

/// The dump that this one builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its level; none when a date was given.
    pub level: Option<i32>,
    /// Its date in seconds since 1970; 0 when there is none.
    pub date: i64,
}

/// Why a dump was not entered.
#[derive(Debug)]
pub enum Unwritten {
    /// A system call failed.
    System(io::Error),
    /// The file was removed or replaced while the dump ran.
    Removed,
    /// It has become larger than [`MAX_FILE`].
    TooLarge,
    /// The first error was met in changing it, the second in putting back what was there.
    Damaged(io::Error, io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Unwritten {
        Unwritten::System(error)
    }
}

/// The dumpdates file, open, and what will be written to it.
pub struct Record {
    fd: OwnedFd,
    /// Not so for `/dev/null` and the like: they are neither cut nor synced.
    regular: bool,
    entry: Entry,
}

/// Looks up the dump that this one of `name` builds on, and opens the file for `-u` if this dump is to be recorded with
/// its `date`. Anything that would prevent writing it later is reported now, before hours of work.
pub fn open(
    job: &Job,
    name: &OsStr,
    date: i64,
    operator: &mut Operator,
) -> Result<(Base, Option<Record>), Refused> {
    let path = &job.dumpdates;
    let update = job.update_dumpdates && !job.estimate_only;
    let base = match job.since {
        Since::Date(date) => Some(Base { level: None, date }),
        Since::Dumpdates => (job.rsync_friendly > 0).then_some(Base { level: Some(0), date: 0 }),
    };
    if update {
        dumpdates::check_name(name).map_err(|error| refuse(operator, FilesMessage::CannotRecord(&error)))?;
    } else if let Some(base) = base {
        return Ok((base, None));
    }
    let access = if update { Access::ReadAndWrite } else { Access::Read };
    let opened = open_or_make(path, access, operator).and_then(|fd| {
        let text = read_locked(fd.as_fd())?;
        let dumpdates = parse(&text)?;
        Ok((fd, dumpdates))
    });
    let (fd, dumpdates) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let reason = &strerror(&error);
            if update {
                let path = path.as_os_str();
                return Err(refuse(operator, FilesMessage::CannotRewriteDumpdates { path, reason }));
            }
            operator.say(FilesMessage::CannotReadDumpdates { path: path.as_os_str(), reason });
            return Ok((Base { level: Some(0), date: 0 }, None));
        }
    };
    let base = base.unwrap_or_else(|| {
        tell_unknown_lines(&dumpdates, path, operator);
        let newest = find_base(&dumpdates, name, job, operator);
        newest.map_or(Base { level: Some(0), date: 0 }, |e| Base { level: Some(e.level), date: e.date })
    });
    let entry = Entry { name: name.to_owned(), level: job.level, date };
    let regular = matches!(disk::kind(fd.as_fd()), Ok(disk::Kind::Regular));
    let record = update.then(|| Record { fd, regular, entry });
    Ok((base, record))
}

/// The dump that this one of `name` builds on: of that name or, if there is none, of another name of the same disk. A newer one of
/// another name is only reported: whoever names a disk in two ways may keep two sets of dumps of it.
fn find_base<'a>(
    dumpdates: &'a Dumpdates,
    name: &OsStr,
    job: &Job,
    operator: &mut Operator,
) -> Option<&'a Entry> {
    let named = dumpdates.newest_below(name, job.level);
    let mut same = SameDisk::new(name, job.partition.as_deref());
    let other = dumpdates.newest_among(job.level, |other| same.is(other));
    match (named, other) {
        (Some(named), Some(other)) if other.date > named.date => {
            let (other_name, level) = (escape::name(&other.name), other.level);
            operator.say(Remark(format_args!(
                "WARNING: {} has a newer level {level} dump of the same disk, {other_name}; not used as the base",
                job.dumpdates.display()
            )));
        }
        (None, Some(other)) => {
            let (name, other_name) = (escape::name(name), escape::name(&other.name));
            operator.say(Remark(format_args!(
                "{other_name} is the same disk as {name}: its last dump is the base"
            )));
            return Some(other);
        }
        _ => {}
    }
    named
}

/// Compares names in the dumpdates file with the disk that is dumped.
struct SameDisk<'a> {
    name: &'a OsStr,
    /// The end of the names of this partition.
    partition: String,
    disk: Vec<Identity>,
    /// Other names that were compared, and the result.
    known: HashMap<OsString, bool>,
}

impl SameDisk<'_> {
    fn new<'a>(name: &'a OsStr, partition: Option<&str>) -> SameDisk<'a> {
        let partition = partition.map_or_else(String::new, |partition| format!(":{partition}"));
        let mut found = SameDisk { name, partition, disk: Vec::new(), known: HashMap::new() };
        found.disk = found.identities(name).unwrap_or_default();
        found
    }

    fn identities(&self, name: &OsStr) -> Option<Vec<Identity>> {
        let path = name.as_bytes().strip_suffix(self.partition.as_bytes())?;
        // A name that is not of this directory alone.
        let path = Path::new(OsStr::from_bytes(path));
        path.is_absolute().then(|| of_path(path).ok().map(|object| object.same)).flatten()
    }

    /// Whether it is another name of the disk.
    fn is(&mut self, other: &OsStr) -> bool {
        if other == self.name || self.disk.is_empty() {
            return false;
        }
        if let Some(known) = self.known.get(other) {
            return *known;
        }
        let its = self.identities(other).unwrap_or_default();
        let same = its.iter().any(|one| self.disk.iter().any(|two| one.is(two)));
        self.known.insert(other.to_owned(), same);
        same
    }
}

/// Prints why the dump does not start, in the words with which dump aborts at its end.
fn refuse(operator: &mut Operator, message: FilesMessage<'_>) -> Refused {
    operator.say(message);
    operator.say(StopMessage::Aborted);
    Refused(exit::ABORTED)
}

/// Opens the file; makes one, and says so, if there is none.
fn open_or_make(path: &Path, access: Access, operator: &mut Operator) -> io::Result<OwnedFd> {
    match shared::open(path, access) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let name = path.as_os_str();
    operator.say(FilesMessage::NoDumpdates { path: name });
    if let Err(error) = shared::make(path) {
        operator.say(FilesMessage::CannotCreateDumpdates { path: name, reason: &strerror(&error) });
    }
    shared::open(path, access)
}

/// The text of the file, read under a lock.
fn read_locked(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    // As in dump, a file system that has no locks is no reason to stop.
    let locked = shared::lock(fd, Lock::Shared);
    let text = read(fd);
    if locked.is_ok() {
        shared::unlock(fd)?;
    }
    text
}

/// Everything from the start of the file on, up to one byte more than a dumpdates file may have.
fn read(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    // What has no places, as a pipe, is read from where it is.
    _ = output::seek(fd, 0);
    let mut text = vec![0; 4096];
    let mut length = 0;
    while length <= MAX_FILE {
        text.resize((2 * length).clamp(4096, MAX_FILE + 1), 0);
        match output::read(fd, &mut text[length..])? {
            0 => break,
            got => length += got,
        }
    }
    text.truncate(length);
    Ok(text)
}

fn parse(text: &[u8]) -> io::Result<Dumpdates> {
    Dumpdates::parse(text, time::parse_ctime).map_err(io::Error::other)
}

fn tell_unknown_lines(dumpdates: &Dumpdates, path: &Path, operator: &mut Operator) {
    let path = path.as_os_str();
    for line in dumpdates.unknown_lines().take(MOST_TOLD) {
        operator.say(FilesMessage::UnknownFormat { path, line });
    }
    let more = dumpdates.unknown_lines().skip(MOST_TOLD).count();
    if more > 0 {
        operator.say(Remark(format_args!(
            "Unknown intermediate format in {}, {more} more lines",
            path.display()
        )));
    }
}

/// All dumps of the file at `path`, for `-W` and `-w`; none, and a warning, if it cannot be read.
pub fn all(path: &Path, operator: &mut Operator) -> Dumpdates {
    let opened = open_or_make(path, Access::Read, operator);
    match opened.and_then(|fd| read_locked(fd.as_fd())).and_then(|text| parse(&text)) {
        Ok(dumpdates) => {
            tell_unknown_lines(&dumpdates, path, operator);
            dumpdates
        }
        Err(error) => {
            let reason = &strerror(&error);
            operator.say(FilesMessage::CannotReadDumpdates { path: path.as_os_str(), reason });
            Dumpdates::default()
        }
    }
}

impl Record {
    /// The file's descriptor, whose rights are to be limited.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Writes the dump to the file, which is locked, and unlocks it. To be called when it is safe on its media and no sooner: the next
    /// dump leaves out what this one has.
    ///
    /// Errors: the file is as it was before, unless [`Unwritten::Damaged`].
    pub fn write(&self) -> Result<(), Unwritten> {
        let written = self.write_locked();
        // The lock goes with the process, if not now.
        _ = shared::unlock(self.fd.as_fd());
        written
    }

    /// Locks the file if no other program has locked it; returns whether it did.
    pub fn try_lock(&self) -> bool {
        shared::try_lock(self.fd.as_fd(), Lock::Exclusive).unwrap_or(true)
    }

    fn write_locked(&self) -> Result<(), Unwritten> {
        let fd = self.fd.as_fd();
        if !shared::has_name(fd)? {
            return Err(Unwritten::Removed);
        }
        // Others may have written since the start.
        let old = read(fd)?;
        let mut dumpdates = Dumpdates::parse(&old, time::parse_ctime).map_err(|_| Unwritten::TooLarge)?;
        dumpdates.record(self.entry.clone(), time::ctime).map_err(io::Error::other)?;
        let change = dumpdates::change(&old, &dumpdates.text());
        self.apply(&old, &change)
    }

    /// Makes the change, or leaves `old`.
    fn apply(&self, old: &[u8], change: &Change) -> Result<(), Unwritten> {
        let fd = self.fd.as_fd();
        if !self.regular {
            return Ok(write_at(fd, change.at, &change.bytes)?);
        }
        let changed = write_at(fd, change.at, &change.bytes).and_then(|()| output::fsync(fd));
        let Err(error) = changed else { return Ok(()) };
        let end = old.len().min(change.at + change.bytes.len());
        let restored = write_at(fd, change.at, &old[change.at..end])
            .and_then(|()| output::ftruncate(fd, old.len() as u64))
            .and_then(|()| output::fsync(fd));
        Err(match restored {
            Ok(()) => Unwritten::System(error),
            Err(second) => Unwritten::Damaged(error, second),
        })
    }
}

/// Writes all of `bytes`: in one write(2), unless the disk gets full.
fn write_at(fd: BorrowedFd<'_>, at: usize, bytes: &[u8]) -> io::Result<()> {
    // What has no places is written to where it is.
    _ = output::seek(fd, at as u64);
    let mut rest = bytes;
    while !rest.is_empty() {
        match output::write(fd, rest)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            wrote => rest = &rest[wrote..],
        }
    }
    Ok(())
}
