// SPDX-License-Identifier: BSD-2-Clause
//! Says how much memory a command has at most: `memory CMD [ARG]...`, in KiB, of all its processes together.
//!
//! Anonymous and shared memory is counted (`Pss_Anon` and `Pss_Shmem` of /proc/PID/smaps_rollup, proc(5)), where what several
//! processes share counts once; what is only a part of a file, as program code, is not. Looks every millisecond, on Linux only.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (program, rest) = args.split_first().expect("memory CMD [ARG]...");
    let mut command = Command::new(program);
    let mut child = command.args(rest).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("a program");
    let mut most = 0;
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            assert!(status.success(), "{program}: {status}");
            break;
        }
        most = most.max(family(child.id()).into_iter().map(held).sum());
        std::thread::sleep(Duration::from_millis(1));
    }
    std::io::stdout().write_all(format!("{most}\n").as_bytes()).expect("somebody who reads");
}

/// The process and all that descend from it.
fn family(first: u32) -> Vec<u32> {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.insert(pid, parent.unwrap_or(0));
    }
    let is_ours = |mut pid: u32| {
        while pid != first && pid > 1 {
            pid = parents.get(&pid).copied().unwrap_or(0);
        }
        pid == first
    };
    parents.keys().copied().filter(|&pid| is_ours(pid)).collect()
}

/// KiB that a process holds; 0 if it is gone.
fn held(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let lines = rollup.lines().filter(|line| line.starts_with("Pss_Anon:") || line.starts_with("Pss_Shmem:"));
    lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
