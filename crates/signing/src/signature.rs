// SPDX-License-Identifier: BSD-2-Clause
//! Signatures: made, read and verified.
//!
//! signify: `Ed`, the number of the key, and the Ed25519 signature of the bytes. minisign: the same, or `ED` and the signature of the
//! bytes' BLAKE2b; then a comment and the signature of signature and comment.

use blake2::{Blake2b512, Digest};
use ed25519_dalek::Signer;

use crate::text::{Fields, Lines, line, print};
use crate::{ED25519, Error, KeyNumber, PublicKey, SigningKey};

/// What signatures of a BLAKE2b begin with.
const PREHASHED: &[u8; 2] = b"ED";

/// What the comment that is signed begins with.
const TRUSTED: &str = "trusted comment: ";

/// The bytes that are signed, as they come.
pub enum Message {
    /// Their BLAKE2b, which is signed.
    Prehashed(Box<Blake2b512>),
    /// All of them: Ed25519 takes them twice, and must find the same both times, or the key could be computed.
    Whole(Vec<u8>),
}

impl Message {
    /// More bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Message::Prehashed(hash) => hash.update(bytes),
            Message::Whole(all) => all.extend_from_slice(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Message::Prehashed(hash) => hash.finalize().to_vec(),
            Message::Whole(all) => all,
        }
    }
}

impl SigningKey {
    /// A message to be signed.
    pub fn message(&self) -> Message {
        match self.form {
            crate::Form::Minisign => Message::Prehashed(Box::default()),
            crate::Form::Signify => Message::Whole(Vec::new()),
        }
    }

    /// The file of the signature of a message that [`SigningKey::message`] began. `comment` is in its first line; `trusted` is signed,
    /// too, where the form has it. Both are one line.
    pub fn sign(&self, message: Message, comment: &str, trusted: &str) -> String {
        let algorithm = if matches!(message, Message::Prehashed(_)) { PREHASHED } else { ED25519 };
        let signature = self.key.sign(&message.finish()).to_bytes();
        let mut text = print(comment, &[algorithm, &self.number[..], &signature].concat());
        if self.form == crate::Form::Minisign {
            let global = self.key.sign(&[&signature, trusted.as_bytes()].concat());
            text.push_str(&format!("{TRUSTED}{trusted}\n{}", line(&global.to_bytes())));
        }
        text
    }
}

/// A signature that was read.
#[derive(Clone, Debug)]
pub struct Signature {
    is_prehashed: bool,
    number: KeyNumber,
    signature: [u8; 64],
    /// minisign's comment, and its signature.
    trusted: Option<(String, [u8; 64])>,
}

impl Signature {
    /// The signature in a file.
    ///
    /// Errors: it is none.
    pub fn parse(text: &[u8]) -> Result<Signature, Error> {
        let parsed = Signature::read(text).ok_or(Error::NotASignature)?;
        let (algorithm, signature) = parsed;
        match &algorithm {
            PREHASHED if signature.trusted.is_some() => Ok(Signature { is_prehashed: true, ..signature }),
            ED25519 => Ok(signature),
            _ => Err(Error::Algorithm),
        }
    }

    fn read(text: &[u8]) -> Option<([u8; 2], Signature)> {
        let mut lines = Lines::new(text)?;
        let bytes = lines.bytes()?;
        let mut fields = Fields(&bytes);
        let (algorithm, number, signature) = (*fields.take()?, *fields.take()?, *fields.take()?);
        let trusted = match lines.line() {
            None => None,
            Some(comment) => {
                let comment = comment.strip_prefix(TRUSTED)?.to_owned();
                Some((comment, lines.bytes()?.as_slice().try_into().ok()?))
            }
        };
        let signature = Signature { is_prehashed: false, number, signature, trusted };
        (fields.0.is_empty() && lines.line().is_none()).then_some((algorithm, signature))
    }

    /// A message to be verified.
    pub fn message(&self) -> Message {
        if self.is_prehashed { Message::Prehashed(Box::default()) } else { Message::Whole(Vec::new()) }
    }

    /// The comment that is signed, too.
    pub fn trusted_comment(&self) -> Option<&str> {
        self.trusted.as_ref().map(|(comment, _)| comment.as_str())
    }

    /// Verifies a message that [`Signature::message`] began.
    ///
    /// Errors: it is not what was signed, or not by this key.
    pub fn verify(&self, key: &PublicKey, message: Message) -> Result<(), Error> {
        if self.number != key.number {
            return Err(Error::OtherKey);
        }
        let verify = |bytes: &[u8], signature: &[u8; 64]| {
            key.key.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(signature))
        };
        verify(&message.finish(), &self.signature).map_err(|_| Error::Wrong)?;
        match &self.trusted {
            None => Ok(()),
            Some((comment, global)) => {
                let signed = [&self.signature, comment.as_bytes()].concat();
                verify(&signed, global).map_err(|_| Error::Comment)
            }
        }
    }
}
