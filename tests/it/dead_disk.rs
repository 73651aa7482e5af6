// SPDX-License-Identifier: BSD-2-Clause
//! A disk that is gone, or fails from some place on, ends the dump with one message; one with bad sectors does not.

#![cfg(target_os = "linux")]
#![allow(clippy::single_range_in_vec_init, reason = "the list of bad places has one")]

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capdump_support::fuse::{Faults, Served, available};
use capdump_support::loop_device::Loop;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, wait, without_tty};
use capdump_support::small;
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

/// Dumps this device to a pipe, and kills it when the dump has begun; returns what the dump printed, and the lines about reads.
fn dump_dying(device: &Path, dir: &TempDir, kill: impl FnOnce()) -> (String, Vec<String>) {
    let dates = dir.join("dumpdates");
    let _ = fs::remove_file(&dates);
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0ua", "--batch", "-f", "-", "-D"]).arg(&dates).arg(device);
    let err = dir.join("err");
    let mut child = command.stdout(Stdio::piped()).stderr(File::create(&err).unwrap()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10_240]).unwrap();
    kill();
    let drained = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let status = wait(&mut child, LIMIT).expect("an end");
    drained.join().unwrap().unwrap();
    let text = fs::read_to_string(&err).unwrap();
    assert_eq!(status.code(), Some(3), "{text}");
    assert!(text.ends_with("  DUMP: The ENTIRE dump is aborted.\n"), "{text}");
    assert_eq!(fs::read_to_string(&dates).unwrap_or_default(), "", "{text}");
    let lines = text.lines().filter(|line| line.contains("read error")).map(str::to_owned).collect();
    (text, lines)
}

/// Far more than what is read ahead of the output.
const LARGE: u64 = 32 << 20;

/// The block layer says `EIO` of a disk whose driver fails, whatever the reason.
#[test]
fn a_block_device_that_fails_ends_the_dump() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-dead-block");
    small::one_file(&dir.join("image"), LARGE);
    for errno in [Errno::EIO, Errno::ENXIO] {
        let served = Served::new(&dir.join("mnt"), &dir.join("image"), Faults::default());
        let Some(device) = Loop::attach(&served.path(), &["-r"]) else {
            return skipped("no loop device here");
        };
        let (text, lines) = dump_dying(device.path(), &dir, || served.die(errno));
        assert!(lines.len() == 1 && lines[0].ends_with("the disk no longer responds"), "{text}");
    }
}

/// A disk that was pulled has no sectors any more: Linux sets its capacity to 0, and a read returns nothing.
#[test]
fn a_block_device_that_is_pulled_ends_the_dump() {
    if !is_root() {
        return skipped("loop devices need root");
    }
    let dir = TempDir::new("capdump-dead-block");
    let image = dir.join("image");
    small::one_file(&image, LARGE);
    let Some(device) = Loop::attach(&image, &[]) else { return skipped("no loop device here") };
    let (text, lines) = dump_dying(device.path(), &dir, || {
        File::options().write(true).open(&image).unwrap().set_len(0).unwrap();
        assert!(Command::new("losetup").arg("-c").arg(device.path()).status().unwrap().success());
    });
    assert!(lines.len() == 1 && lines[0].ends_with("the disk no longer responds"), "{text}");
}
