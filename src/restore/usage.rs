// SPDX-License-Identifier: BSD-2-Clause
//! Why a command line is invalid, in restore(8)'s words where it has them.

use std::ffi::OsString;
use std::fmt;

use crate::job::BadRemote;
use crate::restore::job::Mode;
use dumpstream::escape;

/// Why the command line is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageError {
    /// It is empty.
    Usage,
    /// No such option.
    Illegal(String),
    /// An option without its argument.
    Missing(String),
    /// A long option with an argument that it does not take.
    NoArgument(String),
    /// Two of `-C`, `-i`, `-R`, `-r`, `-t` and `-x`.
    TwoModes(Mode, Mode),
    /// None of them.
    NoMode,
    /// Something that should be a number: what it is for, the text.
    NotANumber(&'static str, OsString),
    /// A number below 1.
    TooSmall(&'static str),
    /// `-f` and `-P`.
    CommandAndFile,
    /// A tape of another host, whose name cannot be one.
    Remote(BadRemote),
    /// No such style of progress.
    Progress(OsString),
    /// Options that do not go together.
    Unsuitable(&'static str),
}

impl UsageError {
    /// The text for standard error, with its last newline.
    pub fn render(&self, program: &str) -> String {
        match self {
            UsageError::Usage => usage(program),
            UsageError::Illegal(option) => {
                format!("{program}: illegal option -- {}\n{}", escape::line(option), usage(program))
            }
            UsageError::Missing(option) => {
                format!(
                    "{program}: option requires an argument -- {}\n{}",
                    escape::line(option),
                    usage(program)
                )
            }
            _ => format!("{program}: {self}\n"),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageError::Usage | UsageError::Illegal(_) | UsageError::Missing(_) => Ok(()),
            UsageError::NoArgument(option) => {
                write!(f, "option takes no argument -- {}", escape::line(option))
            }
            UsageError::TwoModes(new, old) => {
                write!(f, "{} and {} options are mutually exclusive", new.letter(), old.letter())
            }
            UsageError::NoMode => f.write_str("none of i, R, r, t or x options specified"),
            UsageError::NotANumber(what, text) => write!(f, "illegal {what} -- {}", escape::name(text)),
            UsageError::TooSmall(what) => write!(f, "{what} must be greater than 0"),
            UsageError::Progress(text) => write!(f, "unknown style of progress -- {}", escape::name(text)),
            UsageError::Remote(BadRemote::Characters) => f.write_str("invalid characters in tape"),
            UsageError::Remote(BadRemote::User(user)) => {
                write!(f, "invalid user name {}", escape::name(user))
            }
            UsageError::Remote(BadRemote::Host(host)) => {
                write!(f, "invalid host name {}", escape::name(host))
            }
            UsageError::Unsuitable(what) => f.write_str(what),
            UsageError::CommandAndFile => f.write_str("-P and -f options are mutually exclusive"),
        }
    }
}

/// restore's usage text, with the program's name as it was called.
fn usage(program: &str) -> String {
    let from = "[-b blocksize] [-f file | -P pipecommand] [-s fileno]";
    format!(
        "usage:\t{program} -i [-dhmNuvy] {from}\n\
         \t{program} -R [-dNuvy] {from}\n\
         \t{program} -r [-dNuvy] {from}\n\
         \t{program} -t [-dhNuvy] {from} [file ...]\n\
         \t{program} -x [-dhmNuvy] {from} [file ...]\n"
    )
}
