// SPDX-License-Identifier: BSD-2-Clause
//! The signal that asks how far it is.

use nix::sys::signal::Signal;

/// What the terminal sends for ^T.
pub const INFO: Signal = Signal::SIGINFO;
