// SPDX-License-Identifier: BSD-2-Clause
//! The comparer: the process that reads what is in the target (`-C`). It holds the target's directory, which it cannot write to, and its
//! socket. It takes what the writer takes, and answers with what is otherwise.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::exit;
use crate::os::arena::Arena;
use crate::os::disk;
use crate::os::look::{self, Stat};
use crate::os::socket::send_frame;
use crate::os::tree::{self, Attribute};
use crate::restore::difference::{Difference, frames};
use crate::restore::directories::{Directories, is_name, refused};
use crate::restore::lane::next_batch;
use crate::restore::options::NO_OWNER;
use crate::restore::wire::{About, Operation, Place, Tag, Take};
use crate::sandbox::{self, DescriptorKind};

/// Type bits of a mode, and some types (sys/stat.h).
const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;
const S_IFLNK: u16 = 0o120_000;

/// Bytes that are read at once where the dump has a hole.
const PIECE: usize = 128 << 10;

/// The file that is being compared.
struct File {
    tag: Tag,
    stat: Stat,
    /// None if it cannot be opened, or is of another type.
    fd: Option<OwnedFd>,
    /// Where the data ends so far.
    end: u64,
    /// How the data differs, as far as that is known.
    content: Option<Difference>,
}

/// The comparer's state.
struct Comparer {
    directories: Directories,
    file: Option<File>,
    /// Attributes of the file or directory that is finished next.
    attributes: Vec<Attribute>,
    differences: Vec<(Tag, Difference)>,
    buffer: Vec<u8>,
}

/// Compares what is below `target` until the reader is gone; gives the exit code, 0 when all that came was in order.
pub fn run(target: OwnedFd, socket: &OwnedFd, arena: &Arena) -> Result<u8, sandbox::Error> {
    crate::dump::limits::standard_streams(DescriptorKind::Stdio)?;
    sandbox::limit(target.as_fd(), DescriptorKind::Compared)?;
    sandbox::limit(socket.as_fd(), DescriptorKind::RingSocket)?;
    let entered = sandbox::enter_beneath(sandbox::Role::Comparer, target.as_fd())?;
    sandbox::assert_entered(&entered)?;
    let mut comparer = Comparer {
        directories: Directories::new(target),
        file: None,
        attributes: Vec::new(),
        differences: Vec::new(),
        buffer: Vec::new(),
    };
    Ok(match comparer.serve(socket.as_fd(), arena) {
        Ok(()) => exit::DONE,
        Err(_) => exit::STARTUP,
    })
}

impl Comparer {
    /// Errors: the reader has sent what is no operation.
    fn serve(&mut self, socket: BorrowedFd<'_>, arena: &Arena) -> io::Result<()> {
        while let Some(batch) = next_batch(socket, arena)? {
            let mut take = Take(batch);
            while !take.0.is_empty() {
                let operation = Operation::decode(&mut take).ok_or_else(refused)?;
                self.operate(operation, &mut take)?;
            }
            for frame in frames(&std::mem::take(&mut self.differences)) {
                send_frame(socket, &frame, None)?;
            }
        }
        Ok(())
    }

    fn differs(&mut self, tag: Tag, difference: Difference) {
        self.differences.push((tag, difference));
    }

