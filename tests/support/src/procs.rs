// SPDX-License-Identifier: BSD-2-Clause
//! Looks at processes by /proc: children, sandbox, memory; and ends those that a test has started.

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

/// Sends a signal to a process that a test has started, or to a child of it.
///
/// Panics if the process has gone.
pub fn send(id: u32, signal: Signal) {
    kill(pid(id), signal).expect("the process to be there");
}

/// A line of /proc/PID/status, without its name; `None` if the process has gone.
pub fn status(id: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find(|l| l.split(':').next() == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// All processes whose ids stand in /proc.
fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc to be mounted");
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process is there and has not ended; zombies have.
pub fn is_alive(id: u32) -> bool {
    status(id, "State").is_some_and(|s| !s.starts_with(['Z', 'X']))
}

/// Children and their children, not the process itself.
pub fn descendants(id: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        all().into_iter().filter_map(|c| Some((c, status(c, "PPid")?.parse().ok()?))).collect();
    let mut found = vec![id];
    let mut n = 0;
    while n < found.len() {
        let parent = found[n];
        found.extend(parents.iter().filter(|p| p.1 == parent).map(|p| p.0));
        n += 1;
    }
    found.split_off(1)
}

/// Live processes of the session that a program runs in; outlives the program's parent links.
pub fn session(leader: u32) -> Vec<u32> {
    let in_session = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // After the name in brackets: state, ppid, pgrp, session.
        let rest = stat.rsplit_once(')').map_or("", |x| x.1);
        rest.split_whitespace().nth(3) == Some(&leader.to_string())
    };
    all().into_iter().filter(|id| in_session(id) && is_alive(*id)).collect()
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

/// Memory that is the process's own part (`Pss` of smaps_rollup), in KiB; 0 if it has gone.
pub fn pss_kib(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("Pss:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}
