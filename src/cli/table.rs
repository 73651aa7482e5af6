// SPDX-License-Identifier: BSD-2-Clause
//! The options, under the headings of `--help`: name, argument, what it does, and the values that shells complete.

use std::ffi::{OsStr, OsString};

use clap::builder::{PossibleValue, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

/// The headings, in the order of `--help`.
const WHAT: &str = "What to dump";
const WHERE: &str = "Where to";
const VOLUMES: &str = "Volumes and tapes";
const UNATTENDED: &str = "Unattended, and watched";
const READING: &str = "Reading dumps";
const OTHER: &str = "Other";

/// One option.
struct Row {
    heading: &'static str,
    /// The letter or the long name.
    name: &'static str,
    /// The name of the argument, which a flag has not.
    value: Option<&'static str>,
    /// What it does; a row without is not in `--help`.
    help: &'static str,
    /// What the argument may be, as far as shells complete it.
    values: &'static [&'static str],
}

const fn flag(heading: &'static str, name: &'static str, help: &'static str) -> Row {
    Row { heading, name, value: None, help, values: &[] }
}

const fn value(heading: &'static str, name: &'static str, value: &'static str, help: &'static str) -> Row {
    Row { heading, name, value: Some(value), help, values: &[] }
}

const fn one_of(row: Row, values: &'static [&'static str]) -> Row {
    Row { values, ..row }
}

const ROWS: &[Row] = &[
    flag(WHAT, "0", "full dump; digits are concatenated: -10 is level 10"),
    flag(WHAT, "1", "dump what changed since the newest dump of a lower level"),
    flag(WHAT, "2", "and so on, to -9"),
    flag(WHAT, "3", ""),
    flag(WHAT, "4", ""),
    flag(WHAT, "5", ""),
    flag(WHAT, "6", ""),
    flag(WHAT, "7", ""),
    flag(WHAT, "8", ""),
    flag(WHAT, "9", ""),
    value(WHAT, "D", "dumpdates", "the file of earlier dumps [default: /etc/dumpdates]"),
    value(WHAT, "h", "level", "honor the nodump flag from this level on [default: 1]"),
    flag(WHAT, "L", "take a snapshot of a mounted file system and dump that"),
    flag(WHAT, "r", "leave the dates of the dump out of the stream, for rsync(1); level 0 only"),
    flag(WHAT, "R", "as -r, and write each file's modification time in place of its access time"),
    value(WHAT, "T", "date", "dump what changed since this date (ctime(3))"),
    flag(WHAT, "u", "record the dump in the dumpdates file"),
    value(WHAT, "exclude", "path", "leave out a file, or a directory with all below it"),
    value(WHAT, "exclude-file", "file", "leave out the inodes that a file lists"),
    value(WHAT, "exclude-inode", "list", "leave out inodes, numbers separated by commas"),
    value(WHAT, "partition", "name", "dump the file system in a partition of the disk: p2, s1, s1a or a"),
    value(WHAT, "superblock", "sector", "read a copy of the superblock, at this sector of 512 bytes"),
    value(WHAT, "label", "name", "the label in the headers, up to 15 bytes [default: none]"),
    value(
        WHERE,
        "f",
        "file",
        "write to a file or tape, \"-\" for standard output, [user@]host:file, or a list separated by commas; a name with a slash before its first colon is a local file [default: $TAPE or /dev/sa0]",
    ),
    value(WHERE, "P", "pipecommand", "write each volume to a command's standard input"),
    one_of(
        value(
            WHERE,
            "compress",
            "method",
            "compress the dump: zstd, or zstd:1 to zstd:19 [default level: 3]; zstdcat(1) reads it",
        ),
        &["zstd"],
    ),
    value(WHERE, "index", "file", "write an index of the dump; with --list, --emit: read it"),
    flag(WHERE, "verify", "read each volume back when it is written"),
    flag(VOLUMES, "a", "ignore the tape length; write until end of media"),
    value(VOLUMES, "B", "records", "KB in a volume, rounded down to whole records"),
    value(VOLUMES, "b", "blocksize", "KB in a record, 1 to 1000 [default: 10]"),
    flag(VOLUMES, "c", "cartridge tape: 8000 bpi, 1700 feet"),
    value(VOLUMES, "d", "density", "density of the tape in bits per inch"),
    value(VOLUMES, "s", "feet", "length of the tape in feet"),
    value(VOLUMES, "autoload", "seconds", "unload the tape and wait so long for the next one before asking"),
    value(
        VOLUMES,
        "volume-script",
        "command",
        "run between volumes, with device and number of the one that is full",
    ),
    flag(VOLUMES, "volumes-prefix", "write volumes to file001, file002 and so on"),
    flag(UNATTENDED, "batch", "never ask: abort the dump where it would"),
    value(
        UNATTENDED,
        "max-read-errors",
        "number",
        "ask after so many read errors, 0 for never [default: 32]",
    ),
    flag(UNATTENDED, "n", "notify the operator group when the dump needs attention"),
    one_of(
        value(
            UNATTENDED,
            "progress",
            "style",
            "how progress is reported [default: bar on a terminal, else plain]",
        ),
        &["none", "plain", "bar", "json"],
    ),
    value(UNATTENDED, "progress-fd", "descriptor", "where lines of JSON are written"),
    flag(UNATTENDED, "strict", "exit with status 4 when data could not be read"),
    flag(READING, "check", "check a dump: the operands are its volumes"),
    value(READING, "emit", "path", "write a dump of this path of a dump only; may be repeated"),
    flag(READING, "json", "with --check, --list: write lines of JSON"),
    flag(READING, "list", "list the files of a dump: the operands are its volumes"),
    value(
        READING,
        "long",
        "log",
        "read zstd frames with windows of up to 2^log bytes, 10 to 31 [default: 23]",
    ),
    value(OTHER, "C", "cachesize", "accepted, without effect"),
    flag(OTHER, "S", "print the estimated size and exit"),
    flag(OTHER, "W", "list the last dumps, marking file systems that are due, and exit"),
    flag(OTHER, "w", "list the file systems that are due, and exit"),
    value(
        OTHER,
        "workers",
        "N",
        "processes that read the disk, 1 to 16 [default: 2 or 3; 6 with --compress]",
    ),
    flag(OTHER, "help", "print this help and exit"),
    flag(OTHER, "version", "print the version and exit"),
];

