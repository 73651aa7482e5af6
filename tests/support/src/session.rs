// SPDX-License-Identifier: BSD-2-Clause
//! What a child does between fork(2) and execve(2): it becomes the leader of a session and takes back the default action of each
//! signal. The only `unsafe` of the tests.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use nix::unistd::setsid;

/// Makes the child the leader of a session of its own, without a controlling terminal (setsid(2)).
pub fn lead(command: &mut Command) {
    // SAFETY: the closure only calls setsid(2), which is async-signal-safe (sigaction(2)), and does not allocate.
    unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
}

/// Gives the child the default action of every signal, and an empty mask, whatever these tests inherited: nohup(1) ignores SIGHUP, and
/// a shell that starts a job with `&` ignores SIGINT and SIGQUIT.
pub fn default_signals(command: &mut Command) {
    // SAFETY: the closure only calls sigaction(2) and sigprocmask(2), which are async-signal-safe, and does not allocate.
    unsafe { command.pre_exec(reset) };
}

fn reset() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { sigaction(signal, &default)? };
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Has system calls of these numbers answer `ENOSYS` in the child, as a kernel does that lacks them.
#[cfg(target_os = "linux")]
pub fn hide_calls(command: &mut Command, calls: &[i64]) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("a machine with filters of system calls");
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let missing = SeccompAction::Errno(nix::errno::Errno::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, missing, arch).expect("a filter");
    let program = BpfProgram::try_from(filter).expect("a program");
    // SAFETY: the closure makes two system calls with memory that was made before, and does not allocate.
    unsafe { command.pre_exec(move || seccompiler::apply_filter(&program).map_err(io::Error::other)) };
}
