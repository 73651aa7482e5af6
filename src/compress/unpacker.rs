// SPDX-License-Identifier: BSD-2-Clause
//! Decompresses zstd volumes, frame by frame. Pure.
//!
//! Memory is bounded by the window that a frame asks for: a frame that asks for more than is allowed is refused.

use std::fmt;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe;

/// The largest window accepted by default, as a power of 2 in bytes: the minimum that RFC 8878 recommends to support.
pub const WINDOW_LOG: u32 = 23;

/// What a frame begins with (RFC 8878).
pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes at the start of a frame that contain the length of its content (`ZSTD_FRAMEHEADERSIZE_MAX`).
const MOST_HEADER: usize = 18;

/// Whether a volume that begins so is compressed; one bit of it may be flipped.
pub fn is_compressed(start: &[u8]) -> bool {
    let Some(start) = start.first_chunk::<4>() else { return false };
    let wrong = start.iter().zip(&MAGIC).filter(|(a, b)| a != b).count();
    wrong <= 1 || is_skippable(start)
}

fn is_skippable(start: &[u8; 4]) -> bool {
    start[0] & 0xf0 == 0x50 && start[1..] == [0x2a, 0x4d, 0x18]
}

/// Where in `bytes` a frame may begin, from `from` on.
pub fn find_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(4).position(|four| four == MAGIC).map(|at| from + at)
}

/// A frame that cannot be decoded, or whose content does not have its checksum: zstd's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError(pub String);

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FrameError {}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of input used.
    pub used: usize,
    /// Bytes of output made.
    pub made: usize,
    /// Whether a frame ended, and its checksum, if it has one, was right.
    pub frame_ended: bool,
}

/// Decodes frames.
pub struct Unpacker {
    decoder: Decoder<'static>,
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacker")
    }
}

impl Unpacker {
    /// At the start of a frame. A window has at most 2 to the power `window_log` bytes.
    ///
    /// Errors: no memory.
    pub fn new(window_log: u32) -> Result<Unpacker, FrameError> {
        let mut decoder = Decoder::new().map_err(|error| FrameError(error.to_string()))?;
        let limit = DParameter::WindowLogMax(window_log);
        decoder.set_parameter(limit).map_err(|error| FrameError(error.to_string()))?;
        Ok(Unpacker { decoder })
    }

    /// Goes on with `input`, into `output`.
    ///
    /// Errors: the frame is damaged. Go on with [`Unpacker::restart`].
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, FrameError> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let left = self.decoder.run(&mut from, &mut to).map_err(|error| FrameError(error.to_string()))?;
        Ok(Step { used: from.pos(), made: to.pos(), frame_ended: left == 0 })
    }

    /// What comes next is the start of a frame.
    pub fn restart(&mut self) {
        // Resetting a session that is there cannot go wrong.
        _ = self.decoder.reinit();
    }
}

/// The window size required by the frame at the start of `input`, as a power of 2 rounded up; none if unknown.
pub fn window_log(input: &[u8]) -> Option<u32> {
    let rest = input.strip_prefix(&MAGIC)?;
    let descriptor = *rest.first()?;
    let bytes = if descriptor & 0x20 == 0 {
        // Window_Descriptor: exponent and mantissa.
        let window = rest.get(1)?;
        let base = 1_u64 << (10 + (window >> 3));
        base + base / 8 * u64::from(window & 7)
    } else {
        // A single segment is its own window.
        content_size(input)?
    };
    bytes.checked_next_power_of_two().map(u64::trailing_zeros)
}

/// Whether the frame at the start of `input` has a checksum of its content; a skippable frame has none to check.
pub fn has_checksum(input: &[u8]) -> bool {
    input.strip_prefix(&MAGIC).and_then(|rest| rest.first()).is_none_or(|descriptor| descriptor & 4 != 0)
}

/// Whether a skippable frame begins here: the table of frames at the end of a volume is one.
pub fn is_table(start: &[u8]) -> bool {
    start.starts_with(&[0x5e, 0x2a, 0x4d, 0x18])
}

/// Bytes of content that the frame at the start of `input` says it has.
pub fn content_size(input: &[u8]) -> Option<u64> {
    let header = &input[..input.len().min(MOST_HEADER)];
    zstd_safe::get_frame_content_size(header).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> = (0..300_000_u32).flat_map(|n| (n.wrapping_mul(n) / 77).to_le_bytes()).collect();
        let mut packed = Vec::new();
        for piece in plain.chunks(200_000) {
            let mut encoder = zstd::Encoder::new(&mut packed, 1).unwrap();
            encoder.include_checksum(true).unwrap();
            std::io::Write::write_all(&mut encoder, piece).unwrap();
            encoder.finish().unwrap();
        }
        (plain, packed)
    }

    /// All that comes out, or the error.
    fn unpack(packed: &[u8]) -> Result<(Vec<u8>, usize), FrameError> {
        let (mut unpacker, mut out, mut ended, mut at) = (Unpacker::new(WINDOW_LOG)?, Vec::new(), 0, 0);
        let mut room = [0; 5000];
        loop {
            let end = packed.len().min(at + 999);
            let step = unpacker.step(&packed[at..end], &mut room)?;
            out.extend_from_slice(&room[..step.made]);
            at += step.used;
            ended += usize::from(step.frame_ended);
            if (step.used, step.made) == (0, 0) {
                return Ok((out, ended));
            }
        }
    }

    #[test]
    fn frames_come_out() {
        let (plain, packed) = frames();
        assert!(is_compressed(&packed));
        let (out, ended) = unpack(&packed).unwrap();
        assert_eq!(ended, 6);
        assert!(out == plain);
        let second = find_frame(&packed, 1).unwrap();
        assert!(unpack(&packed[second..]).unwrap().0 == plain[200_000..]);
    }

    #[test]
    fn windows() {
        let (_, packed) = frames();
        assert_eq!(window_log(&packed), Some(window_log(&packed).unwrap().min(WINDOW_LOG)));
        let mut large = Vec::new();
        let mut encoder = zstd::Encoder::new(&mut large, 1).unwrap();
        encoder.window_log(25).unwrap();
        std::io::Write::write_all(&mut encoder, &vec![7; 1 << 20]).unwrap();
        encoder.finish().unwrap();
        assert_eq!(window_log(&large), Some(25));
        assert!(unpack(&large).is_err());
        assert_eq!(window_log(&packed[..5]), None);
        assert_eq!(window_log(b"other"), None);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (_, packed) = frames();
        let whole = unpack(&packed).unwrap().1;
        for at in (0..packed.len()).step_by(packed.len() / 400) {
            let mut bad = packed.clone();
            bad[at] ^= 1 << (at % 8);
            // A flip in a frame header's reserved or unused parts leaves content and checksum right only if both still agree.
            let same = unpack(&bad).is_ok_and(|(_, ended)| ended == whole);
            assert!(!same, "byte {at}");
        }
    }
}
