// SPDX-License-Identifier: BSD-2-Clause
//! A volume being read: a file, a pipe, or a tape.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use crate::inspect::cipher::Cipher;
use crate::inspect::pace::Pace;
use crate::inspect::raw::Raw;
use crate::media::TapeReader;
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::{output, tape};
use agefile::{Header, HeaderError, Identity, OpenError, is_age};
use dumpstream::index::Volume;

/// Bytes read at once of anything except a tape.
const AT_ONCE: usize = 1 << 20;

/// Bytes read at a time of what little is read of: room for a chunk, wherever it begins.
const LITTLE: usize = 128 << 10;

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
    kind: Kind,
    /// It is a pipe or a socket.
    is_pipe: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes at once.
    piece: usize,
    /// Bytes at once of the medium: of a tape, those of its largest record.
    of_medium: usize,
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
    /// Keys that may open it.
    identities: Rc<[Identity]>,
    /// Decrypts it; all places are those of what is decrypted then.
    cipher: Option<Cipher>,
    /// The remote tape that is read through the descriptor.
    remote: Option<TapeReader<File>>,
    /// What is read of it, to be compared with an index.
    raw: Option<Raw>,
}

/// Why an encrypted volume cannot be read: one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// There are no keys.
    NoIdentity,
    /// Its header is damaged.
    Header(HeaderError),
    /// Its header cannot be opened.
    Key(OpenError),
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Locked::NoIdentity => f.write_str("encrypted by age; use --identity"),
            Locked::Header(error) => error.fmt(f),
            Locked::Key(error) => error.fmt(f),
        }
    }
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
        let is_tape = tape::is_tape(fd.as_fd());
        Input::told(name, fd, is_tape, record)
    }

    /// The same in a sandbox, which cannot ask whether it is a tape.
    ///
    /// Errors: as [`Input::open`].
    pub fn told(name: &OsStr, fd: OwnedFd, is_tape: bool, record: Option<usize>) -> io::Result<Input> {
        let kind = disk::kind(fd.as_fd())?;
        if kind == Kind::Directory {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let size = match kind {
            Kind::Regular if name != "-" => Some(disk::media_size(fd.as_fd())?),
            _ => None,
        };
        let is_tape = is_tape && kind == Kind::Character;
        let can_wait = !matches!(kind, Kind::Regular | Kind::Block) && !is_tape;
        let piece = if is_tape { record.unwrap_or(TAPE_RECORD) } else { AT_ONCE };
        let (name, buffer) = (name.to_owned(), Vec::new());
        Ok(Input {
            name,
            fd,
            size,
            is_tape,
            can_wait,
            kind,
            is_pipe: matches!(kind, Kind::Fifo | Kind::Socket),
            buffer,
            start: 0,
            end: 0,
            piece,
            of_medium: piece,
            expected: 0,
            pace: None,
            next: 0,
            errors: 0,
            failed: None,
            front: 0,
            identities: Rc::new([]),
            cipher: None,
            remote: None,
            raw: None,
        })
    }

    /// Keys that open it if it is encrypted.
    pub fn set_identities(&mut self, identities: Rc<[Identity]>) {
        self.identities = identities;
    }

    /// Gives all bytes of a file, as they are on the medium.
    ///
    /// Errors: those of pread(2), and it is no file.
    pub fn read_raw(&self, mut give: impl FnMut(&[u8])) -> io::Result<()> {
        if !self.is_seekable() {
            return Err(io::ErrorKind::NotSeekable.into());
        }
        let (mut room, mut at) = (vec![0; AT_ONCE], 0);
        loop {
            match disk::pread(self.fd.as_fd(), &mut room, at)? {
                0 => return Ok(()),
                got => {
                    give(&room[..got]);
                    at += got as u64;
                }
            }
        }
    }

    /// The volume was written so, which [`Input::is_as_written`] tells of all that is read from now on.
    pub fn compare_with(&mut self, volume: Volume) {
        self.raw = Some(Raw::new(volume));
    }

    /// Whether the volume, which is read to its end, is as it was written; none if that is not known, or `ready` ends it.
    pub fn is_as_written(&mut self, mut ready: impl FnMut(&Input) -> bool) -> Option<bool> {
        let mut room = vec![0; self.of_medium];
        loop {
            let left = self.raw.as_ref()?.left();
            // Of a file or a pipe there may be more than there should.
            if left == 0 && !(self.is_pipe || self.kind == Kind::Regular) {
                break;
            }
            if !ready(self) {
                return None;
            }
            let raw = self.raw.as_mut()?;
            let at = raw.next();
            let got = match (&mut self.remote, self.kind) {
                (Some(tape), _) => tape.read(&mut room),
                (None, Kind::Regular) if self.size.is_some() => disk::pread(self.fd.as_fd(), &mut room, at),
                _ => output::read(self.fd.as_fd(), &mut room),
            };
            match got {
                Ok(got @ 1..) => raw.saw(at, &room[..got]),
                _ => break,
            }
            if left == 0 {
                break;
            }
        }
        let is_disk = self.kind == Kind::Block;
        self.raw.take().map(|raw| raw.is_as_written(is_disk))
    }

    /// Decrypts what is read from now on, if the volume is encrypted. It is at its beginning.
    ///
    /// Errors: it cannot be decrypted.
    pub fn unlock(&mut self, mut ready: impl FnMut(&Input) -> bool) -> Result<(), Locked> {
        if self.cipher.is_some() || !self.begins_encrypted(&mut ready) {
            return Ok(());
        }
        if self.identities.is_empty() {
            return Err(Locked::NoIdentity);
        }
        let (header, length) = loop {
            match Header::parse(self.bytes()).map_err(Locked::Header)? {
                Some(parsed) => break parsed,
                None => {
                    let least = self.bytes().len() + 1;
                    if self.peek(least, &mut ready) < least {
                        return Err(Locked::Header(HeaderError::Syntax));
                    }
                }
            }
        };
        let key = header.open(&self.identities).map_err(Locked::Key)?;
        self.consume(length);
        let mut cipher = Cipher::new(key, self.offset() + self.front, self.bytes());
        if self.is_tape || self.remote.is_some() {
            cipher.set_record(self.of_medium);
            self.piece = AT_ONCE;
        } else if self.piece < AT_ONCE && self.is_seekable() {
            cipher.set_piece(self.piece);
        }
        self.size = self.size.map(|size| cipher.length(size));
        (self.start, self.end, self.next, self.front) = (0, 0, 0, 0);
        self.cipher = Some(cipher);
        Ok(())
    }

    fn begins_encrypted(&mut self, ready: &mut impl FnMut(&Input) -> bool) -> bool {
        self.peek(agefile::MAGIC.len(), ready);
        is_age(self.bytes())
    }

    /// The volume `name` of a remote tape, through a connection to its rmt(8), and dump number `number` there, from 1; and why that could
    /// not be gone to.
    ///
    /// Errors: what the remote host says.
    pub fn remote(
        name: &OsStr,
        fd: OwnedFd,
        record: Option<usize>,
        number: u32,
    ) -> io::Result<(Input, Option<io::Error>)> {
        let peer = File::from(fd.try_clone()?);
        let (tape, failed) = TapeReader::open(peer, name.as_bytes(), number)?;
        let input = Input::told(name, fd, false, None)?;
        let piece = record.unwrap_or(TAPE_RECORD);
        Ok((Input { remote: Some(tape), piece, of_medium: piece, can_wait: false, ..input }, failed))
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

    /// Reads what is left of a pipe or a socket, and ignores it: whatever writes to it does not fail.
    pub fn drain(&mut self) {
        while self.is_pipe && self.fill(1).is_ok_and(|there| there > 0) {
            self.consume(self.bytes().len());
        }
    }

    /// Reads up to `least` bytes, without anything being lost: an error is kept for [`Input::fill`]. Gives how many there are.
    pub fn peek(&mut self, least: usize, ready: impl FnMut(&Input) -> bool) -> usize {
        if self.failed.is_none() {
            self.failed = self.fill_while(least, ready).err();
        }
        self.bytes().len()
    }

    /// The error that [`Input::peek`] met.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// The dump begins so many bytes later: they are skipped, and places are counted from there.
    pub fn skip_front(&mut self, bytes: usize, ready: impl FnMut(&Input) -> bool) {
        let skipped = self.peek(bytes, ready).min(bytes);
        self.consume(skipped);
        self.front = skipped as u64;
        if let Some(raw) = &mut self.raw {
            raw.begin(self.front, &self.buffer[self.start..self.end]);
        }
    }

    /// Little of it will be read: less at a time, if it is a file that is encrypted. How much of a damaged frame can be read depends on
    /// that, so all others are read as ever.
    pub fn read_less(&mut self) {
        let mut start = [0; agefile::MAGIC.len()];
        let fd = self.fd.as_fd();
        if self.is_seekable()
            && disk::pread(fd, &mut start, 0).is_ok_and(|got| got == start.len())
            && is_age(&start)
        {
            self.read_little();
        }
    }

    /// Reads less at a time.
    pub fn read_little(&mut self) {
        self.piece = LITTLE;
        self.cipher.iter_mut().for_each(|cipher| cipher.set_piece(LITTLE));
    }

    /// Reads less at a time, since much will be skipped.
    pub fn expect_jumps(&mut self) {
        if self.is_seekable() && self.pace.is_none() && self.cipher.is_none() {
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
        let (size, remote, raw) = (self.size, &mut self.remote, &mut self.raw);
        let mut read = |room: &mut [u8], at| {
            let (got, at) = match (remote.as_mut(), size) {
                (None, Some(_)) => (disk::pread(fd, room, at)?, Some(at)),
                (Some(tape), _) => (tape.read(room)?, None),
                (None, None) => (output::read(fd, room)?, None),
            };
            if let Some(raw) = raw {
                raw.saw(at.unwrap_or(raw.next()), &room[..got]);
            }
            Ok(got)
        };
        if let Some(cipher) = &mut self.cipher {
            return cipher.read(self.next, room, read);
        }
        let Some(pace) = &mut self.pace else { return read(room, self.next) };
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
        if self.cipher.is_some() {
            return self.recover_chunk();
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

    /// The same of an encrypted volume: the next chunk.
    fn recover_chunk(&mut self) -> Option<u64> {
        let chunk = Cipher::ROOM as u64;
        let (at, after) = (self.offset(), (self.next / chunk + 1) * chunk);
        if self.size.is_some_and(|size| after >= size) {
            return None;
        }
        (self.start, self.end, self.next) = (0, 0, after);
        Some(after - at)
    }

    /// How many more bytes there are in a file; 0 of anything else.
    pub fn left(&self) -> u64 {
        self.size.map_or(0, |size| size.saturating_sub(self.front).saturating_sub(self.offset()))
    }

    /// Goes to this place of a seekable volume, to read from there only: an error that [`Input::peek`] met elsewhere is none here.
    pub fn go_to(&mut self, to: u64) {
        self.failed = None;
        self.seek(to);
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
