// SPDX-License-Identifier: BSD-2-Clause
//! A disk that is gone, or fails from some place on, ends the dump with one message; one with bad sectors does not.

#![cfg(target_os = "linux")]
#![allow(clippy::single_range_in_vec_init, reason = "the list of bad places has one")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::fuse::{Faults, Served, available};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::target::{Target, make};
use nix::errno::Errno;

const LIMIT: Duration = Duration::from_secs(20);

/// An image behind a file system that fails.
struct Place {
    dir: TempDir,
    target: Target,
}

impl Place {
    fn new() -> Option<Place> {
        if !available() {
            return None;
        }
        let dir = TempDir::new("capdump-dead");
        let target = make(&dir.join("image"), 0);
        fs::write(dir.join("image"), &target.image).unwrap();
        Some(Place { dir, target })
    }

    fn dumpdates(&self) -> PathBuf {
        self.dir.join("dumpdates")
    }

    /// A dump that is to be recorded, and how many reads it made.
    fn dump(&self, faults: Faults, args: &[&str]) -> (Ran, usize) {
        let _ = fs::remove_file(self.dumpdates());
        let served = Served::new(&self.dir.join("mnt"), &self.dir.join("image"), faults);
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0au", "-f"]).arg(self.dir.join("dump")).arg("-D").arg(self.dumpdates());
        command.args(args).arg(served.path());
        let ran = run(&mut command, LIMIT);
        let reads = served.log.lock().unwrap().reads.len();
        (ran, reads)
    }

    fn assert_ended(&self, ran: &Ran, what: &str) {
        assert_eq!(ran.code(), 3, "{what}: {}", ran.stderr);
        let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("read error")).collect();
        assert_eq!(lines.len(), 1, "{what}: {}", ran.stderr);
        assert!(lines[0].ends_with("the disk no longer responds"), "{what}: {}", ran.stderr);
        assert!(ran.stderr.ends_with("  DUMP: The ENTIRE dump is aborted.\n"), "{what}: {}", ran.stderr);
        let dates = fs::read_to_string(self.dumpdates()).unwrap_or_default();
        assert_eq!(dates, "", "{what}");
    }
}

/// At every read but those before the file system is known, of which the error is another.
#[test]
fn a_disk_that_is_gone_ends_the_dump() {
    let Some(place) = Place::new() else { return };
    let (whole, reads) = place.dump(Faults::default(), &[]);
    assert_eq!(whole.code(), 0, "{}", whole.stderr);
    assert!(reads > 10, "{reads}");
    for errno in [Errno::ENXIO, Errno::ENODEV, Errno::EIO] {
        let mut ended = 0;
        for number in 0..reads {
            let faults = Faults { read_error_from: Some((number, errno)), ..Faults::default() };
            let (ran, _) = place.dump(faults, &[]);
            if ran.code() == 1 && !ran.stderr.contains("Pass I") {
                continue;
            }
            place.assert_ended(&ran, &format!("{errno:?} from read {number} of {reads}"));
            ended += 1;
        }
        assert!(ended > 5, "{errno:?}: {ended} of {reads}");
    }
}

#[test]
fn a_disk_that_fails_from_some_place_on_ends_the_dump() {
    let Some(place) = Place::new() else { return };
    let bytes = place.target.image.len() as u64;
    for eighths in 2..7 {
        let from = bytes / 8 * eighths;
        let faults = || Faults { read_eio: vec![from..bytes], ..Faults::default() };
        place.assert_ended(&place.dump(faults(), &[]).0, &format!("from byte {from} of {bytes}"));
        // Without a limit, whatever is left is read.
        let (ran, _) = place.dump(faults(), &["--max-read-errors", "0"]);
        let errors = ran.stderr.lines().filter(|line| line.contains("read error")).count();
        assert!(errors > 1 && !ran.stderr.contains("no longer responds"), "{}", ran.stderr);
    }
}

#[test]
fn a_disk_with_bad_sectors_is_dumped() {
    let Some(place) = Place::new() else { return };
    let bytes = place.target.image.len() as u64;
    // A region, the end, and every other piece.
    let every_other: Vec<_> = (0..8).map(|n| bytes / 2 + n * 65536..bytes / 2 + n * 65536 + 32768).collect();
    let all = [vec![bytes / 2..bytes / 2 + 65536], vec![bytes - 4096..bytes], every_other];
    for read_eio in all {
        let (ran, _) = place.dump(Faults { read_eio: read_eio.clone(), ..Faults::default() }, &[]);
        assert_eq!(ran.code(), 0, "{read_eio:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("no longer responds"), "{read_eio:?}: {}", ran.stderr);
    }
}
