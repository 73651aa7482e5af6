// SPDX-License-Identifier: BSD-2-Clause
//! Tests of operations that the sandbox of Linux refuses and permits, each in a child process.

use crate::os::arena::Arena;
use crate::os::event::{Event, Queue};
use crate::os::linux::sandbox::{enter, is_entered, landlock};
use crate::os::process::testing::{fork_test, in_child, wait};
use crate::os::process::{ExitStatus, set_title};
use crate::os::sandbox::{Entered, Role};
use crate::os::signals::{Sig, reset_in_child};
use crate::os::socket::{pair, recv_frame, send_frame};
use crate::os::{disk, output, tape, time};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

const ROLES: [Role; 3] = [Role::PlannerForking, Role::Planner, Role::Worker];
const KILLED: ExitStatus = ExitStatus::Signaled(libc::SIGSYS);

/// Enters `role` in a child, then runs `body` there: 0 is good.
fn sandboxed(role: Role, body: impl FnOnce() -> i32) -> ExitStatus {
    in_child(|| {
        let entered = enter(role).unwrap();
        if matches!(entered, Entered::Unavailable(_)) || !is_entered() {
            return 99;
        }
        body()
    })
}

/// Expects death for a system call without arguments that matter.
fn kills(role: Role, what: &str, body: impl FnOnce()) {
    let status = sandboxed(role, || {
        body();
        0
    });
    assert_eq!(status, KILLED, "{role:?}: {what}");
}

#[test]
fn says_what_holds() {
    assert!(!is_entered());
    for role in ROLES {
        assert_eq!(sandboxed(role, || i32::from(!is_entered())), ExitStatus::Exited(0), "{role:?}");
    }
}

#[test]
fn names_are_refused() {
    for role in ROLES {
        let status = sandboxed(role, || {
            let denied = |err: Option<std::io::Error>| {
                err.is_some_and(|err| err.kind() == ErrorKind::PermissionDenied)
            };
            let checks = [
                denied(File::open("/etc/passwd").err()),
                denied(File::create("/tmp/capdump-must-not-be").err()),
                denied(std::fs::metadata("/etc/passwd").err()),
                denied(std::fs::read_dir("/").err()),
                denied(std::fs::read_link("/proc/self/exe").err()),
            ];
            checks.iter().position(|held| !held).map_or(0, |at| at as i32 + 1)
        });
        assert_eq!(status, ExitStatus::Exited(0), "{role:?}");
    }
}

