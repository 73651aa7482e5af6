// SPDX-License-Identifier: BSD-2-Clause
//! Converts the bytes of a volume, decompressed if needed, to tape blocks for the reader.

use std::io;

use crate::compress::unpacker;
use crate::compress::unpacker::{Unpacker, WINDOW_LOG};
use crate::inspect::input::Input;
use crate::inspect::sinks::Told;
use crate::os::errno::strerror;
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Fault, Reader, Sink};

/// Bytes that one step of decompression makes at most.
const STEP: usize = 128 << 10;

/// Bytes of a frame that have to be there to see how long its content is.
const FRAME_HEADER: usize = 18;

/// The way of one volume into the reader.
pub struct Feed<'a, S> {
    reader: &'a mut Reader,
    sink: &'a mut S,
    /// Bytes of a tape block that is not whole yet.
    carry: [u8; TP_BSIZE],
    held: usize,
    /// Bytes of the stream that are passed over before the reader gets any.
    ahead: u64,
    /// Whether unneeded data may be skipped without reading it.
    jumps: bool,
    /// The largest window of zstd's that is allowed, as a power of 2.
    window_log: u32,
}

/// What the sink still needs.
pub trait Enough {
    /// Whether it needs the next data; otherwise it may be skipped.
    fn wants_data(&self) -> bool {
        true
    }

    /// The ways out.
    fn told(&mut self) -> &mut Told;

    /// Whether nothing more is wanted.
    fn is_enough(&self) -> bool {
        false
    }
}

