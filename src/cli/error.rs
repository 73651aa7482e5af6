// SPDX-License-Identifier: BSD-2-Clause
//! Errors in the command line, in dump's words.

use std::ffi::OsString;

use crate::job::MOST_LABEL;
use agefile::KeyError;
use dumpstream::escape;

/// A command line that cannot be carried out. The program prints [`StartError::render`] and exits with 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// No arguments at all.
    Usage,
    /// An option that does not exist, as it is to be shown.
    IllegalOption(String),
    /// An option that takes no argument, and has one.
    NoArgument(String),
    /// Something else, and what may have been meant instead.
    Hinted(Box<StartError>, String),
    /// An option whose argument is missing, as it is to be shown.
    MissingArgument(String),
    /// An argument that is not a number: what it is for, and the argument.
    NotANumber(&'static str, OsString),
    /// A number out of bounds: what it is for, the least and the greatest value (0: see dump's `numarg`).
    OutOfRange(&'static str, i64, i64),
    /// The digits of the level do not fit the header's `c_level` (32 bits).
    LevelTooLarge,
    /// `-P` and `-f` both given.
    CommandAndFile,
    /// `-T` with something that is not a date after 1969 in ctime(3)'s form.
    BadTime(OsString),
    /// No operand.
    NoOperand,
    /// An option behind the file system: all operands after that.
    ExtraOperands(Vec<OsString>),
    /// More than one of `--check`, `--diff`, `--list` and `--emit`.
    OnePurpose,
    /// A dump is to be read, and there is no operand.
    NoVolume,
    /// A long option that is invalid with the others.
    Stray(&'static str),
    /// `-r` or `-R` with a level over 0.
    RsyncLevel,
    /// `-T` and `-u` both given.
    TimeAndUpdate,
    /// `-B` is smaller than one record of this many tape blocks.
    VolumeTooSmall(u32),
    /// `-B` of one tape block, with records of one.
    VolumeOfOneBlock,
    /// `--compress` with something that is no way to compress.
    BadCompression(OsString),
    /// `--sample` with what is no part.
    BadSample(OsString),
    /// `--encrypt` with what is no public key.
    BadRecipient(OsString, KeyError),
    /// `--compress` and a remote tape.
    CompressedRemote,
    /// `--verify` and an output that cannot be read back.
    VerifyOutput,
    /// With `--compress` a volume has no room that is sure to be enough for a record of this many tape blocks.
    VolumeTooSmallCompressed(u32),
    /// A remote tape's name with a newline in it.
    TapeCharacters,
    /// A label that does not fit into a header.
    LabelTooLong(OsString),
    /// A style of progress that does not exist.
    UnknownStyle(OsString),
    /// Options that do not go together, or not with this output.
    Unsuitable(&'static str),
    /// A remote user's name with characters that dump does not allow.
    UserName(OsString),
    /// A host of a remote tape that cannot be one.
    HostName(OsString),
    /// `--emit` to a file of another machine.
    EmitRemote(OsString),
}

impl StartError {
    /// An option that does not exist.
    pub(super) fn illegal_option(letter: u8) -> StartError {
        StartError::IllegalOption(letter.escape_ascii().to_string())
    }

    /// An option's argument is missing.
    pub(super) fn missing_argument(letter: u8) -> StartError {
        StartError::MissingArgument(letter.escape_ascii().to_string())
    }

    /// The whole text for standard error, with its last newline. `program` is the program's name as
    /// it was called, which dump puts before some of these.
    pub fn render(&self, program: &str) -> String {
        match self {
            StartError::Usage => usage(program),
            StartError::IllegalOption(option) => {
                format!("{program}: illegal option -- {}\n{}", escape::line(option), usage(program))
            }
            StartError::NoArgument(option) => {
                format!("{program}: option takes no argument -- {option}\n{}", usage(program))
            }
            StartError::Hinted(error, hint) => {
                format!("{}{program}: {}\n", error.render(program), escape::line(hint))
            }
            StartError::MissingArgument(option) => {
                format!("{program}: option requires an argument -- {option}\n{}", usage(program))
            }
            StartError::NotANumber(meaning, text) => {
                format!("{program}: illegal {meaning} -- {}\n", escape::name(text))
            }
            StartError::OutOfRange(meaning, least, most) => {
                format!("{program}: {meaning} must be between {least} and {most}\n")
            }
            StartError::LevelTooLarge => {
                format!("{program}: level must be between 0 and {}\n", i32::MAX)
            }
            StartError::CommandAndFile => {
                format!("{program}: You cannot use the P and f flags together.\n")
            }
            StartError::BadTime(text) => format!("bad time \"{}\"\n", escape::name(text)),
            StartError::NoOperand => "Must specify disk or file system\n".to_owned(),
            StartError::ExtraOperands(words) => {
                let words: String = words.iter().map(|w| format!(" {}", escape::name(w))).collect();
                format!("Unknown arguments to dump:{words}\n")
            }
            StartError::OnePurpose => {
                format!("{program}: --check, --diff, --list and --emit are mutually exclusive\n")
            }
            StartError::NoVolume => format!("{program}: no volume specified\n"),
            StartError::Stray(option) => format!("{program}: --{option} cannot be used here\n"),
            StartError::RsyncLevel => {
                "rsync friendly options can be used only with level 0 dumps.\n".to_owned()
            }
            StartError::TimeAndUpdate => "You cannot use the T and u flags together.\n".to_owned(),
            StartError::VolumeTooSmall(ntrec) => {
                format!("{program}: number of blocks per file must be at least {ntrec}, one record\n")
            }
            StartError::VolumeOfOneBlock => {
                format!(
                    "{program}: number of blocks per file must be at least 2: one is the volume's header\n"
                )
            }
            StartError::LabelTooLong(label) => {
                let (length, label) = (label.len(), escape::name(label));
                format!("{program}: label \"{label}\" has {length} bytes, more than {MOST_LABEL}\n")
            }
            StartError::UnknownStyle(style) => {
                let style = escape::name(style);
                format!("{program}: progress must be none, plain, bar or json, not \"{style}\"\n")
            }
            StartError::BadSample(text) => {
                let text = escape::name(text);
                format!(
                    "{program}: the sample must be n/t, such as 2/7, or a percentage, such as 5%, not \"{text}\"\n"
                )
            }
            StartError::Unsuitable(what) => format!("{program}: {what}\n"),
            // A secret is not to be printed.
            StartError::BadRecipient(_, error @ KeyError::Secret) => {
                format!("{program}: --encrypt: {error}\n")
            }
            StartError::BadRecipient(text, error) => {
                format!("{program}: --encrypt {}: {error}\n", escape::name(text))
            }
            StartError::BadCompression(text) => {
                let text = escape::name(text);
                format!("{program}: --compress={text}: must be zstd or zstd:level, 1 to 19\n")
            }
            StartError::VerifyOutput => {
                format!("{program}: --verify requires local files or tapes\n")
            }
            StartError::CompressedRemote => {
                format!("{program}: compressed dumps cannot be written to a remote tape\n")
            }
            StartError::VolumeTooSmallCompressed(ntrec) => {
                format!("{program}: a volume is too small for a compressed record of {ntrec} KB\n")
            }
            StartError::TapeCharacters => "invalid characters in tape\n".to_owned(),
            StartError::UserName(user) => {
                format!("  DUMP: invalid user name {}\n", escape::name(user))
            }
            StartError::HostName(host) => {
                let host = escape::name(host);
                format!("{program}: invalid host name \"{host}\"; write ./ before the name of a local file\n")
            }
            StartError::EmitRemote(name) => {
                let name = escape::name(name);
                format!(
                    "{program}: {name}: --emit cannot write to a remote host; write ./ before the name of a local file\n"
                )
            }
        }
    }
}

/// dump's usage text, with the program's name as it was called.
fn usage(program: &str) -> String {
    let indent = " ".repeat("usage: ".len() + program.chars().count() + 1);
    format!(
        "usage: {program} [-0123456789acLnSu] [-B records] [-b blocksize] [-C cachesize]\n\
         {indent}[-D dumpdates] [-d density] [-f file | -P pipecommand] [-h level]\n\
         {indent}[-s feet] [-T date] filesystem\n       {program} -W | -w\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_dumps() {
        let want = concat!(
            "usage: dump [-0123456789acLnSu] [-B records] [-b blocksize] [-C cachesize]\n",
            "            [-D dumpdates] [-d density] [-f file | -P pipecommand] [-h level]\n",
            "            [-s feet] [-T date] filesystem\n",
            "       dump -W | -w\n",
        );
        assert_eq!(StartError::Usage.render("dump"), want);
        let said = StartError::illegal_option(b'Z').render("dump");
        assert_eq!(said, format!("dump: illegal option -- Z\n{want}"));
        let said = StartError::missing_argument(b'f').render("dump");
        assert_eq!(said, format!("dump: option requires an argument -- f\n{want}"));
    }

    #[test]
    fn texts() {
        let say = |e: StartError| e.render("capdump");
        let number = StartError::NotANumber("density", "1x".into());
        assert_eq!(say(number), "capdump: illegal density -- 1x\n");
        let range = StartError::OutOfRange("number of blocks per file", 1, 0);
        assert_eq!(say(range), "capdump: number of blocks per file must be between 1 and 0\n");
        assert_eq!(say(StartError::BadTime("soon".into())), "bad time \"soon\"\n");
        let extra = StartError::ExtraOperands(vec!["a".into(), "b".into()]);
        assert_eq!(say(extra), "Unknown arguments to dump: a b\n");
    }
}
