// SPDX-License-Identifier: BSD-2-Clause
//! Each row of SECURITY.md's table of processes, compared with what runs: parent, sandbox, who holds the disk, who holds the terminal.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::program::{self, TempDir, skipped, without_tty};
use capdump_support::pty::Session;
use capdump_support::small;
use capdump_support::{fifo, procs};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// The cells of the table's rows.
fn rows() -> Vec<Vec<String>> {
    let text = include_str!("../../SECURITY.md");
    let start = text.find("| process | parent | sandbox |").expect("the table");
    let lines = text[start..].lines().take_while(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Whether the row that begins with `process` says that it is sandboxed.
fn is_sandboxed_by_the_table(process: &str) -> bool {
    let row = rows().into_iter().find(|row| row[1].starts_with(process));
    row.unwrap_or_else(|| panic!("no row for {process}"))[3] == "yes"
}

fn is_sandboxed(id: u32) -> bool {
    procs::status(id, "Seccomp").as_deref() == Some("2")
}

fn parent(id: u32) -> u32 {
    procs::status(id, "PPid").and_then(|parent| parent.parse().ok()).unwrap_or(0)
}

fn children(id: u32) -> Vec<u32> {
    procs::descendants(id).into_iter().filter(|&child| parent(child) == id).collect()
}

fn is_capdump(id: u32) -> bool {
    std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|program| program == capdump())
}

/// What a process holds open.
fn held(id: u32) -> Vec<PathBuf> {
    let fds = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().flatten();
    fds.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect()
}

#[test]
fn a_dump_with_a_command_and_a_terminal() {
    if !program::is_root() {
        return skipped("looking into sandboxed processes needs root");
    }
    assert_eq!(rows().len(), 5, "a row without a test");
    let dir = TempDir::new("capdump-process-table");
    let image = dir.join("image");
    small::one_file(&image, 30 << 20);
    // The command reads nothing, so that the dump stands still when its pipe is full.
    let mut command = Session::command(capdump());
    command.args(["-0a", "--workers", "3", "-P", "exec sleep 60"]).arg(&image);
    let session = Session::start(command);
    let monitor = session.id();
    // monitor: planner, supervisor; planner: 3 workers; supervisor: command runner: sleep
    let whole = procs::until(LIMIT, || {
        let all = procs::descendants(monitor);
        all.len() == 7 && all.iter().filter(|&&id| is_sandboxed(id)).count() == 4
    });
    assert!(whole, "{:?}", procs::descendants(monitor));
    let (sandboxed, outside): (Vec<u32>, Vec<u32>) =
        children(monitor).into_iter().partition(|&id| is_sandboxed(id));
    let ([planner], [supervisor]) = (&sandboxed[..], &outside[..]) else {
        panic!("children of the monitor: {sandboxed:?}, {outside:?}");
    };
    let workers = children(*planner);
    assert_eq!(workers.len(), 3);
    // A worker that was just forked closes what it does not need.
    let has_terminal = |id: u32| held(id).iter().any(|path| path.starts_with("/dev/pts"));
    procs::until(LIMIT, || !workers.iter().any(|&id| has_terminal(id)));
    let runners = children(*supervisor);
    let [runner] = runners[..] else { panic!("children of the supervisor: {runners:?}") };
    let programs = children(runner);
    assert!(programs.len() == 1 && !is_capdump(programs[0]), "{programs:?}");

    for (process, ids) in [
        ("monitor", &[monitor][..]),
        ("planner", &[*planner]),
        ("worker", &workers),
        ("supervisor, command runner", &[*supervisor, runner]),
    ] {
        for &id in ids {
            assert!(is_capdump(id), "{process} {id}");
            assert_eq!(is_sandboxed(id), is_sandboxed_by_the_table(process), "{process} {id}");
            let disk = held(id).contains(&image);
            assert_eq!(disk, matches!(process, "planner" | "worker"), "{process} {id}: {:?}", held(id));
            assert!(process != "worker" || !has_terminal(id), "{process} {id}: {:?}", held(id));
        }
    }
    procs::send(monitor, Signal::SIGTERM);
    assert!(procs::until(LIMIT, || procs::descendants(monitor).is_empty()));
}

#[test]
fn a_reader_is_one_process() {
    if !program::is_root() {
        return skipped("looking into sandboxed processes needs root");
    }
    let dir = TempDir::new("capdump-process-table");
    let fifo = dir.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut command = without_tty(capdump());
    let mut child = command.arg("--check").arg(&fifo).spawn().unwrap();
    // Nothing comes, so it waits.
    let _writer = fifo::writer(&fifo);
    let sandboxed = procs::until(LIMIT, || is_sandboxed(child.id()));
    assert_eq!(sandboxed, is_sandboxed_by_the_table("reader"));
    assert!(procs::descendants(child.id()).is_empty());
    assert!(held(child.id()).contains(&fifo));
    procs::send(child.id(), Signal::SIGTERM);
    assert!(program::wait(&mut child, LIMIT).is_some());
}
