// SPDX-License-Identifier: BSD-2-Clause
//! `-P`: a command for each volume, and commands that fail.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{procs, small};

const LIMIT: Duration = Duration::from_secs(20);

fn arguments(command: &mut Command, dir: &TempDir, options: &[&str], pipe: &str) {
    let image = dir.join("image");
    if !image.exists() {
        small::mixed(&image);
    }
    command.args(["-0", "-b", "4"]).args(options).arg("-P").arg(pipe).arg(image).current_dir(dir.path());
}

fn dump(dir: &TempDir, options: &[&str], pipe: &str) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    arguments(&mut command, dir, options, pipe);
    let ran = run(&mut command, LIMIT);
    let gone = procs::ended(ran.id);
    assert!(gone, "{:?} are left: {}", procs::session(ran.id), ran.stderr);
    ran
}

fn at_terminal(dir: &TempDir, options: &[&str], pipe: &str) -> Session {
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_capdump")));
    arguments(&mut command, dir, options, pipe);
    Session::start(command)
}

fn done(session: Session) -> String {
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(shown.contains("DUMP IS DONE"), "{shown}");
    shown
}

fn assert_decodes(volumes: &[PathBuf]) {
    let volumes: Vec<Vec<u8>> = volumes.iter().map(|name| fs::read(name).unwrap()).collect();
    decode_and_check(&volumes, &Rules::new(4)).unwrap();
}

#[test]
fn each_volume_has_its_command() {
    let dir = TempDir::new("capdump-command");
    let mut session = at_terminal(&dir, &["-B", "60"], "cat >file.$DUMP_VOLUME");
    session.expect("Change Volumes: Mount volume #2", LIMIT);
    session.expect("Is the new volume mounted and ready to go?", LIMIT);
    assert_eq!(fs::metadata(dir.join("file.1")).unwrap().len(), 60 * 1024);
    assert!(!dir.join("file.2").exists());
    session.send("yes");
    session.expect("Volume 2 begins with blocks from inode", LIMIT);
    done(session);
    assert_decodes(&[dir.join("file.1"), dir.join("file.2")]);
}

#[test]
fn zstd_as_in_the_manual() {
    if !have("zstd") {
        return skipped("zstd is not there");
    }
    let dir = TempDir::new("capdump-command");
    dump(&dir, &["-a"], "zstd -q -o file.$DUMP_VOLUME").ok();
    let unpacked = Command::new("zstd").args(["-dcq"]).arg(dir.join("file.1")).output().unwrap();
    assert!(unpacked.status.success());
    decode_and_check(&[unpacked.stdout], &Rules::new(4)).unwrap();
}

#[test]
fn a_command_that_fails_is_a_failed_volume() {
    let dir = TempDir::new("capdump-command");
    for pipe in
        ["exit 1", "exec false", "head -c 20000 >/dev/null; exit 1", "head -c 20000 >/dev/null; kill -9 $$"]
    {
        let ran = dump(&dir, &["-a"], pipe);
        assert_eq!(ran.code(), 3, "{pipe}: {}", ran.stderr);
        assert!(ran.stderr.contains("blocks into volume 1"), "{pipe}: {}", ran.stderr);
        assert!(!ran.stderr.contains("DUMP IS DONE"), "{pipe}: {}", ran.stderr);
    }
    for (pipe, ended) in
        [("cat >/dev/null; exit 7", "exit status 7"), ("cat >/dev/null; kill -9 $$", "killed by signal 9")]
    {
        let ran = dump(&dir, &["-a"], pipe);
        assert_eq!(ran.code(), 3, "{pipe}: {}", ran.stderr);
        assert!(ran.stderr.contains(ended), "{pipe}: {}", ran.stderr);
        assert!(!ran.stderr.contains("DUMP IS DONE"), "{pipe}: {}", ran.stderr);
    }
}

#[test]
fn a_failed_volume_is_written_again() {
    let dir = TempDir::new("capdump-command");
    let pipe =
        "if [ -e tried ]; then cat >file.$DUMP_VOLUME; else >tried; head -c 9000 >/dev/null; exit 1; fi";
    let mut session = at_terminal(&dir, &["-a"], pipe);
    session.expect("Do you want to restart?", LIMIT);
    session.send("yes");
    session.expect("this dump volume will be rewritten.", LIMIT);
    session.expect("Is the new volume mounted and ready to go?", LIMIT);
    session.send("yes");
    done(session);
    assert_decodes(&[dir.join("file.1")]);
}

/// ssh asks for a password there; a process in the background would be stopped.
#[test]
fn a_command_may_ask_at_the_terminal() {
    let dir = TempDir::new("capdump-command");
    let pipe = "exec 3</dev/tty; echo password? >/dev/tty; read word <&3; cat >\"file.$word\"";
    let mut session = at_terminal(&dir, &["-a"], pipe);
    session.expect("password?", LIMIT);
    session.send("secret");
    done(session);
    assert_decodes(&[dir.join("file.secret")]);
}

/// An interrupt is for the dump, which asks; its command goes on.
#[test]
fn an_interrupt_leaves_the_command_alone() {
    let dir = TempDir::new("capdump-command");
    let gate = dir.join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    // More than a pipe holds, so that the dump waits for its command.
    small::one_file(&dir.join("image"), 4 << 20);
    let mut session = at_terminal(&dir, &["-a"], "cat gate; cat >file.1");
    session.expect("(Pass III)", LIMIT);
    session.send_bytes(&[3]);
    session.expect("Do you want to abort dump?", LIMIT);
    session.send("no");
    fs::write(gate, b"").unwrap();
    done(session);
    assert_decodes(&[dir.join("file.1")]);
}
