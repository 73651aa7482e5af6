// SPDX-License-Identifier: BSD-2-Clause
//! The Linux half: epoll, signalfd, timerfd, pidfd, seccomp, Landlock, st(4).

mod acl;
pub mod aio;
pub mod arena;
pub mod disk;
pub mod event;
pub mod held;
pub mod host;
pub mod identity;
pub mod look;
pub mod mounts;
pub mod output;
pub mod process;
pub mod provider;
pub mod reaper;
pub mod rename;
pub mod sandbox;
#[cfg(test)]
mod sandbox_tests;
pub mod signals;
pub mod snapshot;
pub mod socket;
pub mod stat;
mod syscalls;
pub mod tape;
pub mod time;
pub mod tree;
