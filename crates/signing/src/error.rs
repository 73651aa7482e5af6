// SPDX-License-Identifier: BSD-2-Clause
//! What is wrong with a key or a signature.

use std::fmt;

/// What is wrong: one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is no secret key.
    NotASecretKey,
    /// It is no public key.
    NotAPublicKey,
    /// It is no signature.
    NotASignature,
    /// The algorithm is not known.
    Algorithm,
    /// The passphrase of a secret key would take too long, or too much memory.
    Cost,
    /// The passphrase is wrong, or the secret key is damaged.
    Passphrase,
    /// The signature was made by another key.
    OtherKey,
    /// The signature is not one of these bytes.
    Wrong,
    /// The trusted comment is not what was signed.
    Comment,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::NotASecretKey => "not a secret key of minisign or signify",
            Error::NotAPublicKey => "not a public key of minisign or signify",
            Error::NotASignature => "not a signature of minisign or signify",
            Error::Algorithm => "an algorithm that is not supported",
            Error::Cost => "its passphrase would take too much time or memory",
            Error::Passphrase => "wrong passphrase, or a damaged key",
            Error::OtherKey => "signed by another key",
            Error::Wrong => "the signature does not fit",
            Error::Comment => "its trusted comment was changed",
        })
    }
}

impl std::error::Error for Error {}
