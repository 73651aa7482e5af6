// SPDX-License-Identifier: BSD-2-Clause
//! Removes an index that did not get its name, should the monitor be killed and not do it: a process that waits for the monitor's end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::index_file::IndexNames;
use crate::event::{Child, EventQueue};
use crate::os::process::Orphan;
use crate::os::socket::{pair, recv_frame};
use crate::os::spawn::spawn;

/// The process, and the socket whose end it waits for.
pub struct Remover {
    child: Child,
    _socket: OwnedFd,
}

impl Remover {
    /// Forks it, outside the sandbox.
    ///
    /// Errors: those of socketpair(2) and fork(2).
    pub fn start(names: &IndexNames) -> io::Result<Remover> {
        let (ours, theirs) = pair()?;
        let child = spawn(&[theirs.as_fd()], Orphan::CleansUp, || {
            let waited = wait_for_end(theirs.as_fd());
            names.discard();
            i32::from(waited.is_err())
        })?;
        Ok(Remover { child, _socket: ours })
    }

    /// Ends it: there is nothing to be removed any more.
    pub fn dismiss(self) {
        // One that has been killed already is as good.
        let _ = self.child.kill();
    }
}

/// Waits until nobody holds the other end of the socket; nothing is ever sent.
fn wait_for_end(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut queue = EventQueue::new()?;
    queue.add_readable(socket, 0)?;
    loop {
        queue.wait(&mut Vec::new(), None)?;
        match recv_frame(socket, &mut [0; 1]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map(drop)?,
        }
    }
}
