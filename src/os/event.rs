// SPDX-License-Identifier: BSD-2-Clause
//! What an event queue tells, and the queue of this system.

pub(crate) use super::half::event::Queue;
use super::process::ExitStatus;
use super::signals::Sig;

/// Something that happened. `key` is what the caller gave when it added the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A descriptor can be read without waiting, its end included.
    Readable {
        /// The caller's name for the descriptor.
        key: u64,
    },
    /// A descriptor can be written without waiting, or its reader is gone.
    Writable {
        /// The caller's name for the descriptor.
        key: u64,
    },
    /// A child has ended. It is told once; the queue forgets the child then.
    ChildExited {
        /// The caller's name for the child.
        key: u64,
        /// How it ended.
        status: ExitStatus,
    },
    /// A timer has run out, once or more since the last wait.
    Timer {
        /// The caller's name for the timer.
        key: u64,
    },
    /// A signal came, once or more since the last wait.
    Signal(Sig),
}
