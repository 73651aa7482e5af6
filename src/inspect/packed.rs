// SPDX-License-Identifier: BSD-2-Clause
//! Reads a compressed volume, frame by frame.

use crate::compress::unpacker;
use crate::compress::unpacker::Unpacker;
use crate::inspect::input::Input;
use crate::inspect::stream::{Attend, Enough, Stream};
use crate::os::errno::strerror;
use dumpstream::reading::{Fault, Sink};

/// Bytes that one step of decompression makes at most.
const STEP: usize = 128 << 10;

/// Bytes of a frame that have to be there to see how long its content is.
const FRAME_HEADER: usize = 18;

/// Reads the volume from the current position of the input. A frame may have a window of 2 to the power `window_log` bytes.
///
/// No frame is skipped: large files have a header for each 512 KB, so that each frame has some.
pub fn packed<S: Sink + Enough>(stream: &mut Stream<'_, S>, input: &mut Input, window_log: u32) {
    let mut unpacker = match Unpacker::new(window_log) {
        Ok(unpacker) => unpacker,
        Err(error) => return stream.reader.report(stream.sink, Fault::Unreadable(error.to_string())),
    };
    let mut out = vec![0; STEP];
    let mut has_table = false;
    while !stream.sink.is_enough() {
        match stream.fill(input, FRAME_HEADER) {
            Ok(0) => {
                // The table is written when the volume is closed.
                if has_table {
                    stream.reader.volume_is_closed();
                }
                break;
            }
            Ok(_) => {
                has_table = unpacker::is_table(input.bytes());
                if !unpacker::has_checksum(input.bytes()) {
                    stream.sink.told().no_checksum();
                }
            }
            Err(error) => {
                stream.reader.report(stream.sink, Fault::Unreadable(strerror(&error)));
                if input.recover().is_none() || !find_frame(stream, input) {
                    break;
                }
            }
        }
        let (at, size) = (input.offset(), unpacker::content_size(input.bytes()));
        stream.reader.mark();
        let Err((made, reason)) = frame(stream, input, &mut unpacker, &mut out) else { continue };
        match size.and_then(|size| size.checked_sub(made)) {
            Some(left) => stream.missing(left),
            None => stream.drop_rest(),
        }
        stream.reader.spoil(stream.sink, Fault::Frame(at, reason));
        unpacker.restart();
        // The damage may have led past the start of the next frame.
        if input.is_seekable() {
            input.seek(at + 4);
        }
        if !find_frame(stream, input) {
            break;
        }
    }
}

/// One frame. Errors: the bytes that came out of it, and why it is damaged.
fn frame<S: Sink + Enough>(
    stream: &mut Stream<'_, S>,
    input: &mut Input,
    unpacker: &mut Unpacker,
    out: &mut [u8],
) -> Result<(), (u64, String)> {
    let mut made = 0;
    loop {
        let step = unpacker.step(input.bytes(), out).map_err(|error| (made, error.0))?;
        made += step.made as u64;
        // The frame is read to its end even if nothing more is wanted: its checksum is there.
        if !stream.sink.is_enough() {
            stream.bytes(&out[..step.made]);
        }
        input.consume(step.used);
        if step.frame_ended {
            return Ok(());
        }
        if step.used == 0 && step.made == 0 || input.bytes().is_empty() && step.made < out.len() {
            let least = input.bytes().len() + 1;
            match stream.fill(input, least) {
                Ok(got) if got < least => return Err((made, "it ends too early".to_owned())),
                Ok(_) => {}
                Err(error) => return Err((made, strerror(&error))),
            }
        }
    }
}

/// Moves the input to where a frame may begin. False: there is none.
fn find_frame<S: Sink + Enough>(stream: &mut Stream<'_, S>, input: &mut Input) -> bool {
    loop {
        let got = match stream.fill(input, 4) {
            Ok(got) => got,
            Err(_) => match input.recover() {
                Some(_) => continue,
                None => return false,
            },
        };
        if let Some(at) = unpacker::find_frame(input.bytes(), 0) {
            input.consume(at);
            return true;
        }
        if got < 4 {
            return false;
        }
        input.consume(got - 3);
    }
}
