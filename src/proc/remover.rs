// SPDX-License-Identifier: BSD-2-Clause
//! Removes an index that did not get its name: a process that waits until the planner is gone, however that comes about.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::index_file::{FileId, IndexNames};
use crate::event::{Child, EventQueue};
use crate::os::process::Orphan;
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame};
use crate::os::spawn::spawn;

/// How long the planner waits for it when both are done: it has one name to remove.
const LEAVE: Duration = Duration::from_secs(1);

/// The process, and the socket whose end it waits for. The planner alone holds that.
///
/// Dropped, it removes the file, if that has not got its name, and is waited for.
pub struct Remover {
    /// Not killed with the planner: then its work begins.
    child: ManuallyDrop<Child>,
    socket: Option<OwnedFd>,
}

impl Remover {
    /// Forks it, before the file is made and before the sandbox.
    ///
    /// Errors: those of socketpair(2) and fork(2).
    pub fn start(names: &IndexNames) -> io::Result<Remover> {
        let (socket, theirs) = pair()?;
        let child = spawn(&[theirs.as_fd()], Orphan::CleansUp, || {
            let mut made = None;
            let waited = wait_for_end(theirs.as_fd(), &mut made);
            names.discard(made);
            i32::from(waited.is_err())
        })?;
        Ok(Remover { child: ManuallyDrop::new(child), socket: Some(socket) })
    }

    /// Says which file was made: nothing else is removed.
    ///
    /// Errors: those of send(2).
    pub fn tell(&self, made: FileId) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        send_frame(socket.as_fd(), &[made.0.to_ne_bytes(), made.1.to_ne_bytes()].concat(), None)
    }

    /// Its socket.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Its process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Ends it: no file was made, and what has that name is somebody else's.
    pub fn dismiss(self) {
        // It is our child and still waits, so that it can be killed.
        let _ = self.child.kill();
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.socket = None;
        let waited = EventQueue::new().and_then(|mut queue| {
            queue.add_child(&self.child, 0)?;
            queue.wait(&mut Vec::new(), Some(LEAVE))
        });
        // If it does not go it is waiting for a disk; it goes when that lets it.
        drop(waited);
    }
}

/// Waits until nobody holds the other end of the socket. The first message, of before the sandbox, says which file was made; no other has
/// a meaning.
fn wait_for_end(socket: BorrowedFd<'_>, made: &mut Option<FileId>) -> io::Result<()> {
    let mut queue = EventQueue::new()?;
    queue.add_readable(socket, 0)?;
    let mut bytes = [0; MAX_FRAME];
    let mut is_first = true;
    loop {
        queue.wait(&mut Vec::new(), None)?;
        match recv_frame(socket, &mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Some(received)) if std::mem::take(&mut is_first) => {
                *made = decode(&bytes[..received.len]);
            }
            other => other.map(drop)?,
        }
    }
}

fn decode(bytes: &[u8]) -> Option<FileId> {
    let (device, inode) = bytes.split_first_chunk()?;
    Some((u64::from_ne_bytes(*device), u64::from_ne_bytes(inode.try_into().ok()?)))
}
