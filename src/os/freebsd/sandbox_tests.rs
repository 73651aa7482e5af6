// SPDX-License-Identifier: BSD-2-Clause
//! Tests of operations that capability mode refuses and permits, each in a child process.
//!
//! pdfork(2) leaves the allocator's locks as other threads hold them: run these with `--test-threads=1`.

use crate::os::event::{Event, Queue};
use crate::os::freebsd::sandbox::{enter, is_entered};
use crate::os::process::testing::{fork_test, in_child, wait};
use crate::os::process::{ExitStatus, set_title};
use crate::os::sandbox::{Entered, Role};
use crate::os::socket::{pair, recv_frame, send_frame};
use crate::os::{disk, output};
use crate::sandbox::{DescriptorKind, limit};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Enters in a child, then runs the checks there and gives the number of the first that does not hold.
fn sandboxed<const N: usize>(checks: impl FnOnce() -> [bool; N]) -> ExitStatus {
    in_child(|| {
        if enter(Role::Planner).unwrap() != Entered::Full || !is_entered() {
            return 99;
        }
        checks().iter().position(|held| !held).map_or(0, |at| at as i32 + 1)
    })
}

fn fails<T>(result: io::Result<T>, errno: i32) -> bool {
    result.err().and_then(|err| err.raw_os_error()) == Some(errno)
}

fn limited<F: AsFd>(fd: F, kind: DescriptorKind) -> F {
    limit(fd.as_fd(), kind).unwrap();
    fd
}

fn scratch(name: &str) -> (OwnedFd, OwnedFd) {
    let path = std::env::temp_dir().join(format!("capdump-{name}-{}", std::process::id()));
    std::fs::write(&path, b"0123456789").unwrap();
    let input = disk::open_disk(&path).unwrap();
    let file = output::open_output(&path, output::Access::WriteAndRead).unwrap().fd;
    std::fs::remove_file(&path).unwrap();
    (input, file)
}

#[test]
fn names_and_processes_are_out_of_reach() {
    assert!(!is_entered());
    let status = sandboxed(|| {
        // SAFETY: signal 0 is sent to no one.
        let killed = unsafe { libc::kill(libc::getppid(), 0) };
        [
            fails(File::open("/etc/passwd"), libc::ECAPMODE),
            fails(File::create("/tmp/capdump-must-not-be"), libc::ECAPMODE),
            fails(std::net::TcpStream::connect("127.0.0.1:9"), libc::ECAPMODE),
            killed == -1,
            std::process::Command::new("/usr/bin/true").spawn().is_err(),
        ]
    });
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn the_disk_is_read_only() {
    let (input, file) = scratch("disk");
    let disk = limited(input, DescriptorKind::Disk);
    let status = sandboxed(|| {
        let fd: BorrowedFd<'_> = disk.as_fd();
        [
            matches!(disk::pread(fd, &mut [0; 4], 2), Ok(4)),
            disk::kind(fd).is_ok(),
            fails(output::ftruncate(fd, 0), libc::ENOTCAPABLE),
            fails(output::fsync(fd), libc::ENOTCAPABLE),
            fails(crate::os::freebsd::disk::media_size(fd), libc::ENOTCAPABLE),
        ]
    });
    assert_eq!(status, ExitStatus::Exited(0));
    drop(file);
}

#[test]
fn an_output_is_not_read() {
    let (_input, file) = scratch("output");
    let file = limited(file, DescriptorKind::OutputFile);
    let status = sandboxed(|| {
        let fd = file.as_fd();
        [
            matches!(output::write(fd, b"new"), Ok(3)),
            matches!(output::seek(fd, 0), Ok(0)),
            output::ftruncate(fd, 3).is_ok(),
            output::fsync(fd).is_ok(),
            fails(output::read(fd, &mut [0; 3]), libc::ENOTCAPABLE),
        ]
    });
    assert_eq!(status, ExitStatus::Exited(0));
}

#[test]
fn every_kind_can_be_limited() {
    for kind in DescriptorKind::ALL {
        let (a, _b) = pair().unwrap();
        limited(a, kind);
    }
}

#[test]
fn rights_do_not_come_back() {
    let (a, _b) = pair().unwrap();
    let pipe = limited(a, DescriptorKind::Pipe);
    assert!(limit(pipe.as_fd(), DescriptorKind::RingSocket).is_err());
}

#[test]
fn sockets_children_and_queues_work_inside() {
    let (a, b) = pair().unwrap();
    let (a, b) = (limited(a, DescriptorKind::RingSocket), limited(b, DescriptorKind::RingSocket));
    let (input, _file) = scratch("passed");
    let input = limited(input, DescriptorKind::Disk);
    let status = sandboxed(|| {
        let mut queue = limited(Queue::new().unwrap(), DescriptorKind::Queue);
        let child = limited(
            fork_test(|| {
                let got = recv_frame(b.as_fd(), &mut [0; 8]).unwrap().unwrap();
                matches!(disk::pread(got.fd.unwrap().as_fd(), &mut [0; 8], 8), Ok(2)) as i32 + 40
            }),
            DescriptorKind::ProcessDescriptor,
        );
        queue.add_child(&child, 1).unwrap();
        queue.add_readable(a.as_fd(), 2).unwrap();
        queue.add_timer(3, Duration::from_secs(10), false).unwrap();
        send_frame(a.as_fd(), b"disk", Some(input.as_fd())).unwrap();
        let mut events = Vec::new();
        queue.wait(&mut events, None).unwrap();
        let sleeper = fork_test(|| {
            std::thread::sleep(Duration::from_secs(100));
            0
        });
        sleeper.kill().unwrap();
        set_title("a test");
        [
            events == [Event::ChildExited { key: 1, status: ExitStatus::Exited(41) }],
            wait(&sleeper) == ExitStatus::Signaled(libc::SIGKILL),
        ]
    });
    assert_eq!(status, ExitStatus::Exited(0));
}
