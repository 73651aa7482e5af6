// SPDX-License-Identifier: BSD-2-Clause
//! `--check`, `--list` and `--emit` into a pipe that is full: they wait for its reader, and signals end the wait.

use std::fs::{self, File};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::makefs::makefs;
use capdump_support::procs::send;
use capdump_support::program::{self, TempDir, have, run, skipped, without_tty};
use capdump_support::tree;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(60);

/// What is read, and whether the messages are the output.
const CASES: [(&[&str], bool); 6] = [
    (&["--check"], true),
    (&["--check", "--json"], false),
    (&["--list"], false),
    (&["--list", "--json"], false),
    (&["--list", "--index", "index"], false),
    (&["--emit", "large"], false),
];

fn capdump(dir: &TempDir) -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.current_dir(dir.path());
    command
}

/// A folder with a dump and its index.
fn sample() -> Option<TempDir> {
    if !have("makefs") {
        skipped("makefs(8) is not there");
        return None;
    }
    let dir = TempDir::new("capdump-slow-readers");
    tree::mixed(&dir.join("source"));
    makefs(&dir.join("image"), &dir.join("source"), 2, (8192, 1024), &[]);
    run(capdump(&dir).args(["-0a", "--index", "index", "-f", "dump", "image"]), LIMIT).ok();
    Some(dir)
}

fn set_blocks(pipe: &PipeWriter, blocks: bool) {
    let flags = if blocks { OFlag::empty() } else { OFlag::O_NONBLOCK };
    fcntl(pipe.as_fd(), FcntlArg::F_SETFL(flags)).unwrap();
}

/// A pipe that does not block, and how many bytes are in it: it is full.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    set_blocks(&writer, false);
    let mut count = 0;
    loop {
        match writer.write(&[0; 256]) {
            Ok(written) => count += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (reader, writer, count),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The program with its output into the pipe; what else it prints goes to the file `other`.
fn start(dir: &TempDir, (arguments, is_messages): (&[&str], bool), pipe: PipeWriter) -> Child {
    let mut command = capdump(dir);
    command.args(arguments).arg("dump");
    let other = File::create(dir.join("other")).unwrap();
    match is_messages {
        true => command.stderr(pipe).stdout(other),
        false => command.stdout(pipe).stderr(other),
    };
    command.stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn signals_end_the_wait() {
    let Some(dir) = sample() else { return };
    for case in CASES {
        for (signal, blocks) in [(Signal::SIGTERM, true), (Signal::SIGINT, false), (Signal::SIGHUP, true)] {
            let (_reader, writer, _) = full_pipe();
            set_blocks(&writer, blocks);
            let mut child = start(&dir, case, writer);
            std::thread::sleep(Duration::from_millis(200));
            assert!(child.try_wait().unwrap().is_none(), "{case:?}: nobody has read it");
            let sent = Instant::now();
            send(child.id(), signal);
            let status = program::wait(&mut child, Duration::from_secs(5));
            let other = fs::read_to_string(dir.join("other")).unwrap();
            assert_eq!(status.and_then(|status| status.code()), Some(3), "{case:?} {signal}: {other}");
            assert!(sent.elapsed() < Duration::from_secs(2), "{case:?} {signal}: {:?}", sent.elapsed());
            let said = if signal == Signal::SIGINT { "Interrupt" } else { "Signal" };
            let line = format!("  DUMP: {said} received. The dump was not read to its end.\n");
            assert_eq!(other, if case.1 { "" } else { &line }, "{case:?} {signal}");
        }
    }
}

#[test]
fn a_reader_may_come_late() {
    let Some(dir) = sample() else { return };
    for case in CASES {
        let ran = run(capdump(&dir).args(case.0).arg("dump"), LIMIT).ok();
        let whole = if case.1 { ran.stderr.into_bytes() } else { ran.stdout };
        for blocks in [false, true] {
            let (mut reader, writer, full) = full_pipe();
            set_blocks(&writer, blocks);
            let mut child = start(&dir, case, writer);
            std::thread::sleep(Duration::from_millis(200));
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            let status = program::wait(&mut child, LIMIT).unwrap();
            let other = fs::read_to_string(dir.join("other")).unwrap();
            assert!(status.success(), "{case:?}: {status} {other}");
            assert!(bytes[full..] == whole, "{case:?}: {} bytes, not {}", bytes.len() - full, whole.len());
        }
    }
}
