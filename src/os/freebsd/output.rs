// SPDX-License-Identifier: BSD-2-Clause
//! Outputs on FreeBSD.

use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::freebsd::event::limited_kqueue;
use crate::os::output::{Unread, write};
use crate::os::retry;
use nix::fcntl::OFlag;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::statfs::statfs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Nothing: GEOM does not open a mounted disk for writing.
pub const ALONE: OFlag = OFlag::empty();

/// Bytes of the smallest buffer of a pipe: a page of the machines we know.
const SMALLEST_PIPE: usize = 4096;

/// Nothing: the kernel gives large writers larger pipes by itself.
pub fn widen(_fd: BorrowedFd<'_>) {}

/// Bytes that are written at once, and into the buffer of a pipe.
const TAIL_BYTES: usize = libc::PIPE_BUF;

/// See [`crate::os::output::tail_bytes`]. A device takes whole sectors only, and of a socket it is not known what is unread.
pub fn tail_bytes(fd: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(if disk::kind(fd)? == Kind::Fifo { TAIL_BYTES } else { 0 })
}

/// See [`crate::os::output::write_tail`].
///
/// A blocking write of 8 KiB or more (`kern.ipc.pipe_mindirect`) bypasses the buffer and returns when the reader has taken it; but also when
/// the reader exits, and then counts what is left as written (`pipe_direct_write`, sys/kern/sys_pipe.c). So a small write follows: it fails if
/// the reader has exited before, and otherwise is in the buffer. `EVFILT_WRITE` reports the free bytes of the buffer at each read(2), and to a
/// queue that was there before also at the close.
pub fn write_tail(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let queue = limited_kqueue()?;
    let (ident, flags) = (fd.as_raw_fd() as usize, EvFlags::EV_ADD | EvFlags::EV_CLEAR);
    let change = KEvent::new(ident, EventFilter::EVFILT_WRITE, flags, FilterFlag::empty(), 0, 0);
    // Fails with EPIPE when the reader of a pipe without a name has exited.
    retry(|| Ok(queue.kevent(&[change], &mut [], None).map(drop)?))?;
    let mut free = free_bytes(&queue)?.0;
    while let Err(error) = write(fd, bytes) {
        // The pipe does not block, and another writer was faster.
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        free = free_bytes(&queue)?.0;
    }
    // The size of the buffer is not reported. It is a page, doubled some times (`pipe_write`). From 16 KiB on more than half of it was free,
    // because less than 8 KiB of a blocking write go into it. If pipes lack memory or do not block, less may have been free.
    let mut size = SMALLEST_PIPE.max(free.next_power_of_two());
    free = free.saturating_sub(bytes.len());
    loop {
        let (now, is_closed) = free_bytes(&queue)?;
        // When pipes lack memory, the buffer shrinks to a page (`pipe_read`).
        let least = if now < free { SMALLEST_PIPE } else { size };
        size = least.max(now.next_power_of_two());
        free = now;
        if free == size {
            return Ok(());
        }
        if is_closed {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
    }
}

/// Waits for the next event of a queue that has one pipe: how many bytes of its buffer are free, and whether its reader has closed it.
fn free_bytes(queue: &Kqueue) -> io::Result<(usize, bool)> {
    let mut events = [KEvent::new(0, EventFilter::EVFILT_WRITE, EvFlags::empty(), FilterFlag::empty(), 0, 0)];
    while retry(|| Ok(queue.kevent(&[], &mut events, None)?))? == 0 {}
    Ok((usize::try_from(events[0].data()).unwrap_or(0), events[0].flags().contains(EvFlags::EV_EOF)))
}

/// Nothing: the end of a pipe is waited for where it is written ([`write_tail`]), and of a socket it is not known.
pub fn unread(_fd: BorrowedFd<'_>) -> io::Result<Unread> {
    Ok(Unread::Nothing)
}

/// None is needed: whoever holds the disk open for writing has kept others from mounting it.
pub fn claim(_fd: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// Whether a folder is on a devfs(4).
pub fn is_for_devices(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|stat| stat.filesystem_type_name() == "devfs")
}
