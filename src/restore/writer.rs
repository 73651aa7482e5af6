// SPDX-License-Identifier: BSD-2-Clause
//! The writer: the process that writes the target. It holds the target's directory and its socket, and does what the reader asks, after it
//! has checked it; the reader may be anything.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::exit;
use crate::os::arena::Arena;
use crate::os::socket::send_frame;
use crate::os::tree::{self, Attribute, Kind};
use crate::restore::describe::Old;
use crate::restore::directories::{Directories, is_name, refused};
use crate::restore::durable::Durable;
use crate::restore::lane::next_batch;
use crate::restore::state::{STATE, STATE_NEW};
use crate::restore::wire::{
    About, DirectoryId, Failure, InWay, MOST_FAILURES, Operation, Place, Step, Tag, Take, done,
};
use crate::sandbox::{self, DescriptorKind};

/// Type bits of a mode, and those of the types that are made (sys/stat.h).
const S_IFMT: u16 = 0o170_000;
const S_IFIFO: u16 = 0o010_000;
const S_IFCHR: u16 = 0o020_000;
const S_IFBLK: u16 = 0o060_000;

/// The file that is being written.
struct File {
    tag: Tag,
    fd: OwnedFd,
    /// The directory that it is in.
    dir: DirectoryId,
    /// Where the data ends so far.
    end: u64,
    failed: bool,
}

/// The state of a chain that is being written beside the last one.
#[derive(Default)]
struct NewState {
    fd: Option<OwnedFd>,
    /// Bytes so far.
    end: u64,
    /// Why it cannot take the place of the last one.
    error: Option<io::Error>,
}

/// The writer.
pub struct Writer {
    pub(super) directories: Directories,
    file: Option<File>,
    /// Attributes for the file or directory that is finished next.
    pub(super) attributes: Vec<Attribute>,
    state: NewState,
    durable: Durable,
    /// A step failed that the following ones build on: nothing more is done.
    halted: bool,
    failures: Vec<Failure>,
    pub(super) is_root: bool,
    /// All that is in the target is the dump's: what is there must not keep it from being changed.
    pub(super) rebuilds: bool,
}

/// Writes below `target` until the reader is gone; gives the exit code, 0 when all that came was in order. If it `rebuilds`, the target
/// belongs to the dump. Errors: why the process cannot enter its sandbox.
pub fn run(target: OwnedFd, socket: &OwnedFd, arena: &Arena, rebuilds: bool) -> Result<u8, sandbox::Error> {
    crate::dump::limits::standard_streams(DescriptorKind::Stdio)?;
    sandbox::limit(target.as_fd(), DescriptorKind::Target)?;
    sandbox::limit(socket.as_fd(), DescriptorKind::RingSocket)?;
    let entered = sandbox::enter_beneath(sandbox::Role::Writer, target.as_fd())?;
    sandbox::assert_entered(&entered)?;
    Ok(match Writer::new(target, rebuilds).serve(socket.as_fd(), arena) {
        Ok(()) => exit::DONE,
        Err(_) => exit::STARTUP,
    })
}

impl Writer {
    /// Before the first operation.
    pub fn new(target: OwnedFd, rebuilds: bool) -> Writer {
        Writer {
            directories: Directories::new(target),
            file: None,
            attributes: Vec::new(),
            state: NewState::default(),
            durable: Durable::default(),
            halted: false,
            failures: Vec::new(),
            is_root: tree::is_root(),
            rebuilds,
        }
    }

    /// Does what is in `bytes`; gives what failed. Errors: it is no operation, or makes no sense.
    pub fn batch(&mut self, bytes: &[u8]) -> io::Result<Vec<Failure>> {
        let mut take = Take(bytes);
        while !take.0.is_empty() {
            let operation = Operation::decode(&mut take).ok_or_else(refused)?;
            self.operate(operation, &mut take)?;
        }
        Ok(std::mem::take(&mut self.failures))
    }

