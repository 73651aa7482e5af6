// SPDX-License-Identifier: BSD-2-Clause
//! The standard streams, and which of them were closed when the program was started.
//!
//! Before `main` Rust's runtime opens `/dev/null` in place of closed ones, for reading and writing. A dump to standard output would then
//! succeed, and be nowhere. So something runs before the runtime: it notes what is closed, and opens `/dev/null` there for the wrong
//! direction, as the C library does for set-user-ID programs. The numbers 0 to 2 are taken then, so that no other file of the program
//! gets one of them, and what is read or written there fails with `EBADF`, as it does with a closed descriptor.

use crate::os::retry;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each of the descriptors 0 to 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

// Not in Miri, whose C library has no start-up.
#[cfg(not(miri))]
#[used]
// SAFETY: the section is an array of pointers to C functions, which the C library calls in turn, after its own start-up and before
// `main`; this is one such pointer. (ELF gABI, "Initialization and Termination Functions"; both systems have it.)
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_closed;

/// Runs before Rust's runtime, with one thread: makes system calls only.
#[cfg(not(miri))]
extern "C" fn note_closed() {
    for fd in 0..3 {
        // SAFETY: F_GETFD takes any number, and touches no memory. It fails for a closed descriptor only.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1 {
            continue;
        }
        CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        let wrong = if fd == 0 { libc::O_WRONLY } else { libc::O_RDONLY };
        // SAFETY: the name ends in NUL. The lowest free number is `fd`. If it fails, the runtime tries, and aborts.
        unsafe { libc::open(c"/dev/null".as_ptr(), wrong) };
    }
}

/// Whether the descriptor is a standard one and was closed when the program was started.
pub fn was_closed(descriptor: i32) -> bool {
    (0..3).contains(&descriptor) && CLOSED.load(Ordering::Relaxed) & (1 << descriptor) != 0
}

/// Whether the path is a name of a standard descriptor that was closed: opened by this name, the file in its place could be written to.
pub fn names_closed(path: &Path) -> bool {
    let number = match path.to_str() {
        Some("/dev/stdin") => Some(0),
        Some("/dev/stdout") => Some(1),
        Some("/dev/stderr") => Some(2),
        Some(path) => ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"]
            .iter()
            .find_map(|dir| path.strip_prefix(dir)?.parse().ok()),
        None => None,
    };
    number.is_some_and(was_closed)
}

/// Checks that standard output can be written to. Errors: `EBADF`: it is closed, or open for reading only.
pub fn check_output() -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(io::stdout().as_fd(), FcntlArg::F_GETFL)?);
    match flags & OFlag::O_ACCMODE {
        OFlag::O_WRONLY | OFlag::O_RDWR => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::EBADF)),
    }
}

/// Standard output, without a buffer. (Rust's own takes `EBADF` for success.)
#[derive(Debug, Default)]
pub struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdout = io::stdout();
        let fd: BorrowedFd<'_> = stdout.as_fd();
        retry(|| Ok(nix::unistd::write(fd, bytes)?))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_open_streams_are_not_of_closed_ones() {
        CLOSED.store(0, Ordering::Relaxed);
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/2", "/dev/null", "d", "/dev/fd/x"] {
            assert!(!names_closed(Path::new(name)), "{name}");
        }
        CLOSED.store(0b110, Ordering::Relaxed);
        for name in ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"] {
            assert!(names_closed(Path::new(name)), "{name}");
        }
        for name in ["/dev/stdin", "/dev/fd/0", "/dev/fd/3", "/dev/fd/-1", "stdout"] {
            assert!(!names_closed(Path::new(name)), "{name}");
        }
        CLOSED.store(0, Ordering::Relaxed);
        assert!(!was_closed(1) && !was_closed(3) && !was_closed(-1));
    }
}
