// SPDX-License-Identifier: BSD-2-Clause
//! An index as an age file: text that comes bit by bit becomes chunks of the payload. Pure.

use agefile::{CHUNK, PayloadKey, Recipient, sealed_length};

/// The type of a stanza of the header that no reader needs: by it an index is recognized that is to be replaced.
pub const INDEX_MARK: &str = "capdump-index";

/// Encrypts an index.
pub struct Sealer {
    key: PayloadKey,
    next: u64,
}

impl Sealer {
    /// For these recipients, with the header. None: there are none, or the system gives no random bytes.
    pub fn new(recipients: &[Recipient]) -> Option<(Sealer, Vec<u8>)> {
        let (header, key) = agefile::create(recipients, &[INDEX_MARK]).ok()?;
        Some((Sealer { key, next: 0 }, header))
    }

    /// Takes the whole chunks off the front of `text`, but for the last, and gives them encrypted.
    pub fn whole(&mut self, text: &mut Vec<u8>) -> Vec<u8> {
        let whole = text.len().saturating_sub(1) / CHUNK * CHUNK;
        let rest = text.split_off(whole);
        let sealed = self.seal(&std::mem::replace(text, rest), false);
        self.next += (whole / CHUNK) as u64;
        sealed
    }

    /// The end of it.
    pub fn end(mut self, text: &mut Vec<u8>) -> Vec<u8> {
        let mut sealed = self.whole(text);
        sealed.extend(self.seal(text, true));
        text.clear();
        sealed
    }

    fn seal(&self, text: &[u8], is_last: bool) -> Vec<u8> {
        let mut sealed = vec![0; sealed_length(text.len() as u64) as usize];
        self.key.seal(self.next, is_last, text, &mut sealed);
        sealed
    }
}

/// Whether a file that begins so is an encrypted index.
pub fn is_index(start: &[u8]) -> bool {
    let mark = [b"\n-> ", INDEX_MARK.as_bytes(), b"\n"].concat();
    agefile::is_age(start) && start.windows(mark.len()).any(|window| window == mark)
}
