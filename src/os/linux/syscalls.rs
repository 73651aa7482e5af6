// SPDX-License-Identifier: BSD-2-Clause
//! The system calls permitted to each role on Linux.

use crate::os::linux::output::{PIPE_BYTES_UNREAD, SOCKET_BYTES_UNREAD};
use crate::os::linux::process::FORK_FLAGS;
use crate::os::linux::tape::{MTIOCGET, MTIOCPOS, MTIOCTOP};
use crate::os::sandbox::Role;
use libc::c_long;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BackendError, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;

/// The rules of one filter: for each call, the conditions under which it matches; none means always.
pub type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What every role needs: descriptors that are open, memory without a file, signals, its own end.
///
/// The list is what strace(1) shows of all kinds of dumps (to files, pipes, commands and remote tapes, with ends of media, errors and
/// signals) after the filter is on. What it does not show is in [`UNSEEN`].
const COMMON: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_fstat,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_exit_group,
];

/// What every role keeps though it is seldom or never seen, and why.
const UNSEEN: &[c_long] = &[
    // epoll_wait of architectures and C libraries that lack it
    libc::SYS_epoll_pwait,
    // waiting for a pipe that does not block, and for the terminal; poll where there is one
    libc::SYS_ppoll,
    // an event queue that is made inside and takes signals
    libc::SYS_signalfd4,
    // the allocator, for memory that grows by megabytes, and its seed
    libc::SYS_mremap,
    libc::SYS_getrandom,
    // the message of a panic
    libc::SYS_gettid,
    // locks of the standard streams: they are uncontended, but a lock that finds itself taken waits here
    libc::SYS_futex,
    // the clock and waiting by it, where the kernel's page of code for that (vdso) is not there
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    // the way back from a handler of a signal, and into a call that SIGSTOP and SIGCONT broke off
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
];

/// What only the older of our architectures has beside it: epoll_wait is seen, the others are for the reasons above.
#[cfg(target_arch = "x86_64")]
const COMMON_OLD: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const COMMON_OLD: &[c_long] = &[];

/// The planner keeps the record of dumps and manages its children; it kills them when a dump is aborted.
const PLANNER: &[c_long] = &[libc::SYS_flock, libc::SYS_pidfd_send_signal];

/// Of those that read the disk: many reads under way. With a descriptor they can do no more than read(2) and write(2).
const READING: &[c_long] =
    &[libc::SYS_io_setup, libc::SYS_io_submit, libc::SYS_io_getevents, libc::SYS_io_destroy];

/// Before its workers are forked: what fork, their first steps and their own filters need.
const FORKING: &[c_long] = &[libc::SYS_seccomp, libc::SYS_socketpair];

/// The process that writes what is restored makes and changes files beneath a directory that is open. Those that take a flag for what
/// happens to a symbolic link are given it, and the root directory is the target's.
const WRITER: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_pwrite64,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_fsetxattr,
    libc::SYS_syncfs,
    libc::SYS_fstatfs,
    libc::SYS_fgetxattr,
    libc::SYS_flistxattr,
    libc::SYS_fremovexattr,
    libc::SYS_geteuid,
];

/// fchmodat2(2), since Linux 6.6, and setxattrat(2), since 6.13 (asm-generic/unistd.h); the C library has neither.
pub const FCHMODAT2: c_long = 452;
pub const SETXATTRAT: c_long = 463;

/// What the writer has if it is root, so that the target is its root directory: these take names from anywhere. Of anybody else's nodes all
/// that they could set is already set.
const WRITER_IF_ROOT: &[c_long] = &[FCHMODAT2, SETXATTRAT];
/// The process that compares looks at files beneath a directory that is open, and opens them only to read them: see [`looking`].
const COMPARER: &[c_long] =
    &[libc::SYS_newfstatat, libc::SYS_readlinkat, libc::SYS_fgetxattr, libc::SYS_geteuid];

/// Flags of openat(2) with any of which a file could be made or changed.
const WRITING: i32 =
    libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// Answered with `EPERM`: names that the C library or Rust's runtime looks up by itself. Only openat is seen (a panic's backtrace, the
/// allocator's look at the machine); each of the others is what some version does instead.
const PROBES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    // with AT_EMPTY_PATH they are the C library's fstat, but the kernel takes a name all the same, and a filter cannot read it
    libc::SYS_newfstatat,
    libc::SYS_statx,
];

#[cfg(target_arch = "x86_64")]
const PROBES_OLD: &[c_long] =
    &[libc::SYS_open, libc::SYS_access, libc::SYS_readlink, libc::SYS_stat, libc::SYS_lstat];
#[cfg(not(target_arch = "x86_64"))]
const PROBES_OLD: &[c_long] = &[];

/// `TCGETS` and `TIOCGWINSZ` (asm-generic/ioctls.h), the tape's, and those that return the unread bytes of a pipe or socket: the only ioctls.
const IOCTLS: [u32; 7] =
    [MTIOCTOP, MTIOCGET, MTIOCPOS, 0x5401, 0x5413, PIPE_BYTES_UNREAD, SOCKET_BYTES_UNREAD];

/// `PR_GET_SECCOMP` and `PR_GET_NO_NEW_PRIVS` prove the sandbox; the others are harmless to others.
/// `PR_SET_VMA` is how the C library names its memory.
const PRCTLS: [i32; 5] = [
    libc::PR_GET_SECCOMP,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_SET_NAME,
    libc::PR_SET_VMA,
];

