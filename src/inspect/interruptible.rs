// SPDX-License-Identifier: BSD-2-Clause
//! An output of the process that reads a dump: a signal ends the wait for a slow reader.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::inspect::signals::Shared;
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::output;

/// A file, a device, or something with a reader.
pub struct Interruptible<F> {
    fd: F,
    /// It is a pipe, a socket or a terminal, where writing may wait for long.
    can_wait: bool,
    signals: Shared,
}

impl<F: AsFd> Interruptible<F> {
    /// An output that is open, before the sandbox is entered.
    pub fn new(fd: F, signals: &Shared) -> Interruptible<F> {
        let can_wait = match disk::kind(fd.as_fd()) {
            Ok(Kind::Fifo | Kind::Socket) => true,
            Ok(Kind::Character) => fd.as_fd().is_terminal(),
            _ => false,
        };
        Interruptible { fd, can_wait, signals: signals.clone() }
    }

    /// Waits until it can be written. Errors: a signal that ends the reading.
    fn wait(&self) -> io::Result<()> {
        let mut signals = self.signals.borrow_mut();
        while signals.stopped().is_none() {
            if signals.wait_writable(self.fd.as_fd())? {
                return Ok(());
            }
        }
        // Not `Interrupted`, which is tried again.
        Err(io::ErrorKind::Other.into())
    }
}

impl<F: AsFd> Write for Interruptible<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd.as_fd();
        // More than there is room for would block, and no signal ends that.
        let most = if self.can_wait { output::WITHOUT_WAIT } else { usize::MAX };
        let bytes = &bytes[..bytes.len().min(most)];
        loop {
            if self.can_wait && !output::has_room(fd) {
                self.wait()?;
            }
            match output::write(fd, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: AsFd> AsFd for Interruptible<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
