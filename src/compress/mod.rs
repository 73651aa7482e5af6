// SPDX-License-Identifier: BSD-2-Clause
//! `--compress`: compression of chunks to zstd frames, and the table of frames at the end of a volume. Pure.

mod frame;
mod seek_table;
pub mod unpacker;

use std::fmt;

pub use frame::{Compressor, bound, padded_bound, skippable, unpack};
pub use seek_table::{Entry, SeekTable, table_bytes};

use agefile::{CHUNK, SEALED, plain_length, sealed_length};
use dumpstream::TP_BSIZE;
use frame::SKIPPABLE_HEADER;

/// zstd's own level when none is given (`ZSTD_CLEVEL_DEFAULT`, zstd.h).
const DEFAULT_LEVEL: u8 = 3;
/// The first level whose frames are larger than usual.
const FIRST_OF_LARGE: u8 = 6;
/// How much larger they are. At level 9 a dump in frames of the usual size is 5 % larger than in a single frame, since a frame refers to
/// nothing before it; in frames of this size, 1.3 %.
const LARGE: u32 = 4;
/// zstd's highest level that its tools do not call ultra (`ZSTDCLI_CLEVEL_MAX`, programs/zstdcli.c).
const HIGHEST_LEVEL: u8 = 19;

/// How hard zstd tries, 1 to 19.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// The fastest.
    pub const FASTEST: Level = Level(1);

    /// What `--compress` says: `zstd` or `zstd:LEVEL`. None if it is neither.
    pub fn parse(text: &str) -> Option<Level> {
        let level = match text.strip_prefix("zstd")? {
            "" => DEFAULT_LEVEL,
            level => level.strip_prefix(':')?.parse().ok()?,
        };
        (1..=HIGHEST_LEVEL).contains(&level).then_some(Level(level))
    }

    /// How many times as large as usual a chunk should be, which becomes a frame.
    pub fn enlargement(self) -> u32 {
        if self.0 < FIRST_OF_LARGE { 1 } else { LARGE }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of a volume of limited size that one chunk may take at most, so that little of it stays empty.
const CHUNKS_OF_VOLUME: u64 = 8;

/// What chunks become on a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Records, as they are.
    Records,
    /// Frames.
    Frames,
    /// Frames that are encrypted.
    Sealed {
        /// Bytes of the header before them.
        head: u64,
        /// Bytes of a record: a volume is a whole number of them.
        record: u64,
    },
}

impl Form {
    /// Whether what is written is encrypted.
    pub fn is_sealed(self) -> bool {
        matches!(self, Form::Sealed { .. })
    }

    /// A frame is padded to a multiple of so many bytes.
    pub fn unit(self) -> usize {
        if self.is_sealed() { CHUNK } else { 1 }
    }

    /// Bytes on the medium, at most, of what `bytes` bytes become.
    pub fn most(self, bytes: usize) -> u64 {
        match self {
            Form::Records => bytes as u64,
            Form::Frames => bound(bytes) as u64,
            Form::Sealed { .. } => (padded_bound(bytes, CHUNK) / CHUNK * SEALED) as u64,
        }
    }

    /// Bytes on the medium that end a volume of `frames` frames, `at` bytes: the table, and what pads it.
    pub fn end(self, at: u64, frames: u64) -> u64 {
        match self {
            Form::Records => 0,
            Form::Frames => table_bytes(frames),
            Form::Sealed { .. } => sealed_length(self.padding(at, frames) + table_bytes(frames)),
        }
    }

    /// Bytes of the skippable frame before the table of `frames` frames, which ends a volume of `at` bytes with a whole record; 0 if there
    /// is none.
    pub fn padding(self, at: u64, frames: u64) -> u64 {
        let Form::Sealed { record, .. } = self else { return 0 };
        let table = table_bytes(frames);
        let mut end = (at + sealed_length(table)).next_multiple_of(record);
        // Some lengths are not those of any payload, and a skippable frame is no shorter than its header: then one more record is needed.
        loop {
            let plain = plain_length(end - at);
            let fits = plain == table || plain >= table + SKIPPABLE_HEADER as u64;
            if fits && at + sealed_length(plain) == end {
                return plain - table;
            }
            end += record;
        }
    }

    /// Bytes before the first chunk.
    pub fn head(self) -> u64 {
        if let Form::Sealed { head, .. } = self { head } else { 0 }
    }

    /// Tape blocks of a chunk so that its frame fits on a volume of `limit` bytes whatever is in it: whole records of `record`
    /// tape blocks, `usual` at most. None if not even one record is sure to fit.
    pub fn chunk_blocks(self, limit: Option<u64>, record: u32, usual: u32) -> Option<u32> {
        let Some(limit) = limit else { return Some(usual) };
        let whole = |blocks: u32| self.most_alone(blocks as usize * TP_BSIZE);
        // A frame that is padded takes as much of the volume as the largest that is padded to the same length.
        let room = whole(record).max(limit / CHUNKS_OF_VOLUME);
        let mut blocks = usual;
        while blocks > record && whole(blocks) > room {
            blocks -= record;
        }
        (whole(blocks) <= limit).then_some(blocks)
    }

    /// Bytes of a volume, at most, with a single frame made from `bytes` bytes.
    fn most_alone(self, bytes: usize) -> u64 {
        let (head, most) = (self.head(), self.most(bytes));
        match self {
            Form::Records | Form::Frames => most + self.end(most, 1),
            Form::Sealed { .. } => {
                let frames = (head..=head + most).step_by(SEALED).skip(1);
                frames.map(|at| at + self.end(at, 1)).max().unwrap_or(head)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        assert_eq!(Level::parse("zstd"), Some(Level(3)));
        assert_eq!(Level::parse("zstd:19"), Some(Level(19)));
        for bad in ["", "gzip", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "zstd:x", "zstd1", "zstd:300"] {
            assert_eq!(Level::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_encrypted_volume_is_whole_records() {
        for blocks in [1, 2, 10, 32, 60, 63, 64, 65, 127, 128, 129, 192, 255, 256, 1000] {
            let record = blocks << 10;
            for head in 100..3000 {
                let form = Form::Sealed { head, record };
                for chunks in [0, 1, 2, 33, 4097, 1 << 30] {
                    for frames in [0, 1, 5460, 5461] {
                        let at = head + chunks * SEALED as u64;
                        let end = form.end(at, frames);
                        assert!((at + end).is_multiple_of(record), "{blocks} {head} {chunks}");
                        let least = sealed_length(table_bytes(frames));
                        assert!(end >= least && end < least + 3 * record);
                        assert!(!(1..8).contains(&form.padding(at, frames)));
                    }
                }
            }
        }
    }

    #[test]
    fn a_chunk_is_sure_to_fit_on_a_volume() {
        for form in [Form::Frames, Form::Sealed { head: 200, record: 10 << 10 }] {
            assert_eq!(form.chunk_blocks(None, 10, 2300), Some(2300));
            assert_eq!(form.chunk_blocks(Some(1 << 30), 10, 2300), Some(2300));
            assert_eq!(form.chunk_blocks(Some(10 << 10), 10, 2300), None);
            for limit in [11_u64 << 10, 100 << 10, 1 << 20, 10 << 20] {
                let Some(blocks) = form.chunk_blocks(Some(limit), 10, 2300) else {
                    assert!(limit < 75_000, "{limit}");
                    continue;
                };
                assert!(blocks >= 10 && blocks.is_multiple_of(10));
                let at = form.head() + form.most(blocks as usize * TP_BSIZE);
                assert!(at + form.end(at, 1) <= limit, "{limit}: {blocks}");
            }
        }
    }
}
