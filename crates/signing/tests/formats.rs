// SPDX-License-Identifier: BSD-2-Clause
//! Keys and signatures that minisign 0.11 and signify-openbsd 31 made, and ours in their place.

#![allow(clippy::unwrap_used)]

use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use signing::{Error, Form, Message, PublicKey, Secret, Signature, SigningKey};

const MINISIGN_PUBLIC: &str = "untrusted comment: minisign public key B840C0A580FDAE58\nRWRYrv2ApcBAuMi/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AG\n";
const MINISIGN_SECRET: &str = "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWK79gKXAQLgAAw43e+SD1dFkldom8Xd8GnK2qQ7QPqnPgSkDfOBG2ci/4Z0QKXrccrF5MGpae5QjZbvDIYRidryngJVkN0AGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const SIGNIFY_PUBLIC: &str =
    "untrusted comment: signify public key\nRWRFecuY2xdSVv+hjj+EEj9JxftcLR956ig0WGXQfiLPanv++iS1lqcE\n";
const SIGNIFY_SECRET: &str = "untrusted comment: signify secret key\nRWRCSwAAAADn7dfE3xVqY/irNsgXrbvmrasY96mVjA1FecuY2xdSVv0RDOyXQ9OZgks+c5Nibf8LJ68Q1NEzfS/L5R6ntcNg/6GOP4QSP0nF+1wtH3nqKDRYZdB+Is9qe/76JLWWpwQ=\n";
const SIGNIFY_LOCKED_PUBLIC: &str =
    "untrusted comment: signify public key\nRWTMiPXhITDxHxSPHI04D+UEXcKGLSQFSXct/PIzOUmyKaSXm+f/sWW7\n";
const SIGNIFY_LOCKED: &str = "untrusted comment: signify secret key\nRWRCSwAAACoiXvtEf5ek1fUJ3y6PaTULuQLAxjhpWQTMiPXhITDxH3mKAFzJdnGV/euT2krSVyBGbCqtlv7LrefLvdc/6iTXxJwwZaGoEAcB3FdOS06Mwe7cOrfcGuAtmVsyvqcDVjA=\n";
const MINISIGN_LOCKED_PUBLIC: &str = "untrusted comment: minisign public key BDDEB2F322EF9965\nRWRlme8i87Levbh7gZe+8cY+vIYboGWg+EekmeFYH2ErtOOCFKELQRN/\n";
const MINISIGN_LOCKED: &str = "untrusted comment: minisign encrypted secret key\nRWRTY0IyWs6niLTjBnynjkr3cyMtEqgBwyUJ9sfOFjPsdjBUbSoAAAACAAAAAAAAAEAAAAAA8DS+1sLj06HfzfgEBg4HRL2TuqsSgWQbrYqs8Iaw2WRcQZW6yb7yJ6h22yN4j24hZE4+gBwjsLT16ypUB/+hGkAIZrWrum8Zd8bNzbsobXk0d4REke6FyJtEg6CA86z8xJnwOT55Mls=\n";
/// Of "hello\n".
const MINISIGN_SIGNATURE: &str = "untrusted comment: signature from minisign secret key\nRURYrv2ApcBAuLvPQW6OtjcKI6NonPcioBeZyHfYij2W2JKH/eMiaazDa5wexAOs5YVTMe5IXGqHP2Ic8+3IpU88Nc4DPkbKXgE=\ntrusted comment: timestamp:1795996918\tfile:msg\thashed\n6EAdD4LPU1k2XuWHU9F1D5USMW4ZYSH1ALMIvxijGWgEAO0ZzKZkeulKeDuI9dN7+jbLQFeX6ILmyPTEGvhdCA==\n";
const SIGNIFY_SIGNATURE: &str = "untrusted comment: verify with s.pub\nRWRFecuY2xdSVii3wzSoN2PMcC7I8jbCvTVVc96IujGnUi/dm75xC251vTvIl+KIsz6GPjz15JlRn1Ne+NTTZ5xnF6gGobnguwQ=\n";
const MESSAGE: &[u8] = b"hello\n";

fn open(text: &str) -> SigningKey {
    match Secret::parse(text.as_bytes()).unwrap() {
        Secret::Open(key) => key,
        Secret::Locked(_) => panic!("it wants a passphrase"),
    }
}

fn unlock(text: &str, passphrase: &str) -> Result<SigningKey, Error> {
    match Secret::parse(text.as_bytes()).unwrap() {
        Secret::Open(_) => panic!("it wants no passphrase"),
        Secret::Locked(locked) => locked.unlock(passphrase.as_bytes()),
    }
}

fn fed(mut message: Message, bytes: &[u8]) -> Message {
    bytes.chunks(4).for_each(|part| message.update(part));
    message
}

fn verify(public: &str, signature: &str, bytes: &[u8]) -> Result<(), Error> {
    let key = PublicKey::parse(public.as_bytes())?;
    let signature = Signature::parse(signature.as_bytes())?;
    signature.verify(&key, fed(signature.message(), bytes))
}

#[test]
fn theirs_are_read() {
    assert_eq!(verify(MINISIGN_PUBLIC, MINISIGN_SIGNATURE, MESSAGE), Ok(()));
    assert_eq!(verify(SIGNIFY_PUBLIC, SIGNIFY_SIGNATURE, MESSAGE), Ok(()));
    let signature = Signature::parse(MINISIGN_SIGNATURE.as_bytes()).unwrap();
    assert!(signature.trusted_comment().unwrap().ends_with("file:msg\thashed"));
}

