// SPDX-License-Identifier: BSD-2-Clause
//! The processes: each sets up, enters the sandbox, and loops; one file each.

pub mod clock;
pub mod commands;
pub mod console;
pub mod crew;
pub mod history;
pub mod identity;
pub mod index_file;
pub mod indexing;
pub mod limits;
pub mod listing;
pub mod loader;
mod locate;
pub mod losses;
pub mod medium;
pub mod monitor;
pub mod objects;
pub mod operand;
pub mod outputs;
pub mod outside;
pub mod patience;
pub mod planner;
pub mod reader;
pub mod reading;
pub mod remote;
pub mod request;
pub mod selecting;
pub mod snapshot;
pub mod source;
pub mod start;
pub mod verify;
pub mod volumes;
pub mod worker;
pub mod writing;

use std::fmt;

/// Exit codes of dump(8).
pub mod exit {
    /// All is well (`X_FINOK`).
    pub const DONE: u8 = 0;
    /// The dump could not be started (`X_STARTUP`).
    pub const STARTUP: u8 = 1;
    /// The dump was given up (`X_ABORT`).
    pub const ABORTED: u8 = 3;
    /// All is well but for data that could not be read, and `--strict` was given.
    pub const UNREADABLE: u8 = 4;
}

/// Why a dump is given up; the workers are then killed, and the exit code is 3.
#[derive(Debug)]
pub enum Stop {
    /// The operator has been told why.
    Told,
    /// The operator is still to be told why: one line.
    Because(String),
}

impl Stop {
    fn because(reason: impl fmt::Display) -> Stop {
        Stop::Because(reason.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::because(crate::os::errno::strerror(&error))
    }
}

impl From<crew::Broken> for Stop {
    fn from(error: crew::Broken) -> Stop {
        Stop::because(error)
    }
}
