// SPDX-License-Identifier: BSD-2-Clause
//! Reads the volumes of a dump one after the other.

use crate::exit;
use crate::inspect::begin::{Begin, begin};
use crate::inspect::feed::Feed;
use crate::inspect::input::Input;
use crate::inspect::stream::{Attend, Enough};
use crate::inspect::told::Told;
use crate::job::Reading;
use crate::operator::Remark;
use dumpstream::reading::{Fault, Names, Reader, Sink, Summary};

/// Reads all volumes from their beginning.
///
/// Errors: the exit code, if one of them is not a dump, which is reported.
pub fn whole<S: Sink + Enough<Told = Told>>(
    reading: &Reading,
    inputs: &mut [Input],
    sink: &mut S,
    jumps: bool,
) -> Result<Summary, u8> {
    all(reading, inputs, sink, jumps).map(|(summary, _)| summary)
}

/// The same; gives the names, too.
///
/// Errors: as [`whole`].
pub fn all<S: Sink + Enough<Told = Told>>(
    reading: &Reading,
    inputs: &mut [Input],
    sink: &mut S,
    jumps: bool,
) -> Result<(Summary, Names), u8> {
    let mut reader = Reader::default();
    reader.set_limit(reading.volume_blocks);
    for (volume, input) in (1..).zip(inputs) {
        if sink.is_enough() {
            break;
        }
        reader.begin_volume(volume);
        sink.told().begin_volume(volume);
        start_volume(reading, volume, input, &mut reader, sink)?;
        Feed::new(jumps, reading.window_log).run(input, &mut reader, sink);
        if input.is_as_written(|input| sink.told().ready(input)) == Some(false) {
            reader.report_volume(sink, Fault::Volume);
        }
    }
    if let Some(code) = sink.told().interrupted() {
        return Err(code);
    }
    let summary = if sink.is_enough() { Summary::default() } else { reader.finish(sink) };
    // The wait for room for what was found last.
    sink.told().interrupted().map_or(Ok((summary, reader.take_names())), Err)
}

/// Looks at the beginning of a volume.
///
/// Errors: the exit code, if it is not a dump, which is reported.
pub fn start_volume<S: Sink + Enough<Told = Told>>(
    reading: &Reading,
    volume: u32,
    input: &mut Input,
    reader: &mut Reader,
    sink: &mut S,
) -> Result<(), u8> {
    let begun = begin(input, reading.window_log, |input| sink.told().ready(input));
    let name = input.name.display().to_string();
    let told = sink.told();
    match begun {
        Begin::Dump { amanda: false } => {}
        Begin::Dump { amanda: true } => {
            told.say(Remark(format_args!("note: {name}: the 32 KB header of Amanda is skipped")));
        }
        // FreeBSD's dump opens one volume more when the dump ends where a volume does.
        Begin::Empty if reader.was_over() => {
            told.say(Remark(format_args!("note: {name}: empty, after the end of the dump")));
        }
        Begin::Empty => reader.report(sink, Fault::Empty),
        Begin::Other(other) => {
            told.say(Remark(format_args!("{name}: {other}")));
            return Err(if volume == 1 { exit::STARTUP } else { exit::ABORTED });
        }
        Begin::Locked(locked) => {
            told.say(Remark(format_args!("{name}: {locked}")));
            return Err(if volume == 1 { exit::STARTUP } else { exit::ABORTED });
        }
    }
    Ok(())
}
