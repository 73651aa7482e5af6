// SPDX-License-Identifier: BSD-2-Clause
//! The table of options, each once, from which the command line is read, `--help` and the completions are made, and the manual
//! is checked.

use crate::cli::draft::{Draft, LONGEST_AUTOLOAD, MOST_SECTOR, TENTHS_PER_FOOT};
use crate::cli::flag::{Action, Completion, Flag};
use crate::cli::request::Request;
use crate::cli::values::small;

use Action::{Digit, End, Number, Parse, Set, Take};

const fn flag(name: &'static str, help: &'static str, action: Action) -> Flag {
    let letter = if let [letter] = name.as_bytes() { Some(*letter) } else { None };
    Flag { name, letter, value: None, help, completion: Completion::None, action }
}

const fn value(name: &'static str, value: &'static str, help: &'static str, action: Action) -> Flag {
    Flag { value: Some(value), ..flag(name, help, action) }
}

/// An option whose argument is the name of a file here.
const fn file(name: &'static str, value_name: &'static str, help: &'static str, action: Action) -> Flag {
    Flag { completion: Completion::File, ..value(name, value_name, help, action) }
}

/// An option whose argument is one of a few values.
const fn choice(
    name: &'static str,
    value_name: &'static str,
    values: &'static [&'static str],
    help: &'static str,
    action: Action,
) -> Flag {
    Flag { completion: Completion::OneOf(values), ..value(name, value_name, help, action) }
}

/// The text of `--version`.
const VERSION: &str = concat!("capdump ", env!("CARGO_PKG_VERSION"), "\n");

/// The headings of `--help` with their options, in its order.
pub static HEADINGS: [(&str, &[Flag]); 6] = [
    ("What to dump", WHAT),
    ("Output", WHERE),
    ("Volumes and tapes", VOLUMES),
    ("Unattended operation and progress", UNATTENDED),
    ("Reading dumps", READING),
    ("Other", OTHER),
];

static WHAT: &[Flag] = &[
    flag("0", "full dump; digits are concatenated: -10 is level 10", Digit(0)),
    flag("1", "dump files changed since the last dump at a lower level", Digit(1)),
    flag("2", "and so on, to -9", Digit(2)),
    flag("3", "", Digit(3)),
    flag("4", "", Digit(4)),
    flag("5", "", Digit(5)),
    flag("6", "", Digit(6)),
    flag("7", "", Digit(7)),
    flag("8", "", Digit(8)),
    flag("9", "", Digit(9)),
    file(
        "D",
        "dumpdates",
        "record of dumps [default: /etc/dumpdates]",
        Take(|d, file| d.job.dumpdates = file.into()),
    ),
    value(
        "h",
        "level",
        "honor the nodump flag at or above this level [default: 1]",
        Number("honor level", 0, 10, |d, level| d.job.honor_level = small(level)),
    ),
    flag("L", "dump a snapshot of a mounted file system", Set(|d| d.job.snapshot = true)),
    flag(
        "r",
        "omit the dates of the dump from the headers, for rsync(1); level 0 only",
        Set(|d| d.job.rsync_friendly = d.job.rsync_friendly.max(1)),
    ),
    flag(
        "R",
        "same as -r, and replace access times by modification times",
        Set(|d| d.job.rsync_friendly = 2),
    ),
    value("T", "date", "dump files changed since this date, in ctime(3) format", Parse(Draft::set_date)),
    flag("u", "record the dump in the dumpdates file", Set(|d| d.job.update_dumpdates = true)),
    value(
        "exclude",
        "path",
        "exclude a file, or a directory with everything below it",
        Take(|d, path| d.job.selection.excluded.push(path.to_owned())),
    ),
    file(
        "exclude-file",
        "file",
        "exclude the inodes listed in a file",
        Take(|d, file| d.job.selection.exclude_files.push(file.into())),
    ),
    value(
        "exclude-inode",
        "list",
        "exclude inodes, as numbers separated by commas",
        Parse(Draft::exclude_inodes),
    ),
    value(
        "partition",
        "name",
        "dump the file system in this partition of the disk: p2, s1, s1a or a",
        Parse(Draft::set_partition),
    ),
    value(
        "superblock",
        "sector",
        "read the copy of the superblock at this 512-byte sector",
        Number("sector of the superblock", 0, MOST_SECTOR, |d, at| d.job.superblock = Some(small(at))),
    ),
    value(
        "label",
        "name",
        "the label in the headers, up to 15 bytes [default: none]",
        Parse(Draft::set_label),
    ),
];

