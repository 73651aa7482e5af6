// SPDX-License-Identifier: BSD-2-Clause
//! Reads one volume, decompressed if needed.

use crate::compress::unpacker;
use crate::compress::unpacker::WINDOW_LOG;
use crate::inspect::input::Input;
use crate::inspect::packed::packed;
use crate::inspect::plain::plain;
use crate::inspect::stream::{Enough, Stream};
use dumpstream::reading::{Reader, Sink};

/// How one volume is read.
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// Whether unneeded data is skipped where that can be done.
    jumps: bool,
    /// Bytes of the stream that are passed over before the reader gets any.
    ahead: u64,
    /// The largest window of zstd's that is allowed, as a power of 2.
    window_log: u32,
}

impl Feed {
    /// With `jumps`, the data of files is skipped where that can be done. Frames may ask for a window of 2 to the power `window_log` in
    /// bytes, if that was given.
    pub fn new(jumps: bool, window_log: Option<u32>) -> Feed {
        Feed { jumps, ahead: 0, window_log: window_log.unwrap_or(WINDOW_LOG) }
    }

    /// The reader gets what comes after these many bytes.
    pub fn after(self, bytes: u64) -> Feed {
        Feed { ahead: bytes, ..self }
    }

    /// Feeds the volume to the reader, from the current position of the input.
    pub fn run<S: Sink + Enough>(self, input: &mut Input, reader: &mut Reader, sink: &mut S) {
        let mut stream = Stream::new(reader, sink, self.jumps, self.ahead);
        let start = match stream.fill(input, 4) {
            Ok(_) => unpacker::is_compressed(input.bytes()),
            Err(_) => false,
        };
        if start {
            packed(&mut stream, input, self.window_log);
        } else {
            plain(&mut stream, input);
        }
        stream.end();
    }
}
