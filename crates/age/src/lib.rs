// SPDX-License-Identifier: BSD-2-Clause
//! The age v1 file format (age-encryption.org/v1) for X25519 recipients, as functions of bytes: no I/O is done here.
//!
//! A file is a header, which has the file key encrypted to each recipient, a nonce of 16 bytes, and the payload: chunks of 64 KiB, each
//! encrypted and authenticated by itself under its number, the last one marked as the last. So any chunk can be made or read by itself,
//! and no chunk can be changed, moved, left out or added without notice.

mod armor;
mod bech;
mod error;
mod header;
mod identity_file;
mod keys;
mod payload;
mod scrypt_stanza;
mod x25519;

pub use armor::unarmor;
pub use error::{HeaderError, KeyError, OpenError};
pub use header::{Header, MAGIC, MOST_HEADER, create, header_length, is_age};
pub use identity_file::{Identities, IdentityFileError, parse_identities, parse_recipients};
pub use keys::{Identity, Recipient};
pub use payload::{CHUNK, NONCE, PayloadKey, SEALED, TAG, plain_length, sealed_length};
pub use scrypt_stanza::{MOST_WORK, open_with_passphrase};
