// SPDX-License-Identifier: BSD-2-Clause
//! An encrypted volume and files of keys, which may contain anything.

use agefile::{Header, Identities, Identity, PayloadKey, parse_identities, parse_recipients, sealed_length};
use capdump::internals::Cipher;

/// Of age's own tests: no secret of anybody.
const KEY: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

/// Runs an input: first as a header and as files of keys, then as the payload of a volume. If its first byte is odd, the rest is what is to be
/// encrypted, and one byte of the result is changed.
pub fn run(data: &[u8]) {
    if let Ok(Some((header, length))) = Header::parse(data) {
        assert!(length <= data.len());
        // A shorter start is the same header, or not enough.
        assert!(matches!(Header::parse(&data[..length]), Ok(Some((again, _))) if again == header));
        if let Ok(identity) = Identity::parse(KEY) {
            _ = header.open(&[identity]);
        }
    }
    if let Ok(Identities::Keys(keys)) = parse_identities(data) {
        assert!(!keys.is_empty());
    }
    if let Ok(recipients) = parse_recipients(data) {
        assert!(!recipients.is_empty());
    }
    let key = PayloadKey::from_bytes([7; 32]);
    match data {
        [first, plain @ ..] if first % 2 == 1 && !plain.is_empty() => {
            let mut file = vec![0; sealed_length(plain.len() as u64) as usize];
            key.seal(0, true, plain, &mut file);
            assert!(decrypt(&key, &file) == (plain.to_vec(), 0));
            let at = usize::from(*first) * 257 % file.len();
            file[at] ^= 0x10;
            let (changed, errors) = decrypt(&key, &file);
            assert!(errors > 0 && changed.len() < plain.len());
        }
        _ => _ = decrypt(&key, data),
    }
}

/// What comes out of a payload, and the number of errors.
fn decrypt(key: &PayloadKey, file: &[u8]) -> (Vec<u8>, u32) {
    let mut cipher = Cipher::new(key.clone(), 0, &[]);
    let (mut out, mut errors, mut at) = (Vec::new(), 0, 0);
    let mut room = vec![0; 4 * Cipher::ROOM];
    loop {
        let read = cipher.read(at, &mut room, |into, offset| {
            let rest = &file[file.len().min(offset as usize)..];
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        });
        match read {
            Ok(0) => break,
            Ok(count) => {
                out.extend_from_slice(&room[..count]);
                at += count as u64;
            }
            Err(_) => {
                errors += 1;
                at = (at / Cipher::ROOM as u64 + 1) * Cipher::ROOM as u64;
            }
        }
        assert!(at <= 2 * file.len() as u64 + Cipher::ROOM as u64 * 2, "it has no end");
    }
    (out, errors)
}
