// SPDX-License-Identifier: BSD-2-Clause
//! The vocabulary of the table of rights, and entering the sandbox.

use crate::os::half;
use std::io;
use std::os::fd::BorrowedFd;

/// A right that a descriptor keeps (rights(4)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// `CAP_READ`: read, recvmsg.
    Read,
    /// `CAP_WRITE`: write, sendmsg.
    Write,
    /// `CAP_SEEK`: lseek.
    Seek,
    /// `CAP_PREAD`: pread, preadv; it takes in reading and seeking.
    Pread,
    /// `CAP_FSTAT`: fstat.
    Fstat,
    /// `CAP_FTRUNCATE`: ftruncate.
    Ftruncate,
    /// `CAP_FSYNC`: fsync.
    Fsync,
    /// `CAP_EVENT`: to be waited on.
    Event,
    /// `CAP_IOCTL`: the ioctls that are listed beside it.
    Ioctl,
    /// `CAP_PDKILL`: pdkill.
    Pdkill,
    /// `CAP_KQUEUE`: kevent.
    Kqueue,
    /// All that is done beneath a directory that is restored into, and to the files there: see `src/os/freebsd/sandbox.rs`.
    Beneath,
    /// All that is looked at beneath a directory that is compared.
    Look,
}

/// What an event queue keeps; one queue can be waited on in another. It is limited where it is made.
pub const QUEUE_RIGHTS: &[Right] = &[Right::Kqueue, Right::Event];

/// An ioctl that a descriptor keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ioctl {
    /// `MTIOCTOP`: tape operations.
    TapeOperation,
    /// `MTIOCGET`: tape status.
    TapeStatus,
    /// `MTIOCERRSTAT`: tape errors.
    TapeErrors,
    /// `MTIOCEXTGET`: tape status as XML.
    TapeExtendedStatus,
    /// `MTIOCRDSPOS`: tape position.
    TapePosition,
    /// `MTIOCGETEOTMODEL`: how many filemarks end a tape.
    TapeEndModel,
    /// `TIOCGWINSZ`: the size of a terminal.
    WindowSize,
    /// `TIOCGETA`: whether it is a terminal.
    TerminalAttributes,
}

/// Which process enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The planner before its workers are forked: it may still fork, and its children may narrow themselves.
    PlannerForking,
    /// The planner after that.
    Planner,
    /// A worker of the ring.
    Worker,
    /// The process that reads a dump.
    Reader,
    /// The process that writes what is restored.
    Writer,
    /// The process that compares what is there with a dump.
    Comparer,
}

/// What holds after entering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Everything that this system can do.
    Full,
    /// Some of it; the text says in one line what is missing.
    #[cfg_attr(target_os = "freebsd", expect(dead_code, reason = "capability mode is whole"))]
    Partial(String),
    /// The kernel has no sandbox; the text says in one line why.
    Unavailable(String),
}

impl Entered {
    /// What is missing, in one line.
    pub fn lack(&self) -> Option<String> {
        match self {
            Entered::Full => None,
            Entered::Partial(reason) => Some(format!("the sandbox is not whole: {reason}")),
            Entered::Unavailable(reason) => Some(format!("no sandbox: {reason}")),
        }
    }
}

/// Cuts the descriptor down to these rights and ioctls, and checks that they hold. Nothing on Linux, where rights are
/// per process, and nothing on a FreeBSD kernel without capabilities.
pub fn limit(fd: BorrowedFd<'_>, rights: &[Right], ioctls: &[Ioctl]) -> io::Result<()> {
    half::sandbox::limit(fd, rights, ioctls)
}

/// Enters the sandbox, or narrows it: for good, for this process and those it forks.
pub fn enter(role: Role) -> io::Result<Entered> {
    half::sandbox::enter(role)
}

/// Enters the sandbox as the process that writes or reads beneath `target`, and nowhere else.
pub fn enter_beneath(role: Role, target: BorrowedFd<'_>) -> io::Result<Entered> {
    half::sandbox::enter_beneath(role, target)
}

/// Whether the kernel says that this process is sandboxed.
pub fn is_entered() -> bool {
    half::sandbox::is_entered()
}
