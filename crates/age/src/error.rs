// SPDX-License-Identifier: BSD-2-Clause
//! What can be wrong with keys and headers: one line each.

use std::fmt;

/// A recipient or an identity that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is no key of this kind, or misspelled.
    Invalid,
    /// A key of SSH.
    Ssh,
    /// A key of a plugin, or of a kind that is not supported.
    Plugin,
    /// A secret key where a public one belongs.
    Secret,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Invalid => "not a valid age key",
            KeyError::Ssh => "SSH keys are not supported, only those of age-keygen",
            KeyError::Plugin => "keys of plugins are not supported, only those of age-keygen",
            KeyError::Secret => "a secret key where a public key (age1...) belongs",
        })
    }
}

impl std::error::Error for KeyError {}

/// A header that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// It is not in the format.
    Syntax,
    /// It is longer than [`MOST_HEADER`](crate::MOST_HEADER).
    TooLong,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeaderError::Syntax => "the header of the encrypted file is damaged",
            HeaderError::TooLong => "the header of the encrypted file is too long",
        })
    }
}

impl std::error::Error for HeaderError {}

/// Why a file cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// It is encrypted to other recipients.
    NoMatch,
    /// It is encrypted by a passphrase.
    Passphrase,
    /// The passphrase is wrong.
    WrongPassphrase,
    /// Its header is not what was written.
    Damaged,
    /// Its passphrase would take too much memory to try.
    TooMuchWork,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenError::NoMatch => "no identity matches any of the recipients",
            OpenError::Passphrase => "encrypted by a passphrase",
            OpenError::WrongPassphrase => "wrong passphrase",
            OpenError::Damaged => "the header of the encrypted file is damaged",
            OpenError::TooMuchWork => "the passphrase would take too much memory to check",
        })
    }
}

impl std::error::Error for OpenError {}