/// `F_GETFD` and the like; nothing that locks, leases or signals.
const FCNTLS: [i32; 5] = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD_CLOEXEC];

/// `P_PIDFD` (linux/wait.h): waitid for a child that is held by its pidfd.
const P_PIDFD: u64 = 3;

/// The calls a role may make.
pub fn allowed(role: Role) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    always(&mut rules, COMMON);
    always(&mut rules, UNSEEN);
    always(&mut rules, COMMON_OLD);
    always(&mut rules, PROBES);
    always(&mut rules, PROBES_OLD);
    any_of(&mut rules, libc::SYS_ioctl, 1, IOCTLS.map(u64::from))?;
    any_of(&mut rules, libc::SYS_prctl, 0, PRCTLS.map(|option| option as u64))?;
    any_of(&mut rules, libc::SYS_fcntl, 1, FCNTLS.map(|command| command as u64))?;
    memory(&mut rules)?;
    if !matches!(role, Role::Reader | Role::Writer | Role::Comparer) {
        always(&mut rules, READING);
    }
    if role == Role::Writer {
        always(&mut rules, WRITER);
        // Refused by the other filter if this is not root.
        always(&mut rules, WRITER_IF_ROOT);
    }
    if role == Role::Comparer {
        always(&mut rules, COMPARER);
        looking(&mut rules)?;
    }
    if !matches!(role, Role::Worker | Role::Reader | Role::Writer | Role::Comparer) {
        always(&mut rules, PLANNER);
        any_of(&mut rules, libc::SYS_waitid, 0, [P_PIDFD])?;
    }
    if role == Role::PlannerForking {
        always(&mut rules, FORKING);
        forking(&mut rules)?;
    }
    Ok(rules)
}

/// The calls that are answered with `EPERM` instead of death.
pub fn probes(role: Role) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    always(&mut rules, PROBES);
    always(&mut rules, PROBES_OLD);
    if role == Role::Writer {
        rules.retain(|call, _| !WRITER.contains(call));
        // It opens directories, and files that it makes: nothing that is there already, as a device that was restored. What is opened as a
        // path can be neither read nor written.
        let none_of = |flags: i32| (2, MaskedEq((flags | libc::O_DIRECTORY | libc::O_PATH) as u64), 0);
        add(&mut rules, libc::SYS_openat, [none_of(libc::O_CREAT)])?;
        add(&mut rules, libc::SYS_openat, [none_of(libc::O_EXCL)])?;
        if !nix::unistd::geteuid().is_root() {
            always(&mut rules, WRITER_IF_ROOT);
        }
    }
    if role == Role::Comparer {
        rules.retain(|call, _| !COMPARER.contains(call) && *call != libc::SYS_openat);
    }
    Ok(rules)
}

/// New memory is never that of a file and never runs.
fn memory(rules: &mut Rules) -> Result<(), BackendError> {
    let no_exec = MaskedEq(libc::PROT_EXEC as u64);
    let anonymous = libc::MAP_ANONYMOUS as u64;
    add(rules, libc::SYS_mmap, [(2, no_exec.clone(), 0), (3, MaskedEq(anonymous), anonymous)])?;
    add(rules, libc::SYS_mprotect, [(2, no_exec, 0)])
}

/// What is opened is only read.
fn looking(rules: &mut Rules) -> Result<(), BackendError> {
    rules.remove(&libc::SYS_openat);
    let condition = SeccompCondition::new(2, Dword, MaskedEq(WRITING as u64), 0)?;
    rules.entry(libc::SYS_openat).or_default().push(SeccompRule::new(vec![condition])?);
    Ok(())
}

fn forking(rules: &mut Rules) -> Result<(), BackendError> {
    add(rules, libc::SYS_clone, [(0, Eq, FORK_FLAGS)])?;
    let kill_on_death = (1, Eq, libc::SIGKILL as u64);
    add(rules, libc::SYS_prctl, [(0, Eq, libc::PR_SET_PDEATHSIG as u64), kill_on_death])
}

/// Matches a call whatever its arguments.
fn always(rules: &mut Rules, calls: &[c_long]) {
    for call in calls {
        rules.insert(*call, Vec::new());
    }
}

/// Matches a call where one argument, of 32 bits, has one of these values.
fn any_of<const N: usize>(
    rules: &mut Rules,
    call: c_long,
    argument: u8,
    values: [u64; N],
) -> Result<(), BackendError> {
    for value in values {
        let value = value & u64::from(u32::MAX);
        let condition = SeccompCondition::new(argument, Dword, Eq, value)?;
        let rule = SeccompRule::new(vec![condition])?;
        rules.entry(call).or_default().push(rule);
    }
    Ok(())
}

/// Matches a call where all these hold of its arguments, taken as 64 bits.
fn add<const N: usize>(
    rules: &mut Rules,
    call: c_long,
    conditions: [(u8, seccompiler::SeccompCmpOp, u64); N],
) -> Result<(), BackendError> {
    let conditions = conditions
        .into_iter()
        .map(|(argument, op, value)| SeccompCondition::new(argument, Qword, op, value))
        .collect::<Result<Vec<_>, _>>()?;
    rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    Ok(())
}
