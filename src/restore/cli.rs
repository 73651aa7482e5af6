// SPDX-License-Identifier: BSD-2-Clause
//! The command line, in restore(8)'s syntax: the table of options, key letters, getopt(3)'s order.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::restore::job::{Job, Mode, Source};
use dumpstream::escape;

/// The tape that is read by default (`_PATH_DEFTAPE`, paths.h).
const DEFAULT_TAPE: &str = "/dev/sa0";

/// One option.
struct Flag {
    /// The letter or the long name.
    name: &'static str,
    /// The name of the argument, which a flag has not.
    value: Option<&'static str>,
    help: &'static str,
    action: Action,
}

/// What an option does.
enum Action {
    Mode(Mode),
    Set(fn(&mut Job)),
    Take(fn(&mut Job, &OsStr)),
    /// A number of at least 1: what it is for, in the two messages.
    Number(fn(&mut Job, u32), &'static str, &'static str),
    Command,
    Help,
    Version,
}

const fn mode(name: &'static str, help: &'static str, mode: Mode) -> Flag {
    Flag { name, value: None, help, action: Action::Mode(mode) }
}

const fn set(name: &'static str, help: &'static str, set: fn(&mut Job)) -> Flag {
    Flag { name, value: None, help, action: Action::Set(set) }
}

const FLAGS: &[Flag] = &[
    mode("i", "select files by commands and extract them", Mode::Interactive),
    mode("R", "go on with an interrupted restore", Mode::Resume),
    mode("r", "rebuild a file system in the current directory", Mode::Rebuild),
    mode("t", "list files", Mode::List),
    mode("x", "extract files", Mode::Extract),
    Flag {
        name: "b",
        value: Some("blocksize"),
        help: "KB per record",
        action: Action::Number(|job, n| job.ntrec = Some(n), "blocksize", "block size"),
    },
    set("D", "accepted and ignored", |_| ()),
    set("d", "report more about what goes wrong", |job| job.debug = true),
    Flag {
        name: "f",
        value: Some("file"),
        help: "read the dump from this file; - is standard input",
        action: Action::Take(|job, value| job.source = Source::File(value.to_owned())),
    },
    set("h", "do not descend into directories", |job| job.descend = false),
    set("m", "name files by their inode numbers", |job| job.by_name = false),
    set("N", "write nothing", |job| job.dry_run = true),
    Flag {
        name: "P",
        value: Some("pipecommand"),
        help: "read the dump from the output of this command",
        action: Action::Command,
    },
    Flag {
        name: "s",
        value: Some("fileno"),
        help: "read this dump of a tape, from 1",
        action: Action::Number(|job, n| job.dump_number = n, "dump number", "dump number"),
    },
    set("u", "remove what is in the way first", |job| job.unlink = true),
    set("v", "report what is done", |job| job.verbose = true),
    set("y", "go on after errors without a question", |job| job.yes = true),
    Flag {
        name: "into",
        value: Some("directory"),
        help: "restore into this directory instead of the current one",
        action: Action::Take(|job, value| job.into = Some(value.to_owned())),
    },
    set("overwrite", "let -r of level 0 restore into a directory that is not empty", |job| {
        job.overwrite = true
    }),
    set("strict", "exit with status 1 if anything of a file could not be set", |job| job.strict = true),
    Flag { name: "help", value: None, help: "print this text", action: Action::Help },
    Flag { name: "version", value: None, help: "print the version", action: Action::Version },
];

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To read a dump.
    Restore(Box<Job>),
    /// To print `help`.
    Help,
    /// To print the version.
    Version,
}

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
    /// Two of `-i`, `-R`, `-r`, `-t` and `-x`.
    TwoModes(Mode, Mode),
    /// None of them.
    NoMode,
    /// Something that should be a number: what it is for, the text.
    NotANumber(&'static str, OsString),
    /// A number below 1.
    TooSmall(&'static str),
    /// `-f` and `-P`.
    CommandAndFile,
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
            UsageError::CommandAndFile => f.write_str("You cannot use the P and f flags together."),
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

fn by_name(name: &[u8]) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name.as_bytes() == name)
}

