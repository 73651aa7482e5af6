// SPDX-License-Identifier: BSD-2-Clause
//! The signals that request a report of progress.

use nix::sys::signal::Signal;

/// SIGINFO, which the terminal sends for ^T, and SIGUSR1 as on systems without SIGINFO.
pub const INFO: [Signal; 2] = [Signal::SIGINFO, Signal::SIGUSR1];
