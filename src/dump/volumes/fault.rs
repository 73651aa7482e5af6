// SPDX-License-Identifier: BSD-2-Clause
//! What is wrong with a volume: it cannot be opened, or has to be written again.

use std::ffi::OsString;
use std::fmt;
use std::io;

use crate::dump::volumes::medium::{Medium, Unsafe};
use crate::media::rmt::Garbage;
use crate::monitor::protocol::KILLED;
use crate::monitor::refusal::Unsound;
use crate::objects::outputs::UnfitOutput;
use crate::os::errno::strerror;

/// Why a volume is not there, or not safe: one line, to stand behind the name of the output.
#[derive(Debug)]
pub enum Fault {
    /// A system call failed (errno).
    System(i32),
    /// The output must not be written.
    Unfit(UnfitOutput),
    /// Chunks that are compressed only are no records of a tape.
    Tape,
    /// A tape with encrypted volumes of no limited size.
    TapeUnlimited,
    /// The tape ended before an encrypted volume did, which has to be whole.
    TapeTooShort,
    /// It could not be read back.
    CannotVerify,
    /// What was written is not safe on the medium.
    Unsafe(Unsafe),
    /// The file of this name is not what was written.
    Unsound(OsString, Unsound),
    /// The remote tape failed, or its connection.
    Remote(RemoteFault),
    /// The command of `-P` ended with this status, or [`KILLED`] and a signal.
    Command(u32),
}

/// What is wrong with a remote tape.
#[derive(Debug)]
pub enum RemoteFault {
    /// It cannot; its own words.
    Refused(String),
    /// Its answer is none of rmt(8)'s.
    Garbage(Garbage),
    /// It answers what was not asked.
    Unasked,
    /// It is gone.
    Lost,
    /// It violates the protocol while records are written.
    Protocol,
    /// A system call on the connection failed.
    System(io::Error),
}

/// An output that could not be opened, and why: one line.
#[derive(Debug)]
pub struct Unopened {
    /// Its name.
    pub name: OsString,
    /// Why.
    pub fault: Fault,
}

/// A volume that has to be written again.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub fault: Fault,
    /// Its medium, if that is still open.
    pub medium: Option<Medium>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::System(errno) => f.write_str(&strerror(&io::Error::from_raw_os_error(*errno))),
            Fault::Unfit(unfit) => unfit.fmt(f),
            Fault::Tape => f.write_str("compressed dumps cannot be written to tape"),
            Fault::TapeUnlimited => f.write_str("an encrypted dump to tape requires -B"),
            Fault::TapeTooShort => f.write_str(
                "the medium ended before the size of a volume (-B): an encrypted volume must fit on it",
            ),
            Fault::CannotVerify => f.write_str("cannot be read back for --verify"),
            Fault::Unsafe(error) => error.fmt(f),
            Fault::Unsound(name, unsound) => f.write_str(&unsound.line(name)),
            Fault::Remote(fault) => fault.fmt(f),
            Fault::Command(status) => match status.checked_sub(KILLED) {
                Some(signal) => write!(f, "killed by signal {signal}"),
                None => write!(f, "exit status {status}"),
            },
        }
    }
}

impl fmt::Display for RemoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violation = || strerror(&io::Error::from_raw_os_error(libc::EPROTO));
        match self {
            RemoteFault::Refused(text) => f.write_str(text),
            RemoteFault::Garbage(garbage) => garbage.fmt(f),
            RemoteFault::Unasked => write!(f, "unexpected reply from the remote host: {}", violation()),
            RemoteFault::Lost => f.write_str("Lost connection to remote host."),
            RemoteFault::Protocol => write!(f, "the remote host violates the rmt protocol: {}", violation()),
            RemoteFault::System(error) => f.write_str(&strerror(error)),
        }
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            // It names the output itself.
            Fault::Unfit(unfit) => unfit.fmt(f),
            fault => write!(f, "{}: {fault}", self.name.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::outputs::Unfit;

    #[test]
    fn faults_have_the_name_once() {
        let line = |fault| Unopened { name: "out".into(), fault }.to_string();
        assert_eq!(line(Fault::System(libc::ENOENT)), "out: No such file or directory");
        let unfit = UnfitOutput { name: "out".into(), why: Unfit::Holds { held: 1, volume: 2 } };
        assert_eq!(
            line(Fault::Unfit(unfit)),
            "output \"out\" holds volume 1 of this dump: volume 2 requires another output"
        );
        assert_eq!(Fault::Command(KILLED + 9).to_string(), "killed by signal 9");
        assert_eq!(
            Fault::Remote(RemoteFault::Protocol).to_string(),
            "the remote host violates the rmt protocol: Protocol error"
        );
    }
}
