// SPDX-License-Identifier: BSD-2-Clause
//! The bundled key letters: one word of letters, then their arguments in the same order.

use std::borrow::Cow;
use std::ffi::OsString;

use crate::cli::error::StartError;
use crate::cli::table;
use crate::getopt;

/// Turns an old command line (without the program's name) into words for [`crate::cli::args::Args`].
///
/// The old form is in use when the first word begins with neither `-` nor `/`; other lines come back
/// as they are. Letters with an argument go first, in their order, then one word with all others.
/// P takes its argument anywhere; in dump it works only as the last key.
///
/// Errors: [`StartError::MissingArgument`] when there are fewer arguments than letters that want one.
pub fn expand(args: &[OsString]) -> Result<Cow<'_, [OsString]>, StartError> {
    let has_argument = |letter| table::by_letter(letter).is_some_and(|flag| flag.value.is_some());
    getopt::expand(args, b"-/", has_argument).map_err(StartError::missing_argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(args: &[&str]) -> Result<Vec<String>, StartError> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let words = expand(&args)?;
        Ok(words.iter().map(|w| w.clone().into_string().expect("the test's words are text")).collect())
    }

    #[test]
    fn arguments_follow_the_order_of_their_letters() {
        let got = expanded(&["0ubf", "64", "-", "/u"]).expect("a good line");
        assert_eq!(got, ["-b", "64", "-f", "-", "-0u", "/u"]);
        let got = expanded(&["TDs0hdBC", "t", "d", "s", "h", "D", "B", "C", "fs", "x"]).expect("a good line");
        let want = "-T t -D d -s s -h h -d D -B B -C C -0 fs x".split(' ').collect::<Vec<_>>();
        assert_eq!(got, want);
    }

    #[test]
    fn p_takes_its_argument_anywhere() {
        let got = expanded(&["0PbL", "cat >x", "32", "/u"]).expect("a good line");
        assert_eq!(got, ["-P", "cat >x", "-b", "32", "-0L", "/u"]);
    }

    #[test]
    fn amanda_keys() {
        let got = expanded(&["0ubLsf", "64", "1048576", "-", "/dev/da0"]).expect("a good line");
        assert_eq!(got, ["-b", "64", "-s", "1048576", "-f", "-", "-0uL", "/dev/da0"]);
    }

    #[test]
    fn new_lines_and_paths_are_left_alone() {
        for line in [&["-0f", "x", "/u"][..], &["/u"], &["-"], &[]] {
            assert_eq!(expanded(line).expect("a good line"), line);
        }
    }

    #[test]
    fn a_relative_operand_alone_is_taken_as_keys() {
        assert_eq!(expanded(&["aWu"]).expect("a good line"), ["-aWu"]);
        assert_eq!(expanded(&["", "/u"]).expect("a good line"), ["/u"]);
    }

    #[test]
    fn a_letter_without_its_argument() {
        let err = expanded(&["0bf", "64"]).expect_err("a bad line");
        assert_eq!(err, StartError::missing_argument(b'f'));
    }
}