#[test]
fn everything_else_outside_kills() {
    // SAFETY, for all the calls below: each is given numbers, null or a string that ends in NUL; the kernel kills the
    // child before any of them does anything.
    for role in ROLES {
        kills(role, "exec", || {
            let _ = std::os::unix::process::CommandExt::exec(&mut std::process::Command::new("/bin/true"));
        });
        kills(role, "socket", || {
            let _ = std::net::TcpStream::connect("127.0.0.1:9");
        });
        kills(role, "unix socket", || {
            let _ = std::os::unix::net::UnixStream::connect("/dev/log");
        });
        kills(role, "kill", || {
            // SAFETY: see above.
            unsafe { libc::kill(libc::getppid(), 0) };
        });
        kills(role, "ptrace", || {
            // SAFETY: see above.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        });
        kills(role, "thread", || {
            let _ = std::thread::Builder::new().spawn(|| ());
        });
        kills(role, "unlink", || {
            let _ = std::fs::remove_file("/tmp/capdump-must-not-be");
        });
        kills(role, "chmod", || {
            // SAFETY: see above.
            unsafe { libc::fchmod(0, 0o777) };
        });
        kills(role, "setuid", || {
            // SAFETY: see above.
            unsafe { libc::setuid(0) };
        });
        kills(role, "executable memory", || {
            let prot = libc::PROT_READ | libc::PROT_EXEC;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: see above.
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        });
        kills(role, "typing into a terminal", || {
            // SAFETY: see above.
            unsafe { libc::ioctl(0, libc::TIOCSTI, c"x".as_ptr()) };
        });
        kills(role, "fcntl that signals", || {
            // SAFETY: see above.
            unsafe { libc::fcntl(0, libc::F_SETOWN, 1) };
        });
    }
}

#[test]
fn only_the_forking_planner_forks() {
    for role in [Role::Planner, Role::Worker] {
        kills(role, "fork", || {
            // SAFETY: the kernel kills the child before it forks.
            unsafe { libc::fork() };
        });
    }
    kills(Role::Worker, "waitid", || {
        let _ = crate::os::linux::process::exit_status(std::io::stdin().as_fd());
    });
}

#[test]
fn a_worker_is_forked_inside_and_narrows_itself() {
    let (ours, theirs) = pair().unwrap();
    let status = sandboxed(Role::PlannerForking, || {
        let mut queue = Queue::new().unwrap();
        queue.add_signals(&[Sig::Term]).unwrap();
        let worker = fork_test(|| {
            reset_in_child().unwrap();
            if enter(Role::Worker).is_err() || !is_entered() {
                return 1;
            }
            send_frame(theirs.as_fd(), b"in", None).unwrap();
            recv_frame(theirs.as_fd(), &mut [0; 8]).unwrap();
            // SAFETY: the kernel kills the process before it forks.
            unsafe { libc::fork() };
            0
        });
        recv_frame(ours.as_fd(), &mut [0; 8]).unwrap();
        enter(Role::Planner).unwrap();
        queue.add_child(&worker, 1).unwrap();
        send_frame(ours.as_fd(), b"on", None).unwrap();
        let mut events = Vec::new();
        queue.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
        i32::from(events != [Event::ChildExited { key: 1, status: KILLED }])
    });
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn the_planner_kills_its_workers() {
    let status = sandboxed(Role::PlannerForking, || {
        let worker = fork_test(|| {
            enter(Role::Worker).unwrap();
            loop {
                std::thread::sleep(Duration::from_secs(100));
            }
        });
        enter(Role::Planner).unwrap();
        worker.kill().unwrap();
        i32::from(wait(&worker) != ExitStatus::Signaled(libc::SIGKILL))
    });
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn workers_die_with_the_planner() {
    let (ours, theirs) = pair().unwrap();
    let status = sandboxed(Role::PlannerForking, || {
        let worker = fork_test(|| {
            enter(Role::Worker).unwrap();
            loop {
                std::thread::sleep(Duration::from_secs(100));
            }
        });
        std::mem::forget(worker);
        0
    });
    assert_eq!(status, ExitStatus::Exited(0));
    drop(theirs);
    let err = recv_frame(ours.as_fd(), &mut [0; 8]).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn every_role_does_its_work() {
    let path = std::env::temp_dir().join(format!("capdump-sandbox-{}", std::process::id()));
    std::fs::write(&path, vec![7; 8192]).unwrap();
    let input = disk::open_disk(&path).unwrap();
    let file = output::open_output(&path, output::Access::WriteAndRead).unwrap().fd;
    std::fs::remove_file(&path).unwrap();
    let (a, b) = pair().unwrap();
    for role in ROLES {
        let status = sandboxed(role, || {
            let mut arena = Arena::new(1 << 20).unwrap();
            let mut queue = Queue::new().unwrap();
            queue.add_readable(b.as_fd(), 1).unwrap();
            queue.add_timer(2, Duration::from_millis(1), false).unwrap();
            send_frame(a.as_fd(), b"x", Some(input.as_fd())).unwrap();
            let fd = recv_frame(b.as_fd(), &mut [0; 8]).unwrap().unwrap().fd.unwrap();
            let whole = disk::pread(fd.as_fd(), arena.slice_mut(0..8192), 0).unwrap();
            let (mut scatter, mut memory) = (disk::Scatter::new(0), [0; 40]);
            let mut parts = scatter.fill(&mut memory);
            parts.take(20, 20);
            parts.take(0, 10);
            let parts = parts.read(fd.as_fd(), 100).unwrap();
            let written = output::write(file.as_fd(), arena.slice(0..8192)).unwrap();
            output::ftruncate(file.as_fd(), 8192).unwrap();
            output::fsync(file.as_fd()).unwrap();
            output::seek(file.as_fd(), 0).unwrap();
            let kind = disk::kind(file.as_fd()).unwrap();
            let size = disk::media_size(file.as_fd()).unwrap();
            let tape = tape::is_tape(file.as_fd());
            let mut events = Vec::new();
            queue.wait(&mut events, None).unwrap();
            set_title("worker");
            // Large enough to come from mmap, and to be moved.
            let mut memory = vec![1_u8; 1 << 20];
            memory.resize(1 << 22, 2);
            std::thread::sleep(Duration::from_millis(1));
            let told = events == [Event::Timer { key: 2 }];
            let io = (whole, parts, written, size) == (8192, 30, 8192, 8192);
            i32::from(!(told && io && kind == disk::Kind::Regular && !tape && memory.len() == 1 << 22))
        });
        assert_eq!(status, ExitStatus::Exited(0), "{role:?}");
    }
}

/// A time zone's file (tzfile(5)) of one zone, `XXX`, two hours east.
const ZONE: &[u8] = b"TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\x1c\x20\0\0XXX\0";

#[test]
fn local_time_works_inside() {
    let path = std::env::temp_dir().join(format!("capdump-zone-{}", std::process::id()));
    std::fs::write(&path, ZONE).unwrap();
    let status = in_child(|| {
        // SAFETY: in the child of a fork there is one thread.
        unsafe { std::env::set_var("TZ", &path) };
        time::warm_up();
        enter(Role::Planner).unwrap();
        let text = "Wed Nov 15 00:13:20 2023";
        let right = time::parse_ctime(text) == Some(1_700_000_000) && time::ctime(1_700_000_000) == text;
        i32::from(!right)
    });
    std::fs::remove_file(&path).unwrap();
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn the_zone_is_pinned() {
    let status = in_child(|| {
        // SAFETY: in the child of a fork there is one thread.
        unsafe { std::env::remove_var("TZ") };
        time::warm_up();
        i32::from(std::env::var("TZ").as_deref() != Ok(":/etc/localtime"))
    });
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn a_panic_still_ends_the_process() {
    let status = sandboxed(Role::Worker, || std::process::abort());
    assert!(matches!(status, ExitStatus::Signaled(_)), "{status}");
}

#[test]
fn a_child_from_before_is_out_of_reach() {
    let (ours, theirs) = pair().unwrap();
    let raw = ours.as_raw_fd();
    let status = in_child(|| {
        let early = fork_test(|| {
            // SAFETY: this process uses its own end only, and never drops the other.
            unsafe { libc::close(raw) };
            // Ends when the planner's end is closed, as it must.
            i32::from(recv_frame(theirs.as_fd(), &mut [0; 8]).is_ok())
        });
        let landlock = enter(Role::Planner).unwrap() == Entered::Full;
        let refused = early.kill().err().and_then(|err| err.raw_os_error()) == Some(libc::EPERM);
        i32::from(landlock && !refused)
    });
    assert_eq!(status, ExitStatus::Exited(0));
    drop(ours);
}

#[test]
fn landlock_alone_takes_names_away() {
    let status = in_child(|| match landlock(None).unwrap() {
        None => i32::from(
            File::open("/etc/passwd").err().map(|err| err.kind()) != Some(ErrorKind::PermissionDenied),
        ),
        // An older kernel, and it says so.
        Some(missing) => i32::from(!missing.starts_with("the kernel has ")),
    });
    assert_eq!(status, ExitStatus::Exited(0));
}
