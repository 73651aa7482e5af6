// SPDX-License-Identifier: BSD-2-Clause
//! The planner's talk with a remote tape: it opens and closes the device; the workers write to it.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use super::Stop;
use super::console::Console;
use crate::media::rmt::{self, Replies, Reply};
use crate::os::errno::strerror;
use crate::os::output;

/// Opens `name` on the other side; a file that is not there is made, where the other side can.
///
/// The outer error ends the dump; the inner one is what the other side said, or that it is gone.
pub fn open(console: &Console, fd: BorrowedFd<'_>, name: &OsStr) -> Result<Result<(), String>, Stop> {
    match talk(console, fd, &rmt::open(name.as_bytes(), false))? {
        Ok(Reply::Done(_)) => Ok(Ok(())),
        Ok(Reply::Failed(libc::ENOENT, _)) => Ok(said(talk(console, fd, &rmt::open(name.as_bytes(), true))?)),
        other => Ok(said(other)),
    }
}

/// Closes the device on the other side. Errors: as [`open`].
pub fn close(console: &Console, fd: BorrowedFd<'_>) -> Result<Result<(), String>, Stop> {
    Ok(said(talk(console, fd, &rmt::close())?))
}

fn said(reply: Result<Reply, String>) -> Result<(), String> {
    match reply? {
        Reply::Done(_) => Ok(()),
        Reply::Failed(_, text) => Err(text),
    }
}

/// Sends a command and waits for its answer.
fn talk(console: &Console, fd: BorrowedFd<'_>, command: &[u8]) -> Result<Result<Reply, String>, Stop> {
    let mut sent = 0;
    while sent < command.len() {
        match output::write(fd, &command[sent..]) {
            Ok(n) => sent += n,
            Err(error) => return Ok(Err(strerror(&error))),
        }
    }
    let mut replies = Replies::default();
    loop {
        match replies.take() {
            Ok(Some(reply)) => return Ok(Ok(reply)),
            Ok(None) => {}
            Err(garbage) => return Ok(Err(garbage.to_string())),
        }
        console.wait_readable(fd.as_fd())?;
        let mut bytes = [0; 256];
        match output::read(fd, &mut bytes) {
            Ok(0) => return Ok(Err("Lost connection to remote host.".to_owned())),
            Ok(n) => replies.push(&bytes[..n]),
            Err(error) => return Ok(Err(strerror(&error))),
        }
    }
}
