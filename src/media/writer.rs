// SPDX-License-Identifier: BSD-2-Clause
//! The system's side of a medium, and how writing to it ends.

use std::io;
use std::os::fd::BorrowedFd;

use crate::media::Kind;

/// How a chunk's writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it is on the medium.
    All,
    /// The medium ended after so many whole records.
    End(u32),
    /// Writing failed with this errno after so many whole records.
    Failed(u32, i32),
}

/// What is waited for on a medium that does not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It can be written.
    Writable,
    /// It can be read.
    Readable,
    /// Either.
    Ready,
}

/// The system's side of a medium.
pub trait Writer {
    /// One write(2); a signal does not end it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// How many of the last bytes are for [`Writer::write_tail`]: see [`crate::os::output::tail_bytes`].
    fn tail_bytes(&self) -> io::Result<usize> {
        Ok(0)
    }

    /// Writes the last bytes to a pipe and waits until its reader has read them.
    ///
    /// Errors: `EPIPE` when the reader has exited before.
    fn write_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    /// Waits until a medium that does not block is ready.
    fn wait(&mut self, until: Until) -> io::Result<()>;

    /// One read(2) of a remote tape's answers, which does not wait for them.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize>;

    /// Whether a tape that took less than a record says that it is at its end.
    fn at_end(&mut self) -> bool;

    /// Moves the place where a file is written next, forwards or back.
    fn skip(&mut self, bytes: i64) -> io::Result<()>;
}

/// A medium's descriptor, for [`write_chunk`](crate::media::write_chunk).
pub struct Descriptor<'a, W> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// Waits until it is ready.
    pub wait: W,
}

impl<W: FnMut(BorrowedFd<'_>, Until) -> io::Result<()>> Writer for Descriptor<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        crate::os::output::write(self.fd, bytes)
    }

    fn tail_bytes(&self) -> io::Result<usize> {
        crate::os::output::tail_bytes(self.fd)
    }

    fn write_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        crate::os::output::write_tail(self.fd, bytes)
    }

    fn wait(&mut self, until: Until) -> io::Result<()> {
        (self.wait)(self.fd, until)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        crate::os::output::read(self.fd, bytes)
    }

    fn at_end(&mut self) -> bool {
        crate::os::tape::errors(self.fd)
            .is_ok_and(|errors| errors.is_some_and(|errors| errors.end_of_medium()))
    }

    fn skip(&mut self, bytes: i64) -> io::Result<()> {
        crate::os::output::skip(self.fd, bytes)
    }
}

/// Writes `bytes` in as many calls as a file or a stream takes, waiting for one that does not block.
pub(super) fn write_whole(out: &mut impl Writer, kind: Kind, bytes: &[u8], record: usize) -> Written {
    let (mut done, mut short) = (0, false);
    while done < bytes.len() {
        let records = (done / record) as u32;
        match out.write(&bytes[done..]) {
            Ok(0) => return Written::End(records),
            Ok(n) => {
                // A file that took less is asked again, for the errno: it is full, or failed in the middle of a long write. If it
                // continues regardless, its contents are unknown.
                if kind == Kind::File && short {
                    return Written::Failed(records, libc::EIO);
                }
                done += n;
                short = done < bytes.len();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Err(error) = out.wait(Until::Writable) {
                    return Written::Failed(records, errno_of(&error));
                }
            }
            Err(error) => return ended(records, &error),
        }
    }
    Written::All
}

pub(super) fn ended(records: u32, error: &io::Error) -> Written {
    match error.raw_os_error() {
        Some(libc::ENOSPC) => Written::End(records),
        _ => Written::Failed(records, errno_of(error)),
    }
}

pub(super) fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
