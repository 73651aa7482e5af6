// SPDX-License-Identifier: BSD-2-Clause
//! Lines of comment and of base64.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// What the comment of a file begins with.
const COMMENT: &str = "untrusted comment: ";

/// The lines of a file.
pub struct Lines<'a>(std::str::Lines<'a>);

impl<'a> Lines<'a> {
    /// Of a file that begins with a comment; none if it does not.
    pub fn new(text: &'a [u8]) -> Option<Lines<'a>> {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        lines.next()?.starts_with(COMMENT).then_some(Lines(lines))
    }

    /// The next line.
    pub fn line(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// What is in base64 in the next line.
    pub fn bytes(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        Base64::decode_vec(self.line()?).ok().map(Zeroizing::new)
    }
}

/// A comment and base64, each in a line.
pub fn print(comment: &str, bytes: &[u8]) -> String {
    format!("{COMMENT}{comment}\n{}\n", Base64::encode_string(bytes))
}

/// Bytes in base64, in a line.
pub fn line(bytes: &[u8]) -> String {
    format!("{}\n", Base64::encode_string(bytes))
}

/// Takes fields off the front of bytes.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }
}
