// SPDX-License-Identifier: BSD-2-Clause
//! `--verify`: compares what was written to a volume with what is read back.

use std::fmt;

use crate::dump::volumes::Chunk;
use crate::workers::Digest;
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Finding, Names, Reader, Sink};
use ufs::Ino;

/// A chunk, or other bytes, as written on a volume. About 60 bytes for each 2 MB of the dump are kept until its volume is verified.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Bytes on the medium.
    pub bytes: u32,
    /// Tape blocks that they are made from; none of the table of a compressed volume.
    pub blocks: u32,
    /// Their digest, taken by the worker that wrote them.
    pub digest: Digest,
    /// The first and the last inode in it.
    inodes: (Ino, Ino),
}

impl Part {
    /// `blocks` tape blocks of `chunk`, which are `bytes` bytes on the medium.
    pub fn new(chunk: &Chunk, blocks: u32, bytes: u32, digest: Digest) -> Part {
        let mut inodes = chunk.pieces.iter().filter(|piece| piece.at < blocks).map(|piece| piece.ino);
        let first = inodes.next().unwrap_or_default();
        Part { bytes, blocks, digest, inodes: (first, inodes.next_back().unwrap_or(first)) }
    }
}

/// What is wrong with a volume: one line.
#[derive(Debug)]
pub enum Difference {
    /// Other bytes are on it than were written: the volume, the first and the last record, the first and the last inode in them.
    Bytes(u32, (u64, u64), (Ino, Ino)),
    /// The table at its end is not what was written.
    Table(u32),
    /// The stream itself is wrong: the tape blocks of a record, what is wrong.
    Stream(u32, Finding),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Bytes(volume, (first, last), (from, to)) => write!(
                f,
                "volume {volume}: records {first} to {last} (inodes {from} to {to}) are not what was written"
            ),
            Difference::Table(volume) => {
                write!(f, "volume {volume}: the table at its end is not what was written")
            }
            Difference::Stream(record, Finding { place, ino, fault, .. }) => {
                if let Some(place) = place {
                    write!(f, "volume {}, record {}", place.volume, place.block / u64::from(*record))?;
                }
                if let Some(ino) = ino {
                    write!(f, ", inode {ino}")?;
                }
                write!(f, ": {fault}")
            }
        }
    }
}

/// Holds what is read back against what was written, and walks through the stream.
#[derive(Debug)]
pub struct Verification {
    /// Tape blocks of a record.
    record: u32,
    parts: Vec<Part>,
    /// The next part to be read, and where it begins in bytes; and the next that was read.
    next: (usize, u64),
    done: usize,
    /// Bytes of this volume that were read back.
    done_bytes: u64,
    volume: u32,
    reader: Reader,
    found: Found,
}

#[derive(Debug, Default)]
struct Found(Option<Finding>);

impl Sink for Found {
    fn finding(&mut self, finding: Finding, _names: &mut Names) {
        if self.0.is_none() && finding.fault.is_of_the_stream() {
            self.0 = Some(finding);
        }
    }
}

impl Verification {
    /// Of a dump with records of `record` tape blocks.
    pub fn new(record: u32) -> Verification {
        Verification {
            record,
            parts: Vec::new(),
            next: (0, 0),
            done: 0,
            done_bytes: 0,
            volume: 0,
            reader: Reader::default(),
            found: Found::default(),
        }
    }

    /// A volume is begun, once more if the one before has the same number.
    pub fn begin_volume(&mut self, volume: u32) {
        self.parts.clear();
        (self.next, self.done, self.done_bytes, self.volume) = ((0, 0), 0, 0, volume);
    }

    /// A part was written.
    pub fn wrote(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// The volume is written, and is read back from now on.
    pub fn begin_reading(&mut self) {
        self.reader.begin_volume(self.volume);
    }

    /// The next part to be read back, and where it begins on the volume, in bytes.
    pub fn next_part(&mut self) -> Option<(u64, Part)> {
        let (index, offset) = self.next;
        let part = *self.parts.get(index)?;
        self.next = (index + 1, offset + u64::from(part.bytes));
        Some((offset, part))
    }

    /// The part that will be read next of those that were given out; none when all were.
    pub fn awaited(&self) -> Option<Part> {
        self.parts.get(self.done).copied()
    }

    /// Bytes of this volume that were read back, and how many it has.
    pub fn progress(&self) -> (u64, u64) {
        (self.done_bytes, self.parts.iter().map(|part| u64::from(part.bytes)).sum())
    }

    /// The next part was read: `bytes` bytes with that digest; `blocks` is what they were made from.
    ///
    /// Errors: they are not what was written, or the stream is wrong.
    pub fn read(&mut self, bytes: u32, digest: Digest, blocks: &[u8]) -> Result<(), Difference> {
        let Some(part) = self.awaited() else { return Ok(()) };
        if bytes != part.bytes || digest != part.digest {
            return Err(self.difference(part));
        }
        self.done += 1;
        self.done_bytes += u64::from(bytes);
        for block in blocks.as_chunks::<TP_BSIZE>().0 {
            self.reader.block(block, &mut self.found);
        }
        self.result()
    }

    /// The last volume was read back.
    ///
    /// Errors: inodes are missing, or the stream is not at its end.
    pub fn finish(&mut self) -> Result<(), Difference> {
        self.reader.finish(&mut self.found);
        self.result()
    }

    fn result(&mut self) -> Result<(), Difference> {
        self.found.0.take().map_or(Ok(()), |finding| Err(Difference::Stream(self.record, finding)))
    }

    fn difference(&self, part: Part) -> Difference {
        if part.blocks == 0 {
            return Difference::Table(self.volume);
        }
        let before: u64 = self.parts[..self.done].iter().map(|part| u64::from(part.blocks)).sum();
        let first = before / u64::from(self.record);
        let last = (before + u64::from(part.blocks)).div_ceil(self.record.into()).saturating_sub(1);
        Difference::Bytes(self.volume, (first, last), part.inodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: u32, blocks: u32) -> Part {
        Part { bytes, blocks, digest: Digest::of(&[blocks as u8]), inodes: (Ino(5), Ino(9)) }
    }

    #[test]
    fn a_difference_names_records_and_inodes() {
        let mut verification = Verification::new(10);
        verification.begin_volume(1);
        [part(4000, 20), part(3000, 30), part(53, 0)].into_iter().for_each(|part| verification.wrote(part));
        verification.begin_reading();
        let offsets: Vec<u64> = std::iter::from_fn(|| verification.next_part()).map(|part| part.0).collect();
        assert_eq!(offsets, [0, 4000, 7000]);
        assert_eq!(verification.progress(), (0, 7053));
        verification.read(4000, Digest::of(&[20]), &[]).unwrap();
        assert_eq!(verification.progress(), (4000, 7053));
        let error = verification.read(3000, Digest::of(&[21]), &[]).unwrap_err().to_string();
        assert_eq!(error, "volume 1: records 2 to 4 (inodes 5 to 9) are not what was written");
        assert!(verification.read(2999, Digest::of(&[30]), &[]).is_err());
        verification.read(3000, Digest::of(&[30]), &[]).unwrap();
        let error = verification.read(53, Digest::of(&[1]), &[]).unwrap_err().to_string();
        assert_eq!(error, "volume 1: the table at its end is not what was written");
        assert_eq!(verification.progress().0, 7000, "a difference is not counted");
        verification.begin_volume(2);
        assert_eq!(verification.progress(), (0, 0));
        let error = verification.finish().unwrap_err().to_string();
        assert!(error.contains("the dump ends without TS_END"), "{error}");
    }
}
