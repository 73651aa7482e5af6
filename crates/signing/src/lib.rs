// SPDX-License-Identifier: BSD-2-Clause
//! Keys and signatures of minisign(1) and signify(1): Ed25519 in a few lines of text. No I/O.
//!
//! Both begin with a line of comment and have base64 in the next. Layouts are those of minisign.h, and of signify.c in OpenBSD.

#![forbid(unsafe_code)]

mod error;
mod public;
mod secret;
mod signature;
mod text;

pub use error::Error;
pub use public::PublicKey;
pub use secret::{Cost, Locked, Secret, SigningKey};
pub use signature::{Message, Signature};

/// Whose format a key or a signature has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// minisign's.
    Minisign,
    /// signify's.
    Signify,
}

impl Form {
    /// What the name of a signature ends in.
    pub fn suffix(self) -> &'static str {
        match self {
            Form::Minisign => ".minisig",
            Form::Signify => ".sig",
        }
    }
}

/// The number by which a signature names its key.
type KeyNumber = [u8; 8];

/// What keys and signatures of Ed25519 begin with.
const ED25519: &[u8; 2] = b"Ed";
