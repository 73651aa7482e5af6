// SPDX-License-Identifier: BSD-2-Clause
//! A dump: its preparation outside the sandbox, and the planner inside, from the superblock to the last record.

mod ahead;
pub mod clock;
mod console;
mod context;
mod dead_disk;
pub mod last_dumps;
pub mod limits;
mod locate;
mod losses;
mod mappers;
pub mod operand;
mod partition;
pub mod passes;
pub mod planner;
pub mod prepare;
mod preview;
mod questions;
mod read_errors;
mod requests;
pub mod ring;
pub mod run;
mod selection;
mod signature;
mod snapshot;
mod source;
mod stop;
pub mod volumes;
mod waits;
pub mod write;
