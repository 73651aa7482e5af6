// SPDX-License-Identifier: BSD-2-Clause
//! Looks at processes by /proc, or by ps(1) where that is not Linux's: children, sandbox, memory; and ends those that a test has started.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id"))
}

/// Kills a process group that a test has started.
pub fn kill_group(leader: u32) {
    // It may have gone by itself.
    let _ = killpg(pid(leader), Signal::SIGKILL);
}

/// Kills a process that a test has started, or a child of it.
pub fn kill_one(id: u32) {
    // It may have gone by itself.
    let _ = kill(pid(id), Signal::SIGKILL);
}

/// Sends a signal to a process that a test has started, or to a child of it.
///
/// Panics if the process has gone.
pub fn send(id: u32, signal: Signal) {
    kill(pid(id), signal).expect("the process to be there");
}

/// A line of Linux's /proc/PID/status, without its name; `None` if the process has gone.
pub fn status(id: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find(|l| l.split(':').next() == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A process, as /proc or ps(1) has it.
#[derive(Clone, Copy, Debug)]
struct Process {
    id: u32,
    parent: u32,
    session: u32,
    /// Whether it has not ended: a zombie has.
    alive: bool,
}

impl Process {
    /// From its number, and the words for its state, its parent, its group and its session.
    fn new(id: u32, words: &str) -> Option<Process> {
        let mut words = words.split_whitespace();
        let alive = !words.next()?.starts_with(['Z', 'X']);
        let parent = words.next()?.parse().ok()?;
        Some(Process { id, parent, session: words.nth(1)?.parse().ok()?, alive })
    }
}

/// All processes.
#[cfg(target_os = "linux")]
fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc to be mounted");
    let ids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    let process = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // After the name in brackets: state, ppid, pgrp, session.
        Process::new(id, stat.rsplit_once(')')?.1)
    };
    ids.filter_map(process).collect()
}

/// All processes.
#[cfg(not(target_os = "linux"))]
fn all() -> Vec<Process> {
    let words = ["-axo", "pid=", "-o", "state=", "-o", "ppid=", "-o", "pgid=", "-o", "sid="];
    let output = std::process::Command::new("ps").args(words).output().expect("ps(1)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let process = |line: &str| {
        let (id, words) = line.trim().split_once(' ')?;
        Process::new(id.parse().ok()?, words)
    };
    text.lines().filter_map(process).collect()
}

/// Live children of a process.
pub fn children(id: u32) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|process| process.parent == id && process.alive)
        .map(|process| process.id)
        .collect()
}

/// Whether a process has not ended.
pub fn is_alive(id: u32) -> bool {
    all().into_iter().any(|process| process.id == id && process.alive)
}

/// What these processes are and wait for, as ps(1) has it.
pub fn described(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let mut ps = std::process::Command::new("ps");
    let output = ps.args(["-ww", "-o", "pid,ppid,state,wchan,args", "-p", &ids.join(",")]).output();
    output
        .map_or_else(|e| format!("ps(1): {e}"), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Children and their children, not the process itself.
pub fn descendants(id: u32) -> Vec<u32> {
    let all = all();
    let mut found = vec![id];
    let mut n = 0;
    while n < found.len() {
        let parent = found[n];
        found.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
        n += 1;
    }
    found.split_off(1)
}

/// Live processes of the session that a program runs in; outlives the program's parent links.
pub fn session(leader: u32) -> Vec<u32> {
    let all = all().into_iter().filter(|process| process.session == leader && process.alive);
    all.map(|process| process.id).collect()
}

/// Live processes that have this line, `NAME=value`, in the environment that they were started with, wherever they are. Those of others
/// are not found, nor on Linux those that may not be looked into.
#[cfg(target_os = "linux")]
pub fn with_environment(line: &str) -> Vec<u32> {
    let has = |id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == line.as_bytes())
    };
    let own = std::process::id();
    let all = all().into_iter().filter(|process| process.alive && process.id != own && has(&process.id));
    all.map(|process| process.id).collect()
}

/// Waits until `done` holds; whether it came to hold within `limit`.
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !done() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    true
}

/// How long what is about to end may take beside other work; `tests/it/kills.rs` holds it to a second.
pub const GRACE: Duration = Duration::from_secs(15);

/// Waits until no process of a session is left; whether that came within [`GRACE`].
pub fn ended(leader: u32) -> bool {
    until(GRACE, || session(leader).is_empty())
}

/// Memory that is the process's own part (`Pss` of Linux's smaps_rollup), in KiB; 0 if it has gone.
pub fn pss_kib(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("Pss:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}
