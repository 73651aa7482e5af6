// SPDX-License-Identifier: BSD-2-Clause
//! `--compress`: compression of chunks to zstd frames, and the table of frames at the end of a volume. Pure.

mod frame;
mod seek_table;
pub mod unpacker;

use std::fmt;

pub use frame::{Compressor, bound, unpack};
pub use seek_table::{Entry, SeekTable, table_bytes};

use dumpstream::TP_BSIZE;

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

/// Tape blocks of a chunk so that its frame fits on a volume of `limit` bytes whatever is in it: whole records of `record`
/// tape blocks, `usual` at most. None if not even one record is sure to fit.
pub fn chunk_blocks(limit: Option<u64>, record: u32, usual: u32) -> Option<u32> {
    let Some(limit) = limit else { return Some(usual) };
    let fits = |blocks: u32, room: u64| bound(blocks as usize * TP_BSIZE) as u64 + table_bytes(1) <= room;
    let mut blocks = usual;
    while blocks > record && !fits(blocks, limit / CHUNKS_OF_VOLUME) {
        blocks -= record;
    }
    fits(blocks, limit).then_some(blocks)
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
    fn a_chunk_is_sure_to_fit_on_a_volume() {
        assert_eq!(chunk_blocks(None, 10, 2300), Some(2300));
        assert_eq!(chunk_blocks(Some(1 << 30), 10, 2300), Some(2300));
        assert_eq!(chunk_blocks(Some(10 << 10), 10, 2300), None);
        for limit in [11_u64 << 10, 100 << 10, 1 << 20, 10 << 20] {
            let blocks = chunk_blocks(Some(limit), 10, 2300).unwrap();
            assert!(blocks >= 10 && blocks.is_multiple_of(10));
            assert!(bound(blocks as usize * TP_BSIZE) as u64 + table_bytes(1) <= limit, "{limit}: {blocks}");
        }
    }
}
