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
pub mod ring;
mod selection;
mod signature;
mod snapshot;
mod source;
mod stop;
pub mod volumes;
pub mod write;
