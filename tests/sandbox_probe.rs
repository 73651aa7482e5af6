// SPDX-License-Identifier: BSD-2-Clause
//! Each process of a dump, the one that reads a dump, and the one that writes what is restored try to get out of the sandbox, from where
//! they stand when they would read the disk or write: everything is refused.
//!
//! Needs the feature `sandbox-probe`, which builds the attempts into the program (`src/os/probe.rs`): `make probe`.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use capdump_support::procs;
use capdump_support::program::{self, Ran, TempDir, run, without_tty};
use capdump_support::small;
use nix::fcntl::{FcntlArg, fcntl};

const LIMIT: Duration = Duration::from_secs(20);
const ROLES: [&str; 6] = ["PlannerForking", "Planner", "Worker", "Reader", "Writer", "Comparer"];

/// A descriptor that the program was not meant to be given, and inherits all the same; its number is that of `src/os/probe.rs`. Without it,
/// it would be as if all were closed.
static STRANGE: LazyLock<i32> = LazyLock::new(|| {
    let file = File::open("/etc/passwd").unwrap();
    fcntl(file, FcntlArg::F_DUPFD(77)).unwrap()
});

/// How the program is started: as usual, or on an old kernel.
type Start = fn(&Path) -> Command;

#[cfg(target_os = "linux")]
const STARTS: [Start; 2] = [without_tty, program::on_an_old_kernel];
#[cfg(not(target_os = "linux"))]
const STARTS: [Start; 1] = [without_tty];

/// Runs a dump in which `role` makes an attempt, until it is told how the process ended: the planner may see first that its socket is closed.
fn attempt(dir: &TempDir, role: &str, what: &str, start: Start) -> Ran {
    let mut runs = (0..50).map(|_| attempt_once(dir, role, what, start));
    let told = |text: &str| text.contains("was killed by signal") || text.contains("exited with status");
    runs.find(|ran| ran.code() != 3 || told(&ran.stderr)).expect("an end that is told")
}

fn attempt_once(dir: &TempDir, role: &str, what: &str, start: Start) -> Ran {
    assert_eq!(*STRANGE, 77);
    let mut command = start(Path::new(match role {
        "Writer" | "Comparer" => env!("CARGO_BIN_EXE_caprestore"),
        _ => env!("CARGO_BIN_EXE_capdump"),
    }));
    match role {
        "Writer" => command
            .args(["-r", "--overwrite", "-f"])
            .arg(dir.join("dump"))
            .arg("--into")
            .arg(dir.join("into")),
        "Comparer" => command.arg("-Cf").arg(dir.join("dump")).arg("--into").arg(dir.join("into")),
        "Reader" => command.arg("--check").arg(dir.join("dump")),
        _ => command.args(["-0a", "--workers", "2", "-f"]).arg(dir.join("out")).arg(dir.join("image")),
    };
    command.env("CAPDUMP_PROBE", format!("{role} {what}"));
    let ran = run(&mut command, LIMIT);
    assert!(procs::ended(ran.id), "{role}: {what}");
    ran
}

/// Whether the process was killed by the filter of system calls.
fn killed(ran: &Ran) -> bool {
    let reader = ran.status.signal() == Some(libc_sigsys());
    let other = matches!(ran.code(), 1 | 3)
        && ran.stderr.contains(&format!("was killed by signal {}", libc_sigsys()));
    reader || other
}

fn libc_sigsys() -> i32 {
    nix::sys::signal::Signal::SIGSYS as i32
}

fn source() -> TempDir {
    let dir = TempDir::new("capdump-probe");
    small::one_file(&dir.join("image"), 1 << 20);
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0a", "-f"]).arg(dir.join("dump")).arg(dir.join("image"));
    run(&mut command, LIMIT).ok();
    std::fs::create_dir(dir.join("into")).unwrap();
    dir
}

/// An attempt at nothing gets through, so that it is known that attempts are made.
#[test]
fn attempts_are_made() {
    let dir = source();
    for role in ROLES {
        let ran = attempt(&dir, role, "nothing", without_tty);
        let told = ran.code() == 97 || ran.stderr.contains("exited with status 97");
        assert!(told, "{role}: {}: {}", ran.code(), ran.stderr);
        let ran = attempt(&dir, role, "an attempt that there is none of", without_tty);
        assert!(ran.code() == 98 || ran.stderr.contains("exited with status 98"), "{role}: {}", ran.stderr);
    }
}

fn refused(what: &str) {
    let dir = source();
    // Without root, the root directory of the one that writes stays what it is, and what is there can be looked at.
    let looks = ["look at a file", "change a file", "climb"].contains(&what) && !program::is_root();
    let roles = ROLES.into_iter().filter(|role| !matches!(*role, "Writer" | "Comparer") || !looks);
    for (role, start) in roles.flat_map(|role| STARTS.map(|start| (role, start))) {
        let ran = attempt(&dir, role, what, start);
        let refused = match role {
            "Reader" | "Writer" => ran.code() == 0,
            // What was dumped is there if it has been restored before.
            "Comparer" => matches!(ran.code(), 0 | 2),
            _ => ran.code() == 0 && ran.stderr.contains("DUMP IS DONE"),
        };
        assert!(refused || killed(&ran), "{role}: {what}: {}: {}", ran.code(), ran.stderr);
    }
    assert!(!Path::new("/tmp/capdump-must-not-be").exists());
    // The one that writes may make things in its own folder.
    assert!(!Path::new("capdump-probe-device").exists());
}

macro_rules! refused {
    ($($name:ident: $what:literal,)*) => {
        $(#[test]
        fn $name() {
            refused($what);
        })*
    };
}

refused! {
    a_file_is_not_read: "read a file",
    a_file_is_not_written: "write a file",
    nobody_is_connected_to: "connect",
    nothing_is_executed: "exec",
    the_parent_is_not_killed: "kill the parent",
    nobody_is_traced: "ptrace",
    nothing_is_mounted: "mount",
    a_strange_descriptor_is_not_read: "read a strange descriptor",
    nothing_is_looked_at: "look at a file",
    no_process_is_held: "hold a process",
    no_device_is_opened: "open a device",
    nobody_climbs_out: "climb",
    no_file_is_changed: "change a file",
}

/// The planner forks its workers in the sandbox; nobody forks after that. Capability mode does not keep from forking, but what is forked is
/// in it, too.
#[cfg(target_os = "linux")]
#[test]
fn only_the_planner_forks_and_only_at_first() {
    let dir = source();
    for role in ["Planner", "Worker", "Reader", "Writer", "Comparer"] {
        let ran = attempt(&dir, role, "fork", without_tty);
        assert!(killed(&ran), "{role}: {}: {}", ran.code(), ran.stderr);
    }
}
