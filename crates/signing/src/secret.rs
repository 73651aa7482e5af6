// SPDX-License-Identifier: BSD-2-Clause
//! Secret keys, which may require a passphrase.
//!
//! minisign: `Ed`, `Sc` or two NULs, `B2`, 32 bytes of salt, two numbers of 64 bits for scrypt (operations and bytes of memory), and then,
//! encrypted by what scrypt gives: the number of the key, 64 bytes of key, and the BLAKE2b of `Ed`, number and key.
//! signify: `Ed`, `BK`, rounds of bcrypt_pbkdf(3) as 32 bits, big-endian, or 0, 16 bytes of salt, 8 of the SHA-512 of the key, the number
//! of the key, and 64 bytes of key, encrypted.

use std::fmt;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::text::{Fields, Lines};
use crate::{ED25519, Error, Form, KeyNumber};

/// Most memory for a passphrase: what minisign takes is half of it.
const MOST_MEMORY: u64 = 2 << 30;
/// Most operations of scrypt: minisign takes 2^25.
const MOST_OPERATIONS: u64 = 1 << 28;
/// Most rounds of bcrypt_pbkdf(3): signify takes 42.
const MOST_ROUNDS: u32 = 10_000;

/// A key that signs. It is wiped when it is dropped.
pub struct SigningKey {
    pub(crate) form: Form,
    pub(crate) number: KeyNumber,
    pub(crate) key: ed25519_dalek::SigningKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("form", &self.form).finish_non_exhaustive()
    }
}

/// What is in a file of a secret key.
#[derive(Debug)]
pub enum Secret {
    /// The key.
    Open(SigningKey),
    /// A key that requires a passphrase.
    Locked(Locked),
}

/// A key that requires a passphrase.
pub struct Locked(Kept);

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked")
    }
}

enum Kept {
    Minisign { salt: [u8; 32], operations: u64, memory: u64, sealed: Zeroizing<[u8; MINISIGN_SEALED]> },
    Signify { rounds: u32, salt: [u8; 16], checksum: [u8; 8], number: KeyNumber, sealed: Zeroizing<[u8; 64]> },
}

/// Bytes of whole keys.
const MINISIGN_BYTES: usize = 6 + 32 + 16 + MINISIGN_SEALED;
const SIGNIFY_BYTES: usize = 8 + 16 + 8 + 8 + 64;

/// Bytes that minisign encrypts: number, key, checksum.
const MINISIGN_SEALED: usize = 8 + 64 + 32;

impl Secret {
    /// The key in a file.
    ///
    /// Errors: it is none, or one that asks for too much.
    pub fn parse(text: &[u8]) -> Result<Secret, Error> {
        let bytes = Lines::new(text).and_then(|mut lines| lines.bytes()).ok_or(Error::NotASecretKey)?;
        if !bytes.starts_with(ED25519) {
            return Err(Error::NotASecretKey);
        }
        let parsed = match bytes.get(2..4) {
            Some(b"BK") => signify(&bytes),
            Some(b"Sc" | b"\0\0") => minisign(&bytes),
            Some(_) if [MINISIGN_BYTES, SIGNIFY_BYTES].contains(&bytes.len()) => {
                return Err(Error::Algorithm);
            }
            _ => None,
        };
        let (kept, is_open) = parsed.ok_or(Error::NotASecretKey)?;
        match kept {
            Kept::Minisign { memory, operations, .. }
                if memory > MOST_MEMORY || operations > MOST_OPERATIONS =>
            {
                Err(Error::Cost)
            }
            Kept::Signify { rounds: MOST_ROUNDS.., .. } => Err(Error::Cost),
            kept if is_open => kept.open(None).map(Secret::Open),
            kept => match kept.cost() {
                Some(Cost { memory: ..=MOST_MEMORY, .. }) => Ok(Secret::Locked(Locked(kept))),
                _ => Err(Error::Cost),
            },
        }
    }
}

fn minisign(bytes: &[u8]) -> Option<(Kept, bool)> {
    let mut fields = Fields(bytes);
    let (_, kdf, checksum) = (fields.take::<2>()?, fields.take::<2>()?, fields.take::<2>()?);
    let (salt, operations, memory) = (*fields.take()?, *fields.take()?, *fields.take()?);
    let sealed = Zeroizing::new(*fields.take()?);
    let (operations, memory) = (u64::from_le_bytes(operations), u64::from_le_bytes(memory));
    let kept = Kept::Minisign { salt, operations, memory, sealed };
    (checksum == b"B2" && fields.0.is_empty()).then_some((kept, kdf == b"\0\0"))
}

