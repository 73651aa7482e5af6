// SPDX-License-Identifier: BSD-2-Clause
//! A volume that cannot be written is written again, if the operator wants it; the messages in dump's order.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::fuse::{Faults, Served, available};
use capdump_support::listing::differences;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::{restore, small};
use nix::errno::Errno;

const LIMIT: Duration = Duration::from_secs(20);
const MIB: u64 = 1 << 20;

/// A dump of 5 MiB on three volumes, of which the second fails once.
struct Failing {
    // Unmounted before the folder is removed: fields go in their order.
    served: Served,
    dir: TempDir,
    names: Vec<PathBuf>,
}

impl Failing {
    fn new(faults: Faults) -> Failing {
        let dir = TempDir::new("capdump-rewrite");
        small::one_file(&dir.join("image"), 5 * MIB);
        fs::write(dir.join("two"), b"").unwrap();
        let served = Served::new(&dir.join("mnt"), &dir.join("two"), faults);
        let names = vec![dir.join("one"), served.path(), dir.join("three")];
        Failing { dir, served, names }
    }

    fn arguments(&self, command: &mut Command, names: usize) {
        let list: Vec<String> = self.names[..names].iter().map(|n| n.display().to_string()).collect();
        command.args(["-0", "-B", "2000", "-f"]).arg(list.join(",")).arg(self.dir.join("image"));
    }

    fn at_terminal(&self, names: usize) -> Session {
        let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
        self.arguments(&mut command, names);
        Session::start(command)
    }

    /// The volumes hold what a dump to one volume holds, and restore gives it back.
    fn assert_held(&self) {
        let one = self.dir.join("whole");
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0a", "-f"]).arg(&one).arg(self.dir.join("image"));
        run(&mut command, LIMIT).ok();
        let whole = decode_and_check(&[fs::read(one).unwrap()], &Rules::new(10)).unwrap().listing().unwrap();
        let files: Vec<PathBuf> = ["one", "two", "three"].iter().map(|name| self.dir.join(name)).collect();
        let volumes: Vec<Vec<u8>> = files.iter().map(|name| fs::read(name).unwrap()).collect();
        let dump = decode_and_check(&volumes, &Rules::new(10)).unwrap();
        let found = differences(&dump.listing().unwrap(), &whole);
        assert!(found.is_empty(), "{found:#?}");
        if restore::available() {
            let into = self.dir.join("restored");
            restore::restore_volumes(&files, 10, &into);
            let mut whole = whole;
            whole.values_mut().for_each(|e| (e.atime, e.mtime) = (None, None));
            assert_eq!(differences(&restore::listing(&into), &whole), [""; 0]);
        }
    }

    /// The messages from the first that has `from` on.
    fn lines(&self, shown: &str, from: &str) -> Vec<String> {
        let text = shown.replace(&self.dir.path().display().to_string(), "DIR");
        let lines = text.lines().map(|line| line.replace("  DUMP: ", "")).skip_while(|l| !l.contains(from));
        lines.filter(|line| !line.contains("% done")).collect()
    }
}

fn done(session: Session) -> String {
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(shown.contains("DUMP IS DONE"), "{shown}");
    shown
}

fn eio_once() -> Faults {
    Faults { write_error_once: Some((MIB + 5000, Errno::EIO)), ..Faults::default() }
}

#[test]
fn a_write_error_and_yes() {
    if !available() {
        return;
    }
    let failing = Failing::new(eio_once());
    let mut session = failing.at_terminal(3);
    session.expect("Do you want to restart?", LIMIT);
    session.send("yes");
    let shown = done(session);
    let lines = failing.lines(&shown, "write error");
    // FUSE takes 1 MiB at a time; the first was written, and of it 102 whole records count.
    let expected = [
        "write error 1020 blocks into volume 2",
        "DIR/mnt/file: Input/output error",
        "Do you want to restart?: (\"yes\" or \"no\") yes",
        "Closing this volume.  Prepare to restart with new media;",
        "this dump volume will be rewritten.",
        "Closing DIR/mnt/file",
        "Dumping volume 2 on DIR/mnt/file",
    ];
    assert_eq!(lines[..expected.len()], expected, "{shown}");
    failing.assert_held();
}

#[test]
fn a_write_error_and_no() {
    if !available() {
        return;
    }
    let failing = Failing::new(eio_once());
    let mut session = failing.at_terminal(3);
    session.expect("Do you want to restart?", LIMIT);
    session.send("no");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(3), "{shown}");
    let lines = failing.lines(&shown, "Do you want to restart?");
    assert_eq!(lines[1..], ["The ENTIRE dump is aborted."], "{shown}");
    assert!(!failing.dir.join("three").exists());
}

