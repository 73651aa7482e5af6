// SPDX-License-Identifier: BSD-2-Clause
//! With an index: files are listed without the dump, or fetched from their places.

use std::collections::BTreeMap;

use super::emit::Emit;
use super::feed::{Enough, Feed};
use super::input::Input;
use super::sinks::Told;
use crate::index::{Error, Head, Line};
use crate::operator::Remark;
use crate::os::errno::strerror;
use crate::proc::exit;
use crate::reading::{Place, Reader};
use crate::units::{Ino, TP_BSIZE};

/// Most bytes of a line: a path of 64 KiB, escaped, and some numbers.
const MOST_LINE: usize = (4 << 16) + 256;

/// Gives the lines of an index to `line`, and returns its head.
///
/// Errors: the text for the operator, with the number of the line.
fn read(index: &mut Input, mut line: impl FnMut(Line)) -> Result<Head, String> {
    let (mut head, mut number, mut seen) = (None, 0_u64, 0);
    loop {
        let end = index.bytes()[seen..].iter().position(|&byte| byte == b'\n');
        let Some(end) = end.map(|end| seen + end) else {
            seen = index.bytes().len();
            if seen > MOST_LINE {
                return Err(format!("line {}: too long", number + 1));
            }
            match index.fill(seen + 1) {
                Ok(got) if got > seen => continue,
                Ok(0) => return head.ok_or_else(|| Error::NotAnIndex.to_string()),
                Ok(_) => return Err(format!("line {}: it has no end", number + 1)),
                Err(error) => return Err(strerror(&error)),
            }
        };
        number += 1;
        let text = &index.bytes()[..end];
        let parsed = match head {
            None => Head::parse(text).map(|parsed| head = Some(parsed)),
            Some(_) => Line::parse(text).map(&mut line),
        };
        parsed.map_err(|error| format!("line {number}: {error}"))?;
        index.consume(end + 1);
        seen = 0;
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

/// Writes the smaller dump: reads the directories, then only the files that are wanted, each from its place.
pub fn emit(inputs: &mut [Input], index: &mut Input, emit: &mut Emit) {
    emit.by_index = true;
    let mut reader = Reader::default();
    for (volume, input) in (1..).zip(&mut *inputs) {
        reader.begin_volume(volume);
        Feed::new(&mut reader, emit, true).run(input);
        if emit.is_enough() {
            break;
        }
    }
    if !emit.is_writing() {
        // All was read, and there is no file after the directories; or a path is not there.
        reader.finish(emit);
        return;
    }
    let wanted = emit.missing();
    let mut places: BTreeMap<Ino, Line> = BTreeMap::new();
    let head = read(index, |line| {
        if wanted.contains(&line.ino) {
            places.entry(line.ino).or_insert(line);
        }
    });
    match head {
        Ok(head) if Some(head.date) == emit.date() => {}
        Ok(_) => return told(emit, index, "an index of another dump"),
        Err(reason) => return told(emit, index, &reason),
    }
    for (ino, line) in places {
        let Some(first) = (line.volume as usize).checked_sub(1).filter(|&first| first < inputs.len()) else {
            continue;
        };
        emit.fetch(ino);
        let place = Place { volume: line.volume, block: line.offset / TP_BSIZE as u64 };
        let mut file = Reader::resume(place, reader.head().cloned());
        let (from, ahead) = match line.frame {
            Some((frame, start)) => (frame, line.offset - start),
            None => (line.offset, 0),
        };
        for (at, input) in inputs.iter_mut().enumerate().skip(first) {
            let is_first = at == first;
            if !is_first {
                file.begin_volume(at as u32 + 1);
            }
            if let Err(error) = input.seek(if is_first { from } else { 0 }) {
                emit.told.say(Remark(format_args!("{}: {}", input.name.display(), strerror(&error))));
                break;
            }
            Feed::new(&mut file, emit, true).after(if is_first { ahead } else { 0 }).run(input);
            if emit.is_enough() || file.is_over() {
                break;
            }
        }
        file.leave(emit, ino);
    }
}

fn told(emit: &mut Emit, index: &Input, reason: &str) {
    emit.told.say(Remark(format_args!("{}: {reason}", index.name.display())));
}
