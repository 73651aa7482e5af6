// SPDX-License-Identifier: BSD-2-Clause
//! The operator's questions, typed at a terminal; signals; and what happens where there is none to ask.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::{fifo, peer, procs, small};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const LIMIT: Duration = Duration::from_secs(20);
const READY: &str = "Is the new volume mounted and ready to go?";

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// A dump of some eighty blocks to volumes of 60 blocks, all of one name, at a terminal.
fn two_volumes(dir: &TempDir) -> (Session, PathBuf) {
    let (image, out) = (dir.join("image"), dir.join("out"));
    small::mixed(&image);
    let mut command = Session::command(capdump());
    command.args(["-0", "-b", "2", "-B", "60", "-f"]).arg(&out).arg(image);
    (Session::start(command), out)
}

fn done(session: Session) -> String {
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(shown.contains("DUMP IS DONE"), "{shown}");
    shown
}

fn aborted(session: Session) -> String {
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(3), "{shown}");
    assert!(shown.contains("The ENTIRE dump is aborted."), "{shown}");
    assert!(!shown.contains("DUMP IS DONE"), "{shown}");
    shown
}

#[test]
fn the_next_volume_is_ready() {
    let dir = TempDir::new("capdump-questions");
    let (mut session, out) = two_volumes(&dir);
    session.expect(&format!("Closing {}", out.display()), LIMIT);
    session.expect("Change Volumes: Mount volume #2", LIMIT);
    session.expect(READY, LIMIT);
    let first = fs::read(&out).unwrap();
    session.send("maybe");
    session.expect("\"Yes\" or \"No\"?", LIMIT);
    session.expect(READY, LIMIT);
    session.send("");
    session.expect(READY, LIMIT);
    session.send("no");
    session.expect("Do you want to abort?", LIMIT);
    session.send("no");
    session.expect(READY, LIMIT);
    fs::rename(&out, dir.join("first")).unwrap();
    session.send("Yes, it is");
    session.expect("Volume 2 begins with blocks from inode", LIMIT);
    done(session);
    decode_and_check(&[first, fs::read(&out).unwrap()], &Rules::new(2)).unwrap();
}

#[test]
fn the_next_volume_is_not_ready_and_the_dump_is_given_up() {
    let dir = TempDir::new("capdump-questions");
    let (mut session, _) = two_volumes(&dir);
    session.expect(READY, LIMIT);
    session.send("n");
    session.expect("Do you want to abort?", LIMIT);
    session.send("y");
    aborted(session);
}

#[test]
fn thirty_ends_of_file_are_enough() {
    let dir = TempDir::new("capdump-questions");
    let (mut session, _) = two_volumes(&dir);
    session.expect(READY, LIMIT);
    session.send_bytes(&[4; 30]);
    session.send("what?");
    session.expect(READY, LIMIT);
    session.send_bytes(&[4]);
    let shown = aborted(session);
    assert!(shown.contains("excessive operator query failures"), "{shown}");
}

#[test]
fn an_output_that_cannot_be_opened() {
    let dir = TempDir::new("capdump-questions");
    let (image, out) = (dir.join("image"), dir.join("later").join("out"));
    small::mixed(&image);
    let start = || {
        let mut command = Session::command(capdump());
        command.args(["-0a", "-f"]).arg(&out).arg(&image);
        Session::start(command)
    };
    let mut session = start();
    session.expect(&format!("Cannot open output \"{}\".", out.display()), LIMIT);
    session.expect("Do you want to retry the open?", LIMIT);
    session.send("no");
    aborted(session);
    let mut session = start();
    session.expect("Do you want to retry the open?", LIMIT);
    fs::create_dir(dir.join("later")).unwrap();
    session.send("yes");
    done(session);
    decode_and_check(&[fs::read(out).unwrap()], &Rules::new(10)).unwrap();
}

#[test]
fn without_a_terminal_nothing_waits() {
    let dir = TempDir::new("capdump-questions");
    let (image, out) = (dir.join("image"), dir.join("out"));
    small::mixed(&image);
    let nowhere = dir.join("no/such/folder");
    for (output, limit, said) in [(&out, "60", "Mount volume #2"), (&nowhere, "6000", "Cannot open output")] {
        let mut command = without_tty(capdump());
        command.args(["-0", "-b", "2", "-B", limit, "-f"]).arg(output).arg(&image);
        let ran = run(&mut command, LIMIT);
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(ran.stderr.contains("fopen on /dev/tty fails: "), "{}", ran.stderr);
        assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
    }
}

/// A dump of 20 MiB to a FIFO of which nobody reads more than a part.
struct Held {
    session: Session,
    fifo: File,
    _dir: TempDir,
}