    /// Errors: the reader has sent what is no operation.
    fn serve(&mut self, socket: BorrowedFd<'_>, arena: &Arena) -> io::Result<()> {
        while let Some(batch) = next_batch(socket, arena)? {
            let failures = self.batch(batch)?;
            let mut parts = failures.chunks(MOST_FAILURES).peekable();
            loop {
                let part = parts.next().unwrap_or(&[]);
                let more = parts.peek().is_some();
                send_frame(socket, &done(more, part), None)?;
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, tag: Tag, step: Step, result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.failures.push(Failure { tag, step, errno });
                false
            }
        }
    }

    /// Does one operation. Errors: it makes no sense, so that the reader is not ours.
    fn operate(&mut self, operation: Operation, take: &mut Take<'_>) -> io::Result<()> {
        match operation {
            Operation::Data(_, length) if self.halted => {
                _ = take.part(length as usize).ok_or_else(refused)?
            }
            Operation::CommitState(tag) if self.halted => {
                self.fail(tag, Step::State, Err(io::Error::from_raw_os_error(libc::ECANCELED)));
            }
            _ if self.halted => {}
            Operation::Directory(id, place) => self.directories.add(id, place.dir, &place.name)?,
            Operation::MakeDirectory(tag, id, place) => {
                self.directories.add(id, place.dir, &place.name)?;
                let made = self.at(&place, |dir, name| tree::make_directory(dir, name, 0o700));
                self.fail(tag, Step::MakeDirectory, made);
            }
            Operation::File(tag, place, way) => {
                self.settle();
                let created = self.create(&place, way);
                match created {
                    Ok(fd) => self.file = Some(File { tag, fd, dir: place.dir, end: 0, failed: false }),
                    Err(error) => _ = self.fail(tag, Step::Create, Err(error)),
                }
            }
            Operation::Data(offset, length) => {
                let bytes = take.part(length as usize).ok_or_else(refused)?;
                self.data(offset, bytes);
            }
            Operation::Attribute(attribute) => self.attributes.push(attribute),
            Operation::Finish(size, about) => self.finish(size, &about),
            Operation::Symlink(tag, place, text, about, way) => {
                self.settle();
                let made = self
                    .clear_way(&place, way)
                    .and_then(|()| self.at(&place, |dir, name| tree::make_link(&text, dir, name)));
                if self.fail(tag, Step::Symlink, made) {
                    self.describe_name(tag, &place, &about);
                }
                self.attributes.clear();
            }
            Operation::Node(tag, place, rdev, about, way) => self.node(tag, &place, rdev, &about, way)?,
            Operation::Link(tag, from, to, way) => {
                self.settle();
                let linked = self.clear_way(&to, way).and_then(|()| self.link(&from, &to));
                self.fail(tag, Step::Link, linked);
            }
            Operation::FinishDirectory(tag, id, about) => self.finish_directory(tag, id, &about),
            Operation::Remove(tag, place) => {
                let removed = unless_absent(self.at(&place, tree::remove));
                self.fail(tag, Step::Remove, removed);
            }
            Operation::RemoveDirectory(tag, place) => {
                let removed = unless_absent(self.at(&place, tree::remove_directory));
                self.fail(tag, Step::RemoveDirectory, removed);
            }
            Operation::Rename(tag, from, to, id) => {
                let renamed = self.rename(&from, &to);
                self.halted = renamed.as_ref().is_err_and(|error| !is(error, libc::ENOENT));
                if self.fail(tag, Step::Rename, renamed)
                    && let Some(id) = id
                {
                    self.directories.moved(id, to.dir, &to.name)?;
                }
            }
            Operation::Moved(id, place) => self.directories.moved(id, place.dir, &place.name)?,
            Operation::Sync(tag) => {
                let waited = self.durable.wait(&mut self.directories);
                self.fail(tag, Step::State, waited);
            }
            Operation::Whiteout(tag, place) => {
                let made = self.at(&place, tree::make_whiteout);
                self.fail(tag, Step::Whiteout, made);
            }
            Operation::RemoveWhiteout(tag, place) => {
                let removed = match self.at(&place, tree::remove_whiteout) {
                    Err(error) if is(&error, libc::EEXIST) => Ok(()),
                    removed => removed,
                };
                self.fail(tag, Step::RemoveWhiteout, removed);
            }
            Operation::State(bytes) => self.write_state(&bytes),
            Operation::CommitState(tag) => {
                let committed = self.commit_state();
                self.fail(tag, Step::State, committed);
            }
            Operation::MakeOnly(tag, place) => {
                let made = self.at(&place, |dir, name| match tree::make_directory(dir, name, 0o700) {
                    Err(error) if is(&error, libc::EEXIST) => match tree::kind(dir, name)? {
                        Kind::Directory => Ok(()),
                        _ => Err(error),
                    },
                    made => made,
                });
                self.halted = made.is_err();
                self.fail(tag, Step::MakeDirectory, made);
            }
        }
        Ok(())
    }

