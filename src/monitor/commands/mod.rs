// SPDX-License-Identifier: BSD-2-Clause
//! Programs that a dump runs: the command of `-P`, the remote shell, the volume script, wall(1).
//!
//! Two processes stand between the monitor and them. Both are reapers, so that no program gets away by setsid(2), a second fork or a
//! process group of its own, and there are two so that a program cannot outlive the dump when one of the three is killed or stopped.

mod client;
mod runner;
mod supervisor;
mod task;

pub use client::{Commands, Happened};
pub use task::{FromRunner, Task, TaskKind, remote_command};
