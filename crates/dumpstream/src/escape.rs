// SPDX-License-Identifier: BSD-2-Clause
//! Escapes names and other external text for terminals, lines of text and JSON. The only place that does so. Pure.
//!
//! Each byte that is not shown is a backslash and three octal digits, as vis(3) writes it, and so is the backslash, so that
//! [`unescape`] gives back what was escaped. Not shown are
//! - control characters: C0, DEL and C1 (U+0080 to U+009F, which terminals obey in UTF-8 as well);
//! - what changes the order of characters on the screen (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069);
//! - separators of lines and paragraphs (U+2028, U+2029), and invisible characters: soft hyphen, zero-width and
//!   other format characters, byte order mark and tags. Two names that differ must not look the same;
//! - bytes that are not UTF-8, raw C1 among them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Whether a character is shown as it is.
fn is_shown(c: char) -> bool {
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    !unseen && !c.is_control()
}

/// Whether a byte is printed unchanged, independent of its neighbours.
pub fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

/// Appends `bytes`, escaped, to `out`.
pub fn escape_into(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|&byte| is_plain(byte)) {
        return out.extend_from_slice(bytes);
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut utf8 = [0; 4];
            let utf8 = c.encode_utf8(&mut utf8).as_bytes();
            if is_shown(c) && c != '\\' { out.extend_from_slice(utf8) } else { octal(utf8, out) }
        }
        octal(chunk.invalid(), out);
    }
}

fn octal(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.extend([b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
    }
}

/// `bytes`, escaped.
pub fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    escape_into(bytes, &mut out);
    out
}

/// A name, escaped.
pub fn name(name: &OsStr) -> String {
    // What is escaped is UTF-8.
    String::from_utf8_lossy(&escape(name.as_bytes())).into_owned()
}

/// One line for a terminal, made of our words and of names: as [`escape`], but that the backslash stays, since names that are escaped
/// already may be in it.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    for c in text.chars() {
        let mut utf8 = [0; 4];
        let utf8 = c.encode_utf8(&mut utf8).as_bytes();
        if is_shown(c) { out.extend_from_slice(utf8) } else { octal(utf8, &mut out) }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// A JSON text, in which what is not shown becomes `\u` and hexadecimal digits: it can be within strings only, and means the same there.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shown(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            // Writing to a String does not fail.
            c.encode_utf16(&mut units).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}"));
        }
    }
    Cow::Owned(out)
}

/// What [`escape`] was given; none if `text` is nothing that it makes. Bytes that it would have escaped may stand as they are.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Characters that no output may have.
    fn is_bad(c: char) -> bool {
        let c = u32::from(c);
        c < 0x20
            || (0x7f..0xa0).contains(&c)
            || (0x202a..=0x202e).contains(&c)
            || (0x2066..=0x2069).contains(&c)
            || [0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff, 0xe0041].contains(&c)
    }

    #[test]
    fn what_stands_as_it_is() {
        for text in ["naïve é 日本語 😀", "a b~!\"$&'", "\u{a0}", "e\u{301}", "❤\u{fe0f}"] {
            assert_eq!(escape(text.as_bytes()), text.as_bytes());
            assert_eq!((line(text), json(text)), (text.into(), text.into()));
        }
    }

    #[test]
    fn what_is_escaped() {
        for (bytes, want) in [
            (&b"\x1b[31m"[..], r"\033[31m"),
            (b"a\tb\nc\x7f", r"a\011b\012c\177"),
            (b"a\\b", r"a\134b"),
            (b"\xc2\x9b31m", r"\302\23331m"),
            (b"\x9b31m", r"\23331m"),
            (b"caf\xe9", r"caf\351"),
            ("\u{202e}cba".as_bytes(), r"\342\200\256cba"),
            ("a\u{200b}b".as_bytes(), r"a\342\200\213b"),
            ("\u{2028}".as_bytes(), r"\342\200\250"),
            ("\u{e0041}".as_bytes(), r"\363\240\201\201"),
            (b"\xed\xa0\x80", r"\355\240\200"),
            (b"\xc0\xaf\xf4\x90\x80\x80", r"\300\257\364\220\200\200"),
        ] {
            assert_eq!(String::from_utf8(escape(bytes)).unwrap(), want);
            assert_eq!(name(OsStr::from_bytes(bytes)), want);
            assert_eq!(unescape(want.as_bytes()).unwrap(), bytes);
        }
    }

    #[test]
    fn a_line_and_json() {
        assert_eq!(line("\\134 \u{9b}2J\u{202e}\n"), "\\134 \\302\\2332J\\342\\200\\256\\012");
        assert_eq!(
            json("{\"a\":\"\u{9b}\u{7f}\u{e0041}\u{e9}\"}"),
            "{\"a\":\"\\u009b\\u007f\\udb40\\udc41\u{e9}\"}"
        );
    }

    #[test]
    fn what_nobody_makes_is_none() {
        for text in [&b"a\\8"[..], b"\\12", b"\\777", b"\\"] {
            assert_eq!(unescape(text), None);
        }
        // Indexes of older versions have such bytes as they are.
        assert_eq!(unescape(b"caf\xe9").unwrap(), b"caf\xe9");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let escaped = escape(&bytes);
            prop_assert!(!std::str::from_utf8(&escaped).unwrap().chars().any(is_bad));
            prop_assert_eq!(unescape(&escaped).unwrap(), bytes);
        }

        #[test]
        fn any_text_comes_back(text in "[\\PC\u{0}-\u{a0}\u{200b}-\u{206f}\u{e0000}-\u{e007f}]{0,40}") {
            prop_assert_eq!(unescape(&escape(text.as_bytes())).unwrap(), text.as_bytes());
            prop_assert!(!line(&text).chars().any(is_bad));
            let quoted = serde_json::to_string(&text).unwrap();
            let safe = json(&quoted);
            prop_assert!(!safe.chars().any(is_bad));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
