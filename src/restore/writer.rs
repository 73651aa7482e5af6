// SPDX-License-Identifier: BSD-2-Clause
//! The writer: the process that writes the target. It holds the target's directory and its socket, and does what the reader asks, after it
//! has checked it; the reader may be anything.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::exit;
use crate::os::arena::Arena;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::os::tree::{self, Kind, Space};
use crate::restore::directories::{Directories, is_name, refused};
use crate::restore::link::{SLOT, SLOTS};
use crate::restore::state::{STATE, STATE_NEW};
use crate::restore::wire::{
    About, Failure, InWay, MOST_FAILURES, Operation, Place, Step, TARGET, Tag, Take, decode_batch, done,
};
use crate::sandbox::{self, DescriptorKind};

/// Type bits of a mode, and those of the types that are made (sys/stat.h).
const S_IFMT: u16 = 0o170_000;
const S_IFIFO: u16 = 0o010_000;
const S_IFCHR: u16 = 0o020_000;
const S_IFBLK: u16 = 0o060_000;
/// `S_ISUID` and `S_ISGID`.
const SETID: u16 = 0o6000;

/// The file that is being written.
struct File {
    tag: Tag,
    fd: OwnedFd,
    /// Where the data ends so far.
    end: u64,
    failed: bool,
}

/// The writer's state.
struct Writer {
    directories: Directories,
    file: Option<File>,
    /// Attributes for the file or directory that is finished next.
    attributes: Vec<(Space, Vec<u8>, Vec<u8>)>,
    state: Option<OwnedFd>,
    state_end: u64,
    failures: Vec<Failure>,
    is_root: bool,
}

/// Writes below `target` until the reader is gone; gives the exit code, 0 when all that came was in order.
pub fn run(target: OwnedFd, socket: &OwnedFd, arena: &Arena) -> u8 {
    let entered = crate::dump::limits::standard_streams(DescriptorKind::Stdio)
        .and_then(|()| sandbox::limit(target.as_fd(), DescriptorKind::Target))
        .and_then(|()| sandbox::limit(socket.as_fd(), DescriptorKind::RingSocket))
        .and_then(|()| sandbox::enter_beneath(target.as_fd()))
        .and_then(|entered| sandbox::assert_entered(&entered));
    if entered.is_err() {
        return exit::STARTUP;
    }
    let mut writer = Writer {
        directories: Directories::new(target),
        file: None,
        attributes: Vec::new(),
        state: None,
        state_end: 0,
        failures: Vec::new(),
        is_root: tree::is_root(),
    };
    match writer.serve(socket.as_fd(), arena) {
        Ok(()) => exit::DONE,
        Err(_) => exit::STARTUP,
    }
}

