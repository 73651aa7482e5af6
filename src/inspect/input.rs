// SPDX-License-Identifier: BSD-2-Clause
//! A volume being read: a file, a pipe, or a tape.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use crate::inspect::pace::Pace;
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::{output, tape};

/// Bytes read at once of anything except a tape.
const AT_ONCE: usize = 1 << 20;

/// Bytes of the largest record of a tape that is expected without `-b`.
const TAPE_RECORD: usize = 64 << 10;

/// After an error a file is read on at the next multiple of this.
const AFTER_ERROR: u64 = 64 << 10;

/// Consecutive errors after which a volume is abandoned.
const MOST_ERRORS: u32 = 32;

/// A volume.
pub struct Input {
    /// Its name.
    pub name: OsString,
    fd: OwnedFd,
    /// Its length, if it is a file that can be read at any place.
    size: Option<u64>,
    is_tape: bool,
    /// It is a pipe, a socket or a terminal, where reading may wait for long.
    can_wait: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes at once.
    piece: usize,
    /// Bytes that are expected to be wanted from here on, if known.
    expected: usize,
    /// Bytes at once where much is skipped.
    pace: Option<Pace>,
    /// Where the next read begins.
    next: u64,
    errors: u32,
    /// An error of [`Input::peek`], which the next [`Input::fill`] gives.
    failed: Option<io::Error>,
    /// Bytes before the dump.
    front: u64,
}

impl Input {
    /// Opens a volume; `-` is standard input. `record` is the length of a tape's records in bytes, if it was given.
    ///
    /// Errors: those of open(2), and a directory.
    pub fn open(name: &OsStr, record: Option<usize>) -> io::Result<Input> {
        let fd = match name == "-" {
            true => io::stdin().as_fd().try_clone_to_owned()?,
            false => disk::open_disk(Path::new(name))?,
        };
        Input::of(name, fd, record)
    }