    /// Looks at what one operation would make. Errors: it makes no sense, so that the reader is not ours.
    fn operate(&mut self, operation: Operation, take: &mut Take<'_>) -> io::Result<()> {
        match operation {
            Operation::Directory(id, place) | Operation::MakeDirectory(_, id, place) => {
                self.directories.add(id, place.dir, &place.name)?;
            }
            Operation::File(tag, place, _) => self.begin(tag, &place),
            Operation::Data(offset, length) => {
                let bytes = take.part(length as usize).ok_or_else(refused)?;
                self.data(offset, bytes);
            }
            Operation::Attribute(attribute) => self.attributes.push(attribute),
            Operation::Finish(size, about) => self.finish(size, &about),
            Operation::Symlink(tag, place, text, about, _) => self.symlink(tag, &place, text, &about),
            Operation::Node(tag, place, rdev, about, _) => self.node(tag, &place, rdev, &about),
            Operation::Link(tag, from, to, _) => self.link(tag, &from, &to),
            Operation::FinishDirectory(tag, id, about) => {
                let looked =
                    self.directories.get(id).and_then(|fd| Ok((look::stat(fd)?, fd.try_clone_to_owned()?)));
                match looked {
                    Ok((stat, fd)) => {
                        self.about(tag, &stat, &about, true);
                        self.attributes(tag, Some(fd.as_fd()));
                    }
                    Err(error) => self.differs(tag, Difference::Stat(errno(&error))),
                }
                self.attributes.clear();
            }
            Operation::MakeOnly(..)
            | Operation::Remove(..)
            | Operation::RemoveDirectory(..)
            | Operation::Rename(..)
            | Operation::Moved(..)
            | Operation::State(_)
            | Operation::CommitState(_)
            | Operation::Whiteout(..)
            | Operation::RemoveWhiteout(..)
            | Operation::Sync(_) => return Err(refused()),
        }
        Ok(())
    }

    /// Does something about a name in a directory, after both have been checked.
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

    /// What a name is, if it is of the type of `mode`; says what is otherwise.
    fn look(&mut self, tag: Tag, place: &Place, mode: u16) -> Option<Stat> {
        match self.at(place, look::stat_of) {
            Ok(stat) if stat.mode & S_IFMT == mode & S_IFMT => Some(stat),
            Ok(stat) => {
                self.differs(tag, Difference::Type(mode, stat.mode));
                None
            }
            Err(error) => {
                self.differs(tag, Difference::Stat(errno(&error)));
                None
            }
        }
    }

    fn begin(&mut self, tag: Tag, place: &Place) {
        self.file = None;
        let Some(stat) = self.look(tag, place, S_IFREG) else { return };
        let mut file = File { tag, stat, fd: None, end: 0, content: None };
        match self.at(place, look::open).and_then(|fd| Ok((look::stat(fd.as_fd())?, fd))) {
            Ok((stat, fd)) if stat.mode & S_IFMT == S_IFREG => (file.stat, file.fd) = (stat, Some(fd)),
            // It was another one a moment ago.
            Ok((stat, _)) => self.differs(tag, Difference::Type(S_IFREG, stat.mode)),
            Err(error) => self.differs(tag, Difference::Open(errno(&error))),
        }
        self.file = Some(file);
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) {
        self.hole(offset);
        let Some(file) = self.file.as_mut().filter(|file| file.content.is_none()) else { return };
        file.end = file.end.max(offset.saturating_add(bytes.len() as u64));
        let Some(fd) = &file.fd else { return };
        self.buffer.resize(bytes.len(), 0);
        file.content = match read_at(fd.as_fd(), &mut self.buffer, offset) {
            Ok(length) if length < bytes.len() && self.buffer[..length] == bytes[..length] => {
                // It is shorter, which is said at its end.
                None
            }
            Ok(_) if self.buffer == bytes => None,
            Ok(_) => Some(Difference::Content),
            Err(error) => Some(Difference::Read(errno(&error))),
        };
    }

    /// Where the dump has a hole, the file has zeros, up to `to`.
    fn hole(&mut self, to: u64) {
        let Some(file) = self.file.as_mut().filter(|file| file.content.is_none()) else { return };
        let Some(fd) = &file.fd else { return };
        let to = to.min(file.stat.size);
        while file.end < to && file.content.is_none() {
            file.end = look::next_data(fd.as_fd(), file.end, to);
            let length = to.saturating_sub(file.end).min(PIECE as u64);
            self.buffer.resize(length as usize, 0);
            file.content = match read_at(fd.as_fd(), &mut self.buffer, file.end) {
                Ok(got) if self.buffer[..got].iter().any(|&byte| byte != 0) => Some(Difference::Content),
                Ok(_) => None,
                Err(error) => Some(Difference::Read(errno(&error))),
            };
            file.end += length;
        }
    }

