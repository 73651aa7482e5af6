// SPDX-License-Identifier: BSD-2-Clause
//! The walk over the command line that gives options getopt(3)'s order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgMatches, Command};

use crate::cli::error::StartError;
use crate::cli::table;
use crate::cli::table::OPERANDS;

/// One option as it stood on the command line; flags have an empty value.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    /// The letter, or the long name without its dashes.
    pub name: String,
    /// The argument.
    pub value: OsString,
}

/// A command line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// The options in order, up to the first bad one.
    pub options: Vec<Given>,
    /// What follows the options.
    pub operands: Vec<OsString>,
    /// Why the walk stopped early. It is to be reported after the options before it have had
    /// their effect, as with getopt(3).
    pub stopped: Option<StartError>,
}

/// Takes a command line (without the program's name) apart by getopt(3)'s rules: options end at the
/// first operand or `--`, letters share a word, an argument is the rest of the word or the next one.
pub fn scan(words: &[OsString]) -> Scan {
    let mut command = table::command();
    let mut walk = Walk { command: &command, plain: Vec::new() };
    let (rest, stopped) = walk.options(words);
    let mut line = walk.plain;
    line.push("--".into());
    line.extend_from_slice(rest);
    match command.try_get_matches_from_mut(line) {
        Ok(matches) => {
            let options = in_order(&command, &matches);
            Scan { options, operands: raw(&matches, OPERANDS), stopped }
        }
        // The walk lets nothing through that clap does not know, so this is not seen.
        Err(_) => {
            Scan { options: Vec::new(), operands: Vec::new(), stopped: stopped.or(Some(StartError::Usage)) }
        }
    }
}

/// Splits words as getopt(3) does, so that clap sees one option, then its argument, a word each.
struct Walk<'a> {
    command: &'a Command,
    plain: Vec<OsString>,
}

impl Walk<'_> {
    /// Walks the options. Returns the operands, and what is wrong with the option that ended the walk.
    fn options<'w>(&mut self, words: &'w [OsString]) -> (&'w [OsString], Option<StartError>) {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let bytes = word.as_bytes();
            let walked = match bytes {
                b"--" => return (after, None),
                [b'-', b'-', name @ ..] => self.long(name, after),
                [b'-', letters @ ..] if !letters.is_empty() => self.cluster(letters, after),
                _ => break,
            };
            match walked {
                Ok(after) => rest = after,
                Err(error) => return (&[], Some(error)),
            }
        }
        (rest, None)
    }

    /// One word of letters (without the dash). Returns the words that are left.
    fn cluster<'w>(
        &mut self,
        mut letters: &[u8],
        after: &'w [OsString],
    ) -> Result<&'w [OsString], StartError> {
        while let Some((&letter, others)) = letters.split_first() {
            let arg = self.find(|arg| arg.get_short() == Some(char::from(letter)));
            let takes_value = arg.ok_or_else(|| StartError::illegal_option(letter))?;
            self.plain.push(OsString::from_vec(vec![b'-', letter]));
            if takes_value {
                let (value, after) = match (others, after.split_first()) {
                    ([_, ..], _) => (OsStr::from_bytes(others), after),
                    ([], Some((next, after))) => (next.as_os_str(), after),
                    ([], None) => {
                        self.plain.pop();
                        return Err(StartError::missing_argument(letter));
                    }
                };
                self.plain.push(value.to_owned());
                return Ok(after);
            }
            letters = others;
        }
        Ok(after)
    }

    /// One long option (without its dashes). getopt(3) has none and reads `--x` as the letter `-`.
    fn long<'w>(&mut self, text: &[u8], after: &'w [OsString]) -> Result<&'w [OsString], StartError> {
        let equals = text.iter().position(|&b| b == b'=');
        let (name, value) = match equals {
            Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]))),
            None => (text, None),
        };
        let takes_value = self.find(|arg| arg.get_long().is_some_and(|l| l.as_bytes() == name));
        let shown = || String::from_utf8_lossy(name).into_owned();
        let (value, after) = match (takes_value, value, after.split_first()) {
            (Some(false), None, _) => (None, after),
            (Some(true), Some(value), _) => (Some(value), after),
            (Some(true), None, Some((next, after))) => (Some(next.as_os_str()), after),
            (Some(true), None, None) => return Err(StartError::MissingArgument(shown())),
            (Some(false), Some(_), _) => return Err(StartError::NoArgument(shown())),
            (None, ..) => return Err(StartError::IllegalOption(format!("-{}", shown()))),
        };
        self.plain.push(OsString::from_vec([b"--", name].concat()));
        self.plain.extend(value.map(OsStr::to_owned));
        Ok(after)
    }

    /// Whether the option takes an argument; `None` when there is no such option.
    fn find(&self, is_it: impl Fn(&Arg) -> bool) -> Option<bool> {
        let arg = self.command.get_arguments().find(|arg| is_it(arg))?;
        Some(takes_value(arg))
    }
}

/// Whether an option takes an argument (flags are declared with none).
fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_none_or(|range| range.takes_values())
}

/// The options of clap's matches in the order of the command line.
fn in_order(command: &Command, matches: &ArgMatches) -> Vec<Given> {
    let mut found: Vec<(usize, Given)> = Vec::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
        let name = arg.get_id().as_str();
        let indices = matches.indices_of(name).into_iter().flatten();
        let values = raw(matches, name).into_iter();
        found.extend(indices.zip(values).map(|(at, value)| (at, Given { name: name.to_owned(), value })));
    }
    found.sort_by_key(|&(at, _)| at);
    found.into_iter().map(|(_, given)| given).collect()
}

/// The values of one of clap's arguments.
fn raw(matches: &ArgMatches, name: &str) -> Vec<OsString> {
    matches.get_raw(name).into_iter().flatten().map(OsStr::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(words: &[&str]) -> (String, Vec<String>, Option<StartError>) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let scan = scan(&words);
        let text = |w: OsString| w.into_string().expect("the test's words are text");
        let options = scan.options.into_iter().map(|g| format!("{}({})", g.name, text(g.value))).collect();
        (options, scan.operands.into_iter().map(text).collect(), scan.stopped)
    }

    #[test]
    fn clap_finds_no_fault_with_the_declaration() {
        table::command().debug_assert();
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
        let name = OsString::from_vec(vec![b'-', b'f', 0xff, b'x']);
        let got = scan(&[name, OsString::from_vec(vec![0xfe])]);
        assert_eq!(got.options[0].value.as_bytes(), [0xff, b'x']);
        assert_eq!(got.operands[0].as_bytes(), [0xfe]);
        let letter = scan(&[OsString::from_vec(vec![b'-', 0xe9])]);
        assert_eq!(letter.stopped, Some(StartError::IllegalOption("\\xe9".into())));
    }
}
