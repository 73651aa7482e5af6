// SPDX-License-Identifier: BSD-2-Clause
//! The bundled key letters of dump(8) and restore(8): one word of letters, then their arguments in the same order. Pure.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Turns an old command line (without the program's name) into words for getopt(3).
///
/// The old form is in use when the first word begins with none of `others`; other lines come back as they are. Letters with an argument,
/// by `has_argument`, go first, in their order, then one word with all others.
///
/// Errors: the letter for which there is no argument left.
pub fn expand<'a>(
    args: &'a [OsString],
    others: &[u8],
    has_argument: impl Fn(u8) -> bool,
) -> Result<Cow<'a, [OsString]>, u8> {
    let [keys, rest @ ..] = args else { return Ok(args.into()) };
    if keys.as_bytes().first().is_some_and(|first| others.contains(first)) {
        return Ok(args.into());
    }
    let mut rest = rest.iter();
    let mut words = Vec::with_capacity(args.len() + 1);
    let mut flags = vec![b'-'];
    for &letter in keys.as_bytes() {
        if has_argument(letter) {
            words.push(OsString::from_vec(vec![b'-', letter]));
            words.push(rest.next().ok_or(letter)?.clone());
        } else {
            flags.push(letter);
        }
    }
    if flags.len() > 1 {
        words.push(OsString::from_vec(flags));
    }
    words.extend(rest.cloned());
    Ok(words.into())
}
