// SPDX-License-Identifier: BSD-2-Clause
//! The signals that request a report of progress.

use nix::sys::signal::Signal;

/// Linux has no SIGINFO.
pub const INFO: [Signal; 1] = [Signal::SIGUSR1];
