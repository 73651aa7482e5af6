// SPDX-License-Identifier: BSD-2-Clause
//! The FreeBSD half: kqueue, process descriptors, capsicum, sa(4), GEOM's disks.

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
pub mod tape;
pub mod time;
pub mod tree;
