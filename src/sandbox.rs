// SPDX-License-Identifier: BSD-2-Clause
//! The table of rights of each process.
//!
//! The order in every process: open, limit, [`enter`], [`assert_entered`], and only then look at the disk.

use crate::os::sandbox::QUEUE_RIGHTS;
pub use crate::os::sandbox::{Entered, Ioctl, Right, Role};
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

/// What a descriptor is for; it decides what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    /// The disk, snapshot or image. Held by planner and workers.
    Disk,
    /// A volume of a dump that is read: file, pipe or tape. Held by the process that reads it.
    Volume,
    /// A tape drive. Held by planner and workers.
    TapeDevice,
    /// An output file. Held by planner and workers.
    OutputFile,
    /// An output file that is read again to verify it.
    OutputFileVerified,
    /// A pipe or a device to be written. Held by planner and workers.
    Pipe,
    /// The connection to a remote tape. Held by the workers.
    RmtSocket,
    /// A socket between our own processes.
    RingSocket,
    /// A child. Held by its parent, limited in the planner.
    ProcessDescriptor,
    /// An event queue. Held by its owner.
    #[allow(dead_code, reason = "it is limited where it is made")]
    Queue,
    /// The index that is written. Held by the planner.
    Index,
    /// The operator's terminal. Held by the planner.
    Terminal,
    /// Standard input, output or error.
    Stdio,
    /// Standard output when it takes the dump. Held by planner and workers.
    StandardOutput,
    /// Where progress is reported to. Held by the planner.
    Progress,
    /// The directory that is restored into, and all that is opened beneath it. Held by the writer.
    Target,
    /// The directory that is compared with a dump, and all that is opened beneath it. Held by the comparer.
    Compared,
}

impl DescriptorKind {
    /// Every kind.
    #[cfg(test)]
    pub const ALL: [DescriptorKind; 17] = [
        DescriptorKind::Disk,
        DescriptorKind::Volume,
        DescriptorKind::TapeDevice,
        DescriptorKind::OutputFile,
        DescriptorKind::OutputFileVerified,
        DescriptorKind::Pipe,
        DescriptorKind::RmtSocket,
        DescriptorKind::RingSocket,
        DescriptorKind::ProcessDescriptor,
        DescriptorKind::Queue,
        DescriptorKind::Index,
        DescriptorKind::Terminal,
        DescriptorKind::Stdio,
        DescriptorKind::StandardOutput,
        DescriptorKind::Progress,
        DescriptorKind::Target,
        DescriptorKind::Compared,
    ];

    /// The rights it keeps: the table.
    pub const fn rights(self) -> &'static [Right] {
        use Right::*;
        match self {
            DescriptorKind::Disk => &[Pread, Fstat],
            DescriptorKind::Volume => &[Read, Seek, Fstat, Event],
            DescriptorKind::TapeDevice => &[Write, Read, Fstat, Ioctl],
            DescriptorKind::OutputFile => &[Write, Seek, Fstat, Ftruncate, Fsync],
            DescriptorKind::OutputFileVerified => &[Write, Read, Seek, Fstat, Ftruncate, Fsync],
            DescriptorKind::Progress => &[Write, Event],
            DescriptorKind::Pipe => &[Write, Event, Fstat, Fsync],
            DescriptorKind::RmtSocket | DescriptorKind::RingSocket => &[Read, Write, Event],
            DescriptorKind::ProcessDescriptor => &[Event, Pdkill],
            DescriptorKind::Queue => QUEUE_RIGHTS,
            DescriptorKind::Compared => &[Look, Read, Seek, Fstat],
            DescriptorKind::Target => &[Beneath, Read, Write, Seek, Fstat, Ftruncate, Fsync],
            DescriptorKind::Index => &[Write, Fsync],
            DescriptorKind::Terminal | DescriptorKind::Stdio => &[Read, Write, Event, Fstat, Ioctl],
            DescriptorKind::StandardOutput => &[Write, Event, Fstat, Fsync],
        }
    }

    /// The ioctls it keeps, where [`Right::Ioctl`] is among its rights.
    pub const fn ioctls(self) -> &'static [Ioctl] {
        use crate::os::sandbox::Ioctl::*;
        match self {
            DescriptorKind::TapeDevice => {
                &[TapeOperation, TapeStatus, TapeErrors, TapeExtendedStatus, TapePosition, TapeEndModel]
            }
            DescriptorKind::Terminal | DescriptorKind::Stdio => &[WindowSize, TerminalAttributes],
            _ => &[],
        }
    }
}

/// Why the sandbox could not be set up. (A kernel without one is no error.)
#[derive(Debug)]
pub enum Error {
    /// A descriptor could not be limited, or its limits did not hold.
    Limit(DescriptorKind, io::Error),
    /// The process could not enter.
    Enter(Role, io::Error),
    /// The kernel says that the process is not in the sandbox after it entered.
    NotEntered,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Limit(kind, err) => write!(f, "cannot limit the rights of {kind:?}: {err}"),
            Error::Enter(role, err) => write!(f, "cannot enter the sandbox as {role:?}: {err}"),
            Error::NotEntered => f.write_str("not in the sandbox after entering it"),
        }
    }
}

impl std::error::Error for Error {}

/// Cuts a descriptor down to the rights of its kind. Once per descriptor: removed rights cannot be regained.
pub fn limit(fd: BorrowedFd<'_>, kind: DescriptorKind) -> Result<(), Error> {
    crate::os::sandbox::limit(fd, kind.rights(), kind.ioctls()).map_err(|err| Error::Limit(kind, err))
}

/// Enters the sandbox, or narrows it to a further role.
///
/// A kernel without support returns [`Entered::Unavailable`]: the caller prints a warning and continues.
pub fn enter(role: Role) -> Result<Entered, Error> {
    let entered = crate::os::sandbox::enter(role).map_err(|err| Error::Enter(role, err))?;
    #[cfg(feature = "sandbox-probe")]
    crate::os::probe::attempt(role);
    Ok(entered)
}

/// Enters the sandbox of a process that writes or reads beneath `target`. As [`enter`].
pub fn enter_beneath(role: Role, target: BorrowedFd<'_>) -> Result<Entered, Error> {
    let entered = crate::os::sandbox::enter_beneath(role, target).map_err(|err| Error::Enter(role, err))?;
    #[cfg(feature = "sandbox-probe")]
    crate::os::probe::attempt(role);
    Ok(entered)
}

/// Checks that entering worked, by asking the kernel.
pub fn assert_entered(entered: &Entered) -> Result<(), Error> {
    match entered {
        Entered::Unavailable(_) => Ok(()),
        _ if crate::os::sandbox::is_entered() => Ok(()),
        _ => Err(Error::NotEntered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ioctls_stand_beside_their_right() {
        for kind in DescriptorKind::ALL {
            let has_right = kind.rights().contains(&Right::Ioctl);
            assert_eq!(has_right, !kind.ioctls().is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn the_disk_cannot_be_written() {
        for right in [Right::Write, Right::Ioctl, Right::Ftruncate] {
            assert!(!DescriptorKind::Disk.rights().contains(&right), "{right:?}");
        }
    }

    #[test]
    fn a_process_that_did_not_enter_is_found() {
        assert!(matches!(assert_entered(&Entered::Full), Err(Error::NotEntered)));
        assert!(assert_entered(&Entered::Unavailable(String::from("test"))).is_ok());
    }
}
