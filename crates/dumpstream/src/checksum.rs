// SPDX-License-Identifier: BSD-2-Clause
//! The additive checksum of a header.

use super::{Block, CHECKSUM, layout::C_CHECKSUM};

/// Sum of all 32-bit words of `block` in host byte order, wrapping.
pub fn sum(block: &Block) -> u32 {
    let (words, _) = block.as_chunks::<4>();
    words.iter().fold(0, |sum: u32, word| sum.wrapping_add(u32::from_ne_bytes(*word)))
}

/// Sets `c_checksum` so that the whole header adds up to [`CHECKSUM`].
pub fn set(block: &mut Block) {
    block[C_CHECKSUM..C_CHECKSUM + 4].fill(0);
    let value = CHECKSUM.wrapping_sub(sum(block));
    block[C_CHECKSUM..C_CHECKSUM + 4].copy_from_slice(&value.to_ne_bytes());
}
