// SPDX-License-Identifier: BSD-2-Clause
//! Files of keys, one a line.

use std::fmt;

use zeroize::Zeroizing;

use crate::armor::unarmor;
use crate::error::{HeaderError, KeyError, OpenError};
use crate::header::{Header, is_age};
use crate::keys::{Identity, Recipient};
use crate::payload::{PayloadKey, SEALED};
use crate::scrypt_stanza::open_with_passphrase;

/// What is wrong with a file of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFileError {
    /// This line of it.
    Line(usize, KeyError),
    /// It has no key.
    Empty,
    /// It is encrypted, and its header is damaged.
    Header(HeaderError),
    /// It is encrypted, and cannot be decrypted.
    Open(OpenError),
    /// It is encrypted, and damaged.
    Damaged,
}

impl fmt::Display for IdentityFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityFileError::Line(line, error) => write!(f, "line {line}: {error}"),
            IdentityFileError::Empty => f.write_str("contains no key"),
            IdentityFileError::Header(error) => error.fmt(f),
            IdentityFileError::Open(error) => error.fmt(f),
            IdentityFileError::Damaged => f.write_str("damaged"),
        }
    }
}

impl std::error::Error for IdentityFileError {}

/// What a file of identities is.
#[derive(Debug)]
pub enum Identities {
    /// The keys.
    Keys(Vec<Identity>),
    /// It is encrypted by a passphrase.
    Locked(Locked),
}

/// A file of identities that is encrypted by a passphrase.
pub struct Locked {
    header: Header,
    payload: Vec<u8>,
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked")
    }
}

/// The keys in a file of `age-keygen`.
///
/// Errors: a line that is no key, with its number.
pub fn parse_identities(bytes: &[u8]) -> Result<Identities, IdentityFileError> {
    let binary = unarmor(bytes);
    let bytes = binary.as_deref().unwrap_or(bytes);
    if is_age(bytes) {
        let header = Header::parse(bytes).map_err(IdentityFileError::Header)?;
        let (header, length) = header.ok_or(IdentityFileError::Damaged)?;
        return Ok(Identities::Locked(Locked { header, payload: bytes[length..].to_vec() }));
    }
    keys(bytes, Identity::parse).map(Identities::Keys)
}

/// The recipients in a file, one a line.
///
/// Errors: a line that is none, with its number.
pub fn parse_recipients(bytes: &[u8]) -> Result<Vec<Recipient>, IdentityFileError> {
    keys(bytes, Recipient::parse)
}

fn keys<T>(bytes: &[u8], parse: fn(&str) -> Result<T, KeyError>) -> Result<Vec<T>, IdentityFileError> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = std::str::from_utf8(line).map_err(|_| KeyError::Invalid);
        keys.push(text.and_then(parse).map_err(|error| IdentityFileError::Line(number, error))?);
    }
    if keys.is_empty() { Err(IdentityFileError::Empty) } else { Ok(keys) }
}

impl Locked {
    /// The keys, by the passphrase.
    ///
    /// Errors: [`OpenError::WrongPassphrase`], or what is wrong with the file.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<Vec<Identity>, IdentityFileError> {
        let key = open_with_passphrase(&self.header, passphrase).map_err(IdentityFileError::Open)?;
        let plain = decrypt(&key, &self.payload).ok_or(IdentityFileError::Damaged)?;
        keys(&plain, Identity::parse)
    }
}

fn decrypt(key: &PayloadKey, payload: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(payload.len()));
    let mut chunks = (0..).zip(payload.chunks(SEALED)).peekable();
    while let Some((number, chunk)) = chunks.next() {
        let mut chunk = Zeroizing::new(chunk.to_vec());
        plain.extend_from_slice(key.open(number, chunks.peek().is_none(), &mut chunk)?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

    #[test]
    fn lines_are_keys_or_comments() {
        let text = format!("# created: now\r\n\n  {KEY}\r\n");
        let Ok(Identities::Keys(keys)) = parse_identities(text.as_bytes()) else { panic!() };
        assert_eq!(keys.len(), 1);
        let recipient = keys[0].recipient();
        assert_eq!(parse_recipients(format!("{recipient}\n#x\n{recipient}").as_bytes()).unwrap().len(), 2);
        let wrong = parse_recipients(format!("{recipient}\n{KEY}\n").as_bytes()).unwrap_err();
        assert_eq!(wrong, IdentityFileError::Line(2, KeyError::Secret));
        assert_eq!(parse_recipients(b"# nothing\n").unwrap_err(), IdentityFileError::Empty);
        assert_eq!(parse_identities(b"\xff\n").unwrap_err(), IdentityFileError::Line(1, KeyError::Invalid));
    }
}
