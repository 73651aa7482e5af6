// SPDX-License-Identifier: BSD-2-Clause
//! The file key encrypted to an X25519 key (age's specification, "The X25519 recipient type").

use base64ct::{Base64Unpadded, Encoding};
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::header::Stanza;
use crate::keys::{Identity, Recipient};

/// The type of the stanza.
const TYPE: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";

/// The file key: 16 bytes, wiped when it is dropped.
pub type FileKey = Zeroizing<[u8; 16]>;

/// Encrypts the file key to a recipient. Errors: the system gives no random bytes.
pub fn wrap(file_key: &FileKey, to: &Recipient) -> Result<Stanza, getrandom::Error> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::getrandom(&mut *random)?;
    let ephemeral = StaticSecret::from(*random);
    let share = PublicKey::from(&ephemeral);
    let key = wrapping_key(&ephemeral, &to.0, &share, &to.0);
    let body = seal_key(&key, file_key);
    Ok(Stanza { args: vec![TYPE.to_owned(), Base64Unpadded::encode_string(share.as_bytes())], body })
}

/// The file key of a stanza, if it is to this identity.
pub fn unwrap(stanza: &Stanza, identity: &Identity) -> Option<FileKey> {
    let [kind, share] = &stanza.args[..] else { return None };
    let mut bytes = [0; 32];
    if kind != TYPE || Base64Unpadded::decode(share, &mut bytes).ok()?.len() != 32 {
        return None;
    }
    let share = PublicKey::from(bytes);
    // A share of low order would make a key that everybody knows.
    if !identity.secret.diffie_hellman(&share).was_contributory() {
        return None;
    }
    open_key(&wrapping_key(&identity.secret, &share, &share, &identity.public), &stanza.body)
}

fn wrapping_key(
    secret: &StaticSecret,
    other: &PublicKey,
    share: &PublicKey,
    recipient: &PublicKey,
) -> Zeroizing<[u8; 32]> {
    let shared = secret.diffie_hellman(other);
    let salt = [&share.as_bytes()[..], recipient.as_bytes()].concat();
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are no more than HKDF can make.
    _ = Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes()).expand(INFO, &mut *key);
    key
}

fn seal_key(key: &[u8; 32], file_key: &FileKey) -> Vec<u8> {
    let mut body = Zeroizing::new(file_key.to_vec());
    let tag = ChaCha20Poly1305::new(key.into()).encrypt_in_place_detached(&Nonce::default(), b"", &mut body);
    // The only error is a body of more than 256 GiB.
    tag.map(|tag| [&body[..], &tag].concat()).unwrap_or_default()
}

/// The file key encrypted under a key that is used for nothing else.
pub fn open_key(key: &[u8; 32], body: &[u8]) -> Option<FileKey> {
    let (sealed, tag) = body.split_first_chunk::<16>()?;
    let tag: [u8; 16] = tag.try_into().ok()?;
    let mut file_key = Zeroizing::new(*sealed);
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.decrypt_in_place_detached(&Nonce::default(), b"", &mut *file_key, &Tag::from(tag)).ok()?;
    Some(file_key)
}