fn signify(bytes: &[u8]) -> Option<(Kept, bool)> {
    let mut fields = Fields(bytes);
    fields.take::<4>()?;
    let (rounds, salt, checksum, number) =
        (u32::from_be_bytes(*fields.take()?), *fields.take()?, *fields.take()?, *fields.take()?);
    let sealed = Zeroizing::new(*fields.take()?);
    let kept = Kept::Signify { rounds, salt, checksum, number, sealed };
    fields.0.is_empty().then_some((kept, rounds == 0))
}

/// What it takes to try a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Operations of scrypt, or rounds of bcrypt_pbkdf(3).
    pub operations: u64,
    /// Bytes of memory.
    pub memory: u64,
}

impl Locked {
    /// What it takes to try a passphrase.
    pub fn cost(&self) -> Cost {
        self.0.cost().unwrap_or(Cost { operations: u64::MAX, memory: u64::MAX })
    }

    /// The key.
    ///
    /// Errors: the passphrase is wrong.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<SigningKey, Error> {
        self.0.open(Some(passphrase))
    }
}

impl Kept {
    /// None: no parameters of scrypt are so.
    fn cost(&self) -> Option<Cost> {
        match *self {
            Kept::Minisign { operations, memory, .. } => {
                let params = params(operations, memory)?;
                let (r, p) = (u64::from(params.r()), u64::from(params.p()));
                let n = 1_u64.checked_shl(params.log_n().into())?;
                // scrypt has a vector of N blocks, and p blocks that are mixed with it one after the other.
                let memory = n.checked_add(p)?.checked_mul(128 * r)?;
                Some(Cost { operations: n.checked_mul(r)?.checked_mul(p)?, memory })
            }
            Kept::Signify { rounds, .. } => Some(Cost { operations: rounds.into(), memory: 0 }),
        }
    }

    fn open(&self, passphrase: Option<&[u8]>) -> Result<SigningKey, Error> {
        match self {
            Kept::Minisign { salt, operations, memory, sealed } => {
                let mut open = sealed.clone();
                if let Some(passphrase) = passphrase {
                    let mut stream = Zeroizing::new([0; MINISIGN_SEALED]);
                    let params = params(*operations, *memory).ok_or(Error::Cost)?;
                    scrypt::scrypt(passphrase, salt, &params, &mut *stream).map_err(|_| Error::Cost)?;
                    xor(&mut *open, &*stream);
                }
                let (secret, checksum) = open.split_at(8 + 64);
                let wanted = Blake2b::<U32>::new().chain_update(ED25519).chain_update(secret).finalize();
                let mut fields = Fields(secret);
                match (fields.take(), fields.take()) {
                    // Without a passphrase there is no checksum.
                    (Some(number), Some(pair)) if passphrase.is_none() || *checksum == *wanted => {
                        key(Form::Minisign, *number, pair)
                    }
                    _ => Err(Error::Passphrase),
                }
            }
            Kept::Signify { rounds, salt, checksum, number, sealed } => {
                let mut open = sealed.clone();
                if let Some(passphrase) = passphrase {
                    let mut stream = Zeroizing::new([0; 64]);
                    bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, *rounds, &mut *stream)
                        .map_err(|_| Error::Passphrase)?;
                    xor(&mut *open, &*stream);
                }
                match *checksum == Sha512::digest(open.as_slice())[..8] {
                    true => key(Form::Signify, *number, &open),
                    false => Err(Error::Passphrase),
                }
            }
        }
    }
}

fn key(form: Form, number: KeyNumber, pair: &[u8; 64]) -> Result<SigningKey, Error> {
    // A public key that does not belong to the secret one would give the secret one away.
    let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair).map_err(|_| Error::Passphrase)?;
    Ok(SigningKey { form, number, key })
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

/// What libsodium makes of operations and memory (`pickparams`, crypto_pwhash/scryptsalsa208sha256).
fn params(operations: u64, memory: u64) -> Option<scrypt::Params> {
    const R: u64 = 8;
    let operations = operations.max(32_768);
    let log_of = |most: u64| (1..63_u8).find(|&log| 1_u64 << log > most / 2).unwrap_or(63);
    let (log, p) = match operations < memory / 32 {
        true => (log_of(operations / (R * 4)), 1),
        false => {
            let log = log_of(memory / (R * 128));
            let product = ((operations / 4) >> log).min(0x3fff_ffff);
            (log, product / R)
        }
    };
    scrypt::Params::new(log, R as u32, u32::try_from(p).ok()?, 32).ok()
}

impl SigningKey {
    /// Whose key it is.
    pub fn form(&self) -> Form {
        self.form
    }
}
