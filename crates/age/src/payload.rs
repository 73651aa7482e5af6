// SPDX-License-Identifier: BSD-2-Clause
//! The payload: chunks of 64 KiB, each encrypted and authenticated under its number.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a chunk before it is encrypted; only the last one has fewer.
pub const CHUNK: usize = 64 << 10;

/// Bytes that authenticate a chunk, behind it.
pub const TAG: usize = 16;

/// Bytes of a whole chunk in the file.
pub const SEALED: usize = CHUNK + TAG;

/// Bytes of the nonce between the header and the first chunk.
pub const NONCE: usize = 16;

/// Bytes in the file of a payload of so many bytes, or of the chunks of a part of it that begins with a chunk.
pub fn sealed_length(plain: u64) -> u64 {
    plain + plain.div_ceil(CHUNK as u64) * TAG as u64
}

/// The bytes of the payload that are in so many bytes of chunks; a remainder that is no more than a tag has none.
pub fn plain_length(sealed: u64) -> u64 {
    let (whole, rest) = (sealed / SEALED as u64, sealed % SEALED as u64);
    whole * CHUNK as u64 + rest.saturating_sub(TAG as u64)
}

/// The key of a payload, wiped when it is dropped.
#[derive(Clone)]
pub struct PayloadKey {
    key: Zeroizing<[u8; 32]>,
}

impl PayloadKey {
    /// The key made from the file key and the nonce behind the header.
    pub fn new(file_key: &[u8; 16], nonce: &[u8; NONCE]) -> PayloadKey {
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are no more than HKDF can make.
        _ = Hkdf::<Sha256>::new(Some(nonce), file_key).expand(b"payload", &mut *key);
        PayloadKey { key }
    }

    /// The key itself.
    pub fn from_bytes(bytes: [u8; 32]) -> PayloadKey {
        PayloadKey { key: Zeroizing::new(bytes) }
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.key).into())
    }

    /// Encrypts the chunks of `plain`, which begin with number `first`, into `out`, which has [`sealed_length`] bytes. With `is_last` the
    /// last of them is the last of the payload; else `plain` has whole chunks only.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn seal(&self, first: u64, is_last: bool, plain: &[u8], out: &mut [u8]) {
        assert_eq!(out.len() as u64, sealed_length(plain.len() as u64));
        let cipher = self.cipher();
        let mut chunks = (first..).zip(plain.chunks(CHUNK)).zip(out.chunks_mut(SEALED)).peekable();
        while let Some(((number, chunk), out)) = chunks.next() {
            let (body, tag) = out.split_at_mut(chunk.len());
            body.copy_from_slice(chunk);
            let nonce = nonce(number, is_last && chunks.peek().is_none());
            // The only error is a chunk of more than 256 GiB.
            if let Ok(made) = cipher.encrypt_in_place_detached(&nonce, b"", body) {
                tag.copy_from_slice(&made);
            }
        }
    }

    /// Decrypts a chunk in place, and gives its bytes; none if it is not the chunk with this number, or not the last if `is_last`.
    pub fn open<'a>(&self, number: u64, is_last: bool, chunk: &'a mut [u8]) -> Option<&'a [u8]> {
        let (body, tag) = chunk.split_at_mut_checked(chunk.len().checked_sub(TAG)?)?;
        let tag = chacha20poly1305::Tag::clone_from_slice(tag);
        self.cipher().decrypt_in_place_detached(&nonce(number, is_last), b"", body, &tag).ok()?;
        Some(body)
    }
}

/// The nonce of a chunk: its number in 11 bytes, and whether it is the last.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths() {
        for (plain, sealed) in [(0, 0), (1, 17), (65_536, 65_552), (65_537, 65_569), (131_072, 131_104)] {
            assert_eq!(sealed_length(plain), sealed);
            assert_eq!(plain_length(sealed), plain);
        }
        assert_eq!((plain_length(16), plain_length(65_560)), (0, 65_536));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn chunks_come_back_and_no_others(length in 1_usize..200_000, first in 0_u64..1 << 40, at: usize) {
            let key = PayloadKey::from_bytes([7; 32]);
            let plain: Vec<u8> = (0..length).map(|n| (n * 31 / 7) as u8).collect();
            let mut sealed = vec![0; sealed_length(length as u64) as usize];
            key.seal(first, true, &plain, &mut sealed);
            let count = sealed.chunks(SEALED).count();
            let mut back = Vec::new();
            for (n, chunk) in sealed.chunks(SEALED).enumerate() {
                let (number, is_last) = (first + n as u64, n + 1 == count);
                back.extend_from_slice(key.open(number, is_last, &mut chunk.to_vec()).unwrap());
                prop_assert!(key.open(number + 1, is_last, &mut chunk.to_vec()).is_none());
                prop_assert!(key.open(number, !is_last, &mut chunk.to_vec()).is_none());
                let mut bad = chunk.to_vec();
                let at = at % bad.len();
                bad[at] ^= 1;
                prop_assert!(key.open(number, is_last, &mut bad).is_none());
                prop_assert!(key.open(number, is_last, &mut chunk[1..].to_vec()).is_none());
            }
            prop_assert!(back == plain);
            prop_assert!(key.open(first, true, &mut [0; 15]).is_none());
        }
    }
}
