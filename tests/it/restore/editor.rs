// SPDX-License-Identifier: BSD-2-Clause
//! The line editor of `-i` at a terminal: completion, history, interrupts, and the questions that follow a command.

use std::fs;
use std::path::Path;
use std::time::Duration;

use capdump_support::caprestore::Place;
use capdump_support::pty::Session;
use capdump_support::stream_writer::Stream;

const LIMIT: Duration = Duration::from_secs(30);

fn start(place: &Place, terminal: &str) -> Session {
    let mut stream = Stream::new();
    stream.directory(
        2,
        2,
        &[(b"dir", 3, 4), (b"evident", 5, 8), (b"evil\x1b[2J\x07", 6, 8), (b"ev il", 7, 8)],
    );
    stream.directory(3, 2, &[(b"below", 8, 8), (b"beside", 9, 8)]);
    for ino in 5..=9 {
        stream.file(ino, b"data");
    }
    fs::write(place.join("dump"), stream.bytes()).unwrap();
    fs::create_dir(place.join("into")).unwrap();
    let mut command = Session::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
    command.arg("-if").arg(place.join("dump")).env("TERM", terminal).current_dir(place.join("into"));
    Session::start(command)
}

#[test]
fn words_are_completed() {
    let place = Place::new();
    let mut session = start(&place, "xterm");
    session.expect("restore > ", LIMIT);
    session.send_bytes(b"cd di\t\r");
    session.expect("cd dir/", LIMIT);
    session.send_bytes(b"pw\t\r");
    session.expect("/dir\n", LIMIT);
    // One that could not be typed, or would do something to the terminal, is not offered.
    session.send_bytes(b"add ../ev\t\r");
    session.expect("../evident", LIMIT);
    session.send_bytes(b"add be\tl\t\r");
    session.expect("add below", LIMIT);
    // The command before that, again; then an interrupt, which takes back what was typed.
    session.send_bytes(b"\x1b[A\x1b[A");
    session.expect("add ../evident", LIMIT);
    session.send_bytes(b"\x03");
    session.expect("restore > ", LIMIT);
    session.send_bytes(b"extract\r");
    session.expect("Specify next volume #: ", LIMIT);
    session.send_bytes(b"1\r");
    session.expect("set owner/mode for '.'? [yn] ", LIMIT);
    session.send_bytes(b"n\r");
    session.expect("restore > ", LIMIT);
    session.send_bytes(b"\x04");
    let (status, shown) = session.finish(LIMIT);
    assert!(status.is_some_and(|status| status.success()), "{shown}");
    assert!(!shown.contains("\x1b[2J"), "{shown:?}");
    let names = |path: &str| fs::read_dir(place.join(path)).unwrap().count();
    assert_eq!((names("into"), names("into/dir")), (2, 1));
}

#[test]
fn a_dumb_terminal_has_plain_lines() {
    let place = Place::new();
    let mut session = start(&place, "dumb");
    session.expect("restore > ", LIMIT);
    session.send("cd di\t");
    session.expect("no such file or directory", LIMIT);
    session.send("quit");
    let (status, shown) = session.finish(LIMIT);
    assert!(status.is_some_and(|status| status.success()) && !shown.contains('\x1b'), "{shown:?}");
}
