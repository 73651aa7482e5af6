// SPDX-License-Identifier: BSD-2-Clause
//! The signal that asks how far it is.

use nix::sys::signal::Signal;

/// Linux has no SIGINFO.
pub const INFO: Signal = Signal::SIGUSR1;
