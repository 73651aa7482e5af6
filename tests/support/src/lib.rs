// SPDX-License-Identifier: BSD-2-Clause
//! What capdump's tests share: a small UFS writer, a dump decoder of its own, and real programs to test against.

pub mod age;
pub mod canonical;
pub mod caprestore;
pub mod check;
pub mod decode;
pub mod directory;
#[cfg(target_os = "linux")]
pub mod failing_fs;
pub mod fifo;
#[cfg(target_os = "linux")]
pub mod fuse;
pub mod golden;
pub mod header;
pub mod index;
pub mod listing;
pub mod loop_device;
pub mod makefs;
pub mod messages;
pub mod mounts;
#[cfg(target_os = "linux")]
pub mod operations;
pub mod partition_table;
pub mod peer;
pub mod procs;
pub mod program;
pub mod pty;
pub mod restore;
mod session;
pub mod small;
pub mod stream_writer;
pub mod swap;
pub mod target;
pub mod tree;
pub mod ufs_writer;
mod watchdog;
pub mod zstd;
