// SPDX-License-Identifier: BSD-2-Clause
//! Reads a volume that is not compressed.

use crate::inspect::input::Input;
use crate::inspect::stream::{Attend, Enough, Stream};
use crate::os::errno::strerror;
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Fault, Sink};

/// Bytes read at a time where the next header is searched for.
const SEARCHED: u64 = 256 << 10;

/// Reads the volume from the current position of the input.
pub fn plain<S: Sink + Enough>(stream: &mut Stream<'_, S>, input: &mut Input) {
    if stream.jumps {
        input.expect_jumps();
    }
    stream.sink.told().no_checksum();
    while !stream.sink.is_enough() {
        // Of what ends early all that is there is skipped: the data may go on in the next volume.
        let data = stream.skippable().min(input.left() / TP_BSIZE as u64 * TP_BSIZE as u64);
        if data > 0 {
            input.jump(data);
            stream.skip(data);
            continue;
        }
        input.expect(match stream.reader.is_searching() {
            true => SEARCHED,
            // And the header after it.
            false => (stream.reader.announced() + 1).saturating_mul(TP_BSIZE as u64),
        });
        match stream.fill(input, 1) {
            Ok(0) => {
                // A tape's volume ends with a filemark.
                if input.is_tape() {
                    stream.reader.volume_is_closed();
                }
                break;
            }
            Ok(got) => {
                // Whether what follows a header is needed is known after the header only.
                let most = if stream.jumps { stream.announced() } else { got };
                let count = got.min(most);
                stream.bytes(&input.bytes()[..count]);
                input.consume(count);
            }
            Err(error) => {
                stream.reader.report(stream.sink, Fault::Unreadable(strerror(&error)));
                match input.recover() {
                    Some(bytes) => stream.missing(bytes),
                    None => break,
                }
                stream.reader.gap();
            }
        }
    }
}
