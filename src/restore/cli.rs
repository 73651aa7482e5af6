// SPDX-License-Identifier: BSD-2-Clause
//! The command line, in restore(8)'s syntax: the table of options, key letters, getopt(3)'s order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::getopt;
use crate::job::{ProgressStyle, Remote};
use crate::restore::job::{Job, Mode, Source};
use crate::restore::usage::UsageError;

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
    /// One of a few words.
    Progress,
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
    mode("C", "compare the dump with what is in the current directory", Mode::Compare),
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
        name: "exclude",
        value: Some("pattern"),
        help: "leave out a file, or a directory with everything below it; may be repeated",
        action: Action::Take(|job, value| job.excluded.push(value.to_owned())),
    },
    Flag {
        name: "index",
        value: Some("file"),
        help: "with -t, -x and -i, use this index of the dump",
        action: Action::Take(|job, value| job.index = Some(value.to_owned())),
    },
    Flag {
        name: "into",
        value: Some("directory"),
        help: "restore into this directory instead of the current one",
        action: Action::Take(|job, value| job.into = Some(value.to_owned())),
    },
    Flag {
        name: "identity",
        value: Some("file"),
        help: "decrypt the dump with the secret keys in this file; may be repeated",
        action: Action::Take(|job, value| job.identities.push(value.to_owned())),
    },
    Flag {
        name: "jobs",
        value: Some("number"),
        help: "processes that write files",
        action: Action::Number(|job, n| job.jobs = Some(n), "number of jobs", "number of jobs"),
    },
    set("json", "write JSON lines to standard output", |job| job.json = true),
    set("no-devices", "do not create devices", |job| job.devices = false),
    set("no-owner", "do not set owners", |job| job.owners = false),
    set("no-setuid", "do not set the set-user-ID and set-group-ID bits", |job| job.setuid = false),
    set("numeric-owner", "accepted and ignored: dumps contain numbers only", |_| ()),
    set("overwrite", "let -r of level 0 restore into a directory that is not empty", |job| {
        job.overwrite = true
    }),
    Flag {
        name: "progress",
        value: Some("style"),
        help: "how progress is reported: none, plain, or bar [default: none]",
        action: Action::Progress,
    },
    set("strict", "exit with status 1 if anything of a file could not be set", |job| job.strict = true),
    set("to-stdout", "with -x, write the contents of files to standard output", |job| job.to_stdout = true),
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

fn by_name(name: &[u8]) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name.as_bytes() == name)
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
            Action::Progress => {
                self.job.progress = match value.as_bytes() {
                    b"none" => ProgressStyle::None,
                    b"plain" => ProgressStyle::Plain,
                    b"bar" => ProgressStyle::Bar,
                    _ => return Err(UsageError::Progress(value.to_owned())),
                }
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
    let has_argument = |letter| by_name(&[letter]).is_some_and(|flag| flag.value.is_some());
    let words = getopt::expand(args, b"-", has_argument);
    let words = words.map_err(|letter| UsageError::Missing(letter.escape_ascii().to_string()))?;
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
    check(&draft.job)?;
    if let Source::File(name) = &draft.job.source
        && let Some(remote) = Remote::parse(name).map_err(UsageError::Remote)?
    {
        draft.job.source = Source::Remote(remote);
    }
    if operands.is_empty() {
        operands.push(".".into());
    }
    draft.job.names = operands;
    Ok(Request::Restore(Box::new(draft.job)))
}

/// Options that do not go together.
fn check(job: &Job) -> Result<(), UsageError> {
    let rebuilds = matches!(job.mode, Mode::Rebuild | Mode::Resume);
    let can_seek = matches!(job.mode, Mode::List | Mode::Extract | Mode::Interactive);
    let unsuitable = if rebuilds && !job.excluded.is_empty() {
        // The levels that follow build on all of it.
        "--exclude cannot be used with -r or -R"
    } else if job.index.is_some() && !can_seek {
        "--index requires -t, -x or -i"
    } else if job.to_stdout && job.mode != Mode::Extract {
        "--to-stdout requires -x"
    } else if job.to_stdout && job.json {
        "--to-stdout cannot be used with --json"
    } else if job.json && matches!(job.mode, Mode::Interactive | Mode::Compare) {
        "--json requires -t, -x, -r or -R"
    } else {
        return Ok(());
    };
    Err(UsageError::Unsuitable(unsuitable))
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
        jobs: None,
        into: None,
        overwrite: false,
        strict: false,
        identities: Vec::new(),
        excluded: Vec::new(),
        owners: true,
        devices: true,
        setuid: true,
        to_stdout: false,
        json: false,
        progress: ProgressStyle::None,
        index: None,
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
        let arg = match flag.name {
            "f" | "index" => arg.value_hint(ValueHint::FilePath),
            "progress" => arg.value_parser(["none", "plain", "bar"]),
            _ => arg,
        };
        match flag.value {
            None => arg.num_args(0).default_missing_value(""),
            Some(value) => arg.num_args(1).value_name(value).allow_hyphen_values(true),
        }
    };
    Command::new("caprestore")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Restore files from dumps of UFS file systems")
        .override_usage(
            "caprestore -C | -t | -x [options] [file ...]\n       caprestore -i | -r | -R [options]",
        )
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
    fn tapes_of_other_hosts() {
        for (name, host) in [("me@far:/dev/nsa0,b", "me@far"), ("[::1]:x", "::1")] {
            let Source::Remote(remote) = parsed(&["-tf", name]).unwrap().source else { panic!("{name}") };
            assert_eq!(remote.shown(), host);
        }
        assert_eq!(parsed(&["-tf", "./a:b"]).unwrap().source, Source::File("./a:b".into()));
        let refused = |name: &str| parsed(&["-tf", name]).unwrap_err().render("restore");
        assert_eq!(refused("-oProxy=x:y"), "restore: invalid host name -oProxy=x\n");
        assert_eq!(refused("a;b@c:d"), "restore: invalid user name a;b\n");
    }

    #[test]
    fn what_restore_refuses() {
        for (words, text) in [
            (&["-t", "-x"][..], "restore: x and t options are mutually exclusive\n"),
            (&["-v"], "restore: none of i, R, r, t or x options specified\n"),
            (&["-tb", "0"], "restore: block size must be greater than 0\n"),
            (&["-tb", "1k"], "restore: illegal blocksize -- 1k\n"),
            (&["-ts", "0"], "restore: dump number must be greater than 0\n"),
            (&["-t", "--progress=x"], "restore: unknown style of progress -- x\n"),
            (&["-r", "--exclude", "x"], "restore: --exclude cannot be used with -r or -R\n"),
            (&["-C", "--index", "x"], "restore: --index requires -t, -x or -i\n"),
            (&["-t", "--to-stdout"], "restore: --to-stdout requires -x\n"),
            (&["-x", "--to-stdout", "--json"], "restore: --to-stdout cannot be used with --json\n"),
            (&["-C", "--json"], "restore: --json requires -t, -x, -r or -R\n"),
            (&["-tf", "x", "-P", "y"], "restore: -P and -f options are mutually exclusive\n"),
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
