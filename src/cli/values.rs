// SPDX-License-Identifier: BSD-2-Clause
//! Numbers as arguments of options.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::cli::error::StartError;

/// A number as strtol(3) reads it, within bounds; no upper bound if `most` is 0.
pub fn number(text: &OsStr, meaning: &'static str, least: i64, most: i64) -> Result<i64, StartError> {
    let value = strtol(text.as_bytes()).ok_or_else(|| StartError::NotANumber(meaning, text.to_owned()))?;
    if value < least || (most != 0 && value > most) {
        return Err(StartError::OutOfRange(meaning, least, most));
    }
    Ok(value)
}

/// strtol(3) in base 10 over a whole text: blanks and a sign may stand before the digits, too large
/// values are cut off. An empty text is 0, as dump reads it.
fn strtol(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = text.iter().position(|b| !blank(b))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let step = |value: i64, b: &u8| {
        let digit = i64::from(b - b'0');
        let digit = if negative { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    };
    Some(digits.iter().fold(0, step))
}

/// A number whose bounds make it fit.
pub fn small<T: TryFrom<i64>>(value: i64) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(value).expect("the option's bounds are those of its type or narrower")
}
