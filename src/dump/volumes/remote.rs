// SPDX-License-Identifier: BSD-2-Clause
//! The planner's connection to a remote tape: opens and closes the device; the workers write to it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use crate::dump::questions::Questions;
use crate::dump::stop::VolumeError;
use crate::dump::volumes::fault::RemoteFault;
use crate::media::rmt;
use crate::media::rmt::{Replies, Reply};
use crate::os::output;

/// Opens `name` on the remote host; a file that does not exist is created if the remote rmt(8) supports it, but not in /dev.
///
/// Errors: the dump is aborted; the reply of the remote host, or the loss of its connection.
pub fn open(questions: &Questions<'_>, fd: BorrowedFd<'_>, name: &OsStr) -> Result<(), VolumeError> {
    match talk(questions, fd, &rmt::open(name.as_bytes(), false))? {
        Reply::Failed(libc::ENOENT, _) if rmt::may_create(name.as_bytes()) => {
            done(talk(questions, fd, &rmt::open(name.as_bytes(), true))?)
        }
        reply => done(reply),
    }
}

/// Closes the device on the other side. Errors: as [`open`].
pub fn close(questions: &Questions<'_>, fd: BorrowedFd<'_>) -> Result<(), VolumeError> {
    done(talk(questions, fd, &rmt::close())?)
}

fn done(reply: Reply) -> Result<(), VolumeError> {
    match reply {
        Reply::Done(_) => Ok(()),
        Reply::Failed(_, text) => Err(RemoteFault::Refused(text).into()),
    }
}

/// Sends a command and waits for its answer.
fn talk(questions: &Questions<'_>, fd: BorrowedFd<'_>, command: &[u8]) -> Result<Reply, VolumeError> {
    let mut replies = Replies::default();
    // What came before the command is no answer to it.
    receive(fd, &mut replies)?;
    if !replies.is_empty() {
        return Err(RemoteFault::Unasked.into());
    }
    // A command is short and nothing is on the way before it, so that the socket takes it whole.
    match output::write(fd, command).map_err(RemoteFault::System)? {
        n if n == command.len() => {}
        _ => return Err(RemoteFault::System(io::Error::from_raw_os_error(libc::EAGAIN)).into()),
    }
    loop {
        match replies.take().map_err(RemoteFault::Garbage)? {
            Some(reply) if replies.is_empty() => return Ok(reply),
            Some(_) => return Err(RemoteFault::Unasked.into()),
            None => {}
        }
        questions.wait_for_tape(fd)?;
        receive(fd, &mut replies)?;
    }
}

/// Reads part of the received data. Errors: the peer has exited.
fn receive(fd: BorrowedFd<'_>, replies: &mut Replies) -> Result<(), RemoteFault> {
    let mut bytes = [0; 256];
    match output::read(fd, &mut bytes) {
        Ok(0) => Err(RemoteFault::Lost),
        Ok(n) => {
            replies.push(&bytes[..n]);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(RemoteFault::System(error)),
    }
}
