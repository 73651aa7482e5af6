// SPDX-License-Identifier: BSD-2-Clause
//! The processes of a dump: sandboxed while it runs, all gone after it, and with it when one of them is killed.

#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use capdump_support::procs;
use capdump_support::program::{self, TempDir, run, without_tty};
use capdump_support::pty::Session;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(10);

fn image(dir: &TempDir) -> PathBuf {
    let path = dir.join("image");
    let g = Geometry::new(2, (32768, 4096), 2, 200, 32 << 20);
    let mut w = Writer::create(&path, &g, &Attrs::perm(0o755));
    let content = Content::full(30 << 20, g.bsize, Fill::Pattern(1));
    w.add(ROOT, b"file", &Attrs::default(), &What::File(content));
    w.finish();
    path
}

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// A dump to a pipe that nobody reads; it stands still when the pipe is full.
struct Held {
    child: Child,
    log: PathBuf,
    dir: TempDir,
}

impl Held {
    fn start() -> Held {
        let dir = TempDir::new("capdump-processes");
        let log = dir.join("err");
        let mut command = without_tty(capdump());
        command.args(["-0", "--workers", "3", "-f", "-"]).arg(image(&dir));
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        Held { child, log, dir }
    }

    fn messages(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the planner and its three workers are there and sandboxed (mode 2: by a filter); these four, the planner first.
    fn sandboxed(&self) -> Vec<u32> {
        let id = self.child.id();
        let filtered = |id: u32| procs::status(id, "Seccomp").as_deref() == Some("2");
        let ready = || {
            let others = procs::descendants(id);
            others.len() == 4 && others.into_iter().all(filtered)
        };
        let found = procs::until(LIMIT, ready);
        assert!(found, "{:?} of {id}: {}", procs::descendants(id), self.messages());
        assert!(procs::until(LIMIT, || self.messages().contains("(Pass IV)")));
        procs::descendants(id)
    }

    /// Everything goes within a second, without saying that the dump is done.
    fn all_go(mut self) -> (i32, String) {
        let id = self.child.id();
        let status = program::wait(&mut self.child, procs::GRACE).expect("the end");
        let gone = procs::ended(id);
        assert!(gone, "{:?} are left", procs::session(id));
        let messages = self.messages();
        assert!(!messages.contains("DUMP IS DONE"), "{messages}");
        assert!(self.dir.path().exists());
        (status.code().unwrap_or(-1), messages)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !procs::session(self.child.id()).is_empty() {
            procs::kill_group(self.child.id());
        }
    }
}

#[test]
fn all_are_gone_after_the_dump() {
    let dir = TempDir::new("capdump-processes");
    for workers in ["1", "3", "16"] {
        let mut command = without_tty(capdump());
        command.args(["-0a", "--workers", workers, "-f"]).arg(dir.join("out")).arg(image(&dir));
        let ran = run(&mut command, LIMIT).ok();
        assert!(procs::session(ran.id).is_empty());
    }
}

#[test]
fn all_but_the_monitor_are_sandboxed_while_it_runs() {
    let mut held = Held::start();
    let id = held.child.id();
    assert_eq!(held.sandboxed().len(), 4);
    for process in procs::descendants(id) {
        assert_eq!(procs::status(process, "NoNewPrivs").as_deref(), Some("1"));
    }
    // The one that was started has not opened the disk; its children have.
    let disk = held.dir.join("image");
    let holds = |id: u32| {
        let fds = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().flatten();
        fds.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|path| path == disk)
    };
    assert!(!holds(id));
    // Others may not be looked into, but by root.
    if program::is_root() {
        assert!(procs::descendants(id).into_iter().all(holds));
    }
    // Read on, and the dump comes to its end.
    let mut stream = Vec::new();
    held.child.stdout.take().unwrap().read_to_end(&mut stream).unwrap();
    let status = program::wait(&mut held.child, LIMIT).unwrap();
    assert!(status.success() && stream.len() > 30 << 20, "{}", held.messages());
    assert!(held.messages().contains("DUMP IS DONE"));
    assert!(procs::ended(id));
}