/// Turns the old form, whose first word has no `-`, into words of options: letters with an argument in their order, then the others.
fn expand(args: &[OsString]) -> Result<Cow<'_, [OsString]>, UsageError> {
    let [keys, rest @ ..] = args else { return Ok(args.into()) };
    if keys.as_bytes().first() == Some(&b'-') {
        return Ok(args.into());
    }
    let mut rest = rest.iter();
    let mut words = Vec::with_capacity(args.len() + 1);
    let mut flags = vec![b'-'];
    for &letter in keys.as_bytes() {
        if by_name(&[letter]).is_some_and(|flag| flag.value.is_some()) {
            let argument =
                rest.next().ok_or_else(|| UsageError::Missing(letter.escape_ascii().to_string()))?;
            words.push(OsString::from_vec(vec![b'-', letter]));
            words.push(argument.clone());
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

/// What is being read of the command line.
struct Draft {
    job: Job,
    mode: Option<Mode>,
    has_file: bool,
    has_command: bool,
}

impl Draft {
    /// Applies an option; gives what ends the reading at once.
    fn apply(&mut self, flag: &Flag, value: &OsStr) -> Result<Option<Request>, UsageError> {
        match flag.action {
            Action::Mode(mode) => match self.mode.replace(mode) {
                Some(old) => return Err(UsageError::TwoModes(mode, old)),
                None => self.job.mode = mode,
            },
            Action::Set(set) => set(&mut self.job),
            Action::Take(take) => {
                self.has_file |= flag.name == "f";
                take(&mut self.job, value);
            }
            Action::Number(take, meaning, what) => {
                let text = value.to_str().map(str::trim_start);
                let number = text.and_then(|text| text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok());
                let number = number.ok_or_else(|| UsageError::NotANumber(meaning, value.to_owned()))?;
                if number < 1 {
                    return Err(UsageError::TooSmall(what));
                }
                take(&mut self.job, u32::try_from(number).unwrap_or(u32::MAX));
            }
            Action::Command => {
                self.has_command = true;
                self.job.source = Source::Command(value.to_owned());
            }
            Action::Help => return Ok(Some(Request::Help)),
            Action::Version => return Ok(Some(Request::Version)),
        }
        if self.has_file && self.has_command {
            return Err(UsageError::CommandAndFile);
        }
        Ok(None)
    }
}

/// Reads a command line. `args` is without the program's name, `tape` is the environment's `TAPE`.
///
/// Errors: the first thing that restore would find wrong.
pub fn parse(args: &[OsString], tape: Option<&OsStr>) -> Result<Request, UsageError> {
    if args.is_empty() {
        return Err(UsageError::Usage);
    }
    let words = expand(args)?;
    let mut words = words.iter();
    let source = Source::File(tape.unwrap_or(OsStr::new(DEFAULT_TAPE)).to_owned());
    let mut draft = Draft { job: empty(source), mode: None, has_file: false, has_command: false };
    let mut operands = Vec::new();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => break,
            [b'-', b'-', long @ ..] => {
                let (name, value) = match long.iter().position(|&byte| byte == b'=') {
                    Some(at) => (&long[..at], Some(OsStr::from_bytes(&long[at + 1..]))),
                    None => (long, None),
                };
                let shown = String::from_utf8_lossy(name).into_owned();
                let flag = by_name(name).filter(|flag| flag.name.len() > 1);
                let flag = flag.ok_or_else(|| UsageError::Illegal(format!("-{shown}")))?;
                let value = match (flag.value, value) {
                    (None, None) => OsStr::new(""),
                    (None, Some(_)) => return Err(UsageError::NoArgument(shown)),
                    (Some(_), Some(value)) => value,
                    (Some(_), None) => words.next().ok_or(UsageError::Missing(shown))?,
                };
                if let Some(request) = draft.apply(flag, value)? {
                    return Ok(request);
                }
            }
            [b'-', letters @ ..] if !letters.is_empty() => {
                let mut letters = letters;
                while let [letter, rest @ ..] = letters {
                    let shown = || letter.escape_ascii().to_string();
                    let flag = by_name(&[*letter]).ok_or_else(|| UsageError::Illegal(shown()))?;
                    let value = match (flag.value, rest) {
                        (None, _) => OsStr::new(""),
                        (Some(_), []) => words.next().ok_or_else(|| UsageError::Missing(shown()))?,
                        (Some(_), rest) => OsStr::from_bytes(rest),
                    };
                    letters = if flag.value.is_some() { &[] } else { rest };
                    if let Some(request) = draft.apply(flag, value)? {
                        return Ok(request);
                    }
                }
            }
            _ => {
                operands.push(word.clone());
                break;
            }
        }
    }
    operands.extend(words.cloned());
    if draft.mode.is_none() {
        return Err(UsageError::NoMode);
    }
    if operands.is_empty() {
        operands.push(".".into());
    }
    draft.job.names = operands;
    Ok(Request::Restore(Box::new(draft.job)))
}

