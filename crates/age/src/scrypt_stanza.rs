// SPDX-License-Identifier: BSD-2-Clause
//! The file key encrypted by a passphrase (age's specification, "The scrypt recipient type"): only to read identity files.

use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

use crate::error::OpenError;
use crate::header::{Header, Stanza};
use crate::payload::PayloadKey;
use crate::x25519::{FileKey, open_key};

const TYPE: &str = "scrypt";
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";

/// The largest work factor that is accepted, as a power of 2: age's own limit. It takes 4 GiB.
pub const MOST_WORK: u8 = 22;

/// Whether a stanza is one of a passphrase.
pub fn is_passphrase(stanza: &Stanza) -> bool {
    stanza.args.first().is_some_and(|kind| kind == TYPE)
}

/// Opens a file that is encrypted by a passphrase.
///
/// Errors: see [`OpenError`].
pub fn open_with_passphrase(header: &Header, passphrase: &[u8]) -> Result<PayloadKey, OpenError> {
    let [stanza] = header.stanzas() else { return Err(OpenError::Damaged) };
    let [kind, salt, work] = &stanza.args[..] else { return Err(OpenError::Damaged) };
    let mut bytes = [0; 16];
    let salt = Base64Unpadded::decode(salt, &mut bytes).ok().filter(|salt| salt.len() == 16);
    let (Some(salt), true) = (salt, kind == TYPE) else { return Err(OpenError::Damaged) };
    let is_number = !work.starts_with('0') && work.bytes().all(|byte| byte.is_ascii_digit());
    let work: u8 = work.parse().ok().filter(|_| is_number).ok_or(OpenError::Damaged)?;
    if work > MOST_WORK {
        return Err(OpenError::TooMuchWork);
    }
    let parameters = scrypt::Params::new(work, 8, 1, 32).map_err(|_| OpenError::Damaged)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, &[LABEL, salt].concat(), &parameters, &mut *key)
        .map_err(|_| OpenError::TooMuchWork)?;
    let file_key: FileKey = open_key(&key, &stanza.body).ok_or(OpenError::WrongPassphrase)?;
    header.finish(&file_key)
}
