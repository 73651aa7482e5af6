// SPDX-License-Identifier: BSD-2-Clause
//! Suggestions for an invalid command line: a name taken for key letters, a misspelled option.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::cli::error::StartError;
use crate::cli::table;
use dumpstream::escape;

/// A line for the operator, without the program's name; none if nothing comes to mind.
pub fn find(args: &[OsString], error: &StartError) -> Option<String> {
    let (first, rest) = args.split_first()?;
    let first = first.as_bytes();
    if !matches!(first.first(), None | Some(b'-' | b'/')) {
        return keys(first, rest);
    }
    if let StartError::IllegalOption(option) = error
        && let Some(name) = option.strip_prefix('-')
    {
        return nearest(name).map(|name| format!("did you mean --{name}?"));
    }
    // -verify is -v, -e and so on.
    let mut options = args.iter().take_while(|word| *word != "--").map(|word| word.as_bytes());
    let long =
        options.find_map(|word| word.strip_prefix(b"-").filter(|name| table::by_name(name).is_some()))?;
    Some(format!("did you mean --{}?", String::from_utf8_lossy(long)))
}

/// The hint where the first word was taken for key letters and seems to be none.
fn keys(first: &[u8], rest: &[OsString]) -> Option<String> {
    let unknown = first.iter().filter(|byte| !table::is_key(**byte)).count();
    let (word, has_level) =
        (first.iter().all(u8::is_ascii_alphanumeric), first.iter().any(u8::is_ascii_digit));
    let long = table::by_name(first).is_some();
    // Amanda tries key letters one by one, of which one may be unknown.
    let alone = rest.is_empty() && (unknown > 0 || !has_level);
    if !(long || !word || unknown > 1 || alone || unknown > 0 && !has_level) {
        return None;
    }
    let shown = escape::name(std::ffi::OsStr::from_bytes(first));
    let quoted = if word || first.iter().all(|b| is_safe(*b)) { shown.clone() } else { format!("'{shown}'") };
    let meant = match (long, rest.first()) {
        (true, Some(next)) => format!("capdump --{shown} {}", escape::name(next)),
        (true, None) => format!("capdump --{shown}"),
        (false, _) => {
            return Some(format!(
                "\"{shown}\" was taken for key letters; to dump it: capdump -f - {quoted} >file; \
                 to check a dump: capdump --check {quoted}"
            ));
        }
    };
    Some(format!("\"{shown}\" was taken for key letters; did you mean: {meant}"))
}

/// Whether a shell leaves a byte alone.
fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-/:,+@%=".contains(&byte)
}

/// The long option that is spelled most like `name`, if one is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.split('=').next().unwrap_or_default();
    if name.len() > 40 {
        return None;
    }
    let begins = |long: &&str| name.len() > 2 && long.starts_with(name);
    let likest = table::long_names().min_by_key(|long| distance(name, long))?;
    match distance(name, likest) {
        likely if likely <= likest.len() / 3 => Some(likest),
        _ => table::long_names().find(begins),
    }
}

/// Letters to be put in, left out, changed or swapped with their neighbours to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let (above, changed) = (&rows[i - 1], usize::from(a[i - 1] != b[j - 1]));
            let mut least = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn hint(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match parse(&args, None, |_| None) {
            Err(StartError::Hinted(_, hint)) => Some(hint),
            Err(_) => None,
            Ok(request) => panic!("{line}: {request:?}"),
        }
    }

    #[test]
    fn names_taken_for_key_letters() {
        for (line, meant) in [
            ("disk.dump", "capdump -f - disk.dump >file; to check a dump: capdump --check disk.dump"),
            ("./disk.img", "capdump -f - ./disk.img >file"),
            ("ada0p2", "capdump -f - ada0p2 >file"),
            ("usr", "capdump -f - usr >file"),
            ("check d", "did you mean: capdump --check d"),
            ("list d", "did you mean: capdump --list d"),
            ("emit", "did you mean: capdump --emit"),
            ("a;b", "capdump -f - 'a;b' >file"),
        ] {
            let hint = hint(line).expect(line);
            assert!(hint.contains("was taken for key letters") && hint.contains(meant), "{line}: {hint}");
        }
    }

    #[test]
    fn key_letters_that_are_some() {
        for line in ["0ubf 64", "9Ef /dev/null /dev/null/invalid/fs", "0u", "0bf x y z", "9Gf /dev/null fs"] {
            assert_eq!(hint(line), None, "{line}");
        }
    }

    #[test]
    fn misspelled_options() {
        for (line, meant) in [
            ("--verfiy x", "verify"),
            ("--verif x", "verify"),
            ("--compres=zstd x", "compress"),
            ("--excludes=a x", "exclude"),
            ("--volume-prefix x", "volumes-prefix"),
            ("--lst x", "list"),
            ("--prog x", "progress"),
            ("-verify x", "verify"),
            ("-0 -check x", "check"),
            ("-list x", "list"),
        ] {
            assert_eq!(hint(line), Some(format!("did you mean --{meant}?")), "{line}");
        }
        for line in ["--zzz x", "-Z x", "--q x", "-b x y"] {
            assert_eq!(hint(line), None, "{line}");
        }
    }
}
