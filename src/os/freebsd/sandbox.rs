// SPDX-License-Identifier: BSD-2-Clause
//! Capsicum. A kernel without it (`ENOSYS`) is accepted, as by caph_enter(3); all other errors are fatal.

use crate::os::check;
use crate::os::invalid;
use crate::os::sandbox::{Entered, Ioctl, Right, Role};
use capdump_sys::mtio;
use capsicum::{CapRights, FileRights, IoctlRights, IoctlsBuilder};
use std::io;
use std::os::fd::BorrowedFd;

/// Limits, and reads the limits back.
pub fn limit(fd: BorrowedFd<'_>, rights: &[Right], ioctls: &[Ioctl]) -> io::Result<()> {
    let mut wanted = FileRights::new();
    for right in rights {
        for right in capsicum_rights(*right) {
            wanted.allow(*right);
        }
    }
    match wanted.limit(&fd) {
        Err(err) if err.raw_os_error() == Some(libc::ENOSYS) => return Ok(()),
        other => other?,
    }
    let held = FileRights::from_file(&fd)?;
    if !(held.contains(&wanted) && wanted.contains(&held)) {
        return Err(invalid("a descriptor has other rights than it was limited to"));
    }
    // Without CAP_IOCTL the kernel has emptied the list already.
    if rights.contains(&Right::Ioctl) {
        let list = ioctls.iter().fold(IoctlsBuilder::new(), |list, ioctl| list.allow(number(*ioctl)));
        list.finalize().limit(&fd)?;
    }
    check_ioctls(fd, ioctls)
}

/// Checks that the descriptor has exactly these ioctls.
fn check_ioctls(fd: BorrowedFd<'_>, ioctls: &[Ioctl]) -> io::Result<()> {
    // The crate panics when there are more than it has room for; no kernel lets a list have more than 256 (IOCTLS_MAX_COUNT).
    match IoctlRights::from_file(&fd, 256)? {
        IoctlRights::Limited(held)
            if held.len() == ioctls.len() && ioctls.iter().all(|ioctl| held.contains(&number(*ioctl))) =>
        {
            Ok(())
        }
        _ => Err(invalid("a descriptor has other ioctls than it was limited to")),
    }
}

/// Enters capability mode. It is the same for every role: the rights make the difference.
///
/// A process does not dump core, which would contain data of the disk. Tracing by others is not disabled (`PROC_TRACE_CTL`): it
/// would hide its descriptors from procstat(1), and only root could trace it.
pub fn enter(_role: Role) -> io::Result<Entered> {
    if !is_entered() {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: setrlimit reads the structure, which outlives the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    }
    match capsicum::enter() {
        Ok(()) => Ok(Entered::Full),
        Err(err) if err.raw_os_error() == Some(libc::ENOSYS) => {
            Ok(Entered::Unavailable(String::from("the kernel has no capability mode")))
        }
        Err(err) => Err(err),
    }
}

/// Enters capability mode, where the rights of `target` are all that there is.
pub fn enter_beneath(role: Role, _target: BorrowedFd<'_>) -> io::Result<Entered> {
    enter(role)
}

/// What cap_getmode(2) says.
pub fn is_entered() -> bool {
    capsicum::get_mode().unwrap_or(false)
}

/// What is done beneath a directory; descriptors that are opened there have the same rights.
const BENEATH: &[capsicum::Right] = &[
    capsicum::Right::Lookup,
    capsicum::Right::Create,
    capsicum::Right::Mkdirat,
    capsicum::Right::Mkfifoat,
    capsicum::Right::Mknodat,
    capsicum::Right::Symlinkat,
    capsicum::Right::LinkatSource,
    capsicum::Right::LinkatTarget,
    capsicum::Right::RenameatSource,
    capsicum::Right::RenameatTarget,
    capsicum::Right::Unlinkat,
    capsicum::Right::Fstatat,
    capsicum::Right::Fchown,
    capsicum::Right::Fchownat,
    capsicum::Right::Fchmod,
    capsicum::Right::Fchflags,
    capsicum::Right::Futimes,
    capsicum::Right::Futimesat,
    capsicum::Right::Pwrite,
    capsicum::Right::Fstatfs,
    capsicum::Right::ExtattrSet,
    capsicum::Right::ExtattrGet,
    capsicum::Right::ExtattrList,
    capsicum::Right::ExtattrDelete,
    capsicum::Right::AclSet,
];

/// What is looked at beneath a directory.
const LOOK: &[capsicum::Right] =
    &[capsicum::Right::Lookup, capsicum::Right::Fstatat, capsicum::Right::ExtattrGet];

fn capsicum_rights(right: Right) -> &'static [capsicum::Right] {
    match right {
        Right::Read => &[capsicum::Right::Read],
        Right::Write => &[capsicum::Right::Write],
        Right::Seek => &[capsicum::Right::Seek],
        Right::Pread => &[capsicum::Right::Pread],
        Right::Fstat => &[capsicum::Right::Fstat],
        Right::Ftruncate => &[capsicum::Right::Ftruncate],
        Right::Fsync => &[capsicum::Right::Fsync],
        Right::Event => &[capsicum::Right::Event],
        Right::Ioctl => &[capsicum::Right::Ioctl],
        Right::Pdkill => &[capsicum::Right::Pdkill],
        Right::Kqueue => &[capsicum::Right::Kqueue],
        Right::Beneath => BENEATH,
        Right::Look => LOOK,
    }
}

fn number(ioctl: Ioctl) -> libc::c_ulong {
    match ioctl {
        Ioctl::TapeOperation => mtio::MTIOCTOP,
        Ioctl::TapeStatus => mtio::MTIOCGET,
        Ioctl::TapeErrors => mtio::MTIOCERRSTAT,
        Ioctl::TapeExtendedStatus => mtio::MTIOCEXTGET,
        Ioctl::TapePosition => mtio::MTIOCRDSPOS,
        Ioctl::TapeEndModel => mtio::MTIOCGETEOTMODEL,
        Ioctl::WindowSize => libc::TIOCGWINSZ,
        Ioctl::TerminalAttributes => libc::TIOCGETA,
    }
}