#[test]
fn ours_are_theirs() {
    let (minisign, signify) = (open(MINISIGN_SECRET), open(SIGNIFY_SECRET));
    assert_eq!((minisign.form(), signify.form()), (Form::Minisign, Form::Signify));
    let trusted = Signature::parse(MINISIGN_SIGNATURE.as_bytes()).unwrap();
    let trusted = trusted.trusted_comment().unwrap();
    let comment = "signature from minisign secret key";
    let made = minisign.sign(fed(minisign.message(), MESSAGE), comment, trusted);
    assert_eq!(made, MINISIGN_SIGNATURE);
    let made = signify.sign(fed(signify.message(), MESSAGE), "verify with s.pub", "");
    assert_eq!(made, SIGNIFY_SIGNATURE);
}

#[test]
fn a_passphrase_opens_a_key() {
    for (secret, public) in
        [(SIGNIFY_LOCKED, SIGNIFY_LOCKED_PUBLIC), (MINISIGN_LOCKED, MINISIGN_LOCKED_PUBLIC)]
    {
        let key = unlock(secret, "correct horse").unwrap();
        let made = key.sign(fed(key.message(), MESSAGE), "c", "t");
        assert_eq!(verify(public, &made, MESSAGE), Ok(()));
    }
    assert_eq!(unlock(SIGNIFY_LOCKED, "correct hors").unwrap_err(), Error::Passphrase);
}

#[test]
fn whatever_was_changed_is_refused() {
    for (public, signature) in [(MINISIGN_PUBLIC, MINISIGN_SIGNATURE), (SIGNIFY_PUBLIC, SIGNIFY_SIGNATURE)] {
        assert_eq!(verify(public, signature, b"hullo\n"), Err(Error::Wrong));
        assert_eq!(verify(public, signature, b""), Err(Error::Wrong));
        let second = signature.find('\n').unwrap();
        for at in second..signature.len() {
            let mut bad = signature.as_bytes().to_vec();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).unwrap();
            // The last letter of base64 has bits that mean nothing, and must be 0.
            assert!(verify(public, &bad, MESSAGE).is_err(), "{at}: {bad}");
        }
    }
    assert_eq!(verify(MINISIGN_LOCKED_PUBLIC, MINISIGN_SIGNATURE, MESSAGE), Err(Error::OtherKey));
    let comment = MINISIGN_SIGNATURE.replace("file:msg", "file:other");
    assert_eq!(verify(MINISIGN_PUBLIC, &comment, MESSAGE), Err(Error::Comment));
    // What was hashed first is not taken for the bytes themselves.
    let untrusted: Vec<&str> = MINISIGN_SIGNATURE.lines().take(2).collect();
    assert_eq!(
        verify(MINISIGN_PUBLIC, &format!("{}\n", untrusted.join("\n")), MESSAGE),
        Err(Error::Algorithm)
    );
}

#[test]
fn what_is_no_key_is_refused() {
    assert_eq!(PublicKey::parse(SIGNIFY_SECRET.as_bytes()).unwrap_err(), Error::NotAPublicKey);
    for text in
        ["", "untrusted comment: x\n", "untrusted comment: x\nRWQ=\n", SIGNIFY_PUBLIC, MINISIGN_SIGNATURE]
    {
        assert!(Secret::parse(text.as_bytes()).is_err(), "{text}");
        assert!(!text.contains("signature") || PublicKey::parse(text.as_bytes()).is_err());
    }
    // A public key of nothing, with which anyone signs.
    let weak = format!("untrusted comment: x\nRWQAAAAAAAAAAAE{}=\n", "A".repeat(42));
    assert!(PublicKey::parse(weak.as_bytes()).is_err());
}

/// A key of minisign whose passphrase takes so many operations and so much memory.
fn with_cost(operations: u64, memory: u64) -> String {
    let mut bytes = Base64::decode_vec(MINISIGN_LOCKED.lines().nth(1).unwrap()).unwrap();
    bytes[38..46].copy_from_slice(&operations.to_le_bytes());
    bytes[46..54].copy_from_slice(&memory.to_le_bytes());
    format!("untrusted comment: x\n{}\n", Base64::encode_string(&bytes))
}

#[test]
fn a_passphrase_that_costs_too_much_is_refused() {
    for (operations, memory, is_taken) in [
        (1 << 25, 1 << 30, true),
        (1 << 28, 2 << 30, false),
        (1 << 28, 1 << 30, true),
        (1 << 29, 2 << 30, false),
        (1 << 28, 4 << 30, false),
        (u64::MAX, 0, false),
        // Little memory, and so many blocks that they take 4 GiB.
        (1 << 28, 0, false),
        (1 << 28, 2048, false),
        (1 << 28, 1 << 20, true),
        (0, 0, true),
        (0, 2 << 30, true),
    ] {
        match Secret::parse(with_cost(operations, memory).as_bytes()) {
            Ok(Secret::Locked(locked)) => {
                let cost = locked.cost();
                assert!(is_taken && cost.memory <= 2 << 30 && cost.operations <= 1 << 28, "{cost:?}");
            }
            Ok(Secret::Open(_)) => panic!("it wants a passphrase"),
            Err(error) => assert!(!is_taken && error == Error::Cost, "{operations} {memory} {error}"),
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..300_usize) {
        for text in [MINISIGN_SECRET, SIGNIFY_SECRET, MINISIGN_SIGNATURE, MINISIGN_PUBLIC] {
            let mut text = text.as_bytes().to_vec();
            let at = at.min(text.len());
            text.splice(at..(at + bytes.len()).min(text.len()), bytes.iter().copied());
            let _ = (PublicKey::parse(&text), Signature::parse(&text));
            let _ = Secret::parse(&text);
        }
    }
}
