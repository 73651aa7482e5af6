// SPDX-License-Identifier: BSD-2-Clause
//! Children: one that runs a function of this program, one that runs another program. All forks are here.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use crate::os::process::{
    Child, Fork, Orphan, close_all_fds_except, close_all_numbers_except, exit_now, fork,
};
use crate::os::signals::{Sig, ignore, reset_in_child, restore_for_program};
use crate::os::tty::open_tty;
use crate::os::{check, half, invalid};

/// Exit status of a child that could not run its program (as sh(1) has it).
const NOT_FOUND: i32 = 127;

/// Forks a child that has only the descriptors in `keep`, runs `body`, and exits with its return value.
///
/// Signals that a terminal sends to the whole group do nothing to it: its parent looks after it. It makes an event queue of its
/// own. Errors: those of fork(2).
pub fn spawn(keep: &[BorrowedFd<'_>], orphan: Orphan, body: impl FnOnce() -> i32) -> io::Result<Child> {
    // SAFETY: this process has one thread. Nothing in this program starts another: scripts/lint refuses it.
    match unsafe { fork(orphan)? } {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            // SAFETY: the child drops nothing that it was forked with, since it ends in `exit_now`; `body` is given
            // nothing but what is in `keep`.
            unsafe { close_all_fds_except(keep) };
            let ready = reset_in_child().and_then(|()| ignore(&[Sig::Int, Sig::Term, Sig::Hup, Sig::Info]));
            exit_now(if ready.is_ok() { body() } else { 1 })
        }
    }
}

/// Forks a child as [`spawn`] does, which dies with this process. It takes the signals that this process's event queue takes: until its
/// own queue does, they wait (on FreeBSD they are lost). `keep` has the numbers of its descriptors.
pub fn spawn_heeding(keep: Vec<i32>, body: impl FnOnce() -> i32) -> io::Result<Child> {
    // SAFETY: as in `spawn`.
    match unsafe { fork(Orphan::Dies)? } {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            // SAFETY: as in `spawn`.
            unsafe { close_all_numbers_except(keep) };
            exit_now(body())
        }
    }
}

/// Makes the calling process, a child, survive its parent (see [`Orphan::CleansUp`]). Does nothing on FreeBSD, where this is
/// specified at fork.
pub fn outlive_parent() -> io::Result<()> {
    half::process::outlive_parent(true)
}

/// From now on the calling process dies with its parent, also when it is stopped. Nothing on FreeBSD.
pub fn die_with_parent() -> io::Result<()> {
    half::process::outlive_parent(false)
}

/// A program to be run.
pub struct Program {
    path: CString,
    args: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// The program `args[0]`, looked for in `PATH` unless it has a slash, with this process's environment and `more` (name and
    /// value) beside it.
    ///
    /// Errors: `NotFound`, or `InvalidInput` for a word with a NUL in it.
    pub fn new(args: &[OsString], more: &[(&str, String)]) -> io::Result<Program> {
        let name = args.first().ok_or_else(|| invalid("a command without a word"))?;
        let path = find(name).ok_or(io::ErrorKind::NotFound)?;
        let mut environment: Vec<OsString> = Vec::new();
        for (name, value) in std::env::vars_os() {
            if !more.iter().any(|(other, _)| name == *other) {
                environment
                    .push([name.as_os_str(), OsStr::new("="), value.as_os_str()].into_iter().collect());
            }
        }
        environment.extend(more.iter().map(|(name, value)| format!("{name}={value}").into()));
        let strings = |words: &[OsString]| -> io::Result<Vec<CString>> {
            words.iter().map(|word| Ok(CString::new(word.as_bytes())?)).collect()
        };
        let path = CString::new(path.as_bytes())?;
        Ok(Program { path, args: strings(args)?, environment: strings(&environment)? })
    }
}

