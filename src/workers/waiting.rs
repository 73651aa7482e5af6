// SPDX-License-Identifier: BSD-2-Clause
//! How a worker waits for a medium or a neighbour.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::event::EventQueue;
use crate::media::Until;
use crate::workers::worker::End;

/// Waits until `fd` is ready. Whenever that takes longer than `patience` it calls `silent`, and waits on.
pub(super) fn wait_until(
    fd: BorrowedFd<'_>,
    until: Until,
    patience: Option<Duration>,
    silent: impl Fn() -> Result<(), End>,
) -> io::Result<()> {
    let mut queue = EventQueue::new()?;
    if matches!(until, Until::Writable | Until::Ready) {
        queue.add_writable(fd, 0)?;
    }
    if matches!(until, Until::Readable | Until::Ready) {
        queue.add_readable(fd, 0)?;
    }
    let mut events = Vec::new();
    loop {
        queue.wait(&mut events, patience)?;
        if !events.is_empty() {
            return Ok(());
        }
        // When the planner has exited this process ends as well.
        silent().map_err(io::Error::other)?;
    }
}
