// SPDX-License-Identifier: BSD-2-Clause
//! Digests of the bytes of a chunk on the medium, compared when they are read back.

/// Bytes of a BLAKE3 digest.
pub const DIGEST_BYTES: usize = 32;

/// Which digests workers take of what they write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Of each chunk, which will be read back.
    pub of_chunks: bool,
    /// Of each volume, for an index.
    pub of_volumes: bool,
}

/// The BLAKE3 digest of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub [u8; DIGEST_BYTES]);

impl Digest {
    /// That of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// As four words of a frame.
    pub(super) fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks::<8>();
        [0, 1, 2, 3].map(|index: usize| u64::from_ne_bytes(words[index]))
    }

    /// From four words of a frame.
    pub(super) fn from_words(words: [u64; 4]) -> Digest {
        let mut out = Digest::default();
        for (bytes, word) in out.0.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_ne_bytes();
        }
        out
    }
}
