// SPDX-License-Identifier: BSD-2-Clause
//! no_new_privs, Landlock without any rule, and two seccomp filters per role.
//!
//! The first filter answers `EPERM` to calls that the C library may try by itself and that look at names only;
//! the second kills the process for all that is not in the role's list. The kernel takes the strictest answer.

use crate::os::check;
use crate::os::linux::syscalls;
use crate::os::sandbox::{Entered, Ioctl, Right, Role};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process, or the one it was forked from, is under Landlock and the first filter. A second time would
/// need calls that the sandbox refuses.
static WALLED: AtomicBool = AtomicBool::new(false);

/// Nothing: Linux has no rights per descriptor.
pub fn limit(_fd: BorrowedFd<'_>, _rights: &[Right], _ioctls: &[Ioctl]) -> io::Result<()> {
    Ok(())
}

/// Enters or narrows.
pub fn enter(role: Role) -> io::Result<Entered> {
    enter_with(role, None)
}

/// Enters as a process for what is beneath `target`. For root, that becomes the root directory, too: Landlock does not keep a process from
/// changing owners, modes and times elsewhere.
pub fn enter_beneath(role: Role, target: BorrowedFd<'_>) -> io::Result<Entered> {
    // SAFETY: fchdir takes a descriptor, which is borrowed and so open.
    check(unsafe { libc::fchdir(target.as_raw_fd()) })?;
    // SAFETY: the name ends in NUL.
    let changed = check(unsafe { libc::chroot(c".".as_ptr()) });
    let no_root = matches!(&changed, Err(error) if error.raw_os_error() == Some(libc::EPERM));
    let entered = enter_with(role, Some(target))?;
    match changed {
        Ok(_) => Ok(entered),
        // What others own is out of reach without root.
        Err(_) if no_root && !nix::unistd::geteuid().is_root() => Ok(entered),
        Err(error) if no_root => {
            Ok(Entered::Partial(format!("the root directory cannot be changed: {error}")))
        }
        Err(error) => Err(error),
    }
}

fn enter_with(role: Role, target: Option<BorrowedFd<'_>>) -> io::Result<Entered> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(Entered::Unavailable(format!("no system call filter for {}", std::env::consts::ARCH)));
    };
    let mut missing = None;
    if !WALLED.load(Ordering::Relaxed) {
        hide_memory()?;
        missing = landlock(target.map(|target| (target, beneath(role))))?;
        let probes = syscalls::probes(role).map_err(io::Error::other)?;
        let filter =
            SeccompFilter::new(probes, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch);
        if !install(filter)? {
            return Ok(Entered::Unavailable(String::from(NO_SECCOMP)));
        }
        WALLED.store(true, Ordering::Relaxed);
    }
    let allowed = syscalls::allowed(role).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(allowed, SeccompAction::KillProcess, SeccompAction::Allow, arch);
    Ok(match (install(filter)?, missing) {
        (false, _) => Entered::Unavailable(String::from(NO_SECCOMP)),
        (true, Some(reason)) => Entered::Partial(reason),
        (true, None) => Entered::Full,
    })
}

/// The process holds what is on the disk: it leaves no core, and no process of the same user may look into it (proc(5)).
fn hide_memory() -> io::Result<()> {
    // SAFETY: PR_SET_DUMPABLE takes a number.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: setrlimit reads the structure, which outlives the call.
    check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) }).map(drop)
}

/// Why there is no sandbox.
const NO_SECCOMP: &str = "the kernel has no seccomp filters";

/// Installs one filter; false is a kernel without seccomp.
fn install(filter: Result<SeccompFilter, seccompiler::BackendError>) -> io::Result<bool> {
    let program: BpfProgram = filter.and_then(|filter| filter.try_into()).map_err(io::Error::other)?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(true),
        Err(seccompiler::Error::Prctl(err) | seccompiler::Error::Seccomp(err))
            if matches!(err.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Ok(false)
        }
        Err(err) => Err(io::Error::other(err)),
    }
}

/// What a role may do beneath its directory.
fn beneath(role: Role) -> BitFlags<AccessFs> {
    match role {
        Role::Comparer => AccessFs::ReadFile | AccessFs::ReadDir,
        _ => AccessFs::from_all(ABI::V6) & !(AccessFs::Execute | AccessFs::IoctlDev),
    }
}

/// Takes away every file name but those beneath `target`, network port, abstract socket and foreign signal. Says what is missing, if
/// anything.
pub(super) fn landlock(target: Option<(BorrowedFd<'_>, BitFlags<AccessFs>)>) -> io::Result<Option<String>> {
    let status = (|| {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V6))?
            .handle_access(AccessNet::from_all(ABI::V6))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?;
        if let Some((target, access)) = target {
            ruleset = ruleset.add_rule(PathBeneath::new(target, access))?;
        }
        ruleset.restrict_self()
    })()
    .map_err(|err: landlock::RulesetError| io::Error::other(err))?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => None,
        RulesetStatus::PartiallyEnforced => Some(String::from("the kernel has an old Landlock")),
        RulesetStatus::NotEnforced => Some(String::from("the kernel has no Landlock")),
    })
}

/// Whether a seccomp filter and no_new_privs are on.
pub fn is_entered() -> bool {
    // SAFETY: both calls take no argument and write no memory.
    let (mode, privs) =
        unsafe { (libc::prctl(libc::PR_GET_SECCOMP), libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) };
    mode == 2 && privs == 1
}
