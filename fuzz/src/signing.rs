// SPDX-License-Identifier: BSD-2-Clause
//! Files of keys and signatures of minisign(1) and signify(1), which may contain anything.

use signing::{Cost, Error, Message, PublicKey, Secret, Signature, SigningKey};

/// Keys of the tests of the crate: no secret of anybody.
const KEYS: [[&str; 2]; 2] = [
    [
        "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWK79gKXAQLgAAw43e+SD1dFkldom8Xd8GnK2qQ7QPqnPgSkDfOBG2ci/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "untrusted comment: minisign public key B840C0A580FDAE58\nRWRYrv2ApcBAuMi/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AG\n",
    ],
    [
        "untrusted comment: signify secret key\nRWRCSwAAAADn7dfE3xVqY/irNsgXrbvmrasY96mVjA1FecuY2xdSVv0RDOyXQ9OZgks+c5Nibf8LJ68Q1NEzfS/L5R6ntcNg/6GOP4QSP0nF+1wtH3nqKDRYZdB+Is9qe/76JLWWpwQ=\n",
        "untrusted comment: signify public key\nRWRFecuY2xdSVv+hjj+EEj9JxftcLR956ig0WGXQfiLPanv++iS1lqcE\n",
    ],
];

/// Of "hello\n", by the first one.
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\nRURYrv2ApcBAuLvPQW6OtjcKI6NonPcioBeZyHfYij2W2JKH/eMiaazDa5wexAOs5YVTMe5IXGqHP2Ic8+3IpU88Nc4DPkbKXgE=\ntrusted comment: timestamp:1795996918\tfile:msg\thashed\n6EAdD4LPU1k2XuWHU9F1D5USMW4ZYSH1ALMIvxijGWgEAO0ZzKZkeulKeDuI9dN7+jbLQFeX6ILmyPTEGvhdCA==\n";

/// Runs an input: as each kind of file, and then as what is signed, after which one byte of the signature is changed.
pub fn run(data: &[u8]) {
    match Secret::parse(data) {
        Ok(Secret::Open(key)) => _ = key.sign(fed(key.message(), data), "comment", "trusted"),
        Ok(Secret::Locked(locked)) => {
            let cost = locked.cost();
            assert!(cost.operations <= 1 << 28 && cost.memory <= 2 << 30, "{cost:?}");
            if is_cheap(cost) {
                _ = locked.unlock(b"passphrase");
            }
        }
        Err(_) => {}
    }
    for [secret, public] in KEYS {
        let (Ok(Secret::Open(key)), Ok(public)) =
            (Secret::parse(secret.as_bytes()), PublicKey::parse(public.as_bytes()))
        else {
            panic!("keys of the tests are keys");
        };
        if let Ok(signature) = Signature::parse(data) {
            _ = signature.verify(&public, fed(signature.message(), b"hello\n"));
        }
        sign(&key, &public, data);
    }
    if let (Ok(public), Ok(signature)) = (PublicKey::parse(data), Signature::parse(SIGNATURE.as_bytes())) {
        _ = signature.verify(&public, fed(signature.message(), b"hello\n"));
    }
}

/// Whether a passphrase can be tried at each input. Rounds of bcrypt_pbkdf(3) take longer than operations of scrypt.
fn is_cheap(cost: Cost) -> bool {
    cost.memory <= 16 << 20 && cost.operations <= if cost.memory == 0 { 2 } else { 1 << 17 }
}

/// Signs `data`; the signature is of that and of nothing else.
fn sign(key: &SigningKey, public: &PublicKey, data: &[u8]) {
    let text = key.sign(fed(key.message(), data), "comment", "trusted");
    assert_eq!(verify(public, text.as_bytes(), data), Ok(()));
    let other = [data, b"x"].concat();
    assert_eq!(verify(public, text.as_bytes(), &other), Err(Error::Wrong));
    let first = text.find('\n').unwrap_or(0) + 1;
    let (at, bit) = match data {
        [at, more, bit, ..] => (usize::from(*at) + usize::from(*more), 1 << (bit % 7)),
        _ => (0, 1),
    };
    let at = first + at % (text.len() - first);
    let mut bad = text.into_bytes();
    bad[at] ^= bit;
    // The end of a line may be another one, or none at the end of the file.
    assert!(verify(public, &bad, data).is_err() || matches!(bad[at] ^ bit, b'\n'), "{bad:?}");
}

fn verify(public: &PublicKey, text: &[u8], data: &[u8]) -> Result<(), Error> {
    let signature = Signature::parse(text)?;
    signature.verify(public, fed(signature.message(), data))
}

fn fed(mut message: Message, bytes: &[u8]) -> Message {
    message.update(bytes);
    message
}
