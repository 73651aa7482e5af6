// SPDX-License-Identifier: BSD-2-Clause
//! Bytes that would break a line, written as a backslash and three octal digits.

/// Whether a byte stands as it is.
pub(super) fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f && byte != b'\\'
}

/// Appends `bytes`, escaped, to `out`.
pub fn escape_into(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|&byte| is_plain(byte)) {
        return out.extend_from_slice(bytes);
    }
    for &byte in bytes {
        if is_plain(byte) {
            out.push(byte);
        } else {
            out.extend([b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
        }
    }
}

/// `bytes`, escaped.
pub fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    escape_into(bytes, &mut out);
    out
}

/// What [`escape`] was given; none if `text` is nothing that it makes.
pub fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<3>()?;
        if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
            return None;
        }
        let value = digits.iter().fold(0_u16, |value, digit| value << 3 | u16::from(digit - b'0'));
        out.push(u8::try_from(value).ok()?);
        rest = after;
    }
    Some(out)
}
