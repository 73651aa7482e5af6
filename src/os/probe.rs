// SPDX-License-Identifier: BSD-2-Clause
//! What a compromised process would try: for tests of the sandbox only, never in a release.
//!
//! `CAPDUMP_PROBE` names a role and an attempt, as in `Worker ptrace`; the process of that role makes it when it has entered. An attempt
//! that gets through ends the process with [`THROUGH`]; one that is refused lets it go on, unless the system has killed it.

use crate::os::sandbox::Role;
use std::fs::File;
use std::io;

/// The exit code of a process whose attempt got through.
const THROUGH: i32 = 97;

/// The exit code for an attempt that does not exist.
const UNKNOWN: i32 = 98;

/// The descriptor that the test leaves open for the program, which none of its processes should hold.
const STRANGE: i32 = 77;

/// Makes the attempt that the environment names, if it is for this role.
pub fn attempt(role: Role) {
    let Ok(wanted) = std::env::var("CAPDUMP_PROBE") else { return };
    let Some((name, what)) = wanted.split_once(' ') else { return };
    if name == format!("{role:?}") && got_through(what) {
        crate::os::process::exit_now(THROUGH);
    }
}

/// Whether the attempt was let through.
fn got_through(what: &str) -> bool {
    // SAFETY, for all calls below: they are given numbers, null, or strings that end in NUL, and take no memory of ours.
    match what {
        "nothing" => true,
        "read a file" => File::open("/etc/passwd").is_ok(),
        "write a file" => File::create("/tmp/capdump-must-not-be").is_ok(),
        "look at a file" => std::fs::metadata("/etc/passwd").is_ok() || look_at_an_empty_path(),
        "hold a process" => hold(),
        "connect" => match std::net::TcpStream::connect("127.0.0.1:9") {
            // There is no listener, but the kernel tried.
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            Ok(_) => true,
        },
        "exec" => {
            let arguments = [c"true".as_ptr(), std::ptr::null()];
            // SAFETY: see above; it returns only when it was refused.
            unsafe { libc::execv(c"/usr/bin/true".as_ptr(), arguments.as_ptr()) };
            false
        }
        // SAFETY: see above; the child ends at once.
        "fork" => match unsafe { libc::fork() } {
            0 => crate::os::process::exit_now(0),
            pid => pid > 0,
        },
        // SAFETY: see above; signal 0 is not delivered.
        "kill the parent" => unsafe { libc::kill(libc::getppid(), 0) == 0 },
        "ptrace" => trace(),
        "mount" => mount(),
        "open a device" => open_a_device(),
        // SAFETY: see above; the directory above the root is the root.
        "climb" => unsafe { libc::open(c"../../../../../../../../etc".as_ptr(), libc::O_DIRECTORY) >= 0 },
        // SAFETY: see above; neither owner nor group changes.
        "change a file" => unsafe {
            let nobody = libc::uid_t::MAX;
            libc::fchownat(libc::AT_FDCWD, c"/etc/passwd".as_ptr(), nobody, nobody, 0) == 0
        },
        // SAFETY: see above; one byte is read into a variable of one byte.
        "read a strange descriptor" => unsafe {
            let mut byte = 0_u8;
            libc::read(STRANGE, (&raw mut byte).cast(), 1) >= 0
        },
        _ => crate::os::process::exit_now(UNKNOWN),
    }
}

/// Whether fstat's flag for a name that is empty lets another name through.
#[cfg(target_os = "linux")]
fn look_at_an_empty_path() -> bool {
    // SAFETY: the name ends in NUL, and the structure outlives the call.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        libc::fstatat(libc::AT_FDCWD, c"/etc/passwd".as_ptr(), &raw mut stat, libc::AT_EMPTY_PATH) == 0
    }
}

#[cfg(target_os = "freebsd")]
fn look_at_an_empty_path() -> bool {
    false
}

/// Whether a descriptor of the parent can be had.
#[cfg(target_os = "linux")]
fn hold() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getppid(), 0) >= 0 }
}

#[cfg(target_os = "freebsd")]
fn hold() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn trace() -> bool {
    // SAFETY: asks that the parent may trace this process; no memory is given.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) == 0 }
}

#[cfg(target_os = "freebsd")]
fn trace() -> bool {
    // SAFETY: asks to trace the parent; no memory is given.
    unsafe { libc::ptrace(libc::PT_ATTACH, libc::getppid(), std::ptr::null_mut(), 0) == 0 }
}

/// Whether a device can be made, here, and opened: /dev/null's numbers on Linux.
fn open_a_device() -> bool {
    let name = c"capdump-probe-device";
    // SAFETY: both calls take a name that ends in NUL, and numbers.
    unsafe {
        libc::mknodat(libc::AT_FDCWD, name.as_ptr(), libc::S_IFCHR | 0o600, 0x0103);
        libc::openat(libc::AT_FDCWD, name.as_ptr(), libc::O_RDWR) >= 0
    }
}

#[cfg(target_os = "linux")]
fn mount() -> bool {
    let (from, on, kind) = (c"none".as_ptr(), c"/mnt".as_ptr(), c"tmpfs".as_ptr());
    // SAFETY: three strings that end in NUL, no flags and no data.
    unsafe { libc::mount(from, on, kind, 0, std::ptr::null()) == 0 }
}

#[cfg(target_os = "freebsd")]
fn mount() -> bool {
    // SAFETY: two strings that end in NUL, no flags and no data.
    unsafe { libc::mount(c"tmpfs".as_ptr(), c"/mnt".as_ptr(), 0, std::ptr::null_mut()) == 0 }
}
