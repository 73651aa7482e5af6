// SPDX-License-Identifier: BSD-2-Clause
//! Tests of whole command lines.

use crate::cli::*;
use crate::compress::Level;
use crate::job::{Job, Limit, Names, Output, ProgressStyle, Remote, Selection, Since, Tape};

/// A date for "good", a date before 1970 for "old", none for anything else.
fn date(text: &str) -> Option<i64> {
    match text {
        "good" => Some(1_700_000_000),
        "old" => Some(-1),
        _ => None,
    }
}

fn request(line: &str) -> Result<Request, StartError> {
    let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    parse(&args, None, date)
}

/// The job of a command line, words split at blanks.
pub(crate) fn job(line: &str) -> Job {
    match request(line) {
        Ok(Request::Dump(job)) => *job,
        other => panic!("{line}: {other:?}"),
    }
}

/// A job in which what dump has not is as it is without any of these options.
fn extras() -> Job {
    job("-0 x")
}

fn refusal(line: &str) -> String {
    request(line).expect_err(line).render("dump")
}

fn name_list(list: &[&str]) -> Names {
    Names::List(list.iter().map(OsString::from).collect())
}

fn names(list: &[&str]) -> Output {
    Output::Names(name_list(list))
}

#[test]
fn the_defaults() {
    let tape = Tape { tsize: 276_000, density: 160, cartridge: false, tenths: 72 };
    let want = Job {
        level: 0,
        operand: "/usr".into(),
        output: names(&["/dev/sa0"]),
        ntrec: 10,
        limit: Limit::Tape(tape),
        honor_level: 1,
        update_dumpdates: false,
        dumpdates: "/etc/dumpdates".into(),
        since: Since::Dumpdates,
        rsync_friendly: 0,
        estimate_only: false,
        notify: false,
        snapshot: false,
        workers: None,
        ..extras()
    };
    assert_eq!(job("/usr"), want);
    assert_eq!(job("-0 /usr"), want);
}

#[test]
fn workers_are_no_more_than_processors_where_it_matters() {
    let workers = |line, processors| job(line).workers(processors, true);
    assert_eq!([1, 2, 3, 64].map(|processors| workers("/usr", processors)), [2, 2, 3, 3]);
    assert_eq!([1, 64].map(|processors| job("/usr").workers(processors, false)), [4, 4]);
    let compressing = |processors| workers("--compress zstd /usr", processors);
    assert_eq!([1, 2, 3, 8, 64].map(compressing), [2, 2, 3, 8, 16]);
    assert_eq!([1, 8].map(|processors| job("--compress zstd /usr").workers(processors, false)), [4, 8]);
    assert_eq!([1, 64].map(|processors| workers("--compress zstd --workers 1 /usr", processors)), [1, 1]);
}

#[test]
fn every_option_has_its_effect() {
    let got =
        job("-2 -a -b 64 -C 32 -D dd -f out -h 2 -L -n -S -u --workers 16 --compress zstd:7 --verify fs");
    let want = Job {
        level: 2,
        operand: "fs".into(),
        output: names(&["out"]),
        ntrec: 64,
        limit: Limit::Unlimited,
        honor_level: 2,
        update_dumpdates: true,
        dumpdates: "dd".into(),
        since: Since::Dumpdates,
        rsync_friendly: 0,
        estimate_only: true,
        notify: true,
        snapshot: true,
        workers: Some(16),
        compress: Level::parse("zstd:7"),
        verify: true,
        ..extras()
    };
    assert_eq!(got, want);
    assert_eq!(job("-1Tgood fs").since, Since::Date(1_700_000_000));
    assert_eq!(job("-r fs").rsync_friendly, 1);
    assert_eq!(job("-Rr fs").rsync_friendly, 2);
}

