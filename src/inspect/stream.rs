// SPDX-License-Identifier: BSD-2-Clause
//! The bytes of an uncompressed volume on their way into the reader, as tape blocks.

use std::io;

use crate::inspect::input::Input;
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Fault, Reader, Sink};

/// Who is told what happens on the way.
pub trait Attend {
    /// Waits until the input can be read; false when a signal ended the reading.
    fn ready(&mut self, input: &Input) -> bool;

    /// The data of files has no checksum that a change would be found by.
    fn no_checksum(&mut self);
}

/// What the sink still needs.
pub trait Enough {
    /// The ways out.
    type Told: Attend;

    /// Whether it needs the next data; otherwise it may be skipped.
    fn wants_data(&self) -> bool {
        true
    }

    /// The ways out.
    fn told(&mut self) -> &mut Self::Told;

    /// Whether nothing more is wanted.
    fn is_enough(&self) -> bool {
        false
    }
}

/// The way of one volume into the reader.
pub struct Stream<'a, S> {
    pub reader: &'a mut Reader,
    pub sink: &'a mut S,
    /// Whether unneeded data may be skipped without reading it.
    pub jumps: bool,
    /// Bytes of a tape block that is not whole yet.
    carry: [u8; TP_BSIZE],
    held: usize,
    /// Bytes of the stream that are passed over before the reader gets any.
    ahead: u64,
}

impl<'a, S: Sink + Enough> Stream<'a, S> {
    /// The reader gets what comes after `ahead` bytes.
    pub fn new(reader: &'a mut Reader, sink: &'a mut S, jumps: bool, ahead: u64) -> Stream<'a, S> {
        Stream { reader, sink, jumps, carry: [0; TP_BSIZE], held: 0, ahead }
    }

    /// As [`Input::fill`]; a signal can end it before.
    pub fn fill(&mut self, input: &mut Input, least: usize) -> io::Result<usize> {
        let told = self.sink.told();
        input.fill_while(least, |input| told.ready(input))
    }

    /// Bytes of the stream.
    pub fn bytes(&mut self, mut bytes: &[u8]) {
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

    /// These many bytes do not come; what comes is behind them.
    pub fn missing(&mut self, bytes: u64) {
        let ahead = self.ahead.min(bytes);
        self.ahead -= ahead;
        let blocks = (bytes - ahead + self.held as u64) / TP_BSIZE as u64;
        self.held = 0;
        self.reader.missing(blocks);
    }

    /// Forgets the tape block that is not whole yet.
    pub fn drop_rest(&mut self) {
        self.held = 0;
    }

    /// Bytes up to the next header, if they are known and needed for nothing; else 0.
    pub fn skippable(&self) -> u64 {
        let skips = self.jumps && self.held == 0 && self.ahead == 0 && !self.sink.wants_data();
        if skips { self.reader.pending_data() * TP_BSIZE as u64 } else { 0 }
    }

    /// Skips so many of [`Stream::skippable`] bytes, whole tape blocks.
    pub fn skip(&mut self, bytes: u64) {
        self.reader.skip_data(bytes / TP_BSIZE as u64);
    }

    /// Bytes up to the next header, or 1 tape block if a header comes next.
    pub fn announced(&self) -> usize {
        let bytes = self.reader.announced().max(1).saturating_mul(TP_BSIZE as u64);
        usize::try_from(bytes).unwrap_or(usize::MAX) - self.held
    }

    /// The volume ends, unless nothing more of it is wanted.
    pub fn end(&mut self) {
        if self.held > 0 && !self.sink.is_enough() {
            self.reader.report(self.sink, Fault::Ragged(self.held as u64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dumpstream::reading::{Finding, Names};

    #[derive(Default)]
    struct Seen {
        ragged: u32,
        is_enough: bool,
    }

    impl Attend for Seen {
        fn ready(&mut self, _input: &Input) -> bool {
            true
        }

        fn no_checksum(&mut self) {}
    }

    impl Enough for Seen {
        type Told = Seen;

        fn told(&mut self) -> &mut Seen {
            self
        }

        fn is_enough(&self) -> bool {
            self.is_enough
        }
    }

    impl Sink for Seen {
        fn finding(&mut self, finding: Finding, _names: &mut Names) {
            self.ragged += u32::from(finding.fault == Fault::Ragged(348));
        }
    }

    #[test]
    fn what_is_left_off_is_not_ragged() {
        for is_enough in [false, true] {
            let (mut reader, mut seen) = (Reader::default(), Seen { ragged: 0, is_enough });
            let mut stream = Stream::new(&mut reader, &mut seen, false, 0);
            stream.bytes(&[0; 3 * TP_BSIZE + 348]);
            stream.end();
            assert_eq!(seen.ragged, u32::from(!is_enough));
        }
    }
}
