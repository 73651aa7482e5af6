// SPDX-License-Identifier: BSD-2-Clause
//! Takes an input apart: numbers first, zeros after its end; and changes of bytes that are likely to hurt.

use std::ops::Range;

/// What is left of an input.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The whole input.
    pub fn new(data: &'a [u8]) -> Input<'a> {
        Input(data)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next `width` bytes as a number, little-endian.
    pub fn number(&mut self, width: usize) -> u64 {
        (0..width).fold(0, |sum, n| sum | u64::from(self.byte()) << (8 * n))
    }

    /// The next `length` bytes; fewer at the end.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }

    /// Changes a number of 1, 2, 4 or 8 bytes somewhere in `place` of `bytes`, which it stays in.
    pub fn change(&mut self, bytes: &mut [u8], place: &Range<usize>, big_endian: bool) {
        let how = self.byte();
        let width = 1 << (how & 3);
        let at = place.start + self.number(2) as usize % place.len();
        let at = if how & 4 == 0 { at } else { at / width * width };
        let old = bytes.get(at..at + width).map(|old| {
            let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if big_endian { old.iter().fold(0, join) } else { old.iter().rev().fold(0, join) }
        });
        let value = match how >> 3 & 7 {
            0 => self.number(width),
            1 => u64::MAX,
            2 => 1 << (width * 8 - 1),
            3 => (1 << (width * 8 - 1)) - 1,
            4 => old.unwrap_or(0).wrapping_add(1),
            5 => old.unwrap_or(0).wrapping_sub(1),
            6 => 1 << (self.byte() % 64),
            _ => self.byte().into(),
        };
        let mut new = value.to_le_bytes();
        new[..width].reverse();
        if !big_endian {
            new[..width].reverse();
        }
        if let Some(old) = bytes.get_mut(at..at + width) {
            old.copy_from_slice(&new[..width]);
        }
    }
}
