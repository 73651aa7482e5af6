// SPDX-License-Identifier: BSD-2-Clause
//! A dump: its preparation outside the sandbox, and the planner inside, from the superblock to the last record.

pub mod clock;
pub mod console;
pub mod dumpdates_file;
pub mod last_dumps;
pub mod limits;
mod locate;
mod losses;
pub mod operand;
mod partition;
pub mod passes;
pub mod planner;
pub mod prepare;
mod selection;
mod signature;
mod snapshot;
mod source;
pub mod volumes;
pub mod write;

use std::fmt;

/// Why a dump is aborted; the workers are then killed, and the exit code is 3.
#[derive(Debug)]
pub enum Stop {
    /// The reason has been reported.
    Told,
    /// The reason, one line, has not been reported yet.
    Because(String),
}

impl Stop {
    pub fn because(reason: impl fmt::Display) -> Stop {
        Stop::Because(reason.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::because(crate::os::errno::strerror(&error))
    }
}

impl From<crate::workers::pool::Broken> for Stop {
    fn from(error: crate::workers::pool::Broken) -> Stop {
        Stop::because(error)
    }
}
