// SPDX-License-Identifier: BSD-2-Clause
//! What dump says and how it exits: each kind of case of the reference, and, without one, what it says before a dump starts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use capdump_support::golden::{Case, Golden};
use capdump_support::messages;
use capdump_support::program::{Ran, TempDir, run, without_tty};

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// What the reference says and capdump does not, or not so:
/// - `-C`: there is no cache to tell of;
/// - how much of a short read was there depends on how reads are merged.
fn without_known(text: &str) -> String {
    let kept = text.lines().filter(|line| !line.starts_with("  DUMP: Cache "));
    kept.map(|line| line.split(", got=").next().unwrap_or(line).to_owned() + "\n").collect()
}

/// The cases that FreeBSD's dump does not get right or refuses, and capdump does not; and volumes that end at the end
/// of their medium, where it goes on wrongly.
fn is_another(case: &Case) -> bool {
    case.name.starts_with("fail_") || case.name.starts_with("ENOSPC")
}

/// Whether the dump ends just at the limit of a volume: then FreeBSD's dump opens one more and leaves it empty.
fn ends_at_limit(case: &Case) -> bool {
    case.outputs.last().is_some_and(|output| output.size == 0)
}

#[test]
fn every_kind_of_case_says_what_the_reference_says() {
    let Some(golden) = Golden::find() else { return };
    let mut kinds: BTreeMap<&str, &Case> = BTreeMap::new();
    // Steps of -u build on each other, and are compared where the dumpdates file is.
    let cases =
        golden.cases.iter().filter(|c| !is_another(c) && !ends_at_limit(c) && !c.name.starts_with('U'));
    for case in cases {
        let longest = kinds.entry(&case.name).or_insert(case);
        if golden.text(case, "err").len() > golden.text(longest, "err").len() {
            *longest = case;
        }
    }
    assert!(kinds.len() > 15);
    let mut different = Vec::new();
    for case in kinds.into_values() {
        let done = golden.run(case, capdump(), &[]);
        let (ours, reference) = (without_known(&done.messages), without_known(&golden.text(case, "err")));
        let found = messages::differences(&ours, &reference);
        different.extend(found.into_iter().map(|d| format!("{} {}: {d}", case.image, case.name)));
        if done.ran.code() != case.rc {
            different.push(format!("{} {}: exit {}", case.image, case.name, done.ran.code()));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

fn capdump_in(dir: &TempDir, line: &[&str]) -> Ran {
    let mut command = without_tty(capdump());
    command.current_dir(dir.path()).env("TZ", "UTC").env_remove("TAPE").args(line);
    run(&mut command, Duration::from_secs(10))
}

/// Command lines in the order in which dump finds them wrong, with what it says; the exit code is 1.
const REFUSED: &[(&[&str], &str)] = &[
    (&["-0"], "Must specify disk or file system\n"),
    (&["-0", "a", "-b", "c"], "Unknown arguments to dump: -b c\n"),
    (&["-1r", "a"], "rsync friendly options can be used only with level 0 dumps.\n"),
    (&["-R", "-4", "a", "-b"], "Unknown arguments to dump: -b\n"),
    (&["-uT", "Mon May  3 00:00:00 2021", "a"], "You cannot use the T and u flags together.\n"),
    (&["-uT", "soon", "a"], "bad time \"soon\"\n"),
    (&["-T", "Wed Dec 31 23:59:00 1969"], "bad time \"Wed Dec 31 23:59:00 1969\"\n"),
    (&["-f", "x", "-P", "y", "a"], "capdump: You cannot use the P and f flags together.\n"),
    (&["-b", "0", "a"], "capdump: number of blocks per write must be between 1 and 1000\n"),
    (&["-b", "1001"], "capdump: number of blocks per write must be between 1 and 1000\n"),
    (&["-b", "1x", "-Z"], "capdump: illegal number of blocks per write -- 1x\n"),
    (&["-h", "11", "a"], "capdump: honor level must be between 0 and 10\n"),
    (&["-d", "9", "a"], "capdump: density must be between 10 and 327670\n"),
    (&["-s", "0", "a"], "capdump: tape size must be between 1 and 0\n"),
    (&["-C", "-1", "a"], "capdump: cachesize must be between 0 and 0\n"),
    (&["-B", "x", "a"], "capdump: illegal number of blocks per file -- x\n"),
    (&["-0f", "-", "none"], "capdump: Cannot open none: No such file or directory\n"),
    (&["-0uf", "-", "none"], "capdump: Cannot open none: No such file or directory\n"),
    (&["-0f", "-", "folder"], "capdump: folder: unknown file system\n"),
];

#[test]
fn refusals() {
    let dir = TempDir::new("capdump-messages");
    std::fs::create_dir(dir.join("folder")).unwrap();
    for &(line, said) in REFUSED {
        let ran = capdump_in(&dir, line);
        assert_eq!((ran.code(), &*ran.stderr), (1, said), "{line:?}");
        assert!(ran.stdout.is_empty());
    }
    for line in [&[][..], &["-Z"], &["-0", "-f"], &["0bf", "64"]] {
        let ran = capdump_in(&dir, line);
        let usage = ran.stderr.find("usage: capdump [-0123456789acLn").expect(&ran.stderr);
        let said = match line {
            [] => "",
            ["-Z"] => "capdump: illegal option -- Z\n",
            _ => "capdump: option requires an argument -- f\n",
        };
        assert_eq!((ran.code(), &ran.stderr[..usage]), (1, said), "{line:?}");
    }
}

/// Amanda's configure decides by these whether dump knows `-E`, `-S` and `-h`: a flag is known when what is said with it
/// and without it is the same.
#[test]
fn the_lines_of_amandas_configure() {
    let dir = TempDir::new("capdump-messages");
    let said = |keys: &[&str]| {
        let ran = capdump_in(&dir, &[keys, &["/dev/null", "/dev/null/invalid/fs"]].concat());
        assert_eq!(ran.code(), 1);
        let dropped = |line: &&str| !["Dumping", "Date", "Label"].iter().any(|word| line.contains(word));
        ran.stderr.lines().filter(dropped).collect::<Vec<_>>().join("\n")
    };
    let plain = said(&["9f"]);
    assert_eq!(plain, "capdump: Cannot open /dev/null/invalid/fs: Not a directory");
    assert_eq!(said(&["9Sf"]), plain);
    let mut honor = without_tty(capdump());
    honor.args(["9hf", "0", "/dev/null", "/dev/null/invalid/fs"]);
    assert_eq!(run(&mut honor, Duration::from_secs(10)).stderr.trim_end(), plain);
    assert_ne!(said(&["9Ef"]), plain);
}

#[test]
fn no_superblock() {
    let dir = TempDir::new("capdump-messages");
    std::fs::write(dir.join("zeros"), vec![0; 1 << 20]).unwrap();
    let ran = capdump_in(&dir, &["-0af", "out", "-D", "dumpdates", "zeros"]);
    assert_eq!(ran.code(), 1);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let begin =
        ["  DUMP: Date of this level 0 dump: ", "  DUMP: WARNING: no file `dumpdates', making an empty one"];
    let last = lines.last().unwrap();
    assert!(begin.iter().zip(&lines).all(|(want, line)| line.starts_with(want)), "{lines:#?}");
    assert_eq!(lines[2..4], ["  DUMP: Date of last level 0 dump: the epoch", "  DUMP: Dumping zeros to out"]);
    assert!(last.starts_with("capdump: Cannot find file system superblock"), "{lines:#?}");
    assert_eq!(lines.len(), 5, "{lines:#?}");
}
