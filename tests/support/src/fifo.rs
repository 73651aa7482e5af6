// SPDX-License-Identifier: BSD-2-Clause
//! Opens FIFOs without waiting for ever: who should have the other end can have failed.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};

use crate::procs;

/// How long the other end may take, in seconds.
const LIMIT: u16 = 60;

/// The end to read, when something has been written.
///
/// Panics if nothing is within a minute.
pub fn reader(path: &Path) -> File {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).expect("a FIFO");
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, LIMIT * 1000).expect("poll of a FIFO");
    assert_eq!(ready, 1, "nobody writes to {}", path.display());
    waits(file)
}

/// The end to write, when somebody has the other one open.
///
/// Panics if nobody has within a minute.
pub fn writer(path: &Path) -> File {
    let mut file = None;
    let open = || File::options().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let opened = procs::until(std::time::Duration::from_secs(LIMIT.into()), || {
        file = open().ok();
        file.is_some()
    });
    assert!(opened, "nobody reads {}", path.display());
    waits(file.expect("it is open"))
}

/// Its reads and writes wait from now on.
fn waits(file: File) -> File {
    fcntl(file.as_fd(), FcntlArg::F_SETFL(OFlag::empty())).expect("fcntl(2) of a FIFO");
    file
}
