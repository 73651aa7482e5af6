// SPDX-License-Identifier: BSD-2-Clause
//! The planner's connection to a remote tape: opens and closes the device; the workers write to it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use crate::dump::console::Console;
use crate::dump::{Stop, planner};
use crate::media::rmt;
use crate::media::rmt::{Replies, Reply};
use crate::os::errno::strerror;
use crate::os::output;

/// Opens `name` on the remote host; a file that does not exist is created if the remote rmt(8) supports it.
///
/// The outer error ends the dump; the inner one is the reply of the remote host, or the loss of its connection.
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
    let mut replies = Replies::default();
    // What came before the command is no answer to it.
    if let Err(why) = receive(fd, &mut replies) {
        return Ok(Err(why));
    }
    if !replies.is_empty() {
        return Ok(Err(unasked()));
    }
    // A command is short and nothing is on the way before it, so that the socket takes it whole.
    match output::write(fd, command) {
        Ok(n) if n == command.len() => {}
        Ok(_) => return Ok(Err(planner::reason(libc::EAGAIN))),
        Err(error) => return Ok(Err(strerror(&error))),
    }
    loop {
        match replies.take() {
            Ok(Some(reply)) if replies.is_empty() => return Ok(Ok(reply)),
            Ok(Some(_)) => return Ok(Err(unasked())),
            Ok(None) => {}
            Err(garbage) => return Ok(Err(garbage.to_string())),
        }
        console.wait_for_tape(fd)?;
        if let Err(why) = receive(fd, &mut replies) {
            return Ok(Err(why));
        }
    }
}

/// Reads part of the received data. Errors: the peer has exited.
fn receive(fd: BorrowedFd<'_>, replies: &mut Replies) -> Result<(), String> {
    let mut bytes = [0; 256];
    match output::read(fd, &mut bytes) {
        Ok(0) => Err("Lost connection to remote host.".to_owned()),
        Ok(n) => {
            replies.push(&bytes[..n]);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(strerror(&error)),
    }
}

fn unasked() -> String {
    format!("unexpected reply from the remote host: {}", planner::reason(libc::EPROTO))
}
