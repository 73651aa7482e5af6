// SPDX-License-Identifier: BSD-2-Clause
//! The runners: a terminal, processes, makefs and a listing of a tree.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use capdump_support::directory;
use capdump_support::listing::differences;
use capdump_support::program::{TempDir, run, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::{procs, tree};

const LIMIT: Duration = Duration::from_secs(10);

fn shell(script: &str) -> std::process::Command {
    let mut command = without_tty(Path::new("sh"));
    command.args(["-c", script]);
    command
}

#[test]
fn a_program_has_no_terminal_and_its_output_is_kept() {
    let ran = run(&mut shell("echo out; (: </dev/tty) || echo none >&2; exit 3"), LIMIT);
    assert_eq!((ran.code(), ran.stdout.as_slice()), (3, b"out\n".as_slice()));
    assert!(ran.stderr.ends_with("none\n"), "{}", ran.stderr);
}

#[test]
fn a_question_at_the_terminal_is_answered() {
    let mut command = Session::command(Path::new("sh"));
    command.args(["-c", "printf 'go on? ' >/dev/tty; read a </dev/tty; echo got $a; exit 4"]);
    let mut session = Session::start(command);
    session.expect("go on? ", LIMIT);
    session.send("yes");
    session.expect("got yes", LIMIT);
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.unwrap().code(), Some(4), "{shown}");
}

/// Runs one test of this program again, by a shell that first runs `before`; `inner` is for that test to see.
fn again(test: &str, before: &str, inner: &Path) {
    let mut command = shell(&format!("{before}; exec \"$0\" --exact {test} --nocapture"));
    command.arg(std::env::current_exe().unwrap()).env("CAPDUMP_SUPPORT_INNER", inner);
    let ran = run(&mut command, LIMIT * 6).ok();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "{ran:?}");
}

#[test]
fn a_program_ignores_no_signal_that_the_tests_ignore() {
    if std::env::var_os("CAPDUMP_SUPPORT_INNER").is_none() {
        return again(
            "a_program_ignores_no_signal_that_the_tests_ignore",
            "trap '' HUP INT QUIT TERM",
            Path::new("/"),
        );
    }
    for signal in ["HUP", "INT", "QUIT", "TERM"] {
        // Sent to sleep(1): FreeBSD's sh(1) catches SIGQUIT, and stays.
        let script = |seconds: &str| {
            format!("(while kill -{signal} $$; do sleep 0.05; done) >/dev/null 2>&1 & exec sleep {seconds}")
        };
        let plain = std::process::Command::new("sh").args(["-c", &script("0.5")]).status().unwrap();
        assert!(plain.success(), "{signal} is to be ignored here");
        let ran = run(&mut shell(&script("9")), LIMIT);
        assert!(ran.code() > 128, "{signal}: {ran:?}");
        let mut command = Session::command(Path::new("sh"));
        command.args(["-c", &script("9")]);
        let (status, shown) = Session::start(command).finish(LIMIT);
        assert!(status.unwrap().code().is_none(), "{signal}: {shown}");
    }
}

#[test]
fn what_is_skipped_is_listed() {
    let name = "what_is_skipped_is_listed";
    if std::env::var_os("CAPDUMP_SUPPORT_INNER").is_some() {
        skipped("one reason");
        return skipped("another");
    }
    let dir = TempDir::new("capdump-skipped");
    let list = dir.join("list");
    again(name, &format!("CAPDUMP_SKIPPED='{}'; export CAPDUMP_SKIPPED", list.display()), &list);
    let listed = std::fs::read_to_string(list).unwrap();
    assert_eq!(listed, format!("programs::{name}\tone reason\nprograms::{name}\tanother\n"));
}

#[test]
fn children_are_found_and_ended() {
    let mut child = shell("sleep 100 & sleep 100 & wait").spawn().unwrap();
    assert!(procs::until(LIMIT, || procs::descendants(child.id()).len() == 2));
    assert_eq!(procs::session(child.id()).len(), 3);
    if cfg!(target_os = "linux") {
        assert_eq!(procs::status(child.id(), "Seccomp").as_deref(), Some("0"));
    }
    procs::kill_group(child.id());
    child.wait().unwrap();
    assert!(procs::until(LIMIT, || procs::session(child.id()).is_empty()));
}

#[test]
fn a_tree_differs_from_one_with_another_byte() {
    let dir = TempDir::new("capdump-tree");
    let (one, two) = (dir.join("one"), dir.join("two"));
    for top in [&one, &two] {
        tree::mixed(top);
    }
    let list = |top: &Path| {
        let mut listing = tree::listing(top, &[]);
        listing.values_mut().for_each(|e| e.mtime = None);
        listing
    };
    let first = list(&one);
    assert!(first.len() > 250);
    assert_eq!(differences(&first, &list(&two)), [""; 0]);
    tree::file(&two.join("deep/level0/file"), b"changed");
    assert_eq!(differences(&first, &list(&two)).len(), 2);
}

#[test]
fn a_directory_is_read_as_it_was_built() {
    let mut builder = directory::Builder::new(false);
    let names: Vec<Vec<u8>> = (1..=255).map(|n| vec![b'n'; n]).collect();
    for (ino, name) in (1..).zip(&names) {
        builder.add(name, ino, 8);
    }
    let bytes = builder.finish();
    assert_eq!(bytes.len() % 512, 0);
    let read = directory::entries(&bytes).unwrap();
    assert_eq!(read, names.into_iter().zip(1..).collect::<Vec<_>>());
    let mut short = bytes;
    short[4] = 4;
    assert!(directory::entries(&short).is_err());
}