    /// Does something to a name in a directory, after both have been checked.
    pub(super) fn at<T>(
        &mut self,
        place: &Place,
        act: impl Fn(BorrowedFd<'_>, &[u8]) -> io::Result<T>,
    ) -> io::Result<T> {
        if !is_name(&place.name) {
            return Err(refused());
        }
        self.durable.directory(place.dir);
        match act(self.directories.get(place.dir)?, &place.name) {
            Err(error) if is(&error, libc::EPERM) && self.unlock(place) => {
                act(self.directories.get(place.dir)?, &place.name)
            }
            done => done,
        }
    }

    /// Does something to two names.
    fn between(
        &mut self,
        from: &Place,
        to: &Place,
        act: impl Fn(BorrowedFd<'_>, &[u8], BorrowedFd<'_>, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if !is_name(&from.name) || !is_name(&to.name) {
            return Err(refused());
        }
        self.durable.directory(from.dir);
        self.durable.directory(to.dir);
        // The second may close the first.
        let first = self.directories.get(from.dir)?.try_clone_to_owned()?;
        act(first.as_fd(), &from.name, self.directories.get(to.dir)?, &to.name)
    }

    /// When a tree is rebuilt, takes away the flags of a name and its directory that keep both from being changed: they get those of the dump
    /// later. False: there were none.
    fn unlock(&mut self, place: &Place) -> bool {
        if !self.rebuilds {
            return false;
        }
        let Ok(dir) = self.directories.get(place.dir) else { return false };
        let dir_had = tree::unlock(dir).is_ok_and(|had| had.is_some());
        let name_had = tree::unlock_name(dir, &place.name).is_ok_and(|had| had.is_some());
        dir_had || name_had
    }

    /// Makes a further name. Flags that forbid it are taken away and set again, as restore does.
    fn link(&mut self, from: &Place, to: &Place) -> io::Result<()> {
        match self.between(from, to, link) {
            Err(error) if is(&error, libc::EPERM) => {
                let had = self.at(from, tree::unlock_name)?;
                if !self.unlock(to) && had.is_none() {
                    return Err(error);
                }
                let linked = self.between(from, to, link);
                if let Some(flags) = had {
                    self.at(from, |dir, name| tree::set_flags_of(dir, name, flags))?;
                }
                linked
            }
            linked => linked,
        }
    }

    /// Renames; that it has been done is no error.
    fn rename(&mut self, from: &Place, to: &Place) -> io::Result<()> {
        let renamed = match self.between(from, to, tree::rename) {
            Err(error) if is(&error, libc::EPERM) && (self.unlock(from) | self.unlock(to)) => {
                self.between(from, to, tree::rename)
            }
            renamed => renamed,
        };
        match renamed {
            Err(error) if is(&error, libc::ENOENT) => {
                let is_gone = match self.at(from, tree::kind) {
                    Err(error) => is(&error, libc::ENOENT),
                    Ok(_) => false,
                };
                let is_done = is_gone && self.at(to, tree::kind).is_ok();
                if is_done { Ok(()) } else { Err(error) }
            }
            renamed => renamed,
        }
    }

    /// Removes what has the name, where that is asked for; a directory stays, and is found when the name is made.
    ///
    /// Errors: those of the file system. What is not permitted is an error of what is made, too.
    fn clear_way(&mut self, place: &Place, way: InWay) -> io::Result<()> {
        if way == InWay::Replace {
            return Ok(());
        }
        match self.at(place, tree::remove) {
            Err(error) if [libc::EISDIR, libc::EPERM].iter().any(|errno| is(&error, *errno)) => Ok(()),
            removed => unless_absent(removed),
        }
    }

    /// Makes a new file. One that is there is removed, never written into: it may have other names, anywhere.
    fn create(&mut self, place: &Place, way: InWay) -> io::Result<OwnedFd> {
        self.clear_way(place, way)?;
        self.at(place, |dir, name| match tree::create(dir, name, 0o600) {
            Err(error) if is(&error, libc::EEXIST) => match tree::kind(dir, name)? {
                Kind::Regular => tree::remove(dir, name).and_then(|()| tree::create(dir, name, 0o600)),
                Kind::Directory => Err(io::Error::from_raw_os_error(libc::EISDIR)),
                Kind::Link => Err(io::Error::from_raw_os_error(libc::ELOOP)),
                Kind::Other => Err(error),
            },
            created => created,
        })
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) {
        let Some(file) = self.file.as_mut().filter(|file| !file.failed) else { return };
        let written = tree::write_at(file.fd.as_fd(), bytes, offset);
        file.end = file.end.max(offset.saturating_add(bytes.len() as u64));
        file.failed = written.is_err();
        let tag = file.tag;
        self.fail(tag, Step::Write, written);
    }

    /// A file that was begun and not finished is left as it is.
    fn settle(&mut self) {
        self.file = None;
    }

    fn finish(&mut self, size: u64, about: &About) {
        let attributes = std::mem::take(&mut self.attributes);
        let Some(file) = self.file.take() else { return };
        if file.end != size && !file.failed {
            let cut = crate::os::output::ftruncate(file.fd.as_fd(), size);
            self.fail(file.tag, Step::Write, cut);
        }
        let old = if self.directories.bequeaths(file.dir) { Old::Acls } else { Old::Nothing };
        self.describe(file.tag, file.fd.as_fd(), about, &attributes, old);
        let closed = self.durable.file(file.fd, self.rebuilds);
        if !file.failed {
            self.fail(file.tag, Step::Write, closed);
        }
    }

    fn node(&mut self, tag: Tag, place: &Place, rdev: u32, about: &About, way: InWay) -> io::Result<()> {
        self.settle();
        let (step, rdev) = match about.mode & S_IFMT {
            S_IFIFO => (Step::Fifo, None),
            S_IFCHR | S_IFBLK => (Step::Special, Some(rdev)),
            _ => return Err(refused()),
        };
        let made = self
            .clear_way(place, way)
            .and_then(|()| self.at(place, |dir, name| tree::make_node(dir, name, about.mode, rdev)));
        if self.fail(tag, step, made) {
            self.describe_name(tag, place, about);
        }
        self.attributes.clear();
        Ok(())
    }

    fn write_state(&mut self, bytes: &[u8]) {
        let (target, state) = (self.directories.target(), &mut self.state);
        if state.error.is_some() {
            return;
        }
        let fd = match state.fd.take() {
            Some(fd) => Ok(fd),
            None => {
                _ = tree::remove(target, STATE_NEW);
                tree::create(target, STATE_NEW, 0o600)
            }
        };
        let written = fd.and_then(|fd| {
            tree::write_at(fd.as_fd(), bytes, state.end)?;
            state.fd = Some(fd);
            Ok(())
        });
        state.end += bytes.len() as u64;
        state.error = written.err();
    }

    fn commit_state(&mut self) -> io::Result<()> {
        let NewState { fd, error, .. } = std::mem::take(&mut self.state);
        error.map_or(Ok(()), Err)?;
        let fd = fd.ok_or_else(refused)?;
        crate::os::output::fsync(fd.as_fd())?;
        tree::close(fd)?;
        let target = self.directories.target();
        tree::rename(target, STATE_NEW, target, STATE)?;
        crate::os::output::sync(target)
    }
}

pub(super) fn is(error: &io::Error, errno: i32) -> bool {
    error.raw_os_error() == Some(errno)
}

/// What is not there need not be removed.
fn unless_absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if is(&error, libc::ENOENT) => Ok(()),
        removed => removed,
    }
}

/// Makes a further name; that the file has it is no error.
fn link(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    match tree::hard_link(from, old, to, new) {
        Err(error) if is(&error, libc::EEXIST) => match tree::is_same(from, old, to, new)? {
            true => Ok(()),
            false => Err(error),
        },
        linked => linked,
    }
}