impl Writer {
    /// Errors: the reader has sent what is no operation.
    fn serve(&mut self, socket: BorrowedFd<'_>, arena: &Arena) -> io::Result<()> {
        let mut bytes = [0; MAX_FRAME];
        loop {
            let received = match recv_frame(socket, &mut bytes) {
                Ok(Some(received)) => received,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            };
            let (slot, length) = decode_batch(&bytes[..received.len])
                .filter(|&(slot, length)| (slot as usize) < SLOTS && length as usize <= SLOT)
                .ok_or_else(refused)?;
            let start = slot as usize * SLOT;
            let mut take = Take(arena.slice(start..start + length as usize));
            while !take.0.is_empty() {
                let operation = Operation::decode(&mut take).ok_or_else(refused)?;
                self.operate(operation, &mut take)?;
            }
            let failures = std::mem::take(&mut self.failures);
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
    }

    fn fail(&mut self, tag: Tag, step: Step, result: io::Result<()>) -> bool {
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
                    Ok(fd) => self.file = Some(File { tag, fd, end: 0, failed: false }),
                    Err(error) => _ = self.fail(tag, Step::Create, Err(error)),
                }
            }
            Operation::Data(offset, length) => {
                let bytes = take.part(length as usize).ok_or_else(refused)?;
                self.data(offset, bytes);
            }
            Operation::Attribute(space, name, value) => {
                let space = if space == 1 { Space::User } else { Space::System };
                self.attributes.push((space, name, value));
            }
            Operation::Finish(size, about) => self.finish(size, &about),
            Operation::Symlink(tag, place, text, about, way) => {
                self.settle();
                self.clear_way(&place, way);
                let made = self.at(&place, |dir, name| tree::make_link(&text, dir, name));
                if self.fail(tag, Step::Symlink, made) {
                    self.describe_name(tag, &place, &about);
                }
                self.attributes.clear();
            }
            Operation::Node(tag, place, rdev, about, way) => self.node(tag, &place, rdev, &about, way)?,
            Operation::Link(tag, from, to, way) => {
                self.settle();
                self.clear_way(&to, way);
                let linked = self.between(&from, &to, link);
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
                if self.fail(tag, Step::Rename, renamed)
                    && let Some(id) = id
                {
                    self.directories.moved(id, to.dir, &to.name)?;
                }
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
                self.fail(tag, Step::MakeDirectory, made);
            }
        }
        Ok(())
    }

    /// Does something to a name in a directory, after both have been checked.
    fn at<T>(
        &mut self,
        place: &Place,
        act: impl FnOnce(BorrowedFd<'_>, &[u8]) -> io::Result<T>,
    ) -> io::Result<T> {
        if !is_name(&place.name) {
            return Err(refused());
        }
        act(self.directories.get(place.dir)?, &place.name)
    }

    /// Does something to two names.
    fn between(
        &mut self,
        from: &Place,
        to: &Place,
        act: impl FnOnce(BorrowedFd<'_>, &[u8], BorrowedFd<'_>, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if !is_name(&from.name) || !is_name(&to.name) {
            return Err(refused());
        }
        // The second may close the first.
        let first = self.directories.get(from.dir)?.try_clone_to_owned()?;
        act(first.as_fd(), &from.name, self.directories.get(to.dir)?, &to.name)
    }

    /// Renames; that it has been done is no error.
    fn rename(&mut self, from: &Place, to: &Place) -> io::Result<()> {
        match self.between(from, to, tree::rename) {
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

    /// With `-u`, removes what has the name; what cannot be removed is found when it is made.
    fn clear_way(&mut self, place: &Place, way: InWay) {
        if way == InWay::Unlink {
            _ = self.at(place, tree::remove);
        }
    }

    /// Makes a new file. One that is there is removed, never written into: it may have other names, anywhere.
    fn create(&mut self, place: &Place, way: InWay) -> io::Result<OwnedFd> {
        self.clear_way(place, way);
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
        self.describe(file.tag, file.fd.as_fd(), about, attributes);
    }

    fn finish_directory(&mut self, tag: Tag, id: u32, about: &About) {
        let attributes = std::mem::take(&mut self.attributes);
        // Not the one that is kept open: a mode without search permission must not be in the way of what is below it.
        match self.directories.get(id).and_then(|fd| fd.try_clone_to_owned()) {
            Ok(fd) => self.describe(tag, fd.as_fd(), about, attributes),
            Err(error) => _ = self.fail(tag, Step::FinishDirectory, Err(error)),
        }
    }

    /// Owner before mode, which it changes; times after all that changes them; flags last, since they forbid the rest.
    fn describe(
        &mut self,
        tag: Tag,
        fd: BorrowedFd<'_>,
        about: &About,
        attributes: Vec<(Space, Vec<u8>, Vec<u8>)>,
    ) {
        let owned = tree::set_owner(fd, about.uid, about.gid);
        let is_owned = self.owned(tag, owned);
        for (space, name, value) in attributes {
            let set = tree::set_attribute(fd, space, &name, &value);
            self.fail(tag, Step::Attributes, set);
        }
        // A program that runs as its owner must not do so as another one.
        let set = tree::set_mode(fd, if is_owned { about.mode } else { about.mode & !SETID });
        self.fail(tag, Step::Mode, set);
        let set = tree::set_times(fd, about.atime, about.mtime, about.birthtime);
        self.fail(tag, Step::Times, set);
        if about.flags != 0 {
            let set = tree::set_flags(fd, about.flags);
            self.fail(tag, Step::Flags, set);
        }
    }

    /// Reports that a file has not got its owner, unless that is because this is not root.
    fn owned(&mut self, tag: Tag, result: io::Result<()>) -> bool {
        match result {
            Err(error) if is(&error, libc::EPERM) && !self.is_root => false,
            result => self.fail(tag, Step::Owner, result),
        }
    }

    /// The same of a link, a FIFO or a device, which is not opened.
    fn describe_name(&mut self, tag: Tag, place: &Place, about: &About) {
        let owned = self.at(place, |dir, name| tree::set_owner_of(dir, name, about.uid, about.gid));
        self.owned(tag, owned);
        let set = self
            .at(place, |dir, name| tree::set_times_of(dir, name, about.atime, about.mtime, about.birthtime));
        self.fail(tag, Step::Times, set);
        let lost = std::mem::take(&mut self.attributes).len();
        for _ in 0..lost {
            self.fail(tag, Step::Attributes, Err(io::Error::from_raw_os_error(libc::ENOTSUP)));
        }
        if about.flags != 0 {
            self.fail(tag, Step::Flags, Err(io::Error::from_raw_os_error(libc::ENOTSUP)));
        }
    }

    fn node(&mut self, tag: Tag, place: &Place, rdev: u32, about: &About, way: InWay) -> io::Result<()> {
        self.settle();
        let (step, rdev) = match about.mode & S_IFMT {
            S_IFIFO => (Step::Fifo, None),
            S_IFCHR | S_IFBLK => (Step::Special, Some(rdev)),
            _ => return Err(refused()),
        };
        self.clear_way(place, way);
        let made = self.at(place, |dir, name| tree::make_node(dir, name, about.mode, rdev));
        if self.fail(tag, step, made) {
            self.describe_name(tag, place, about);
        }
        self.attributes.clear();
        Ok(())
    }

    fn write_state(&mut self, bytes: &[u8]) {
        let target = self.directories.target();
        let written = match &self.state {
            Some(fd) => tree::write_at(fd.as_fd(), bytes, self.state_end),
            None => {
                _ = tree::remove(target, STATE_NEW);
                tree::create(target, STATE_NEW, 0o600).and_then(|fd| {
                    self.state_end = 0;
                    let fd = self.state.insert(fd);
                    tree::write_at(fd.as_fd(), bytes, 0)
                })
            }
        };
        self.state_end += bytes.len() as u64;
        self.fail(TARGET, Step::State, written);
    }

    fn commit_state(&mut self) -> io::Result<()> {
        let fd = self.state.take().ok_or_else(refused)?;
        crate::os::output::fsync(fd.as_fd())?;
        let target = self.directories.target();
        tree::rename(target, STATE_NEW, target, STATE)?;
        crate::os::output::sync(target)
    }
}

fn is(error: &io::Error, errno: i32) -> bool {
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
