// SPDX-License-Identifier: BSD-2-Clause
//! With an index: lists files without the dump, or reads them from their positions.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::io;

use crate::exit;
use crate::inspect::emit::Emit;
use crate::inspect::feed::Feed;
use crate::inspect::input::{Input, Locked};
use crate::inspect::inventory::Inventory;
use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::inspect::volumes::{start_volume, whole};
use crate::job::Reading;
use crate::operator::{Known, Remark};
use crate::os::errno::strerror;
use dumpstream::index::{Error, Head, Line, MOST_HEAD};
use dumpstream::reading::{Place, Reader};
use dumpstream::{Digest, TP_BSIZE};
use ufs::Ino;

/// Most bytes of a line: a path of 64 KiB, escaped, and some numbers.
const MOST_LINE: usize = (4 << 16) + 256;

/// Why an index is of no use: one line.
pub enum BadIndex {
    /// It cannot be read.
    System(io::Error),
    /// It has no head.
    NotAnIndex,
    /// This line of it is too long.
    TooLong(u64),
    /// This line of it, the last, has no end.
    NoEnd(u64),
    /// This line of it is invalid.
    Line(u64, Error),
    /// It is not what was verified.
    Changed,
    /// It is of another dump.
    OtherDump,
    /// It was made before there were digests.
    NoDigests,
    /// It is encrypted and cannot be decrypted.
    Locked(Locked),
}

impl fmt::Display for BadIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadIndex::System(error) => f.write_str(&strerror(error)),
            BadIndex::NotAnIndex => Error::NotAnIndex.fmt(f),
            BadIndex::TooLong(line) => write!(f, "line {line}: too long"),
            BadIndex::NoEnd(line) => write!(f, "line {line}: it has no end"),
            BadIndex::Line(line, error) => write!(f, "line {line}: {error}"),
            BadIndex::Locked(locked) => locked.fmt(f),
            BadIndex::Changed => f.write_str("it was changed while it was read"),
            BadIndex::OtherDump => f.write_str("an index of another dump"),
            BadIndex::NoDigests => f.write_str("an index without digests"),
        }
    }
}

/// The index of this name is of no use: one line.
pub struct Unusable(OsString, BadIndex);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.display(), self.1)
    }
}

/// Gives the lines of an index to `line`, and returns its head.
pub fn read(index: &mut Input, mut line: impl FnMut(Line)) -> Result<Head, BadIndex> {
    index.unlock(|_| true).map_err(BadIndex::Locked)?;
    let (mut head, mut number, mut seen) = (None, 0_u64, 0);
    loop {
        let end = index.bytes()[seen..].iter().position(|&byte| byte == b'\n');
        let Some(end) = end.map(|end| seen + end) else {
            seen = index.bytes().len();
            if seen > if head.is_none() { MOST_HEAD } else { MOST_LINE } {
                return Err(BadIndex::TooLong(number + 1));
            }
            match index.fill(seen + 1) {
                Ok(got) if got > seen => continue,
                Ok(0) if index.is_as_written(|_| true) == Some(false) => return Err(BadIndex::Changed),
                Ok(0) => return head.ok_or(BadIndex::NotAnIndex),
                Ok(_) => return Err(BadIndex::NoEnd(number + 1)),
                Err(error) => return Err(BadIndex::System(error)),
            }
        };
        number += 1;
        let text = &index.bytes()[..end];
        let parsed = match head {
            None => Head::parse(text).map(|parsed| head = Some(parsed)),
            Some(_) => Line::parse(text).map(&mut line),
        };
        parsed.map_err(|error| BadIndex::Line(number, error))?;
        index.consume(end + 1);
        seen = 0;
    }
}

/// By inode: a path of it, and the digest of its content.
pub type Digests = HashMap<Ino, (Vec<u8>, Digest)>;

/// The head of an index, and the digests of all contents in it; each line of one is given to `seen`.
///
/// Errors: why there are none, which is to be reported.
pub fn digests(index: &mut Input, mut seen: impl FnMut(&Line)) -> Result<(Head, Digests), Unusable> {
    let mut digests = Digests::new();
    let name = index.name.clone();
    let head = read(index, |line| {
        if let Some(digest) = line.digest {
            seen(&line);
            digests.entry(line.ino).or_insert((line.path, digest));
        }
    });
    match head {
        Ok(_) if digests.is_empty() => Err(Unusable(name, BadIndex::NoDigests)),
        Ok(head) => Ok((head, digests)),
        Err(reason) => Err(Unusable(name, reason)),
    }
}

/// What is in an index, by path.
///
/// Errors: why it is of no use, which is to be reported.
pub fn inventory(index: &mut Input) -> Result<Inventory, Unusable> {
    let mut inventory = Inventory::new();
    let read = read(index, |line| {
        inventory.insert(line.path, Known { about: None, digest: line.digest });
    });
    match read {
        Ok(_) => Ok(inventory),
        Err(reason) => Err(Unusable(index.name.clone(), reason)),
    }
}

