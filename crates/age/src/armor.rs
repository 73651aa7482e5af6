// SPDX-License-Identifier: BSD-2-Clause
//! The form of an encrypted file as text (PEM): identity files may be kept in it.

use base64ct::{Base64, Encoding};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// The bytes of a file that is text; none if it is none.
pub fn unarmor(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: String = body.lines().map(str::trim).collect();
    Base64::decode_vec(&body).ok()
}