impl<'a, S: Sink + Enough> Feed<'a, S> {
    /// For one volume. With `jumps`, the data of files is passed over where that can be done.
    pub fn new(reader: &'a mut Reader, sink: &'a mut S, jumps: bool) -> Feed<'a, S> {
        Feed { reader, sink, carry: [0; TP_BSIZE], held: 0, ahead: 0, jumps, window_log: WINDOW_LOG }
    }

    /// The reader gets what comes after these many bytes.
    pub fn after(mut self, bytes: u64) -> Feed<'a, S> {
        self.ahead = bytes;
        self
    }

    /// Frames may ask for a window of 2 to this power in bytes, if that was given.
    pub fn windows(mut self, window_log: Option<u32>) -> Feed<'a, S> {
        self.window_log = window_log.unwrap_or(self.window_log);
        self
    }

    /// Feeds the volume to the reader, from the current position of the input.
    pub fn run(&mut self, input: &mut Input) {
        let start = match self.fill(input, 4) {
            Ok(_) => unpacker::is_compressed(input.bytes()),
            Err(_) => false,
        };
        if start {
            self.packed(input)
        } else {
            self.plain(input)
        }
        if self.held > 0 {
            self.reader.report(self.sink, Fault::Ragged(self.held as u64));
        }
    }

    /// As [`Input::fill`]; a signal can end it before.
    fn fill(&mut self, input: &mut Input, least: usize) -> io::Result<usize> {
        let told = self.sink.told();
        input.fill_while(least, |input| told.ready(input))
    }

    fn plain(&mut self, input: &mut Input) {
        if self.jumps {
            input.expect_jumps();
        }
        self.sink.told().no_checksum();
        while !self.sink.is_enough() {
            let data = self.reader.pending_data() * TP_BSIZE as u64;
            if self.jumps && self.held == 0 && data > 0 && !self.sink.wants_data() && input.has(data) {
                let to = input.offset() + data;
                if input.seek(to).is_ok() {
                    self.reader.skip_data();
                    continue;
                }
            }
            match self.fill(input, 1) {
                Ok(0) => {
                    // A tape's volume ends with a filemark.
                    if input.is_tape() {
                        self.reader.volume_is_closed();
                    }
                    break;
                }
                Ok(got) if !self.jumps => {
                    self.bytes(&input.bytes()[..got]);
                    input.consume(got);
                }
                Ok(got) => {
                    let block = got.min(TP_BSIZE - self.held);
                    self.bytes(&input.bytes()[..block]);
                    input.consume(block);
                }
                Err(error) => {
                    self.reader.report(self.sink, Fault::Unreadable(strerror(&error)));
                    match input.recover() {
                        Some(bytes) => self.missing(bytes),
                        None => break,
                    }
                    self.reader.gap();
                }
            }
        }
    }

    /// These many bytes do not come; what comes is behind them.
    fn missing(&mut self, bytes: u64) {
        let ahead = self.ahead.min(bytes);
        self.ahead -= ahead;
        let blocks = (bytes - ahead + self.held as u64) / TP_BSIZE as u64;
        self.held = 0;
        self.reader.missing(blocks);
    }

    /// Bytes of the uncompressed stream.
    fn bytes(&mut self, mut bytes: &[u8]) {
        if self.ahead > 0 {
            let pass = usize::try_from(self.ahead).map_or(bytes.len(), |ahead| ahead.min(bytes.len()));
            self.ahead -= pass as u64;
            bytes = &bytes[pass..];
        }
        if self.held > 0 {
            let more = bytes.len().min(TP_BSIZE - self.held);
            self.carry[self.held..self.held + more].copy_from_slice(&bytes[..more]);
            self.held += more;
            bytes = &bytes[more..];
            if self.held < TP_BSIZE {
                return;
            }
            self.held = 0;
            self.reader.block(&self.carry, self.sink);
        }
        let (blocks, rest) = bytes.as_chunks::<TP_BSIZE>();
        blocks.iter().for_each(|block| self.reader.block(block, self.sink));
        self.carry[..rest.len()].copy_from_slice(rest);
        self.held = rest.len();
    }

    fn packed(&mut self, input: &mut Input) {
        let mut unpacker = match Unpacker::new(self.window_log) {
            Ok(unpacker) => unpacker,
            Err(error) => return self.reader.report(self.sink, Fault::Unreadable(error.to_string())),
        };
        let mut out = vec![0; STEP];
        let mut has_table = false;
        while !self.sink.is_enough() {
            match self.fill(input, FRAME_HEADER) {
                Ok(0) => {
                    // The table is written when the volume is closed.
                    if has_table {
                        self.reader.volume_is_closed();
                    }
                    break;
                }
                Ok(_) => {
                    has_table = unpacker::is_table(input.bytes());
                    if !unpacker::has_checksum(input.bytes()) {
                        self.sink.told().no_checksum();
                    }
                }
                Err(error) => {
                    self.reader.report(self.sink, Fault::Unreadable(strerror(&error)));
                    if input.recover().is_none() || !self.find_frame(input) {
                        break;
                    }
                }
            }
            let (at, size) = (input.offset(), unpacker::content_size(input.bytes()));
            self.reader.mark();
            let Err((made, reason)) = self.frame(input, &mut unpacker, &mut out) else { continue };
            match size.and_then(|size| size.checked_sub(made)) {
                Some(left) => self.missing(left),
                None => self.held = 0,
            }
            self.reader.spoil(self.sink, Fault::Frame(at, reason));
            unpacker.restart();
            // The damage may have led past the start of the next frame.
            let again = !input.is_seekable() || input.seek(at + 4).is_ok();
            if !again || !self.find_frame(input) {
                break;
            }
        }
    }

    /// One frame. Errors: the bytes that came out of it, and why it is damaged.
    fn frame(
        &mut self,
        input: &mut Input,
        unpacker: &mut Unpacker,
        out: &mut [u8],
    ) -> Result<(), (u64, String)> {
        let mut made = 0;
        loop {
            let step = unpacker.step(input.bytes(), out).map_err(|error| (made, error.0))?;
            made += step.made as u64;
            // The frame is read to its end even if nothing more is wanted: its checksum is there.
            if !self.sink.is_enough() {
                self.bytes(&out[..step.made]);
            }
            input.consume(step.used);
            if step.frame_ended {
                return Ok(());
            }
            if step.used == 0 && step.made == 0 || input.bytes().is_empty() && step.made < out.len() {
                let least = input.bytes().len() + 1;
                match self.fill(input, least) {
                    Ok(got) if got < least => return Err((made, "it ends too early".to_owned())),
                    Ok(_) => {}
                    Err(error) => return Err((made, strerror(&error))),
                }
            }
        }
    }

    /// Moves the input to where a frame may begin. False: there is none.
    fn find_frame(&mut self, input: &mut Input) -> bool {
        loop {
            let got = match self.fill(input, 4) {
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
}