    fn finish(&mut self, size: u64, about: &About) {
        self.hole(size);
        if let Some(file) = self.file.take() {
            self.about(file.tag, &file.stat, about, true);
            self.attributes(file.tag, file.fd.as_ref().map(AsFd::as_fd));
            if file.fd.is_some() {
                match file.content {
                    Some(difference) => self.differs(file.tag, difference),
                    None if file.stat.size != size => {
                        self.differs(file.tag, Difference::Size(size, file.stat.size));
                    }
                    None => {}
                }
            }
        }
        self.attributes.clear();
    }

    fn symlink(&mut self, tag: Tag, place: &Place, text: Vec<u8>, about: &About) {
        self.file = None;
        if let Some(stat) = self.look(tag, place, S_IFLNK) {
            self.about(tag, &stat, about, false);
            match self.at(place, look::read_link) {
                Ok(found) if found == text => {}
                Ok(found) => self.differs(tag, Difference::Link(text, found)),
                Err(error) => self.differs(tag, Difference::Read(errno(&error))),
            }
            self.attributes(tag, None);
        }
        self.attributes.clear();
    }

    fn node(&mut self, tag: Tag, place: &Place, rdev: u32, about: &About) {
        self.file = None;
        if let Some(stat) = self.look(tag, place, about.mode) {
            self.about(tag, &stat, about, true);
            let is_device = about.mode & S_IFMT != 0o010_000;
            if is_device && stat.rdev != u64::from(rdev) {
                self.differs(tag, Difference::Device(rdev.into(), stat.rdev));
            }
            self.attributes(tag, None);
        }
        self.attributes.clear();
    }

    /// A further name is of the same file.
    fn link(&mut self, tag: Tag, from: &Place, to: &Place) {
        self.file = None;
        let same = self.at(to, look::stat_of).and_then(|_| {
            if !is_name(&from.name) {
                return Err(refused());
            }
            // The second may close the first.
            let first = self.directories.get(from.dir)?.try_clone_to_owned()?;
            tree::is_same(first.as_fd(), &from.name, self.directories.get(to.dir)?, &to.name)
        });
        match same {
            Ok(true) => {}
            Ok(false) => self.differs(tag, Difference::HardLink),
            Err(error) => self.differs(tag, Difference::Stat(errno(&error))),
        }
    }

    /// Owner, mode and flags.
    fn about(&mut self, tag: Tag, stat: &Stat, about: &About, has_mode: bool) {
        let (old, new) = (about.mode & !S_IFMT, stat.mode & !S_IFMT);
        if has_mode && old != new {
            self.differs(tag, Difference::Mode(old, new));
        }
        let has_owner = about.uid != NO_OWNER;
        if has_owner && about.uid != stat.uid {
            self.differs(tag, Difference::Uid(about.uid, stat.uid));
        }
        if has_owner && about.gid != stat.gid {
            self.differs(tag, Difference::Gid(about.gid, stat.gid));
        }
        match stat.flags {
            Some(flags) if flags != about.flags => self.differs(tag, Difference::Flags(about.flags, flags)),
            None if about.flags != 0 => self.differs(tag, Difference::NoFlags),
            _ => {}
        }
    }

    /// Extended attributes; those of what cannot be opened are not compared.
    fn attributes(&mut self, tag: Tag, fd: Option<BorrowedFd<'_>>) {
        for attribute in std::mem::take(&mut self.attributes) {
            let has = fd.map(|fd| look::has_attribute(fd, &attribute));
            match has {
                Some(Ok(true)) => {}
                Some(Ok(false)) => self.differs(tag, Difference::Attribute(attribute.name)),
                Some(Err(error)) if error.raw_os_error() != Some(libc::ENOTSUP) => {
                    self.differs(tag, Difference::Read(errno(&error)));
                }
                _ => self.differs(tag, Difference::NoAttribute),
            }
        }
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Reads as much as there is at a place.
fn read_at(fd: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match disk::pread(fd, &mut buffer[got..], offset + got as u64)? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}