static WHERE: &[Flag] = &[
    file(
        "f",
        "file",
        "write to a file or tape, \"-\" for standard output, [user@]host:file, or a list separated by commas; a name with a slash before its first colon is a local file [default: $TAPE or /dev/sa0]",
        Parse(Draft::set_file),
    ),
    value(
        "P",
        "pipecommand",
        "write each volume to the standard input of a command",
        Parse(Draft::set_command),
    ),
    choice(
        "compress",
        "method",
        &["zstd"],
        "compress the dump: zstd, or zstd:1 to zstd:19 [default level: 3]; decompress with zstdcat(1)",
        Parse(Draft::set_compression),
    ),
    value(
        "encrypt",
        "recipient",
        "encrypt the dump to this public key of age (age1...), and compress it; may be repeated; decrypt with age(1)",
        Parse(Draft::add_recipient),
    ),
    file(
        "recipients-file",
        "file",
        "encrypt the dump to the public keys in this file; may be repeated",
        Take(|d, file| d.job.recipients_files.push(file.into())),
    ),
    file(
        "index",
        "file",
        "write an index of the dump; read it with --list and --emit",
        Take(|d, file| d.job.index = Some(file.into())),
    ),
    file(
        "sign",
        "key",
        "sign the index with this secret key of minisign(1) or signify(1); requires --index",
        Take(|d, file| d.job.sign = Some(file.into())),
    ),
    flag("verify", "read back and verify each volume after it is written", Set(|d| d.job.verify = true)),
];

static VOLUMES: &[Flag] = &[
    flag("a", "ignore the tape length; write until end of media", Set(|d| d.unlimited = true)),
    value(
        "B",
        "records",
        "volume size in KB, rounded down to whole records",
        Number("number of blocks per file", 1, 0, |d, blocks| d.blocks_per_file = blocks),
    ),
    value(
        "b",
        "blocksize",
        "record size in KB, 1 to 1000 [default: 10]",
        Number("number of blocks per write", 1, 1000, |d, blocks| d.ntrec = Some(small(blocks))),
    ),
    flag("c", "cartridge tape: 8000 bpi, 1700 feet", Set(|d| d.cartridge = true)),
    value(
        "d",
        "density",
        "tape density in bits per inch",
        Number("density", 10, 327_670, Draft::set_density),
    ),
    value(
        "s",
        "feet",
        "tape length in feet",
        Number("tape size", 1, 0, |d, feet| d.tsize = feet.saturating_mul(TENTHS_PER_FOOT)),
    ),
    value(
        "autoload",
        "seconds",
        "unload a full tape and wait this long for the next one before asking",
        Number("seconds to wait", 1, LONGEST_AUTOLOAD, |d, seconds| d.job.autoload = Some(small(seconds))),
    ),
    value(
        "volume-script",
        "command",
        "command to run between volumes, with the device and the volume number",
        Take(|d, command| d.job.volume_script = Some(command.to_owned())),
    ),
    flag("volumes-prefix", "write volumes to file001, file002 and so on", Set(|d| d.numbered = true)),
];

static UNATTENDED: &[Flag] = &[
    flag("batch", "never ask a question: abort the dump instead", Set(|d| d.job.batch = true)),
    value(
        "max-read-errors",
        "number",
        "ask after more than this number of read errors, 0 for never [default: 32]",
        Number("number of read errors", 0, u32::MAX as i64, |d, most| d.job.max_read_errors = small(most)),
    ),
    flag("n", "notify the operator group when the dump needs attention", Set(|d| d.job.notify = true)),
    choice(
        "progress",
        "style",
        &["none", "plain", "bar", "json"],
        "how progress is reported [default: bar on a terminal, else plain]",
        Parse(Draft::set_progress),
    ),
    value(
        "progress-fd",
        "descriptor",
        "descriptor to which JSON lines are written",
        Number("descriptor", 1, i32::MAX as i64, |d, fd| d.progress_fd = Some(small(fd))),
    ),
    flag("strict", "exit with status 4 if some data was unreadable or damaged", Set(|d| d.job.strict = true)),
];