    /// The volume that is open as `fd`.
    ///
    /// Errors: as [`Input::open`].
    pub fn of(name: &OsStr, fd: OwnedFd, record: Option<usize>) -> io::Result<Input> {
        let kind = disk::kind(fd.as_fd())?;
        if kind == Kind::Directory {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let size = match kind {
            Kind::Regular if name != "-" => Some(disk::media_size(fd.as_fd())?),
            _ => None,
        };
        let is_tape = kind == Kind::Character && tape::is_tape(fd.as_fd());
        let can_wait = !matches!(kind, Kind::Regular | Kind::Block) && !is_tape;
        let piece = if is_tape { record.unwrap_or(TAPE_RECORD) } else { AT_ONCE };
        let (name, buffer) = (name.to_owned(), Vec::new());
        Ok(Input {
            name,
            fd,
            size,
            is_tape,
            can_wait,
            buffer,
            start: 0,
            end: 0,
            piece,
            expected: 0,
            pace: None,
            next: 0,
            errors: 0,
            failed: None,
            front: 0,
        })
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Whether any place of it can be read.
    pub fn is_seekable(&self) -> bool {
        self.size.is_some()
    }

    /// Its length in bytes, if it is a file.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether it is something where reading may wait for long.
    pub fn can_wait(&self) -> bool {
        self.can_wait
    }

    /// Whether it is a tape.
    pub fn is_tape(&self) -> bool {
        self.is_tape
    }

    /// Reads up to `least` bytes, without anything being lost: an error is kept for [`Input::fill`]. Gives how many there are.
    pub fn peek(&mut self, least: usize, ready: impl FnMut(&Input) -> bool) -> usize {
        if self.failed.is_none() {
            self.failed = self.fill_while(least, ready).err();
        }
        self.bytes().len()
    }

    /// Whether [`Input::peek`] met an error.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The dump begins so many bytes later: they are skipped, and places are counted from there.
    pub fn skip_front(&mut self, bytes: usize, ready: impl FnMut(&Input) -> bool) {
        let skipped = self.peek(bytes, ready).min(bytes);
        self.consume(skipped);
        self.front = skipped as u64;
    }

    /// Reads less at a time, since much will be skipped.
    pub fn expect_jumps(&mut self) {
        if self.is_seekable() && self.pace.is_none() {
            self.pace = Some(Pace::default());
        }
    }

    /// So many bytes will be wanted from here on: the next read is not smaller, up to a limit.
    pub fn expect(&mut self, bytes: u64) {
        self.expected = usize::try_from(bytes).unwrap_or(AT_ONCE).min(AT_ONCE);
    }

    /// Skips so many bytes, which are known to exist, to a header.
    pub fn jump(&mut self, bytes: u64) {
        self.pace.iter_mut().for_each(|pace| pace.jumped(bytes));
        self.seek(self.offset().saturating_add(bytes));
    }

    /// Bytes that were read and not consumed.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The place of the first of [`Input::bytes`].
    pub fn offset(&self) -> u64 {
        self.next - (self.end - self.start) as u64 - self.front
    }

    /// Takes bytes off the front.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.end - self.start);
        self.start += count;
    }

    /// Reads until there are `least` bytes or the volume ends; gives how many there are. Nothing is read when there are as many
    /// already.
    ///
    /// Errors: those of read(2).
    pub fn fill(&mut self, least: usize) -> io::Result<usize> {
        self.fill_while(least, |_| true)
    }

    /// The same, as long as `ready` says so before each read.
    ///
    /// Errors: those of read(2).
    pub fn fill_while(&mut self, least: usize, mut ready: impl FnMut(&Input) -> bool) -> io::Result<usize> {
        while self.end - self.start < least && ready(self) {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let piece = self.pace.as_ref().map_or(self.piece, |pace| pace.piece().max(self.expected));
            if self.buffer.len() < self.end + piece {
                self.buffer.resize(self.end + piece, 0);
            }
            let got = self.read(self.end..self.end + piece)?;
            self.errors = 0;
            self.end += got;
            self.next += got as u64;
            if got == 0 {
                break;
            }
        }
        Ok(self.end - self.start)
    }

    /// Reads what comes next into this part of the buffer.
    fn read(&mut self, range: Range<usize>) -> io::Result<usize> {
        let (fd, room) = (self.fd.as_fd(), &mut self.buffer[range]);
        let Some(pace) = &mut self.pace else {
            return match self.size {
                Some(_) => disk::pread(fd, room, self.next),
                None => output::read(fd, room),
            };
        };
        let before = Instant::now();
        let got = disk::pread(fd, room, self.next)?;
        pace.took(got, before.elapsed());
        Ok(got)
    }

    /// After an error of [`Input::fill`]: makes ready to read on behind the place. None: the volume is abandoned. Else the
    /// number of bytes that are passed over, or 0 if it is not known.
    pub fn recover(&mut self) -> Option<u64> {
        self.errors += 1;
        if self.errors > MOST_ERRORS {
            return None;
        }
        if self.is_tape {
            return Some(0);
        }
        let size = self.size?;
        let at = self.offset();
        let after = (self.next / AFTER_ERROR + 1) * AFTER_ERROR;
        if after >= size {
            return None;
        }
        self.seek(after - self.front);
        Some(after - self.front - at)
    }

    /// How many more bytes there are in a file; 0 of anything else.
    pub fn left(&self) -> u64 {
        self.size.map_or(0, |size| size.saturating_sub(self.front).saturating_sub(self.offset()))
    }

    /// Goes on at this place of a seekable volume.
    pub fn seek(&mut self, to: u64) {
        let ahead = to.checked_sub(self.offset()).and_then(|ahead| usize::try_from(ahead).ok());
        match ahead {
            Some(ahead) if ahead <= self.end - self.start => self.start += ahead,
            _ => (self.start, self.end, self.next) = (0, 0, to.saturating_add(self.front)),
        }
    }
}
