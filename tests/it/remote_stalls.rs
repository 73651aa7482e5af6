// SPDX-License-Identifier: BSD-2-Clause
//! Remote tapes that flood, do not read or do not answer; and interrupts while the dump waits for others.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use capdump_support::peer::{self, Answer, Fault, Peer};
use capdump_support::program::{Ran, TempDir, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{procs, small};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const LIMIT: Duration = Duration::from_secs(20);
/// How soon a dump has to be over or to ask.
const SOON: Duration = Duration::from_secs(8);
const WAIT: &str = "Do you want to wait for the remote tape?";
const ABORT: &str = "Do you want to abort dump?";
const SILENT: &str = "  DUMP: the remote tape does not answer (waited ";

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// The arguments for a dump of 4 MiB, more than a socket holds, to a remote tape.
fn to_tape(command: &mut Command, dir: &TempDir, shell: &Path) {
    small::one_file(&dir.join("image"), 4 << 20);
    command.args(["-0a", "-f", "tapes:tape", "image"]).current_dir(dir.path()).env("RSH", shell);
}

/// Makes a dump ask after 0.3 s. Only a program with debug assertions can.
fn impatient(command: &mut Command) -> bool {
    command.env("CAPDUMP_TEST_PATIENCE", "300");
    if !cfg!(debug_assertions) {
        skipped("the program without debug assertions waits 15 minutes for a remote tape");
    }
    cfg!(debug_assertions)
}

fn assert_aborted(ran: &Ran, said: &[&str]) {
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    for said in said.iter().chain(&["The ENTIRE dump is aborted."]) {
        assert!(ran.stderr.contains(said), "{said} in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    assert!(ran.took < SOON, "{:?}", ran.took);
    assert!(procs::ended(ran.id), "{:?} are left: {}", procs::session(ran.id), ran.stderr);
}

fn aborted(session: Session) -> String {
    let id = session.id();
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|status| status.code()), Some(3), "{shown}");
    assert!(shown.contains("The ENTIRE dump is aborted.") && !shown.contains("DUMP IS DONE"), "{shown}");
    assert!(procs::ended(id), "{:?} are left: {shown}", procs::session(id));
    shown
}

#[test]
fn a_flood_is_a_protocol_error() {
    for (fault, said) in [
        (Fault::FloodsAtOnce, "Cannot open output \"tape\"."),
        (Fault::FloodsOnceOpen, "write error "),
        (Fault::EndlessLine, "write error "),
    ] {
        let dir = TempDir::new("capdump-stalls");
        let mut command = without_tty(capdump());
        to_tape(&mut command, &dir, &fault.shell(dir.path()));
        let ran = run(&mut command, LIMIT);
        assert_aborted(&ran, &[said, "Protocol error"]);
    }
}

#[test]
fn a_tape_that_does_not_answer_ends_a_dump_that_cannot_ask() {
    let stays = [Fault::Refuses, Fault::Stays];
    for fault in [Fault::IsSilent, Fault::StopsReading, Fault::StopsAnswering].into_iter().chain(stays) {
        let dir = TempDir::new("capdump-stalls");
        let mut command = without_tty(capdump());
        to_tape(&mut command, &dir, &fault.shell(dir.path()));
        if !impatient(&mut command) {
            return;
        }
        let not_asked = format!("{WAIT} (no terminal: not asked, taken as \"no\")");
        assert_aborted(&run(&mut command, LIMIT), &[SILENT, &not_asked]);
    }
    let dir = TempDir::new("capdump-stalls");
    let mut command = Session::command(capdump());
    command.arg("--batch");
    to_tape(&mut command, &dir, &Fault::StopsReading.shell(dir.path()));
    impatient(&mut command);
    let shown = aborted(Session::start(command));
    assert!(shown.contains(SILENT), "{shown}");
    assert!(shown.contains(&format!("{WAIT} (--batch: not asked, taken as \"no\")")), "{shown}");
}

#[test]
fn a_tape_that_does_not_answer_is_waited_for_if_the_operator_says_so() {
    for fault in [Fault::IsSilent, Fault::StopsReading, Fault::StopsAnswering] {
        let dir = TempDir::new("capdump-stalls");
        let mut command = Session::command(capdump());
        to_tape(&mut command, &dir, &fault.shell(dir.path()));
        if !impatient(&mut command) {
            return;
        }
        let mut session = Session::start(command);
        for answer in ["yes", "yes", "no"] {
            session.expect(SILENT, SOON);
            session.expect(WAIT, SOON);
            session.send(answer);
        }
        aborted(session);
    }
}

#[test]
fn a_slow_tape_gets_the_dump() {
    let dir = TempDir::new("capdump-stalls");
    let mut writes = 0;
    let peer = Peer::new(dir.path(), 0, move |command| {
        writes += u32::from(matches!(command, peer::Command::Write(_)));
        if writes == 5 {
            std::thread::sleep(Duration::from_secs(1));
        }
        Answer::Done
    });
    let mut command = Session::command(capdump());
    to_tape(&mut command, &dir, &peer.shell);
    if !impatient(&mut command) {
        return;
    }
    let mut session = Session::start(command);
    session.expect(WAIT, SOON);
    session.send("yes");
    while session.expect_any(&[WAIT, "DUMP IS DONE"], LIMIT) == 0 {
        session.send("yes");
    }
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{shown}");
}

/// Interrupts a dump that waits, goes on, interrupts it again, and aborts it.
fn interrupt(mut session: Session) {
    for answer in ["no", "yes"] {
        // What comes just after an answer is taken to have come before it.
        std::thread::sleep(Duration::from_millis(400));
        procs::send(session.id(), Signal::SIGINT);
        session.expect("Interrupt received.", SOON);
        session.expect(ABORT, SOON);
        session.send(answer);
    }
    aborted(session);
}

#[test]
fn an_interrupt_asks_while_a_remote_tape_does_not_answer() {
    for fault in [Fault::IsSilent, Fault::StopsReading, Fault::StopsAnswering] {
        let dir = TempDir::new("capdump-stalls");
        let mut command = Session::command(capdump());
        to_tape(&mut command, &dir, &fault.shell(dir.path()));
        let mut session = Session::start(command);
        session.expect(if matches!(fault, Fault::IsSilent) { "estimated " } else { "(Pass IV)" }, SOON);
        interrupt(session);
    }
}

#[test]
fn an_interrupt_asks_while_a_tape_is_closed() {
    let dir = TempDir::new("capdump-stalls");
    let peer = Peer::new(dir.path(), 0, |command| match command {
        peer::Command::Close => Answer::Says(Vec::new()),
        _ => Answer::Done,
    });
    let mut command = Session::command(capdump());
    to_tape(&mut command, &dir, &peer.shell);
    let mut session = Session::start(command);
    session.expect("DUMP: finished in ", SOON);
    interrupt(session);
}

#[test]
fn an_interrupt_asks_while_a_fifo_has_no_reader() {
    let dir = TempDir::new("capdump-stalls");
    small::mixed(&dir.join("image"));
    mkfifo(&dir.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    let mut command = Session::command(capdump());
    command.args(["-0a", "-f", "fifo", "image"]).current_dir(dir.path());
    let mut session = Session::start(command);
    session.expect("estimated ", SOON);
    interrupt(session);
}

#[test]
fn an_interrupt_asks_while_a_command_does_not_end() {
    let dir = TempDir::new("capdump-stalls");
    small::mixed(&dir.join("image"));
    let mut command = Session::command(capdump());
    command.args(["-0a", "-P", "cat >/dev/null; sleep 60", "image"]).current_dir(dir.path());
    let mut session = Session::start(command);
    session.expect("DUMP: finished in ", SOON);
    interrupt(session);
}

#[test]
fn a_signal_that_ends_a_dump_does_so_while_it_waits() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        for fault in [Fault::IsSilent, Fault::StopsReading] {
            let dir = TempDir::new("capdump-stalls");
            let mut command = Session::command(capdump());
            to_tape(&mut command, &dir, &fault.shell(dir.path()));
            let mut session = Session::start(command);
            session.expect("estimated ", SOON);
            std::thread::sleep(Duration::from_millis(200));
            procs::send(session.id(), Signal::SIGINT);
            session.expect(ABORT, SOON);
            procs::send(session.id(), signal);
            aborted(session);
        }
    }
}