#[test]
fn what_dump_has_not() {
    let plain = job("-0 x");
    assert_eq!((plain.label.to_str(), plain.max_read_errors), (Some("none"), 32));
    assert_eq!((plain.selection, plain.progress), (Selection::default(), ProgressStyle::Fitting));
    assert!(!plain.batch && !plain.strict && plain.autoload.is_none() && plain.volume_script.is_none());
    let got = job(
        "--batch --strict --label fifteen-letters --max-read-errors 0 --volume-script mtx --autoload 90 \
                   --exclude tmp --exclude a/b --exclude-inode 5,7 --exclude-inode 9 --exclude-file l x etc usr/bin",
    );
    assert!(got.batch && got.strict);
    assert_eq!(
        (got.label.to_str(), got.max_read_errors, got.autoload),
        (Some("fifteen-letters"), 0, Some(90))
    );
    assert_eq!(got.volume_script.as_deref(), Some(OsStr::new("mtx")));
    let want = Selection {
        paths: vec!["etc".into(), "usr/bin".into()],
        excluded: vec!["tmp".into(), "a/b".into()],
        excluded_inodes: vec![5, 7, 9],
        exclude_files: vec!["l".into()],
    };
    assert_eq!(got.selection, want);
    let numbered = Names::Numbered("base".into());
    assert_eq!(job("--volumes-prefix -f base x").output, Output::Names(numbered.clone()));
    match job("--volumes-prefix -f far:base x").output {
        Output::Remote(remote) => assert_eq!(remote.names, numbered),
        other => panic!("{other:?}"),
    }
    assert_eq!(job("--progress json --progress-fd 3 x").progress, ProgressStyle::Json(3));
    assert_eq!(job("--progress none x").progress, ProgressStyle::None);
}

#[test]
fn digits_of_the_level_add_up() {
    for (line, level) in [("-10 x", 10), ("-0 -1 x", 1), ("-1u2 x", 12), ("5 x", 5), ("01 x", 1)] {
        assert_eq!(job(line).level, level, "{line}");
    }
    assert_eq!(job("-2147483647 x").level, i32::MAX);
    let range = "dump: level must be between 0 and 2147483647\n";
    assert_eq!(refusal("-2147483648 x"), range);
    assert_eq!(refusal("-99999999999999999999 x"), range);
}

#[test]
fn nodump_counts_from_the_honor_level_on() {
    for (line, honored) in [("-0 x", false), ("-1 x", true), ("-0h0 x", true), ("-1h2 x", false)] {
        assert_eq!(job(line).honors_nodump(), honored, "{line}");
    }
}

#[test]
fn density_raises_the_record_unless_b_was_given() {
    for (line, ntrec) in [
        ("-d 6250 x", 32),
        ("-b 64 -d 6250 x", 64),
        ("-d 6250 -b 64 x", 64),
        ("-d 6249 x", 10),
        ("-d 6250 -d 1600 x", 32),
        ("-b 10 -d 6250 x", 10),
    ] {
        assert_eq!(job(line).ntrec, ntrec, "{line}");
    }
}

