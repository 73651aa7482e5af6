// SPDX-License-Identifier: BSD-2-Clause
//! Why a dump is aborted, or a volume of it is not complete.

use std::ffi::OsString;
use std::fmt;
use std::io;

use crate::dump::passes;
use crate::dump::ring::pool::Broken;
use crate::dump::volumes::fault::{Failure, Fault, RemoteFault, Unopened};
use crate::dump::volumes::medium::{Medium, Unsafe};
use crate::dump::write::written::Difference;
use crate::event::ExitStatus;
use crate::monitor::client::NoReply;
use crate::os::errno::strerror;
use crate::sandbox;

/// Why a dump is aborted; the workers are then killed, and the exit code is 3.
#[derive(Debug)]
pub enum Stop {
    /// The reason has been reported.
    Told,
    /// The reason has not been reported yet.
    Because(Reason),
}

/// A reason to abort a dump: one line.
#[derive(Debug)]
pub enum Reason {
    /// A system call failed.
    System(io::Error),
    /// The sandbox could not be set up.
    Sandbox(sandbox::Error),
    /// A pass cannot go on.
    Pass(passes::Error),
    /// The monitor does not answer as it should.
    Monitor(NoReply),
    /// The ring of workers cannot go on.
    Ring(Broken),
    /// A process of the dump has ended.
    Ended(ExitStatus),
    /// The command of `-P` cannot be started.
    Unopened(Unopened),
    /// The medium of this name has no room for one chunk.
    NoRoom(OsString),
    /// A volume has more frames than a table can have.
    TooManyFrames,
    /// There are no random bytes for a key.
    NoRandomness,
    /// A tape is not at the start of its volume.
    NotWound(Unsafe),
    /// A volume cannot be read back (errno).
    NotReadBack(u32, i32),
    /// A volume is not what was written.
    Different(Difference),
    /// The listing cannot be written.
    Listing(io::Error),
    /// The index of this name cannot be written.
    Index(OsString, io::Error),
}

/// Why a volume is not there or not complete.
#[derive(Debug)]
pub enum VolumeError {
    /// The dump is aborted.
    Stop(Stop),
    /// It can be tried again.
    Failed(Failure),
}

impl VolumeError {
    /// The same of a volume whose medium is still open.
    pub fn with(self, medium: Medium) -> VolumeError {
        match self {
            VolumeError::Failed(Failure { fault, .. }) => {
                VolumeError::Failed(Failure { fault, medium: Some(medium) })
            }
            stop @ VolumeError::Stop(_) => stop,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::System(error) => f.write_str(&strerror(error)),
            Reason::Sandbox(error) => error.fmt(f),
            Reason::Pass(error) => error.fmt(f),
            Reason::Monitor(error) => error.fmt(f),
            Reason::Ring(broken) => broken.fmt(f),
            Reason::Ended(status) => write!(f, "a process of this dump {status}"),
            Reason::Unopened(unopened) => unopened.fmt(f),
            Reason::NoRoom(name) => write!(f, "{} takes not even one chunk", name.display()),
            Reason::TooManyFrames => f.write_str("too many frames for one volume"),
            Reason::NoRandomness => f.write_str("no random bytes for a key"),
            Reason::NotWound(error) => error.fmt(f),
            Reason::NotReadBack(volume, errno) => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(f, "volume {volume}: not read back: {}", strerror(&error))
            }
            Reason::Different(difference) => difference.fmt(f),
            Reason::Listing(error) => write!(f, "standard output: {}", strerror(error)),
            Reason::Index(name, error) => write!(f, "the index {}: {}", name.display(), strerror(error)),
        }
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Stop {
        Stop::Because(reason)
    }
}

impl From<Fault> for VolumeError {
    fn from(fault: Fault) -> VolumeError {
        VolumeError::Failed(Failure { fault, medium: None })
    }
}

impl From<RemoteFault> for VolumeError {
    fn from(fault: RemoteFault) -> VolumeError {
        Fault::Remote(fault).into()
    }
}

impl From<Unsafe> for VolumeError {
    fn from(error: Unsafe) -> VolumeError {
        Fault::Unsafe(error).into()
    }
}

impl From<Stop> for VolumeError {
    fn from(stop: Stop) -> VolumeError {
        VolumeError::Stop(stop)
    }
}

impl From<Reason> for VolumeError {
    fn from(reason: Reason) -> VolumeError {
        VolumeError::Stop(reason.into())
    }
}

/// What aborts a dump wherever it is met, also in a volume that could be tried again.
macro_rules! reasons {
    ($($cause:ty => $reason:ident),* $(,)?) => {
        $(
            impl From<$cause> for Stop {
                fn from(cause: $cause) -> Stop {
                    Stop::Because(Reason::$reason(cause))
                }
            }

            impl From<$cause> for VolumeError {
                fn from(cause: $cause) -> VolumeError {
                    VolumeError::Stop(cause.into())
                }
            }
        )*
    };
}

reasons! {
    io::Error => System,
    sandbox::Error => Sandbox,
    passes::Error => Pass,
    NoReply => Monitor,
    Broken => Ring,
    ExitStatus => Ended,
    Difference => Different,
}
