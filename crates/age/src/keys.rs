// SPDX-License-Identifier: BSD-2-Clause
//! Public and secret keys.

use std::fmt;

use x25519_dalek::{PublicKey, StaticSecret};

use crate::bech;
use crate::error::KeyError;

/// What recipients and identities begin with (age's specification, "The X25519 recipient type").
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// A public key: files can be encrypted to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Recipient(pub(crate) PublicKey);

impl Recipient {
    /// `age1...`.
    ///
    /// Errors: what it is instead.
    pub fn parse(text: &str) -> Result<Recipient, KeyError> {
        if let Some(bytes) = bech::decode(text, RECIPIENT) {
            return Ok(Recipient(PublicKey::from(*bytes)));
        }
        let start = |prefix: &str| text.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        Err(match () {
            () if start(IDENTITY) => KeyError::Secret,
            () if start("ssh-") => KeyError::Ssh,
            // age1NAME1...
            () if start("age1") && text[4..].contains('1') => KeyError::Plugin,
            () => KeyError::Invalid,
        })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(bech::encode(self.0.as_bytes(), RECIPIENT).as_deref().map_or("", String::as_str))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key, wiped when it is dropped.
#[derive(Clone)]
pub struct Identity {
    /// In a place of its own: what holds it can be moved without leaving a copy behind.
    pub(crate) secret: Box<StaticSecret>,
    pub(crate) public: PublicKey,
}

impl Identity {
    /// `AGE-SECRET-KEY-1...`.
    ///
    /// Errors: what it is instead.
    pub fn parse(text: &str) -> Result<Identity, KeyError> {
        match bech::decode(text, IDENTITY) {
            Some(bytes) => {
                let secret = Box::new(StaticSecret::from(*bytes));
                let public = PublicKey::from(&*secret);
                Ok(Identity { secret, public })
            }
            None if text.starts_with("AGE-PLUGIN-") || text.starts_with("AGE-SECRET-KEY-PQ-") => {
                Err(KeyError::Plugin)
            }
            None => Err(KeyError::Invalid),
        }
    }

    /// The public key of it.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.public)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the identity of {}", self.recipient())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of age's own tests (testkit: the identity of its X25519 files).
    const SECRET: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

    #[test]
    fn keys_come_back() {
        let identity = Identity::parse(SECRET).unwrap();
        let recipient = identity.recipient();
        assert_eq!(Recipient::parse(&recipient.to_string()), Ok(recipient));
        assert_eq!(Recipient::parse(&recipient.to_string().to_uppercase()), Ok(recipient));
        assert!(!format!("{identity:?}").contains("SECRET"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(Recipient::parse(SECRET), Err(KeyError::Secret));
        assert_eq!(Recipient::parse("ssh-ed25519 AAAA"), Err(KeyError::Ssh));
        assert_eq!(Recipient::parse("age1yubikey1q2w7u3v"), Err(KeyError::Plugin));
        let good = Identity::parse(SECRET).unwrap().recipient().to_string();
        for at in 4..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[at] = if bad[at] == b'q' { b'p' } else { b'q' };
            assert!(Recipient::parse(std::str::from_utf8(&bad).unwrap()).is_err(), "{at}");
        }
        for bad in ["", "age", "age1", &good[..50], &format!("{good}q"), &format!(" {good}"), "ägé1"] {
            assert_eq!(Recipient::parse(bad), Err(KeyError::Invalid), "{bad}");
        }
        assert_eq!(Identity::parse("AGE-PLUGIN-YUBIKEY-1").err(), Some(KeyError::Plugin));
        assert_eq!(Identity::parse(&good).err(), Some(KeyError::Invalid));
    }
}