impl Held {
    fn start() -> Held {
        let dir = TempDir::new("capdump-questions");
        let (image, path) = (dir.join("image"), dir.join("fifo"));
        small::one_file(&image, 20 << 20);
        mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
        let mut command = Session::command(capdump());
        command.args(["-0a", "-f"]).arg(&path).arg(image);
        let mut session = Session::start(command);
        let mut fifo = fifo::reader(&path);
        session.expect("(Pass IV)", LIMIT);
        fifo.read_exact(&mut vec![0; 5 << 20]).unwrap();
        Held { session, fifo, _dir: dir }
    }

    /// The process that was started is the planner.
    fn signal(&self, signal: Signal) {
        procs::send(self.session.id(), signal);
    }

    fn read_on(mut self) -> String {
        let mut rest = Vec::new();
        self.fifo.read_to_end(&mut rest).unwrap();
        done(self.session)
    }
}

#[test]
fn an_interrupt_asks() {
    let mut held = Held::start();
    held.session.send_bytes(&[3]);
    held.session.expect("Interrupt received.", LIMIT);
    held.session.expect("Do you want to abort dump?", LIMIT);
    held.session.send("no");
    held.read_on();

    let mut held = Held::start();
    held.signal(Signal::SIGINT);
    held.session.expect("Do you want to abort dump?", LIMIT);
    held.session.send("yes");
    aborted(held.session);
}

#[test]
fn a_signal_asks_how_far_it_is() {
    let mut held = Held::start();
    held.signal(Signal::SIGUSR1);
    held.session.expect("% done, finished ", LIMIT);
    // One that comes sooner counts as the same request.
    std::thread::sleep(Duration::from_millis(300));
    held.signal(Signal::SIGUSR1);
    held.session.expect("% done, finished ", LIMIT);
    held.read_on();
}

#[test]
fn what_is_ignored_from_the_start_stays_so() {
    let dir = TempDir::new("capdump-questions");
    let (image, out) = (dir.join("image"), dir.join("out"));
    small::one_file(&image, 2 << 20);
    // A shell ignores these for the program, as nohup(1) and background jobs do, and sends them when it is well under way.
    let script = "trap '' HUP INT TERM; \"$@\" & sleep 0.2; kill -HUP $!; kill -INT $!; kill -TERM $!; \
                  cat \"$FIFO\" >\"$OUT\"; wait $!";
    let fifo = dir.join("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
    let mut command = without_tty(Path::new("/bin/sh"));
    command.args(["-c", script, "sh"]).arg(capdump()).args(["-0a", "-f"]).arg(&fifo).arg(image);
    command.env("FIFO", &fifo).env("OUT", &out);
    run(&mut command, LIMIT).ok();
    decode_and_check(&[fs::read(out).unwrap()], &Rules::new(10)).unwrap();
}

#[test]
fn the_operators_are_told() {
    let dir = TempDir::new("capdump-questions");
    let image = dir.join("image");
    small::mixed(&image);
    fs::create_dir(dir.join("bin")).unwrap();
    let wall = peer::script(&dir.join("bin/wall"), "text=$(cat); echo \"wall $*: $text\" >>\"$0.log\"");
    let log = || fs::read_to_string(wall.with_extension("log")).unwrap_or_default();
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Session::command(capdump());
    command.args(["-0n", "-b", "2", "-B", "60", "-f"]).arg(dir.join("out")).arg(&image).env("PATH", path);
    let mut session = Session::start(command);
    session.expect(READY, LIMIT);
    assert!(procs::until(LIMIT, || log().contains("CHANGE DUMP VOLUMES!")), "{}", log());
    fs::rename(dir.join("out"), dir.join("first")).unwrap();
    session.send("yes");
    done(session);
    let log = log();
    let begins = "wall -g operator: \x07\x07\x07Message from the dump program to all operators\n\n";
    assert_eq!(log.matches(begins).count(), 2, "{log:?}");
    assert!(log.contains("DUMP: NEEDS ATTENTION: Change Volumes: Mount volume #2\nCHANGE DUMP"), "{log:?}");
    assert!(log.contains("DUMP IS DONE!\x07\x07"), "{log:?}");
}

#[test]
fn a_reader_may_come_late_to_a_fifo() {
    let dir = TempDir::new("capdump-questions");
    let (image, path) = (dir.join("image"), dir.join("fifo"));
    small::mixed(&image);
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    let mut command = without_tty(capdump());
    command.args(["-0a", "-f"]).arg(&path).arg(image).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none());
    let mut stream = Vec::new();
    let mut fifo = fifo::reader(&path);
    fifo.read_to_end(&mut stream).unwrap();
    assert!(child.wait().unwrap().success());
    decode_and_check(&[stream], &Rules::new(10)).unwrap();
}
