// SPDX-License-Identifier: BSD-2-Clause
//! Walks the command line in the order of getopt(3).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::error::StartError;
use crate::cli::flag::Flag;
use crate::cli::table;

/// An option as it stands on the command line, with its argument; that of a flag is empty.
pub type Given<'a> = (&'static Flag, &'a OsStr);

/// A command line (without the program's name) that is taken apart by getopt(3)'s rules: options end at the first operand or
/// `--`, letters share a word, an argument is the rest of the word or the next one.
pub struct Args<'a> {
    /// What is left of a word of letters.
    letters: &'a [u8],
    words: &'a [OsString],
}

impl<'a> Args<'a> {
    /// The walk, before the first word.
    pub fn new(words: &'a [OsString]) -> Args<'a> {
        Args { letters: &[], words }
    }

    /// The next option; none when there are only operands left.
    pub fn next_option(&mut self) -> Result<Option<Given<'a>>, StartError> {
        if let [letter, others @ ..] = self.letters {
            self.letters = others;
            return self.letter(*letter).map(Some);
        }
        let [word, after @ ..] = self.words else { return Ok(None) };
        match word.as_bytes() {
            b"--" => {
                self.words = after;
                Ok(None)
            }
            [b'-', b'-', long @ ..] => {
                self.words = after;
                self.long(long).map(Some)
            }
            [b'-', letter, others @ ..] => {
                (self.words, self.letters) = (after, others);
                self.letter(*letter).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What follows the options.
    pub fn operands(self) -> Vec<OsString> {
        self.words.to_vec()
    }

    fn letter(&mut self, letter: u8) -> Result<Given<'a>, StartError> {
        let flag = table::by_letter(letter).ok_or_else(|| StartError::illegal_option(letter))?;
        let value = match (flag.value, self.letters) {
            (None, _) => OsStr::new(""),
            (Some(_), []) => self.next_word().ok_or_else(|| StartError::missing_argument(letter))?,
            (Some(_), rest) => {
                self.letters = &[];
                OsStr::from_bytes(rest)
            }
        };
        Ok((flag, value))
    }

    /// One long option (without its dashes). getopt(3) has none and reads `--x` as the letter `-`.
    fn long(&mut self, text: &'a [u8]) -> Result<Given<'a>, StartError> {
        let (name, value) = match text.iter().position(|&b| b == b'=') {
            Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]))),
            None => (text, None),
        };
        let shown = || String::from_utf8_lossy(name).into_owned();
        let flag = table::by_name(name).ok_or_else(|| StartError::IllegalOption(format!("-{}", shown())))?;
        let value = match (flag.value, value) {
            (None, None) => OsStr::new(""),
            (None, Some(_)) => return Err(StartError::NoArgument(shown())),
            (Some(_), Some(value)) => value,
            (Some(_), None) => self.next_word().ok_or_else(|| StartError::MissingArgument(shown()))?,
        };
        Ok((flag, value))
    }

    fn next_word(&mut self) -> Option<&'a OsStr> {
        let (word, after) = self.words.split_first()?;
        self.words = after;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(words: &[&str]) -> (String, Vec<String>, Option<StartError>) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut args = Args::new(&words);
        let text = |w: &OsStr| w.to_str().expect("the test's words are text").to_owned();
        let mut options = String::new();
        loop {
            match args.next_option() {
                Ok(Some((flag, value))) => options += &format!("{}({})", flag.name, text(value)),
                Ok(None) => return (options, args.operands().iter().map(|w| text(w)).collect(), None),
                Err(error) => return (options, Vec::new(), Some(error)),
            }
        }
    }

    #[test]
    fn every_letter_of_dumps_getopt_string() {
        for letter in b"0123456789acLnRrSuWwBbCDdfhPsT" {
            let with_argument = b"BbCDdfhPsT".contains(letter);
            let letter = char::from(*letter);
            let (options, operands, stopped) = scanned(&[&format!("-{letter}"), "x"]);
            let want = if with_argument { format!("{letter}(x)") } else { format!("{letter}()") };
            assert_eq!((options, stopped), (want, None));
            assert_eq!(operands.is_empty(), with_argument);
        }
    }

    #[test]
    fn order_and_repeats_are_kept() {
        let (options, operands, stopped) = scanned(&["-10", "-b64", "-0ub", "32", "-f", "-", "/u"]);
        assert_eq!(options, "1()0()b(64)0()u()b(32)f(-)");
        assert_eq!((operands, stopped), (vec!["/u".to_owned()], None));
    }

    #[test]
    fn options_end_at_the_first_operand() {
        let (options, operands, _) = scanned(&["-0", "/u", "-f", "x"]);
        assert_eq!((options.as_str(), operands), ("0()", vec!["/u".into(), "-f".into(), "x".into()]));
        let (options, operands, _) = scanned(&["-0", "--", "-u"]);
        assert_eq!((options.as_str(), operands), ("0()", vec!["-u".into()]));
        let (options, operands, _) = scanned(&["-0", "-", "-u"]);
        assert_eq!((options.as_str(), operands), ("0()", vec!["-".into(), "-u".into()]));
    }

    #[test]
    fn an_argument_is_taken_whatever_it_is() {
        for value in ["--", "-x", "=3", "-0", "--help", "a=b", "a,b"] {
            let (options, operands, stopped) = scanned(&["-f", value, "/u"]);
            assert_eq!((options, stopped), (format!("f({value})"), None));
            assert_eq!(operands, ["/u"]);
            let (options, ..) = scanned(&[&format!("-f{value}"), "/u"]);
            assert_eq!(options, format!("f({value})"));
        }
        assert_eq!(scanned(&["-f", "", "/u"]).0, "f()");
    }

    #[test]
    fn a_bad_option_keeps_those_before_it() {
        let (options, operands, stopped) = scanned(&["-W", "-aZ", "-0", "x"]);
        assert_eq!((options.as_str(), operands.len()), ("W()a()", 0));
        assert_eq!(stopped, Some(StartError::illegal_option(b'Z')));
        let (options, _, stopped) = scanned(&["-0", "-b"]);
        assert_eq!((options.as_str(), stopped), ("0()", Some(StartError::missing_argument(b'b'))));
    }

    #[test]
    fn long_options() {
        let (options, operands, stopped) = scanned(&["--workers=4", "--workers", "5", "-0", "/u"]);
        assert_eq!((options.as_str(), stopped), ("workers(4)workers(5)0()", None));
        assert_eq!(operands, ["/u"]);
        for (bad, error) in [
            ("--work=4", StartError::IllegalOption("-work".into())),
            ("--help=x", StartError::NoArgument("help".into())),
            ("--x", StartError::IllegalOption("-x".into())),
        ] {
            assert_eq!(scanned(&[bad]).2, Some(error));
        }
        let missing = StartError::MissingArgument("workers".into());
        assert_eq!(scanned(&["--workers"]).2, Some(missing));
    }

    #[test]
    fn words_need_not_be_text() {
        let words = [&b"-f\xffx"[..], b"\xfe"].map(|word| OsStr::from_bytes(word).to_owned());
        let mut args = Args::new(&words);
        let (flag, value) = args.next_option().unwrap().unwrap();
        assert_eq!((flag.name, value.as_bytes()), ("f", &b"\xffx"[..]));
        assert_eq!(args.next_option().unwrap().map(|(flag, _)| flag.name), None);
        assert_eq!(args.operands(), words[1..]);
        let words = [OsStr::from_bytes(b"-\xe9").to_owned()];
        let error = Args::new(&words).next_option().map(|_| ()).unwrap_err();
        assert_eq!(error, StartError::IllegalOption("\\xe9".into()));
    }
}