#[test]
fn tapes() {
    let tape = |line| match job(line).limit {
        Limit::Tape(Tape { tsize, density, cartridge, tenths }) => (tsize, density, cartridge, tenths),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(tape("-c x"), (204_000, 100, true, 118));
    assert_eq!(tape("-d 6250 x"), (276_000, 625, false, 57));
    assert_eq!(tape("-d 62500 -s 100 -b 1 x"), (12_000, 6250, false, 8));
    assert_eq!(tape("-cd 10 -s 1 x"), (120, 1, true, 10_256));
    assert_eq!(tape("-s 9223372036854775807 x").0, i64::MAX);
    assert_eq!(tape("-s 99999999999999999999 x").0, i64::MAX);
}

#[test]
fn blocks_per_file() {
    assert_eq!(job("-B 105 -b 32 x").limit, Limit::BlocksPerFile(96));
    assert_eq!(job("-B 10 -s 1 -d 10 x").limit, Limit::BlocksPerFile(10));
    assert_eq!(job("-aB 5 x").limit, Limit::Unlimited);
    assert_eq!(job("-B 5 -f - x").limit, Limit::Unlimited);
    assert_eq!(job("-f - x").limit, Limit::Unlimited);
    let small = "dump: number of blocks per file must be at least 10, one record\n";
    assert_eq!(refusal("-B 9 x"), small);
    assert_eq!(refusal("-B 9 -P cat x"), small);
}

#[test]
fn outputs() {
    assert_eq!(job("-f - x").output, Output::Stdout);
    assert_eq!(job("-f - -f out x").output, names(&["out"]));
    assert_eq!(job("-f a,b x").output, names(&["a", "b"]));
    assert_eq!(job("-f a,b, x").output, names(&["a", "b", "b"]));
    assert_eq!(job("-f a,,b x").output, names(&["a", "", "b"]));
    assert_eq!(job("-Pcat x").output, Output::Command("cat".into()));
    assert_eq!(job("0P cat x").output, Output::Command("cat".into()));
}

#[test]
fn remote_tapes() {
    let remote = |user: Option<&str>, host: &str, list: &[&str]| {
        let names = name_list(list);
        Output::Remote(Remote { user: user.map(Into::into), host: host.into(), names })
    };
    let got = job("-f me@far:/dev/nsa0 x").output;
    assert_eq!(got, remote(Some("me"), "far", &["/dev/nsa0"]));
    assert_eq!((got.name(), got.host()), ("/dev/nsa0".into(), Some("me@far".into())));
    let got = job("-f far:a:1,b x").output;
    assert_eq!(got, remote(None, "far", &["a:1", "b"]));
    assert_eq!((got.name(), got.host()), ("a:1,b".into(), Some("far".into())));
    assert_eq!(refusal("-f a;b@far:x x"), "  DUMP: invalid user name a;b\n");
    assert_eq!(job("-f a.b@[fe80::1%em0]:x x").output, remote(Some("a.b"), "fe80::1%em0", &["x"]));
    let numbered = Output::Names(Names::Numbered("/b/04:30.".into()));
    assert_eq!(job("--volumes-prefix -f /b/04:30. x").output, numbered);
    assert!(refusal("--emit . -f far:x d").contains("--emit cannot write to a remote host"));
    let args = ["-f", "far:a\nb", "x"].map(OsString::from);
    assert_eq!(parse(&args, None, date), Err(StartError::TapeCharacters));
}

#[test]
fn outputs_as_messages_name_them() {
    for (line, name, list) in [
        ("-f - x", "standard output", false),
        ("-P cat x", "child pipeline process", false),
        ("-f out x", "out", false),
        ("-f v1,v2 x", "v1,v2", true),
        ("-f h:v1,v2 x", "v1,v2", true),
    ] {
        let output = job(line).output;
        assert_eq!(output.name(), name, "{line}");
        assert_eq!(output.names().is_some_and(Names::are_several), list, "{line}");
    }
}

#[test]
fn tape_of_the_environment() {
    let output = |line: &str, tape: &str| {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match parse(&args, Some(OsStr::new(tape)), date) {
            Ok(Request::Dump(job)) => (job.output, job.limit == Limit::Unlimited),
            other => panic!("{line}: {other:?}"),
        }
    };
    assert_eq!(output("/x", "/dev/nsa1"), (names(&["/dev/nsa1"]), false));
    assert_eq!(output("/x", "/b/04:30"), (names(&["/b/04:30"]), false));
    assert_eq!(output("/x", "-"), (Output::Stdout, true));
    assert_eq!(output("-f out x", "-"), (names(&["out"]), false));
    assert_eq!(output("-P cat x", "-"), (Output::Command("cat".into()), false));
}

#[test]
fn refusals_in_dumps_words() {
    for (line, want) in [
        ("-0", "Must specify disk or file system\n"),
        ("-0 a -b c", "Unknown arguments to dump: -b c\n"),
        ("-1r a", "rsync friendly options can be used only with level 0 dumps.\n"),
        ("-uT good a", "You cannot use the T and u flags together.\n"),
        ("-T bad a", "bad time \"bad\"\n"),
        ("-T old a", "bad time \"old\"\n"),
        ("-f x -P cat a", "dump: You cannot use the P and f flags together.\n"),
        ("-P cat -f x a", "dump: You cannot use the P and f flags together.\n"),
        ("-b 0 a", "dump: number of blocks per write must be between 1 and 1000\n"),
        ("-b 1001 a", "dump: number of blocks per write must be between 1 and 1000\n"),
        ("-b=64 a", "dump: illegal number of blocks per write -- =64\n"),
        ("-b 64k a", "dump: illegal number of blocks per write -- 64k\n"),
        ("-B 0 a", "dump: number of blocks per file must be between 1 and 0\n"),
        ("-B - a", "dump: illegal number of blocks per file -- -\n"),
        ("-C -1 a", "dump: cachesize must be between 0 and 0\n"),
        ("-d 9 a", "dump: density must be between 10 and 327670\n"),
        ("-d 327671 a", "dump: density must be between 10 and 327670\n"),
        ("-h 11 a", "dump: honor level must be between 0 and 10\n"),
        ("-s 0 a", "dump: tape size must be between 1 and 0\n"),
        ("-s -99999999999999999999 a", "dump: tape size must be between 1 and 0\n"),
        ("--workers 17 a", "dump: number of workers must be between 1 and 16\n"),
        ("--label sixteen-letters- a", "dump: label \"sixteen-letters-\" has 16 bytes, more than 15\n"),
        ("--exclude-inode 1 a", "dump: inode number must be between 2 and 4294967295\n"),
        ("--exclude-inode 5,x a", "dump: illegal inode number -- x\n"),
        ("--max-read-errors -1 a", "dump: number of read errors must be between 0 and 4294967295\n"),
        ("--autoload 0 a", "dump: seconds to wait must be between 1 and 86400\n"),
        ("--autoload 9 -f - a", "dump: --autoload requires a local tape (-f)\n"),
        ("--volumes-prefix -f a,b x", "dump: --volumes-prefix requires a single name\n"),
        ("--volumes-prefix -P cat x", "dump: --volumes-prefix requires the name of a file (-f)\n"),
        ("--progress dots a", "dump: progress must be none, plain, bar or json, not \"dots\"\n"),
        ("--progress json a", "dump: --progress json requires --progress-fd\n"),
        ("--progress bar --progress-fd 3 a", "dump: --progress-fd requires --progress json\n"),
        ("--progress json --progress-fd 2 a", "dump: --progress-fd cannot be standard error\n"),
        ("-f - --progress json --progress-fd 1 a", "dump: --progress-fd cannot be the output of the dump\n"),
    ] {
        assert_eq!(refusal(line), want, "{line}");
    }
    assert_eq!(parse(&[], None, date), Err(StartError::Usage));
}

#[test]
fn numbers_as_strtol_reads_them() {
    for (text, ntrec) in [(" 64", Some(64)), ("+64", Some(64)), ("\t\r064", Some(64)), ("", None)] {
        let args = ["-b", text, "x"].map(OsString::from);
        let got = match parse(&args, None, date) {
            Ok(Request::Dump(job)) => Some(job.ntrec),
            Err(StartError::OutOfRange(_, 1, 1000)) => None,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(got, ntrec, "{text:?}");
    }
    for text in ["64 ", "6 4", "+", "- 1", " ", "0x10", "١"] {
        let args = ["-b", text, "x"].map(OsString::from);
        let want = StartError::NotANumber("number of blocks per write", text.into());
        assert_eq!(parse(&args, None, date), Err(want));
    }
}

#[test]
fn the_first_fault_is_the_one_reported() {
    assert_eq!(refusal("-b 0 -Z"), "dump: number of blocks per write must be between 1 and 1000\n");
    assert!(refusal("-Z -b 0").starts_with("dump: illegal option -- Z\nusage: dump [-0"));
    assert_eq!(refusal("-1r"), "Must specify disk or file system\n");
    assert_eq!(refusal("-1ruT good x"), "rsync friendly options can be used only with level 0 dumps.\n");
}

#[test]
fn listings_act_where_they_stand() {
    let listing =
        |only_due, dumpdates: &str| Ok(Request::LastDumps { only_due, dumpdates: dumpdates.into() });
    assert_eq!(request("-W"), listing(false, "/etc/dumpdates"));
    assert_eq!(request("-D dd -w -D other"), listing(true, "dd"));
    assert_eq!(request("-D dd -WZ"), listing(false, "dd"));
    assert_eq!(request("-W -b 0"), listing(false, "/etc/dumpdates"));
    assert_eq!(request("WD dd"), listing(false, "dd"));
    assert!(refusal("-b 0 -W").contains("must be between"));
}

#[test]
fn help_and_version() {
    assert_eq!(request("--help"), Ok(Request::Help));
    let help = help(80);
    for option in ["-W ", "--workers <N>", "-T <date>", "--version", "[filesystem]..."] {
        assert!(help.contains(option), "{option} is not in\n{help}");
    }
    let version = Request::Print(concat!("capdump ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(request("-0 --version"), Ok(version.clone()));
    assert_eq!(request("-V"), Ok(version));
}

#[test]
fn amandas_lines() {
    let full = job("0ubLsf 64 1048576 - /dev/da0");
    assert_eq!((full.level, full.ntrec, full.limit), (0, 64, Limit::Unlimited));
    assert!(full.update_dumpdates && full.snapshot && full.output == Output::Stdout);
    // Its configure script compares what these say, which is to differ from the first one only.
    let fs = "/dev/null/invalid/fs";
    assert!(refusal(&format!("9Ef /dev/null {fs}")).contains("illegal option -- E"));
    let plain = job(&format!("9f /dev/null {fs}"));
    let estimate = job(&format!("9Sf /dev/null {fs}"));
    let honor = job(&format!("9hf 0 /dev/null {fs}"));
    assert_eq!(Job { estimate_only: false, ..estimate }, plain);
    assert_eq!(Job { honor_level: 1, ..honor }, plain);
}

#[test]
fn the_programs_name() {
    let name = |argv0: &str| program_name(Some(OsStr::new(argv0)));
    assert_eq!(name("/sbin/dump"), "dump");
    assert_eq!(name("rdump"), "rdump");
    assert_eq!(name(""), "capdump");
    assert_eq!(program_name(None), "capdump");
}

proptest::proptest! {
    #[test]
    fn any_line_is_a_job_within_its_bounds_or_refused(
        words in proptest::collection::vec("(-?[0-9aBbCcDdfhLnPRrSsTu]{0,3}|[0-9]{1,20}|.{0,4})", 0..8),
    ) {
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        match parse(&args, None, date) {
            Ok(Request::Dump(job)) => {
                assert!((1..=1000).contains(&job.ntrec));
                assert!(job.workers.is_none_or(|workers| (1..=16).contains(&workers)));
                assert!((0..=10).contains(&job.honor_level));
                assert!(job.level >= 0 && (job.rsync_friendly == 0 || job.level == 0));
                assert!(!(job.update_dumpdates && job.since != Since::Dumpdates));
                match job.limit {
                    Limit::Unlimited => (),
                    Limit::BlocksPerFile(n) => assert!(n > 0 && n % u64::from(job.ntrec) == 0),
                    Limit::Tape(t) => assert!(t.density > 0 && t.tsize > 0 && t.tenths > 0),
                }
            }
            Ok(_) => (),
            Err(error) => assert!(error.render("dump").ends_with('\n')),
        }
    }
}
