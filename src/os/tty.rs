// SPDX-License-Identifier: BSD-2-Clause
//! The operator's terminal.

use crate::os::retry;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use zeroize::Zeroizing;

/// Opens `/dev/tty` to ask and to read answers. Errors: `ENXIO` where there is no terminal.
pub fn open_tty() -> io::Result<OwnedFd> {
    retry(|| Ok(open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?))
}

/// Bytes of the longest line that a terminal gives (`MAX_CANON` is less).
const MOST_LINE: usize = 4096;

/// Prints `prompt` and reads a line that is not shown, without its newline.
///
/// Errors: those of tcsetattr(3), read(2) and write(2).
pub fn read_secret(terminal: BorrowedFd<'_>, prompt: &[u8]) -> io::Result<Zeroizing<Vec<u8>>> {
    let before = tcgetattr(terminal)?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden.local_flags.insert(LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
    tcsetattr(terminal, SetArg::TCSAFLUSH, &hidden)?;
    let line = crate::os::output::write(terminal, prompt).and_then(|_| {
        let mut line = Zeroizing::new(vec![0; MOST_LINE]);
        let length = crate::os::output::read(terminal, &mut line)?;
        line.truncate(length);
        if line.last() == Some(&b'\n') {
            line.truncate(length - 1);
        }
        Ok(line)
    });
    tcsetattr(terminal, SetArg::TCSAFLUSH, &before)?;
    line
}

nix::ioctl_read_bad!(
    /// `TIOCGWINSZ` (tty(4)).
    window_size,
    libc::TIOCGWINSZ,
    libc::winsize
);

/// How many columns a terminal has. None: it does not say, or it is no terminal.
pub fn columns(fd: BorrowedFd<'_>) -> Option<u16> {
    // SAFETY: winsize is made of numbers, for which zeros are good.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is borrowed and so open, and the kernel writes a winsize to where one is.
    unsafe { window_size(fd.as_raw_fd(), &mut size) }.ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// Takes over a descriptor that whoever started this program opened to be written to. To be called before anything of its own is
/// open. Programs that this one runs do not get it.
///
/// Errors: `EBADF` when it is not open, or cannot be written to.
pub fn inherited(descriptor: i32) -> io::Result<OwnedFd> {
    if descriptor < 0 || crate::os::standard::was_closed(descriptor) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: whether it is open is what fcntl tells; it is used for nothing else unless it is.
    let fd = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?);
    if !matches!(flags & OFlag::O_ACCMODE, OFlag::O_WRONLY | OFlag::O_RDWR) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    if descriptor < 3 {
        // The standard ones stay what they are.
        return fd.try_clone_to_owned();
    }
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and nothing of this program has opened it: it was there at the start.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::in_child;

    #[test]
    fn a_terminal_has_columns_and_a_pipe_has_none() {
        use std::os::fd::AsFd;
        let size = nix::pty::Winsize { ws_row: 20, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(&size, None).unwrap();
        assert_eq!(columns(pty.slave.as_fd()), Some(77));
        let (read, _write) = crate::os::output::pipe().unwrap();
        assert_eq!(columns(read.as_fd()), None);
    }

    #[test]
    fn a_descriptor_that_is_not_ours_is_taken_over_only_if_it_can_be_written() {
        use std::os::fd::{AsFd, IntoRawFd};
        // On FreeBSD both ends of a pipe can be written.
        let read = std::fs::File::open("/dev/null").unwrap();
        let (_reader, write) = crate::os::output::pipe().unwrap();
        let refused = |fd: i32| inherited(fd).map(drop).map_err(|error| error.raw_os_error());
        assert_eq!(refused(read.as_raw_fd()), Err(Some(libc::EBADF)));
        assert_eq!(refused(-1), Err(Some(libc::EBADF)));
        assert_eq!(refused(9999), Err(Some(libc::EBADF)));
        let fd = inherited(write.into_raw_fd()).unwrap();
        assert_eq!(crate::os::output::write(fd.as_fd(), b"x").unwrap(), 1);
    }

    #[test]
    fn a_session_without_a_terminal_has_none() {
        let status = in_child(|| {
            nix::unistd::setsid().unwrap();
            match open_tty().map_err(|err| err.raw_os_error()) {
                Err(Some(libc::ENXIO)) => 0,
                _ => 1,
            }
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }
}
