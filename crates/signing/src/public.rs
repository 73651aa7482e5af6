// SPDX-License-Identifier: BSD-2-Clause
//! Public keys, which both programs write alike: `Ed`, the number of the key, and the key.

use ed25519_dalek::VerifyingKey;

use crate::text::{Fields, Lines};
use crate::{ED25519, Error, KeyNumber};

/// A key that signatures are verified with.
#[derive(Clone, Debug)]
pub struct PublicKey {
    pub(crate) number: KeyNumber,
    pub(crate) key: VerifyingKey,
}

impl PublicKey {
    /// The key in a file.
    ///
    /// Errors: it is none, or one with which anything could be signed.
    pub fn parse(text: &[u8]) -> Result<PublicKey, Error> {
        let bytes = Lines::new(text).and_then(|mut lines| lines.bytes()).ok_or(Error::NotAPublicKey)?;
        let mut fields = Fields(&bytes);
        let mut parse = || Some((fields.take::<2>()?, fields.take()?, fields.take()?, fields.0.is_empty()));
        let Some((algorithm, number, key, true)) = parse() else { return Err(Error::NotAPublicKey) };
        if algorithm != ED25519 {
            return Err(Error::Algorithm);
        }
        let key = VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak());
        Ok(PublicKey { number: *number, key: key.ok_or(Error::NotAPublicKey)? })
    }
}