#[test]
fn a_write_error_without_a_terminal() {
    if !available() {
        return;
    }
    let failing = Failing::new(eio_once());
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    failing.arguments(&mut command, 3);
    let ran = run(&mut command, LIMIT);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    let lines = failing.lines(&ran.stderr, "write error");
    assert!(lines[2].starts_with("fopen on /dev/tty fails: "), "{}", ran.stderr);
    let not_asked = "Do you want to restart? (no terminal: not asked, taken as \"no\")";
    assert_eq!(lines[3..], [not_asked, "The ENTIRE dump is aborted."], "{}", ran.stderr);
}

/// The last name of the list: there is no further one, so the operator is asked for the medium.
#[test]
fn a_write_error_on_the_last_name() {
    if !available() {
        return;
    }
    let failing = Failing::new(eio_once());
    let mut session = failing.at_terminal(2);
    session.expect("Do you want to restart?", LIMIT);
    session.send("yes");
    session.expect("Closing", LIMIT);
    session.expect("this dump volume will be rewritten.", LIMIT);
    session.expect("Closing", LIMIT);
    session.expect("Is the new volume mounted and ready to go?", LIMIT);
    session.send("yes");
    session.expect("Change Volumes: Mount volume #3", LIMIT);
    session.expect("Is the new volume mounted and ready to go?", LIMIT);
    // Another medium: what was on the one before is kept elsewhere.
    fs::copy(failing.dir.join("two"), failing.dir.join("kept")).unwrap();
    fs::File::create(failing.dir.join("two")).unwrap();
    session.send("yes");
    let shown = done(session);
    assert!(!shown.contains("Mount volume #2"), "{shown}");
    // The third volume went to the same name.
    fs::rename(failing.dir.join("two"), failing.dir.join("three")).unwrap();
    fs::rename(failing.dir.join("kept"), failing.dir.join("two")).unwrap();
    failing.assert_held();
}

#[test]
fn an_error_in_syncing() {
    if !available() {
        return;
    }
    let failing = Failing::new(Faults { sync_error_once: Some(Errno::EIO), ..Faults::default() });
    let mut session = failing.at_terminal(3);
    session.expect("write error 2000 blocks into volume 2", LIMIT);
    session.expect("fsync: Input/output error", LIMIT);
    session.expect("Do you want to restart?", LIMIT);
    session.send("yes");
    done(session);
    failing.assert_held();
    assert!(failing.served.log.lock().unwrap().syncs > 1);
}

#[test]
fn an_error_in_syncing_the_last_volume() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-rewrite");
    small::one_file(&dir.join("image"), 2 * MIB);
    fs::write(dir.join("out"), b"").unwrap();
    let faults = Faults { sync_error_once: Some(Errno::EIO), ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), &dir.join("out"), faults);
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0a", "-f"]).arg(served.path()).arg(dir.join("image"));
    let ran = run(&mut command, LIMIT);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("fsync: Input/output error"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("tape blocks on") && !ran.stderr.contains("DONE"), "{}", ran.stderr);
}

/// Sectors that cannot be read, in what goes on each of three volumes: they are counted once, though the second volume is written twice
/// (and ends within a chunk, what is behind it being filled twice as well).
#[test]
fn what_is_lost_is_counted_once() {
    if !available() {
        return;
    }
    let failing = Failing::new(eio_once());
    let image = failing.dir.join("image");
    // The file is some hundred kilobytes into the image, in one piece.
    let bad = [MIB, 5 * MIB / 2, 9 * MIB / 2].map(|at| at..at + 512).to_vec();
    let faults = Faults { read_eio: bad, ..Faults::default() };
    let disk = Served::new(&failing.dir.join("disk"), &image, faults);
    let list: Vec<String> = failing.names.iter().map(|name| name.display().to_string()).collect();
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0", "--strict", "-B", "2000", "-f"]).arg(list.join(",")).arg(disk.path());
    let mut session = Session::start(command);
    session.expect("Do you want to restart?", LIMIT);
    session.send("yes");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(4), "{shown}");
    let (_, summary) = shown.split_once("DUMP IS DONE").expect("the end");
    assert!(summary.contains(": 1536 bytes could not be read and were replaced by zeros"), "{summary}");
}
