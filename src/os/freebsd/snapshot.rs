// SPDX-License-Identifier: BSD-2-Clause
//! mksnap_ffs(8), run by a helper process that removes the name even if its parent dies.

use crate::os::freebsd::disk::is_snapshot;
use crate::os::process::Orphan;
use crate::os::snapshot::Failure;
use crate::os::socket::{pair, recv_frame, send_frame};
use crate::os::spawn::spawn;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::{Mode, fstat};
use std::fs::{File, remove_file};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

/// There are.
pub const AVAILABLE: bool = true;

/// What makes a snapshot (`_PATH_MKSNAP_FFS`, sbin/dump/pathnames.h).
const MKSNAP_FFS: &str = "/sbin/mksnap_ffs";

/// Makes, opens and unlinks a snapshot.
///
/// The helper goes on when this process is killed, and the signals of a terminal do not end it.
pub fn create(directory: &Path, name: &Path) -> Result<OwnedFd, Failure> {
    let (ours, theirs) = pair().map_err(Failure::Create)?;
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let keep = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), theirs.as_fd()];
    let helper = spawn(&keep, Orphan::CleansUp, || i32::from(help(directory, name, theirs.as_fd()).is_err()));
    let _helper = helper.map_err(Failure::Create)?;
    drop(theirs);
    let mut bytes: Answer = [0; 8];
    let received = recv_frame(ours.as_fd(), &mut bytes).map_err(|error| {
        // The helper was killed, and could not do it; mksnap_ffs has ended too, or the socket would still be open.
        let _ = remove_file(name);
        Failure::Create(error)
    })?;
    taken(bytes, received.and_then(|received| received.fd))
}

/// The helper's answer: a step, an errno or exit status, and the descriptor if all went well.
type Answer = [u8; 8];

const OPENED: u32 = 0;
const NOT_RUN: u32 = 1;
const REFUSED: u32 = 2;
const NOT_OPENED: u32 = 3;

fn answer(step: u32, number: i32) -> Answer {
    (u64::from(step) << 32 | u64::from(number as u32)).to_ne_bytes()
}

/// What an answer means.
fn taken(answer: Answer, fd: Option<OwnedFd>) -> Result<OwnedFd, Failure> {
    let answer = u64::from_ne_bytes(answer);
    let number = answer as u32 as i32;
    match ((answer >> 32) as u32, fd) {
        (OPENED, Some(fd)) => Ok(fd),
        (NOT_RUN, _) => Err(Failure::Create(io::Error::from_raw_os_error(number))),
        (REFUSED, _) => {
            Err(Failure::Create(io::Error::other(format!("mksnap_ffs exited with status {number}"))))
        }
        (NOT_OPENED, _) => Err(Failure::Open(io::Error::from_raw_os_error(number))),
        _ => Err(Failure::Create(io::ErrorKind::InvalidData.into())),
    }
}

/// The helper's whole life.
fn help(directory: &Path, name: &Path, socket: BorrowedFd<'_>) -> io::Result<()> {
    // Two of us on one file system take turns: each removes what has the name.
    let lock = File::open(directory).and_then(|directory| {
        Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
    });
    let made = lock.map_err(|error| answer(NOT_RUN, errno(&error))).and_then(|_lock| make(name, socket));
    match made {
        Ok(fd) => send_frame(socket, &answer(OPENED, 0), Some(fd.as_fd())),
        Err(answer) => send_frame(socket, &answer, None),
    }
}

/// Creates and opens the snapshot. Its name is removed in any case.
///
/// mksnap_ffs holds the socket open, as its standard input: whoever waits for an answer knows that nothing makes a snapshot any more.
fn make(name: &Path, socket: BorrowedFd<'_>) -> Result<OwnedFd, Answer> {
    // Left by a dump that was killed; mksnap_ffs tells if it cannot be removed.
    let _ = remove_file(name);
    let status = socket
        .try_clone_to_owned()
        .and_then(|socket| Command::new(MKSNAP_FFS).arg(name).stdin(socket).stdout(Stdio::null()).status());
    let opened = match status {
        Ok(status) if status.success() => {
            open_snapshot(name).map_err(|error| answer(NOT_OPENED, errno(&error)))
        }
        Ok(status) => Err(answer(REFUSED, status.code().unwrap_or(-1))),
        Err(error) => Err(answer(NOT_RUN, errno(&error))),
    };
    let _ = remove_file(name);
    opened
}

/// Opens the snapshot: that, and not what someone has put in its place.
fn open_snapshot(name: &Path) -> io::Result<OwnedFd> {
    let fd = open(name, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
    if is_snapshot(&fstat(&fd)?) { Ok(fd) } else { Err(io::Error::from_raw_os_error(libc::EFTYPE)) }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