/// Lists what is in an index; gives the exit code.
pub fn list(index: Option<&mut Input>, mut told: Told) -> u8 {
    let Some(index) = index else { return exit::STARTUP };
    match read(index, |line| told.indexed(&line)) {
        Ok(_) => told.flush(),
        Err(reason) => {
            told.say(Remark(format_args!("{}: {reason}", index.name.display())));
            _ = told.flush();
            exit::STARTUP
        }
    }
}

/// Writes the smaller dump: reads the directories, then only the files that are wanted, each from its place. What the index does not
/// lead to is looked for in the whole dump, so that the result is the same as without an index.
///
/// Errors: the exit code, if a volume is not a dump, which is reported.
pub fn emit(reading: &Reading, inputs: &mut [Input], index: &mut Input, emit: &mut Emit) -> Result<(), u8> {
    // A pipe has no places to go to.
    emit.by_index = inputs.iter().all(Input::is_seekable);
    if !emit.by_index {
        return whole(reading, inputs, emit, true).map(drop);
    }
    inputs.iter_mut().for_each(Input::read_less);
    let mut reader = Reader::default();
    for (volume, input) in (1..).zip(&mut *inputs) {
        reader.begin_volume(volume);
        emit.told.begin_volume(volume);
        start_volume(reading, volume, input, &mut reader, emit)?;
        Feed::new(true, reading.window_log).run(input, &mut reader, emit);
        if emit.is_enough() {
            break;
        }
    }
    if !emit.is_writing() {
        // A path is not there, or all was read, and no file follows the directories.
        if !emit.is_enough() {
            reader.finish(emit);
        }
        return Ok(());
    }
    emit.directories().into_iter().for_each(|ino| reader.tell_of_suspect(emit, ino));
    let all = match places(index, emit) {
        Ok(places) => fetch_all(reading, inputs, &places, &mut reader, emit),
        Err(reason) => {
            let name = index.name.display();
            emit.told.say(Remark(format_args!("{name}: {reason}; ignoring the index")));
            emit.distrust();
            false
        }
    };
    if all || emit.told.is_stopped() {
        return Ok(());
    }
    emit.search();
    inputs.iter_mut().for_each(|input| input.seek(0));
    whole(reading, inputs, emit, true).map(drop)
}

/// Where the files that are wanted are.
fn places(index: &mut Input, emit: &Emit) -> Result<BTreeMap<Ino, Line>, BadIndex> {
    let wanted = emit.missing();
    let mut places: BTreeMap<Ino, Line> = BTreeMap::new();
    let head = read(index, |line| {
        if wanted.contains(&line.ino) {
            places.entry(line.ino).or_insert(line);
        }
    })?;
    match Some(head.date) == emit.date() {
        true => Ok(places),
        false => Err(BadIndex::OtherDump),
    }
}

/// Fetches all files that are wanted. False: one was not where the index says.
fn fetch_all(
    reading: &Reading,
    inputs: &mut [Input],
    places: &BTreeMap<Ino, Line>,
    reader: &mut Reader,
    emit: &mut Emit,
) -> bool {
    for ino in emit.missing() {
        let Some(line) = places.get(&ino) else { return false };
        emit.fetch(ino);
        let place = Place { volume: line.volume, block: line.offset / TP_BSIZE as u64 };
        let mut file = Reader::resume(place, reader.head().cloned(), reader.take_names());
        let found = fetch(reading, inputs, line, &mut file, emit);
        file.leave(emit, ino);
        reader.give_names(file.take_names());
        if !found || !emit.has(ino) {
            return false;
        }
    }
    true
}

/// Reads one file from its position. False: the position does not exist.
fn fetch(reading: &Reading, inputs: &mut [Input], line: &Line, file: &mut Reader, emit: &mut Emit) -> bool {
    let Some(first) = (line.volume as usize).checked_sub(1).filter(|&first| first < inputs.len()) else {
        return false;
    };
    let (from, ahead) = match line.frame {
        Some((frame, start)) => match line.offset.checked_sub(start) {
            Some(ahead) => (frame, ahead),
            None => return false,
        },
        None => (line.offset, 0),
    };
    for (at, input) in inputs.iter_mut().enumerate().skip(first) {
        let is_first = at == first;
        if !is_first {
            file.begin_volume(at as u32 + 1);
        }
        // Its frames are counted in what it is decrypted to.
        if input.unlock(|_| true).is_err() {
            return false;
        }
        input.seek(if is_first { from } else { 0 });
        let feed = Feed::new(true, reading.window_log);
        feed.after(if is_first { ahead } else { 0 }).run(input, file, emit);
        if emit.is_enough() || file.is_over() {
            break;
        }
    }
    true
}
