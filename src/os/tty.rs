// SPDX-License-Identifier: BSD-2-Clause
//! The operator's terminal.

use super::retry;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::OwnedFd;

/// Opens `/dev/tty` to ask and to read answers. Errors: `ENXIO` where there is no terminal.
pub fn open_tty() -> io::Result<OwnedFd> {
    retry(|| Ok(open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::in_child;

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
