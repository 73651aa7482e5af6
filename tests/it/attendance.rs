// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that nobody attends to: `--batch`, scripts and autoloaders that change volumes, numbered names, read errors without end.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::{peer, procs, small};

const LIMIT: Duration = Duration::from_secs(20);
const READY: &str = "Is the new volume mounted and ready to go?";

/// The arguments for a dump of some eighty blocks to volumes of 60 blocks.
fn arguments(command: &mut Command, dir: &TempDir, options: &[&str]) {
    small::mixed(&dir.join("image"));
    command.args(["-0", "-b", "2", "-B", "60"]).args(options).arg("image").current_dir(dir.path());
}

fn alone(dir: &TempDir, options: &[&str]) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    arguments(&mut command, dir, options);
    let ran = run(&mut command, LIMIT);
    assert!(procs::ended(ran.id));
    ran
}

fn at_terminal(dir: &TempDir, options: &[&str]) -> Session {
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    arguments(&mut command, dir, options);
    Session::start(command)
}

fn assert_decodes(volumes: &[PathBuf]) {
    let volumes: Vec<Vec<u8>> = volumes.iter().map(|name| fs::read(name).unwrap()).collect();
    decode_and_check(&volumes, &Rules::new(2)).unwrap();
}

#[test]
fn numbered_names_need_nobody() {
    let dir = TempDir::new("capdump-attendance");
    let ran = alone(&dir, &["--volumes-prefix", "-f", "out."]).ok();
    for said in ["Dumping volume 1 on out.001", "Dumping volume 2 on out.002", "Closing out.001"] {
        assert!(ran.stderr.contains(said), "{said} in {}", ran.stderr);
    }
    assert_decodes(&[dir.join("out.001"), dir.join("out.002")]);
    assert!(!dir.join("out.").exists() && !dir.join("out.003").exists());
}

#[test]
fn with_batch_a_question_is_the_end() {
    let dir = TempDir::new("capdump-attendance");
    let session = at_terminal(&dir, &["--batch", "-f", "out"]);
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(3), "{shown}");
    assert!(shown.contains(&format!("  DUMP: {READY} (--batch: not asked, taken as \"no\")\n")), "{shown}");
    assert!(shown.contains("The ENTIRE dump is aborted."), "{shown}");
}

#[test]
fn a_script_changes_volumes() {
    let dir = TempDir::new("capdump-attendance");
    let ran = alone(&dir, &["-f", "my out", "--volume-script", "mv \"$1\" \"$1.$2\"; :"]).ok();
    assert!(ran.stderr.contains("  DUMP: Launching mv "), "{}", ran.stderr);
    assert!(ran.stderr.contains("  DUMP: Change Volumes: Mount volume #2\n"), "{}", ran.stderr);
    assert_decodes(&[dir.join("my out.1"), dir.join("my out")]);
    let change = peer::script(&dir.join("change"), "[ $# = 3 ] || exit 9; mv \"$2\" \"$2.$3\"");
    let dir2 = TempDir::new("capdump-attendance");
    alone(&dir2, &["-f", "my out", "--volume-script", &format!("'{}' one", change.display())]).ok();
    assert_decodes(&[dir2.join("my out.1"), dir2.join("my out")]);
}

#[test]
fn a_script_may_want_the_operator_to_be_asked() {
    let dir = TempDir::new("capdump-attendance");
    let mut session = at_terminal(&dir, &["-f", "out", "--volume-script", "sh -c 'mv out kept; exit 1'"]);
    session.expect("Launching sh", LIMIT);
    session.expect(READY, LIMIT);
    assert!(dir.join("kept").exists());
    session.send("yes");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert_decodes(&[dir.join("kept"), dir.join("out")]);
}

#[test]
fn a_script_may_end_the_dump() {
    let dir = TempDir::new("capdump-attendance");
    for (script, status) in [("exit 5 #", 5), ("kill -9 $$ #", 137), ("/no/such/script", 127)] {
        let ran = alone(&dir, &["-f", "out", "--volume-script", script]);
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        let said = format!("  DUMP: Dump aborted by the end of tape script: exit status {status}\n");
        assert!(ran.stderr.contains(&said), "{said} in {}", ran.stderr);
    }
}

/// The loader here takes the volume that is complete away and brings an empty one.
#[test]
fn an_autoloader_brings_the_next_volume() {
    let dir = TempDir::new("capdump-attendance");
    let out = dir.join("out");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let full = || fs::metadata(&out).is_ok_and(|meta| meta.len() == 60 * 1024);
            assert!(procs::until(LIMIT, full));
            fs::rename(&out, dir.join("one")).unwrap();
            fs::write(&out, b"").unwrap();
        });
        alone(&dir, &["--autoload", "15", "--batch", "-f", "out"]).ok();
    });
    assert_decodes(&[dir.join("one"), out]);
}

#[test]
fn without_another_medium_the_operator_is_asked() {
    let dir = TempDir::new("capdump-attendance");
    let started = Instant::now();
    let ran = alone(&dir, &["--autoload", "1", "--batch", "-f", "out"]);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(started.elapsed() > Duration::from_secs(1));
    assert!(ran.stderr.contains(&format!("{READY} (--batch")), "{}", ran.stderr);
    assert_eq!(fs::metadata(dir.join("out")).unwrap().len(), 60 * 1024, "it is not written over");
}