/// The file of a program.
fn find(name: &OsStr) -> Option<OsString> {
    if name.as_bytes().contains(&b'/') {
        return Some(name.to_owned());
    }
    let path =
        std::env::var_os("PATH").unwrap_or_else(|| "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/bin".into());
    let mut places = std::env::split_paths(&path).map(|place| place.join(name));
    places.find(|file| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()).map(Into::into)
}

/// Runs `program` with `stdin`, with `stdout` if given, and with this process's other standard
/// descriptors. It dies when this process does.
///
/// It has a process group of its own, so that all it starts can be killed with it; but not where there is a terminal: there it may
/// ask for a password, and a terminal stops who asks from another group than its own. An interrupt typed there is for the
/// operator's question, so the program does not see it. Errors: those of fork(2). A program that cannot be run exits with 127.
pub fn run(program: &Program, stdin: BorrowedFd<'_>, stdout: Option<BorrowedFd<'_>>) -> io::Result<Child> {
    let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
        words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (args, environment) = (pointers(&program.args), pointers(&program.environment));
    // SAFETY: this process has one thread, as in `spawn`.
    match unsafe { fork(Orphan::Dies)? } {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            let _ = become_program(&program.path, &args, &environment, stdin, stdout);
            exit_now(NOT_FOUND)
        }
    }
}

/// In the child: arranges signals and descriptors, and runs the program. Returns only if that fails.
fn become_program(
    path: &CStr,
    args: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    stdin: BorrowedFd<'_>,
    stdout: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    restore_for_program()?;
    if open_tty().is_ok() {
        ignore(&[Sig::Int])?;
    } else {
        // SAFETY: setpgid takes two numbers; 0 and 0 are this process.
        check(unsafe { libc::setpgid(0, 0) })?;
    }
    // Copies first, so that neither is overwritten by the other's place. They are closed below, and not dropped.
    let stdin = ManuallyDrop::new(stdin.try_clone_to_owned()?);
    let stdout = ManuallyDrop::new(stdout.map(|fd| fd.try_clone_to_owned()).transpose()?);
    put(stdin.as_fd(), 0)?;
    if let Some(stdout) = &*stdout {
        put(stdout.as_fd(), 1)?;
    }
    // SAFETY: nothing is dropped or used any more: the process becomes another program or ends.
    unsafe { half::process::close_from(3) };
    // SAFETY: path and all words end in NUL, the lists in a null pointer, and they outlive the call.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), environment.as_ptr()) };
    Err(io::Error::last_os_error())
}

/// Makes descriptor `place` a copy of `fd` that an exec keeps.
fn put(fd: BorrowedFd<'_>, place: i32) -> io::Result<()> {
    // SAFETY: dup2 takes two numbers; what was at `place` is a standard descriptor, which nothing here owns.
    check(unsafe { libc::dup2(fd.as_raw_fd(), place) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::wait;

    fn program(words: &[&str], more: &[(&str, String)]) -> Program {
        Program::new(&words.iter().map(OsString::from).collect::<Vec<_>>(), more).unwrap()
    }

    #[test]
    fn a_program_gets_input_output_and_environment() {
        let (ours, theirs) = crate::os::socket::stream_pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let child = run(
            &program(&["sh", "-c", "echo volume $DUMP_VOLUME; exit 3"], &[("DUMP_VOLUME", "7".into())]),
            null.as_fd(),
            Some(theirs.as_fd()),
        )
        .unwrap();
        drop(theirs);
        assert_eq!(wait(&child), ExitStatus::Exited(3));
        let mut bytes = [0; 64];
        let length = crate::os::output::read(ours.as_fd(), &mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"volume 7\n");
    }

    #[test]
    fn a_program_that_is_not_there() {
        let missing = Program::new(&["no-such-program-here".into()], &[]);
        assert_eq!(missing.err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
        let null = std::fs::File::open("/dev/null").unwrap();
        let child = run(&program(&["/no/such/program"], &[]), null.as_fd(), None).unwrap();
        assert_eq!(wait(&child), ExitStatus::Exited(NOT_FOUND));
    }
}
