// SPDX-License-Identifier: BSD-2-Clause
//! The options, declared for clap, and the walk that gives them getopt(3)'s order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use super::error::StartError;
use super::reading;

/// Letters without an argument, with what `--help` says of them.
const FLAGS: &[(&str, &str)] = &[
    ("0", "full dump; digits add up to the level: -10 is level 10"),
    ("1", "dump what changed since the newest dump of a lower level"),
    ("2", "and so on, to -9"),
    ("3", ""),
    ("4", ""),
    ("5", ""),
    ("6", ""),
    ("7", ""),
    ("8", ""),
    ("9", ""),
    ("a", "take no account of the tape's length: write to its end"),
    ("c", "cartridge tape: 8000 bpi, 1700 feet"),
    ("L", "take a snapshot of a mounted file system and dump that"),
    ("n", "tell the operator group when the dump needs attention"),
    ("r", "leave the dates of the dump out of the stream (level 0 only)"),
    ("R", "as -r, and leave out access and modification times of the files"),
    ("S", "estimate the size and stop"),
    ("u", "record the dump in the dumpdates file"),
    ("W", "list the last dumps, marking file systems that are due, and stop"),
    ("w", "list the file systems that are due, and stop"),
];

/// Letters with an argument: its name and what `--help` says.
const VALUES: &[(&str, &str, &str)] = &[
    ("B", "records", "KB in a volume, rounded down to whole records"),
    ("b", "blocksize", "KB in a record, 1 to 1000 [default: 10]"),
    ("C", "cachesize", "accepted, without effect"),
    ("D", "dumpdates", "the file of earlier dumps [default: /etc/dumpdates]"),
    ("d", "density", "density of the tape in bits per inch"),
    ("f", "file", "write to file, \"-\", [user@]host:file, or a list with commas"),
    ("h", "level", "honor the nodump flag from this level on [default: 1]"),
    ("P", "pipecommand", "write each volume to a command's standard input"),
    ("s", "feet", "length of the tape in feet"),
    ("T", "date", "dump what changed since this date (ctime(3))"),
];

/// Options that dump has not, without an argument.
const LONG_FLAGS: &[(&str, &str)] = &[
    ("batch", "never ask: give the dump up where it would"),
    ("strict", "exit with status 4 when data could not be read"),
    ("verify", "read each volume back when it is written"),
    ("volumes-prefix", "write volumes to file001, file002 and so on"),
    ("help", "say this and stop"),
    ("version", "say the version and stop"),
];

/// Options that dump has not, with an argument.
const LONG_VALUES: &[(&str, &str, &str)] = &[
    ("autoload", "seconds", "unload the tape and wait so long for the next one before asking"),
    ("compress", "zstd[:level]", "compress the dump, level 1 to 19 [default: 3]; zstdcat(1) reads it"),
    ("exclude", "path", "leave out a file, or a directory with all below it"),
    ("exclude-file", "file", "leave out the inodes that a file lists"),
    ("exclude-inode", "list", "leave out inodes, numbers with commas"),
    ("label", "name", "what the headers call the dump, up to 15 bytes [default: none]"),
    ("max-read-errors", "number", "ask after so many read errors, 0 for never [default: 32]"),
    ("progress", "style", "none, plain, bar or json [default: bar on a terminal, else plain]"),
    ("progress-fd", "descriptor", "where lines of JSON go"),
    ("volume-script", "command", "run between volumes, with device and number of the one that is full"),
    ("workers", "N", "processes that read the disk, 1 to 16 [default: 2 or 3; 6 with --compress]"),
];

/// Options whose argument is the name of a file here, for the shells' completions.
const FILES: [&str; 4] = ["D", "f", "exclude-file", "index"];

/// The name of the operands among clap's matches.
const OPERANDS: &str = "filesystem";

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

/// The options as clap knows them. Each may be repeated; [`scan`] keeps their order.
pub fn command() -> Command {
    let flags = FLAGS.iter().map(|&(letter, help)| {
        Arg::new(letter).short(letter.chars().next()).help(help).hide(help.is_empty()).num_args(0)
    });
    let long_flags = LONG_FLAGS.iter().map(|&(name, help)| Arg::new(name).long(name).help(help).num_args(0));
    let reading = reading::FLAGS.iter().map(|&(name, help)| Arg::new(name).long(name).help(help).num_args(0));
    let flags = flags.chain(long_flags).chain(reading).map(|flag| flag.default_missing_value(""));
    let values = VALUES.iter().map(|&(letter, name, help)| {
        Arg::new(letter).short(letter.chars().next()).value_name(name).help(help)
    });
    let long_values = LONG_VALUES
        .iter()
        .chain(reading::VALUES)
        .map(|&(name, value, help)| Arg::new(name).long(name).value_name(value).help(help));
    let values =
        values.chain(long_values).map(|value| value.allow_hyphen_values(true).num_args(1)).map(|value| {
            if FILES.contains(&value.get_id().as_str()) {
                value.value_hint(ValueHint::FilePath)
            } else {
                value
            }
        });
    let options = flags
        .chain(values)
        .map(|option| option.action(ArgAction::Append))
        .map(|option| option.value_parser(value_parser!(OsString)));
    Command::new("capdump")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Back up UFS file systems in the stream that restore(8) reads")
        .override_usage("capdump [options] filesystem [path ...]\n       capdump -W | -w\n       capdump --check | --list [--json] [--index file] volume ...\n       capdump --emit path [-f file] [--index file] volume ...")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(options)
        .arg(
            Arg::new(OPERANDS)
                .help("device, image, or the mount point of an fstab(5) entry; then what of it to dump")
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::AnyPath)
                .num_args(0..),
        )
}

/// Takes a command line (without the program's name) apart by getopt(3)'s rules: options end at the
/// first operand or `--`, letters share a word, an argument is the rest of the word or the next one.
pub fn scan(words: &[OsString]) -> Scan {
    let mut command = command();
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
        let missing = || StartError::MissingArgument(String::from_utf8_lossy(name).into_owned());
        let (value, after) = match (takes_value, value, after.split_first()) {
            (Some(false), None, _) => (None, after),
            (Some(true), Some(value), _) => (Some(value), after),
            (Some(true), None, Some((next, after))) => (Some(next.as_os_str()), after),
            (Some(true), None, None) => return Err(missing()),
            (None, ..) | (Some(false), Some(_), _) => {
                return Err(StartError::illegal_option(b'-'));
            }
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
        command().debug_assert();
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
        for bad in ["--work=4", "--help=x", "--x"] {
            assert_eq!(scanned(&[bad]).2, Some(StartError::illegal_option(b'-')));
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
