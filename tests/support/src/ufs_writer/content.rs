// SPDX-License-Identifier: BSD-2-Clause
//! What stands in a file: blocks of zeros, of a pattern, or given bytes, and holes between them.

/// How a part of a file is filled.
#[derive(Clone, Debug)]
pub enum Fill {
    /// Zeros: blocks on the disk, but nothing is written, so that the image stays sparse.
    Zeros,
    /// Numbers that follow from the seed and the place.
    Pattern(u64),
    /// These bytes, then zeros.
    Bytes(Vec<u8>),
}

/// Consecutive blocks of a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The first block (`lbn`).
    pub block: u64,
    /// How many blocks.
    pub blocks: u64,
    /// What is in them.
    pub fill: Fill,
}

/// The content of a file.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// The blocks that the file has, ascending; all else is holes.
    pub parts: Vec<Part>,
}

impl Content {
    /// A file of `size` bytes without holes.
    pub fn full(size: u64, bsize: u64, fill: Fill) -> Content {
        let parts = vec![Part { block: 0, blocks: size.div_ceil(bsize), fill }];
        Content { size, parts: if size == 0 { Vec::new() } else { parts } }
    }

    /// A file that holds these bytes.
    pub fn bytes(bytes: Vec<u8>, bsize: u64) -> Content {
        Content::full(bytes.len() as u64, bsize, Fill::Bytes(bytes))
    }

    /// Numbers of the blocks that the file has.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().flat_map(|p| p.block..p.block + p.blocks)
    }

    /// Where the data is, as (offset, length) in bytes, in whole tape blocks.
    pub fn places(&self, bsize: u64) -> Vec<(u64, u64)> {
        let limit = self.size.next_multiple_of(1024);
        let mut out: Vec<(u64, u64)> = Vec::new();
        for part in &self.parts {
            let at = part.block * bsize;
            let len = (part.blocks * bsize).min(limit - at);
            match out.last_mut() {
                Some(last) if last.0 + last.1 == at => last.1 += len,
                _ => out.push((at, len)),
            }
        }
        out
    }
}

impl Part {
    /// Fills `out` with what stands in the part from block `lbn` on, up to byte `size` of the file.
    pub fn fill(&self, lbn: u64, bsize: u64, size: u64, out: &mut [u8]) {
        match &self.fill {
            Fill::Zeros => out.fill(0),
            Fill::Pattern(seed) => pattern(*seed, lbn * bsize, out),
            Fill::Bytes(bytes) => {
                let from = ((lbn - self.block) * bsize) as usize;
                let bytes = bytes.get(from..).unwrap_or(&[]);
                let len = bytes.len().min(out.len());
                out[..len].copy_from_slice(&bytes[..len]);
                out[len..].fill(0);
            }
        }
        let inside = size.saturating_sub(lbn * bsize).min(out.len() as u64) as usize;
        out[inside..].fill(0);
    }
}

/// Bytes that follow from `seed` and the offset, a multiple of 8.
fn pattern(seed: u64, offset: u64, out: &mut [u8]) {
    let words = (offset / 8..).zip(out.chunks_mut(8));
    for (n, word) in words {
        let mut x = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed;
        x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bytes = (x ^ (x >> 32) | 1).to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
}
