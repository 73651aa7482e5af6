// SPDX-License-Identifier: BSD-2-Clause
//! Compresses a chunk to one zstd frame, which contains its size and ends with a checksum.

use std::fmt;

use zstd::zstd_safe::{self, CCtx, CParameter};

use crate::compress::Level;
use ufs::Buffer;

/// Up to this level zstd's match finders find the same whatever was compressed before with the same context. Above it one of them
/// salts its table with what it saw, so each frame gets a context of its own: a dump has the same bytes however chunks were
/// shared out.
const HIGHEST_REUSED: u8 = 4;

/// Bytes of a frame at most, made from `bytes` bytes.
pub fn bound(bytes: usize) -> usize {
    zstd_safe::compress_bound(bytes)
}

/// What zstd says went wrong; without memory it cannot work.
#[derive(Debug)]
pub struct ZstdError(&'static str);

impl fmt::Display for ZstdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zstd: {}", self.0)
    }
}

impl std::error::Error for ZstdError {}

/// Bytes that a skippable frame has before its content: its magic number and its size (RFC 8878).
pub const SKIPPABLE_HEADER: usize = 8;

/// The first of the 16 magic numbers of skippable frames (`ZSTD_MAGIC_SKIPPABLE_START`, zstd.h); the table of frames has the last but one.
const PADDING: u32 = 0x184D_2A50;

/// Bytes of a frame of `length` bytes, and of the skippable frame that pads it to a multiple of `unit` bytes.
fn padded(length: usize, unit: usize) -> usize {
    let whole = length.next_multiple_of(unit);
    if whole == length || whole - length >= SKIPPABLE_HEADER { whole } else { whole + unit }
}

/// Bytes of a frame, padded to a multiple of `unit` bytes, at most, made from `bytes` bytes.
pub fn padded_bound(bytes: usize, unit: usize) -> usize {
    (bound(bytes) + SKIPPABLE_HEADER).next_multiple_of(unit)
}

/// A frame that was made.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its bytes, with those of the padding.
    pub bytes: &'a [u8],
    /// Its checksum: the low half of the XXH64 of what it was made from.
    pub checksum: u32,
}

/// Makes frames; keeps its memory from one to the next.
pub struct Compressor {
    level: Level,
    context: Option<CCtx<'static>>,
    out: Buffer,
    /// Bytes of the frame in `out`.
    length: usize,
    /// The same with what it is padded by.
    padded: usize,
    /// A frame is padded to a multiple of so many bytes.
    unit: usize,
}

impl Compressor {
    /// Takes no memory before the first frame. Each frame is padded to a multiple of `unit` bytes.
    pub fn new(level: Level, unit: usize) -> Compressor {
        Compressor { level, context: None, out: Buffer::default(), length: 0, padded: 0, unit }
    }

    /// Makes the next frame of `bytes`.
    ///
    /// Errors: no memory.
    pub fn compress(&mut self, bytes: &[u8]) -> Result<(), ZstdError> {
        (self.length, self.padded) = (0, 0);
        self.out.set_length(padded_bound(bytes.len(), self.unit));
        if self.level.0 > HIGHEST_REUSED {
            self.context = None;
        }
        let context = match &mut self.context {
            Some(context) => context,
            None => self.context.insert(new_context(self.level)?),
        };
        self.length = context.compress2(&mut *self.out, bytes).map_err(error)?;
        self.pad();
        Ok(())
    }

    /// Appends a skippable frame up to the next multiple of the unit.
    fn pad(&mut self) {
        self.padded = padded(self.length, self.unit);
        let Some(rest) = self.out.get_mut(self.length..self.padded).filter(|rest| !rest.is_empty()) else {
            return;
        };
        fill_skippable(rest);
    }

    /// The frame that was made last.
    pub fn frame(&self) -> Frame<'_> {
        let frame = self.out.get(..self.length).unwrap_or(&[]);
        let checksum = frame.last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
        Frame { bytes: self.out.get(..self.padded).unwrap_or(&[]), checksum }
    }
}

/// A skippable frame of zeros of `length` bytes: no less than its header has, or none.
pub fn skippable(length: usize) -> Vec<u8> {
    let mut frame = vec![0; length];
    if length >= SKIPPABLE_HEADER {
        fill_skippable(&mut frame);
    }
    frame
}

fn fill_skippable(frame: &mut [u8]) {
    frame.fill(0);
    frame[..4].copy_from_slice(&PADDING.to_le_bytes());
    let size = (frame.len() - SKIPPABLE_HEADER) as u32;
    frame[4..SKIPPABLE_HEADER].copy_from_slice(&size.to_le_bytes());
}

/// Unpacks one frame, padded or not, into `out`, which has just the room for it; whether it was whole, with the right checksum.
pub fn unpack(frame: &[u8], out: &mut [u8]) -> bool {
    let wanted = out.len();
    zstd_safe::decompress(out, frame).is_ok_and(|length| length == wanted)
}

fn new_context(level: Level) -> Result<CCtx<'static>, ZstdError> {
    let mut context = CCtx::try_create().ok_or(ZstdError("no memory"))?;
    context.set_parameter(CParameter::CompressionLevel(level.0.into())).map_err(error)?;
    context.set_parameter(CParameter::ChecksumFlag(true)).map_err(error)?;
    Ok(context)
}

fn error(code: usize) -> ZstdError {
    ZstdError(zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that can be compressed, but not well.
    fn text(seed: u64, length: usize) -> Vec<u8> {
        let mut x = seed | 1;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        let words: Vec<[u8; 8]> = (0..400).map(|_| next().to_le_bytes()).collect();
        (0..length / 5).flat_map(|_| words[next() as usize % words.len()][..5].to_vec()).collect()
    }

    #[test]
    fn frames_do_not_depend_on_those_before() {
        let chunks: Vec<Vec<u8>> = (1..4).map(|n| text(n, 200_000)).collect();
        for level in [1, 3, 4, 5, 9, 12, 14, 19] {
            let mut used = Compressor::new(Level(level), 1);
            for chunk in &chunks {
                used.compress(chunk).unwrap();
                let mut fresh = Compressor::new(Level(level), 1);
                fresh.compress(chunk).unwrap();
                assert!(used.frame().bytes == fresh.frame().bytes, "level {level}");
            }
        }
    }

    #[test]
    fn padding_has_room_for_its_header() {
        let lengths = [0, 1, 65_527, 65_528, 65_529, 65_535, 65_536, 65_537];
        let wanted = [0, 1, 1, 1, 2, 2, 1, 2].map(|units| units * 65_536);
        assert_eq!(lengths.map(|length| padded(length, 65_536)), wanted);
        assert_eq!(lengths.map(|length| padded(length, 1)), lengths);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn frames_are_read_back(seed: u64, length in 0_usize..100_000, level in 1_u8..=19, large: bool) {
            let bytes = text(seed, length);
            let unit = if large { 65_536 } else { 1 };
            let mut compressor = Compressor::new(Level(level), unit);
            compressor.compress(&bytes).unwrap();
            let frame = compressor.frame();
            prop_assert!(frame.bytes.len() <= padded_bound(bytes.len(), unit) && frame.bytes.len().is_multiple_of(unit));
            let mut back = vec![0; bytes.len()];
            prop_assert!(unpack(frame.bytes, &mut back) && back == bytes);
            prop_assert!(!unpack(&frame.bytes[1..], &mut back));
        }
    }
}