static READING: &[Flag] = &[
    flag("diff", "compare two dumps, or their indexes; the operands are both", Set(|d| d.diff = true)),
    flag(
        "check",
        "check a dump; the operands are its volumes, or those of several levels with -- between them",
        Set(|d| d.check = true),
    ),
    value(
        "emit",
        "path",
        "write a dump of only this path in a dump; may be repeated",
        Take(|d, path| d.emit.push(path.to_owned())),
    ),
    file(
        "identity",
        "file",
        "decrypt the dump and its index with the secret keys in this file; may be repeated",
        Take(|d, file| d.identities.push(file.to_owned())),
    ),
    flag("json", "with --check and --list, write JSON lines", Set(|d| d.json = true)),
    flag("list", "list the files in a dump; the operands are its volumes", Set(|d| d.list = true)),
    value(
        "sample",
        "part",
        "with --check and --index, read only this part of the data: n/t, or a percentage, such as 5%",
        Parse(Draft::set_sample),
    ),
    value(
        "long",
        "log",
        "accept zstd frames with windows of up to 2^log bytes, 10 to 31 [default: 23]",
        Number("window of zstd as a power of 2", 10, 31, |d, log| d.window_log = Some(small(log))),
    ),
    file(
        "verify-key",
        "key",
        "with --index and --check or --list, trust the index only if it was signed by this public key",
        Take(|d, file| d.verify_key = Some(file.to_owned())),
    ),
];

static OTHER: &[Flag] = &[
    value("C", "cachesize", "accepted for compatibility and ignored", Number("cachesize", 0, 0, |_, _| ())),
    flag("S", "print the estimated size and exit", Set(|d| d.job.estimate_only = true)),
    flag("W", "list the last dumps, mark file systems that are due, and exit", End(|d| d.last_dumps(false))),
    flag("w", "list the file systems that are due, and exit", End(|d| d.last_dumps(true))),
    value(
        "workers",
        "N",
        "number of processes that read the disk, 1 to 16 [default: 2 or 3; 1 per processor with --compress]",
        Number("number of workers", 1, 16, |d, workers| d.job.workers = Some(small(workers))),
    ),
    flag("help", "print this help and exit", End(|_| Ok(Request::Help))),
    Flag {
        letter: Some(b'V'),
        ..flag("version", "print the version and exit", End(|_| Ok(Request::Print(VERSION))))
    },
];

/// All options.
fn all() -> impl Iterator<Item = &'static Flag> {
    HEADINGS.iter().flat_map(|(_, flags)| flags.iter())
}

/// The option with this letter.
pub fn by_letter(letter: u8) -> Option<&'static Flag> {
    all().find(|flag| flag.letter == Some(letter))
}

/// Whether a letter is one of dump's key letters.
pub fn is_key(letter: u8) -> bool {
    by_letter(letter).is_some_and(|flag| flag.long().is_none())
}

/// The long option of this name, without its dashes.
pub fn by_name(name: &[u8]) -> Option<&'static Flag> {
    all().find(|flag| flag.long().is_some_and(|long| long.as_bytes() == name))
}

/// The long options, without their dashes.
pub fn long_names() -> impl Iterator<Item = &'static str> {
    all().filter_map(Flag::long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_there_once() {
        let mut names: Vec<&str> = all().map(|flag| flag.name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    /// Shells' completions are written with the names of arguments in them, as they are.
    #[test]
    fn names_of_arguments_are_words() {
        for flag in all() {
            let word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            assert!(flag.value.is_none_or(word) && word(flag.name), "{}", flag.name);
        }
    }
}
