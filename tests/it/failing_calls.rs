// SPDX-License-Identifier: BSD-2-Clause
//! System calls on outputs, index and dumpdates fail at the n-th call, for every n and with every errno that they have: success is reported,
//! and entered in dumpdates, only of a dump that is whole.
//!
//! The calls fail in a preload library (`tests/support/src/failing_calls.c`), in every process of the dump. `CAPDUMP_SWEEP_SECONDS` says how long
//! the sweep goes on; without it, 10.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::procs;
use capdump_support::program::{self, Ran, TempDir, run, without_tty};
use capdump_support::small;
use nix::errno::Errno;

const LIMIT: Duration = Duration::from_secs(20);
const NTREC: usize = 10;
/// What a dumpdates file holds before the dump; an older dump of another disk.
const BEFORE: &str = "/dev/ada0p9                                           0 Tue Nov 14 22:13:20 2023\n";

/// Calls, and how they fail.
const CALLS: [(&str, &[Errno]); 6] = [
    ("write", &[Errno::EIO, Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG, Errno::ENXIO, Errno::UnknownErrno]),
    ("pwrite", &[Errno::EIO, Errno::ENOSPC]),
    ("fsync", &[Errno::EIO, Errno::ENOSPC, Errno::EDQUOT, Errno::EROFS]),
    ("ftruncate", &[Errno::EIO, Errno::EPERM, Errno::EROFS]),
    ("close", &[Errno::EIO, Errno::ENOSPC]),
    ("rename", &[Errno::EIO, Errno::ENOSPC, Errno::EACCES, Errno::EXDEV]),
];

/// What is asked of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Volumes,
    Indexed,
    Compressed,
    Verified,
}

const KINDS: [Kind; 5] = [Kind::Plain, Kind::Volumes, Kind::Indexed, Kind::Compressed, Kind::Verified];

/// How long a sweep goes on.
fn seconds() -> Duration {
    let wanted = std::env::var("CAPDUMP_SWEEP_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(wanted.unwrap_or(10))
}

/// The preload library that has a call fail.
fn shim(dir: &TempDir) -> PathBuf {
    let shim = dir.join("failing_calls.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/src/failing_calls.c");
    let mut cc = program::command(Path::new("cc"));
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl");
    run(&mut cc, Duration::from_secs(60)).ok();
    shim
}

/// One dump of which one call may fail.
struct Attempt<'a> {
    image: &'a Path,
    shim: &'a Path,
    kind: Kind,
    call: &'a str,
    errno: i32,
    nth: usize,
}

impl Attempt<'_> {
    /// Runs it; whether the call failed, and whether the dump was a success.
    fn run(&self) -> (bool, bool) {
        let dir = TempDir::new("capdump-failing");
        let [out, two, index, dates, log] =
            ["out", "two", "index", "dumpdates", "log"].map(|name| dir.join(name));
        // An older and longer dump, so that what is cut matters.
        fs::write(&out, vec![b'x'; 6 << 20]).unwrap();
        fs::write(&dates, BEFORE).unwrap();
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0u", "--batch", "--workers", "2", "-D"]).arg(&dates);
        self.arguments(&mut command, &out, &two, &index);
        command.env("LD_PRELOAD", self.shim).env("FAIL_LOG", &log).env("FAIL_CALL", self.call);
        command.env("FAIL_DEV", fs::metadata(dir.path()).unwrap().dev().to_string());
        command.env("FAIL_NTH", self.nth.to_string()).env("FAIL_ERRNO", self.errno.to_string());
        let ran = run(command.arg(self.image), LIMIT);
        let happened = fs::read(&log).unwrap().get(8).is_some_and(|byte| *byte == 1);
        let what = format!("{:?}: {} {} fails with {}", self.kind, self.call, self.nth, self.errno);
        (happened, self.settle(&ran, [&out, &two, &index, &dates], &what))
    }

    fn arguments(&self, command: &mut Command, out: &Path, two: &Path, index: &Path) {
        match self.kind {
            Kind::Plain => command.arg("-a"),
            Kind::Indexed => command.args(["-a", "--index"]).arg(index),
            Kind::Compressed => command.args(["-a", "--compress", "zstd:1"]),
            Kind::Verified => command.args(["-a", "--verify"]),
            Kind::Volumes => command.args(["-B", "1200"]),
        };
        if self.kind == Kind::Volumes {
            command.arg("-f").arg(format!("{},{}", out.display(), two.display()));
        } else {
            command.arg("-f").arg(out);
        }
    }

    /// Holds the run to its promise.
    fn settle(&self, ran: &Ran, [out, two, index, dates]: [&PathBuf; 4], what: &str) -> bool {
        assert!(procs::ended(ran.id), "{what}: processes are left");
        let (done, text) = (ran.code() == 0, &ran.stderr);
        assert!(!text.contains("panicked"), "{what}: {text}");
        assert!(done || matches!(ran.code(), 1 | 3), "{what}: {}: {text}", ran.code());
        let entries = fs::read_to_string(dates).unwrap();
        if !done {
            assert_eq!(entries, BEFORE, "{what}: {text}");
            return false;
        }
        assert!(text.contains("DUMP IS DONE"), "{what}: {text}");
        assert!(entries.starts_with(BEFORE) && entries.lines().count() == 2, "{what}: {entries}");
        let mut volumes = vec![fs::read(out).unwrap()];
        if self.kind == Kind::Volumes {
            volumes.push(fs::read(two).unwrap());
        }
        if self.kind == Kind::Compressed {
            volumes = volumes.iter().map(|volume| capdump_support::zstd::unpack(volume)).collect();
        }
        decode_and_check(&volumes, &Rules::new(NTREC))
            .unwrap_or_else(|error| panic!("{what}: {error}: {text}"));
        let index = fs::read(index).map(|bytes| bytes.len()).unwrap_or(0);
        assert_eq!(index > 0, self.kind == Kind::Indexed, "{what}: {text}");
        true
    }
}

#[test]
fn a_call_that_fails_is_never_a_success() {
    if !capdump_support::zstd::available() {
        return;
    }
    let dir = TempDir::new("capdump-failing");
    let (image, shim) = (dir.join("image"), shim(&dir));
    small::one_file(&image, 2 << 20);
    let end = Instant::now() + seconds();
    let (mut runs, mut failures, mut round) = (0, 0, 0);
    // Every kind and call comes to its turn early; later rounds go further into the dump.
    while Instant::now() < end {
        round += 1;
        let mut any = false;
        for kind in KINDS {
            for (call, errnos) in CALLS {
                let errno = errnos[round % errnos.len()] as i32;
                let attempt = Attempt { image: &image, shim: &shim, kind, call, errno, nth: round };
                let (happened, done) = attempt.run();
                any |= happened;
                runs += 1;
                failures += usize::from(happened && !done);
            }
            if Instant::now() > end {
                break;
            }
        }
        if !any {
            break;
        }
    }
    println!("{runs} dumps in {round} rounds, {failures} of them given up");
    assert!(failures > 0, "the preload library makes no call fail");
}