fn empty(source: Source) -> Job {
    Job {
        mode: Mode::List,
        source,
        ntrec: None,
        dump_number: 1,
        debug: false,
        descend: true,
        by_name: true,
        dry_run: false,
        unlink: false,
        verbose: false,
        yes: false,
        into: None,
        overwrite: false,
        strict: false,
        names: Vec::new(),
    }
}

/// The options as clap knows them, for help and completions. It reads no command line.
pub fn command() -> Command {
    let arg = |flag: &'static Flag| {
        let arg = Arg::new(flag.name).help(flag.help).action(ArgAction::Append);
        let arg = match flag.name.as_bytes() {
            [letter] => arg.short(char::from(*letter)),
            _ => arg.long(flag.name),
        };
        match flag.value {
            None => arg.num_args(0).default_missing_value(""),
            Some(value) => arg.num_args(1).value_name(value).allow_hyphen_values(true),
        }
    };
    Command::new("caprestore")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Restore files from dumps of UFS file systems")
        .override_usage("caprestore -t | -x [options] [file ...]\n       caprestore -i | -r | -R [options]")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(FLAGS.iter().map(arg))
        .arg(Arg::new("file").help("names on the dump").value_hint(ValueHint::Other).num_args(0..))
}

/// The text of `--help`, wrapped at so many columns.
pub fn help(columns: u16) -> String {
    command().term_width(columns.into()).render_help().to_string()
}

/// The text of `--version`.
pub fn version() -> String {
    command().render_version()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Job, UsageError> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match parse(&words, Some(OsStr::new("/dev/tape")))? {
            Request::Restore(job) => Ok(*job),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_usage_is_restores() {
        let text = UsageError::Usage.render("restore");
        let line =
            "\trestore -t [-dhNuvy] [-b blocksize] [-f file | -P pipecommand] [-s fileno] [file ...]\n";
        assert!(text.contains(line) && text.starts_with("usage:\trestore -i [-dhmNuvy] "), "{text}");
        let text = UsageError::Illegal("q".to_owned()).render("restore");
        assert!(text.starts_with("restore: illegal option -- q\nusage:\t"), "{text}");
    }

    #[test]
    fn old_and_new_forms() {
        let new = parsed(&["-tvf", "d", "-b", "32", "a", "-x"]).unwrap();
        assert_eq!(parsed(&["tvfb", "d", "32", "a", "-x"]).unwrap(), new);
        assert_eq!(new.names, ["a", "-x"]);
        assert_eq!((new.ntrec, new.source, new.verbose), (Some(32), Source::File("d".into()), true));
        assert_eq!(parsed(&["-r"]).unwrap().source, Source::File("/dev/tape".into()));
        assert_eq!(parsed(&["rP", "cat x"]).unwrap().source, Source::Command("cat x".into()));
        let into = parsed(&["-x", "--into=there", "--", "-f"]).unwrap();
        assert_eq!((into.into, into.names), (Some("there".into()), vec!["-f".into()]));
    }

    #[test]
    fn what_restore_refuses() {
        for (words, text) in [
            (&["-t", "-x"][..], "restore: x and t options are mutually exclusive\n"),
            (&["-v"], "restore: none of i, R, r, t or x options specified\n"),
            (&["-tb", "0"], "restore: block size must be greater than 0\n"),
            (&["-tb", "1k"], "restore: illegal blocksize -- 1k\n"),
            (&["-ts", "0"], "restore: dump number must be greater than 0\n"),
            (&["-tf", "x", "-P", "y"], "restore: You cannot use the P and f flags together.\n"),
        ] {
            assert_eq!(parsed(words).unwrap_err().render("restore"), text);
        }
        for words in [&["-q"][..], &["-f"], &["xf"], &["-t", "--t"], &[]] {
            let text = parsed(words).unwrap_err().render("restore");
            assert!(text.contains("usage:\trestore -i"), "{words:?}: {text}");
        }
    }

    #[test]
    fn clap_finds_no_fault_with_the_declaration() {
        command().debug_assert();
        assert!(help(80).contains("--into <directory>"));
    }
}
