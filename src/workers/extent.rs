// SPDX-License-Identifier: BSD-2-Clause
//! The data to be read for a chunk: an extent of the disk, and its position in the buffer.

use dumpstream::TP_BSIZE;
use ufs::ByteOffset;

/// Bytes of an extent in the arena.
pub const EXTENT_BYTES: usize = 16;

/// Consecutive bytes of the disk that go to consecutive bytes of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where they stand on the disk.
    pub offset: ByteOffset,
    /// The tape block of the chunk that they begin at.
    pub at: u32,
    /// Tape blocks.
    pub blocks: u32,
}

impl Extent {
    /// How it is written in the arena.
    pub fn encode(&self) -> [u8; EXTENT_BYTES] {
        let mut out = [0; EXTENT_BYTES];
        out[..8].copy_from_slice(&self.offset.0.to_ne_bytes());
        out[8..12].copy_from_slice(&self.at.to_ne_bytes());
        out[12..].copy_from_slice(&self.blocks.to_ne_bytes());
        out
    }

    /// Reads it back; none if it does not fit in a chunk of `chunk_blocks` tape blocks.
    pub fn decode(bytes: &[u8; EXTENT_BYTES], chunk_blocks: u32) -> Option<Extent> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |index: usize| u32::from_ne_bytes(words[index]);
        let mut offset = [0; 8];
        offset.copy_from_slice(&bytes[..8]);
        let extent = Extent { offset: ByteOffset(u64::from_ne_bytes(offset)), at: word(2), blocks: word(3) };
        let end = extent.at.checked_add(extent.blocks)?;
        let last = extent.offset.0.checked_add(u64::from(extent.blocks) * TP_BSIZE as u64)?;
        (extent.blocks > 0 && end <= chunk_blocks && i64::try_from(last).is_ok()).then_some(extent)
    }

    /// Its bytes on the disk and in the buffer.
    pub fn bytes(&self) -> usize {
        self.blocks as usize * TP_BSIZE
    }

    /// Whether `next` goes on where it ends, on the disk and in the buffer.
    pub fn is_before(&self, next: &Extent) -> bool {
        let end = self.offset.0.saturating_add(self.bytes() as u64);
        end == next.offset.0 && self.at + self.blocks == next.at
    }

    /// Where it begins in the buffer, in bytes.
    pub fn start(&self) -> usize {
        self.at as usize * TP_BSIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_outside_its_chunk_is_refused() {
        let good = Extent { offset: ByteOffset(1 << 40), at: 1000, blocks: 24 };
        assert_eq!(Extent::decode(&good.encode(), 1024), Some(good));
        for bad in [
            Extent { at: 1001, ..good },
            Extent { blocks: 0, ..good },
            Extent { at: u32::MAX, ..good },
            Extent { offset: ByteOffset(u64::MAX), ..good },
            Extent { offset: ByteOffset(i64::MAX as u64), ..good },
        ] {
            assert_eq!(Extent::decode(&bad.encode(), 1024), None, "{bad:?}");
        }
    }
}