/// The letter of a long option that has one.
const LETTERS: &[(&str, char)] = &[("version", 'V')];

/// Options whose argument is the name of a file here, for the shells' completions.
const FILES: [&str; 4] = ["D", "f", "exclude-file", "index"];

/// The name of the operands among clap's matches.
pub const OPERANDS: &str = "filesystem";

const USAGE: &str = "capdump [options] filesystem [path ...]
       capdump -W | -w
       capdump --check | --list [--json] [--index file] volume ...
       capdump --emit path [-f file] [--index file] volume ...";

/// The options as clap knows them. Each may be repeated.
pub fn command() -> Command {
    Command::new("capdump")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Back up UFS file systems in the stream that restore(8) reads")
        .override_usage(USAGE)
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(ROWS.iter().map(arg))
        .arg(
            Arg::new(OPERANDS)
                .help("device, image, or the mount point of an fstab(5) entry; then the paths in it to dump")
                .value_parser(Any::parser(&[]))
                .value_hint(ValueHint::AnyPath)
                .num_args(0..),
        )
}

/// The text of `--help`, wrapped at so many columns.
pub fn help(columns: u16) -> String {
    command().term_width(columns.into()).render_help().to_string()
}

/// Whether there is a long option of this name, without its dashes.
pub fn is_long(name: &[u8]) -> bool {
    long_names().any(|long| long.as_bytes() == name)
}

/// The long options, without their dashes.
pub fn long_names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).filter(|name| name.len() > 1)
}

fn arg(row: &Row) -> Arg {
    let arg = Arg::new(row.name).help(row.help).hide(row.help.is_empty()).help_heading(row.heading);
    let arg = match row.name.len() {
        1 => arg.short(row.name.chars().next()),
        _ => arg.long(row.name),
    };
    let letter = LETTERS.iter().find(|(name, _)| *name == row.name);
    let arg = letter.iter().fold(arg, |arg, (_, letter)| arg.short(*letter));
    let arg = match row.value {
        None => arg.num_args(0).default_missing_value(""),
        Some(value) => arg.num_args(1).value_name(value).allow_hyphen_values(true),
    };
    let arg = if FILES.contains(&row.name) { arg.value_hint(ValueHint::FilePath) } else { arg };
    // A single value is in the help already.
    let arg = if row.values.len() == 1 { arg.hide_possible_values(true) } else { arg };
    arg.action(ArgAction::Append).value_parser(Any::parser(row.values))
}

/// Takes any argument, and names those that make sense: what is wrong with one is reported later, in dump's words.
#[derive(Clone)]
struct Any(&'static [&'static str]);

impl Any {
    fn parser(values: &'static [&'static str]) -> ValueParser {
        ValueParser::new(Any(values))
    }
}

impl TypedValueParser for Any {
    type Value = OsString;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match self.0 {
            [] => None,
            values => Some(Box::new(values.iter().map(PossibleValue::new))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_as_wide_as_it_should_be() {
        for columns in [40, 60, 80, 120] {
            let help = help(columns);
            let usage = help.lines().position(|line| line.is_empty()).unwrap();
            for line in help.lines().skip(usage + 6) {
                assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
            }
        }
        let lines = |columns| help(columns).lines().count();
        assert!(lines(60) > lines(120));
    }

    #[test]
    fn headings_come_in_order() {
        let help = help(80);
        let headings = [WHAT, WHERE, VOLUMES, UNATTENDED, READING, OTHER];
        let places = headings.map(|heading| help.find(&format!("\n{heading}:\n")).expect(heading));
        assert!(places.is_sorted(), "{help}");
        assert!(help.contains("[possible values: none, plain, bar, json]"), "{help}");
    }

    /// Shells' completions are written with the names of arguments in them, as they are.
    #[test]
    fn names_of_arguments_are_words() {
        for row in ROWS {
            let word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            assert!(row.value.is_none_or(word) && word(row.name), "{}", row.name);
        }
    }
}
