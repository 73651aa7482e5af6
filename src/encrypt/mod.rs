// SPDX-License-Identifier: BSD-2-Clause
//! `--encrypt`: a volume as an age file. Its frames are padded to whole chunks of the payload, so that each is encrypted by itself. Pure.

mod sealer;

pub use sealer::{Sealer, is_index};

use agefile::{CHUNK, PayloadKey, SEALED};

/// How the chunks of one volume are encrypted.
#[derive(Clone)]
pub struct Seal {
    /// The key of the payload.
    pub key: PayloadKey,
    /// Bytes of the medium before the payload: the header.
    pub head: u64,
}

impl Seal {
    /// The number of the payload's chunk that begins at byte `offset` of the volume.
    fn number(&self, offset: u64) -> u64 {
        offset.saturating_sub(self.head) / SEALED as u64
    }

    /// Encrypts what goes to byte `offset` of the volume: whole chunks, except for what is the last of it. `out` has the length of that.
    pub fn seal(&self, offset: u64, is_last: bool, plain: &[u8], out: &mut [u8]) {
        self.key.seal(self.number(offset), is_last, plain, out);
    }

    /// Decrypts whole chunks that were read from byte `offset` of the volume, to the front of `sealed`; gives their bytes. None: they are
    /// not what was written there.
    pub fn open<'a>(&self, offset: u64, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut length = 0;
        for (number, start) in (self.number(offset)..).zip((0..sealed.len()).step_by(SEALED)) {
            let end = sealed.len().min(start + SEALED);
            let opened = self.key.open(number, false, sealed.get_mut(start..end)?)?.len();
            sealed.copy_within(start..start + opened, length);
            length += opened;
        }
        sealed.get(..length)
    }
}

/// Where in the payload byte `offset` of a volume with a header of `head` bytes is; a chunk begins there.
pub fn in_payload(offset: u64, head: u64) -> u64 {
    offset.saturating_sub(head) / SEALED as u64 * CHUNK as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_found_by_their_place() {
        let seal = Seal { key: PayloadKey::from_bytes([3; 32]), head: 200 };
        let plain: Vec<u8> = (0..3 * CHUNK).map(|n| (n / 5) as u8).collect();
        let mut sealed = vec![0; 3 * SEALED];
        seal.seal(200 + 7 * SEALED as u64, false, &plain, &mut sealed);
        assert!(seal.open(200 + 7 * SEALED as u64, &mut sealed.to_vec()) == Some(&plain[..]));
        assert!(seal.open(200 + 8 * SEALED as u64, &mut sealed.to_vec()).is_none());
        assert!(seal.open(200 + 7 * SEALED as u64, &mut sealed[..SEALED + 9].to_vec()).is_none());
        assert_eq!(in_payload(200 + 7 * SEALED as u64, 200), 7 * CHUNK as u64);
    }
}
