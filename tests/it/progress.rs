// SPDX-License-Identifier: BSD-2-Clause
//! How progress is shown: the bar on a terminal, beside messages and questions; lines of JSON; or nothing.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use capdump_support::fuse::{Faults, Pace, Served, available};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::{fifo, procs, small};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);
const CLEAR: &str = "\r\u{1b}[2K";

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// At a terminal that can move its cursor.
fn session(dir: &TempDir, options: &[&str]) -> Session {
    let mut command: Command = Session::command(capdump());
    command.env("TERM", "vt100").args(options).arg("image").current_dir(dir.path());
    Session::start(command)
}

/// A dump of 20 MiB to a FIFO of which a part is read.
fn held(dir: &TempDir, options: &[&str]) -> (Session, File) {
    small::one_file(&dir.join("image"), 20 << 20);
    mkfifo(&dir.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    let session = session(dir, &[&["-0a", "-f", "fifo"], options].concat());
    let mut fifo = fifo::reader(&dir.join("fifo"));
    fifo.read_exact(&mut vec![0; 8 << 20]).unwrap();
    (session, fifo)
}

fn read_on(session: Session, mut fifo: File) -> String {
    fifo.read_to_end(&mut Vec::new()).unwrap();
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    shown
}

#[test]
fn a_terminal_has_a_bar_and_messages_are_whole() {
    let dir = TempDir::new("capdump-progress");
    let (mut session, fifo) = held(&dir, &[]);
    session.expect("  pass 1 mapping regular files", LIMIT);
    session.expect("  pass 4, volume 1 [", LIMIT);
    session.expect(" ETA ", LIMIT);
    procs::send(session.id(), Signal::SIGUSR1);
    session.expect("% done, finished in ", LIMIT);
    let shown = read_on(session, fifo);
    // What stays on the screen: a line that was cleared is gone.
    let lines: Vec<&str> = shown.lines().map(|line| line.rsplit(CLEAR).next().unwrap()).collect();
    for line in &lines {
        assert!(line.starts_with("  DUMP: ") || line.is_empty(), "{line:?} in {shown:?}");
    }
    for said in ["  DUMP: mapping (Pass I) [regular files]", "  DUMP: Closing fifo", "  DUMP: DUMP IS DONE"] {
        assert!(lines.contains(&said), "{said} in {lines:#?}");
    }
    assert!(shown.ends_with(CLEAR), "the bar is gone: {shown:?}");
}

#[test]
fn a_question_has_the_terminal_for_itself() {
    let dir = TempDir::new("capdump-progress");
    small::mixed(&dir.join("image"));
    let mut session = session(&dir, &["-0", "-b", "2", "-B", "60", "-f", "out"]);
    session.expect("ready to go?: (\"yes\" or \"no\") ", LIMIT);
    let asked = session.shown.len();
    session.send("what");
    session.expect("\"Yes\" or \"No\"?", LIMIT);
    session.expect("ready to go?: (\"yes\" or \"no\") ", LIMIT);
    assert!(!session.shown[asked..].contains('\u{1b}'), "{:?}", &session.shown[asked..]);
    fs::rename(dir.join("out"), dir.join("one")).unwrap();
    session.send("yes");
    session.expect("pass 4, volume 2 [", LIMIT);
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(shown.contains("Volume 2 begins with blocks from inode"), "{shown}");
}

#[test]
fn a_bar_is_drawn_only_where_it_can_be() {
    let dir = TempDir::new("capdump-progress");
    small::mixed(&dir.join("image"));
    for (term, options, bar) in [
        ("vt100", &["-0a", "-f", "out"][..], true),
        ("dumb", &["-0a", "-f", "out"], false),
        ("vt100", &["-0a", "-f", "out", "--progress", "plain"], false),
        ("vt100", &["-0a", "-f", "out", "--progress", "none"], false),
        ("dumb", &["-0a", "-f", "out", "--progress", "bar"], true),
    ] {
        let mut command: Command = Session::command(capdump());
        command.env("TERM", term).args(options).arg("image").current_dir(dir.path());
        let (status, shown) = Session::start(command).finish(LIMIT);
        assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
        assert_eq!(shown.contains('\u{1b}'), bar, "{term} {options:?}: {shown:?}");
    }
    let mut command = without_tty(capdump());
    command
        .env("TERM", "vt100")
        .args(["-0a", "-f", "out", "--progress", "bar", "image"])
        .current_dir(dir.path());
    let ran = run(&mut command, LIMIT).ok();
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

/// Runs with descriptor 3 open on the file `lines`.
fn json(dir: &TempDir, options: &[&str]) -> (Ran, Vec<Value>) {
    let mut command = without_tty(Path::new("/bin/sh"));
    command.args(["-c", "exec \"$@\" 3>lines", "sh"]).arg(capdump());
    command.args(["--progress", "json", "--progress-fd", "3"]).args(options).arg("image");
    let ran = run(command.current_dir(dir.path()), LIMIT);
    let lines = fs::read_to_string(dir.join("lines")).unwrap();
    (ran, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The fields of each event beside `event` and `time`, as the manual page has them.
const SCHEMA: [(&str, &str); 11] = [
    ("answer", "yes"),
    ("done", "blocks seconds volumes"),
    ("end", "status"),
    ("estimate", "blocks tapes"),
    ("lost", "things"),
    ("pass", "pass"),
    ("progress", "blocks estimate left pass volume"),
    ("question", "text"),
    ("start", "base date disk level output version"),
    ("verify", "bytes left total volume"),
    ("volume", "output volume"),
];

fn check(lines: &[Value]) -> Vec<&str> {
    let schema = BTreeMap::from(SCHEMA);
    let mut events = Vec::new();
    for line in lines {
        let mut fields: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        fields.retain(|field| !["event", "time"].contains(field));
        let event = line["event"].as_str().unwrap();
        assert_eq!(fields.join(" "), schema[event], "{line}");
        assert!(line["time"].as_i64().unwrap() > 1_700_000_000, "{line}");
        events.push(event);
    }
    events
}

#[test]
fn json_tells_the_course_of_a_dump() {
    let dir = TempDir::new("capdump-progress");
    small::mixed(&dir.join("image"));
    let (ran, lines) = json(&dir, &["-0", "-b", "2", "-B", "60", "-f", "one,two"]);
    let ran = ran.ok();
    let mut events = check(&lines);
    assert!(events.contains(&"progress"));
    events.retain(|&event| event != "progress");
    let want = ["start", "pass", "pass", "estimate", "volume", "pass", "pass", "volume", "done", "end"];
    assert_eq!(events, want);
    let passes: Vec<i64> =
        lines.iter().filter(|l| l["event"] == "pass").map(|l| l["pass"].as_i64().unwrap()).collect();
    assert_eq!(passes, [1, 2, 3, 4]);
    let find = |event: &str| lines.iter().rfind(|line| line["event"] == event).unwrap();
    assert_eq!((&find("volume")["output"], &find("volume")["volume"]), (&"two".into(), &2.into()));
    assert_eq!(find("start")["disk"], "image");
    assert_eq!(find("end")["status"], 0);
    let blocks = find("done")["blocks"].as_i64().unwrap();
    assert!(ran.stderr.contains(&format!("DUMP: {blocks} tape blocks on 2 volumes")), "{}", ran.stderr);
    assert!(!ran.stderr.contains("% done"), "{}", ran.stderr);
    assert!(ran.stderr.lines().all(|line| line.starts_with("  DUMP: ")), "{}", ran.stderr);
}

#[test]
fn json_has_what_is_read_back() {
    let dir = TempDir::new("capdump-progress");
    small::one_file(&dir.join("image"), 7 << 20);
    let options = ["-0", "-B", "4000", "--verify", "-f", "one,two"];
    let (ran, lines) = json(&dir, &options);
    let ran = ran.ok();
    check(&lines);
    for (volume, file) in [(1, "one"), (2, "two")] {
        let of_volume = |line: &&Value| line["event"] == "verify" && line["volume"] == volume;
        let first = lines.iter().find(of_volume).unwrap();
        let length = fs::metadata(dir.join(file)).unwrap().len();
        assert_eq!((&first["bytes"], &first["left"]), (&0.into(), &Value::Null));
        assert_eq!(first["total"], length);
    }
    assert!(!ran.stderr.contains("verifying volume 1:"), "printed on request only: {}", ran.stderr);
}

#[test]
fn json_tells_of_questions_and_of_the_end() {
    let dir = TempDir::new("capdump-progress");
    small::mixed(&dir.join("image"));
    let (ran, lines) = json(&dir, &["-0", "-b", "2", "-B", "60", "-f", "out"]);
    assert_eq!(ran.code(), 3);
    let events = check(&lines);
    assert_eq!(events[events.len() - 2..], ["question", "end"]);
    assert_eq!(lines[lines.len() - 1]["status"], 3);
}

#[test]
fn a_descriptor_that_is_not_open_is_refused() {
    let dir = TempDir::new("capdump-progress");
    small::mixed(&dir.join("image"));
    let mut command = without_tty(capdump());
    command.args(["-0a", "-f", "out", "--progress", "json", "--progress-fd", "77", "image"]);
    let ran = run(command.current_dir(dir.path()), LIMIT);
    assert_eq!((ran.code(), &*ran.stderr), (1, "capdump: progress to descriptor 77: Bad file descriptor\n"));
}

/// Starts a dump with `--verify` to a file that is read slowly.
fn read_back(dir: &TempDir, options: &[&str]) -> (Session, Served) {
    small::one_file(&dir.join("image"), 20 << 20);
    fs::write(dir.join("backing"), b"").unwrap();
    let pace = Pace { latency: Duration::from_millis(20), ..Pace::default() };
    let served = Served::paced(&dir.join("mnt"), &dir.join("backing"), Faults::default(), pace);
    let session = session(dir, &[&["-0a", "--verify", "-f", "mnt/file"], options].concat());
    (session, served)
}

/// Waits until a part of the dump was read back.
fn wait_for_reads(served: &Served) {
    let end = Instant::now() + LIMIT;
    while served.log.lock().unwrap().reads.len() < 10 {
        assert!(Instant::now() < end, "nothing is read back");
        sleep(Duration::from_millis(5));
    }
}

const LINE: &str = "  DUMP: verifying volume 1: ";

#[test]
fn the_reading_back_has_a_bar_a_line_on_request_and_a_title() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-progress");
    let (mut session, served) = read_back(&dir, &[]);
    session.expect("  verifying volume 1 [", LIMIT);
    wait_for_reads(&served);
    procs::send(session.id(), Signal::SIGUSR1);
    session.expect(LINE, LIMIT);
    session.expect("% done, finished in 0:0", LIMIT);
    session.expect("  verifying volume 1 [", LIMIT);
    let titles: Vec<String> = procs::descendants(session.id())
        .into_iter()
        .filter_map(|id| fs::read_to_string(format!("/proc/{id}/comm")).ok())
        .collect();
    assert!(titles.iter().any(|title| title == "image: verifyin\n"), "{titles:?}");
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(shown.contains("  DUMP: verified 1 volume\n"), "{shown}");
    assert!(shown.ends_with(CLEAR), "the bar is gone: {shown:?}");
}

#[test]
fn the_reading_back_prints_nothing_more_until_it_is_requested() {
    if !available() {
        return;
    }
    let dir = TempDir::new("capdump-progress");
    let (session, served) = read_back(&dir, &["--progress", "plain"]);
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
    assert!(!shown.contains(LINE), "{shown}");
    drop(served);
    for style in ["plain", "none"] {
        let (mut session, served) = read_back(&dir, &["--progress", style]);
        wait_for_reads(&served);
        procs::send(session.id(), Signal::SIGUSR1);
        session.expect(LINE, LIMIT);
        let (status, shown) = session.finish(LIMIT);
        assert_eq!(status.and_then(|s| s.code()), Some(0), "{shown}");
        assert_eq!(shown.matches(LINE).count(), 1, "{shown}");
    }
}

#[test]
fn nothing_says_nothing_until_it_is_asked() {
    let dir = TempDir::new("capdump-progress");
    let (mut session, fifo) = held(&dir, &["--progress", "none"]);
    procs::send(session.id(), Signal::SIGUSR1);
    session.expect("% done, finished in ", LIMIT);
    read_on(session, fifo);
}

/// A terminal sends SIGINFO to all processes of a job.
#[test]
fn a_request_to_all_processes_is_answered_once() {
    let dir = TempDir::new("capdump-progress");
    let (mut session, fifo) = held(&dir, &["--progress", "plain"]);
    let others = procs::descendants(session.id());
    procs::send(session.id(), Signal::SIGUSR1);
    sleep(Duration::from_millis(20));
    others.into_iter().for_each(|id| procs::send(id, Signal::SIGUSR1));
    session.expect("% done, finished in ", LIMIT);
    let shown = read_on(session, fifo);
    assert_eq!(shown.matches("% done, finished in ").count(), 1, "{shown}");
}