#[test]
fn a_killed_planner_or_worker_ends_the_dump() {
    for n in 0..4 {
        let held = Held::start();
        let others = held.sandboxed();
        procs::send(others[n], Signal::SIGKILL);
        let (code, messages) = held.all_go();
        assert_eq!(code, 3, "{messages}");
        assert!(messages.contains("killed by signal 9") || messages.contains("is gone"), "{messages}");
        assert!(messages.contains("aborted"), "{messages}");
    }
}

/// A stopped planner cannot say that it ends: it is killed, and the monitor says it.
#[test]
fn a_stopped_planner_is_killed_at_the_end() {
    let held = Held::start();
    procs::send(held.sandboxed()[0], Signal::SIGSTOP);
    procs::send(held.child.id(), Signal::SIGTERM);
    let (code, messages) = held.all_go();
    assert_eq!(code, 3, "{messages}");
    assert!(messages.contains("aborted"), "{messages}");
}

#[test]
fn a_killed_monitor_takes_all_along() {
    let held = Held::start();
    held.sandboxed();
    procs::send(held.child.id(), Signal::SIGKILL);
    assert_eq!(held.all_go().0, -1);
}

/// The terminal is closed, as when a connection breaks: SIGHUP ends the dump and what it runs.
#[test]
fn a_terminal_that_is_closed_ends_the_dump() {
    let dir = TempDir::new("capdump-processes");
    let mut command = Session::command(capdump());
    command.args(["-0a", "-P", "setsid sleep 100 | sleep 100; sleep 100"]).arg(image(&dir));
    command.env("TMPDIR", dir.path());
    let tag = format!("TMPDIR={}", dir.path().display());
    let session = Session::start(command);
    let id = session.id();
    // A user may not look into the dump's own, which stay in the session; setsid(1) leaves it.
    let left = || {
        let both = procs::session(id).into_iter().chain(procs::with_environment(&tag));
        both.collect::<HashSet<u32>>()
    };
    // The supervisor, the runner, three of the command, the planner and its workers.
    assert!(procs::until(LIMIT, || left().len() >= 7));
    drop(session);
    let gone = procs::until(LIMIT, || left().is_empty());
    assert!(gone, "{:?} are left", left());
}

/// The fallbacks for what a kernel lacks are within our own lists of system calls.
#[test]
fn a_dump_on_an_old_kernel() {
    let dir = TempDir::new("capdump-processes");
    let mut command = program::on_an_old_kernel(capdump());
    command.args(["-0a", "-P", "cat >/dev/null"]).arg(image(&dir));
    let ran = run(&mut command, LIMIT).ok();
    assert!(ran.stderr.contains("the sandbox is not whole: the kernel has no Landlock"), "{}", ran.stderr);
}

/// As bash(1) leaves the process of `>(…)` when it becomes the program: what the dump is written to may end later than the dump.
#[test]
fn children_of_the_caller_are_left_alone() {
    let dir = TempDir::new("capdump-processes");
    let script =
        "mkfifo fifo; { cat <fifo >copy; sleep 1; echo whole >said; } & exec \"$0\" -0a -f fifo image";
    let mut command = without_tty(Path::new("sh"));
    command.args(["-c", script]).arg(capdump()).current_dir(dir.path());
    image(&dir);
    run(&mut command, LIMIT).ok();
    let said = || std::fs::read_to_string(dir.join("said")).unwrap_or_default();
    assert!(procs::until(LIMIT, || said() == "whole\n"), "{:?}", said());
    assert!(std::fs::metadata(dir.join("copy")).unwrap().len() > 30 << 20);
}

#[test]
fn a_reader_that_goes_away_ends_the_dump() {
    let mut held = Held::start();
    held.sandboxed();
    drop(held.child.stdout.take());
    let (code, messages) = held.all_go();
    assert_eq!(code, 3, "{messages}");
}
