// SPDX-License-Identifier: BSD-2-Clause
//! `PR_SET_CHILD_SUBREAPER`: orphans become children of this process, and are found in /proc.

use crate::os::{check, retry};
use std::fs;
use std::io;

/// See [`crate::os::reaper::acquire`].
pub fn acquire() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes a number.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Sends SIGKILL to every child. Grandchildren become children when their parent is gone, and are found in the next round.
pub fn kill_descendants() -> io::Result<()> {
    for pid in children()? {
        // SAFETY: kill takes two numbers. A child's number is not used again before this process, its parent, has waited for it.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    Ok(())
}

/// Takes the status of every child that has ended. Whether there is no child left.
pub fn reap() -> io::Result<bool> {
    loop {
        // SAFETY: waitpid may be given no status to fill in.
        match retry(|| check(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) })) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// The children of this process.
///
/// The kernel's own list (`CONFIG_PROC_CHILDREN`) where there is one; it may leave out some when others end meanwhile, but there is
/// another round.
fn children() -> io::Result<Vec<i32>> {
    let own = std::process::id();
    match fs::read_to_string(format!("/proc/{own}/task/{own}/children")) {
        Ok(list) => Ok(list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()),
        Err(_) => of_parent(own),
    }
}

/// The processes whose parent is `parent`, found by looking at all.
fn of_parent(parent: u32) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may have gone meanwhile.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in brackets, may hold any character; state and parent follow it.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        if after.split_whitespace().nth(1) == Some(parent.to_string().as_str()) {
            found.push(pid);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::testing::fork_test;

    #[test]
    fn children_are_found_both_ways() {
        let child = fork_test(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_secs(100));
            }
        });
        assert!(of_parent(std::process::id()).unwrap().contains(&child.pid()));
    }
}
