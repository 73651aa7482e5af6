// SPDX-License-Identifier: BSD-2-Clause
//! Outputs on FreeBSD.

use crate::os::output::Unread;
use nix::fcntl::OFlag;
use nix::sys::statfs::statfs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Nothing: GEOM does not open a mounted disk for writing.
pub const ALONE: OFlag = OFlag::empty();

/// Nothing: the kernel gives large writers larger pipes by itself.
pub fn widen(_fd: BorrowedFd<'_>) {}

/// Nothing, as far as can be seen. A blocking write of 8 KiB or more returns only when the reader has taken it (`pipe_direct_write`,
/// sys/kern/sys_pipe.c), so that mostly there is no more to wait for.
///
/// `EVFILT_WRITE` does not report it: such a write counts its bytes as written before they are read, even if the reader exits,
/// and none of them is in the buffer then; of the buffer only the free bytes are reported (`filt_pipewrite`), not its size, which changes; and
/// when the reader has exited, registering fails with `EPIPE` whether it had read all or not, while restore(8) may exit after it has read all.
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
