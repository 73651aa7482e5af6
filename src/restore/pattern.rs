// SPDX-License-Identifier: BSD-2-Clause
//! Patterns of names, as glob(7) has them. Pure.

/// Whether a name matches: `*`, `?`, `[a-z]`, `[!a]`, and `\` before what stands for itself.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go on after a `*`, which takes one byte more then.
    let mut again: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                again = Some((p, n));
                p += 1;
                continue;
            }
            None if n == name.len() => return true,
            Some(_) if n < name.len() => one(&pattern[p..], name[n]),
            _ => None,
        };
        match (step, again) {
            (Some(length), _) => (p, n) = (p + length, n + 1),
            (None, Some((star, from))) if from < name.len() => {
                again = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
            _ => return false,
        }
    }
}

/// Whether the first part of a pattern, which is no `*`, matches a byte: the length of that part.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', rest @ ..] => {
            let (negated, rest) = match rest {
                [b'!' | b'^', rest @ ..] => (true, rest),
                _ => (false, rest),
            };
            // A `]` that comes first stands for itself.
            let Some(length) = rest.iter().skip(1).position(|&byte| byte == b']').map(|at| at + 1) else {
                return (byte == b'[').then_some(1);
            };
            let mut set = &rest[..length];
            let mut is_in = false;
            while let Some((&first, after)) = set.split_first() {
                (is_in, set) = match after {
                    [b'-', last, after @ ..] => (is_in || (first..=*last).contains(&byte), after),
                    _ => (is_in || first == byte, after),
                };
            }
            (is_in != negated).then_some(pattern.len() - rest.len() + length + 1)
        }
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// Whether there is anything in it that stands for more than itself.
pub fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_matches() {
        for (pattern, name, want) in [
            ("*", "", true),
            ("*.c", "a.c", true),
            ("*.c", "a.h", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("?", "", false),
            ("[a-c]?", "bz", true),
            ("[!a-c]", "b", false),
            ("[]x]", "]", true),
            ("[ab", "[ab", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn it_ends(pattern in "[*?a\\[\\]!-]{0,12}", name in "[ab]{0,30}") {
            _ = matches(pattern.as_bytes(), name.as_bytes());
        }

        #[test]
        fn a_name_matches_itself(name in "[a-z.]{0,12}") {
            assert!(matches(name.as_bytes(), name.as_bytes()));
        }
    }
}
