// SPDX-License-Identifier: BSD-2-Clause
//! The tests of the whole program: one program with a module for each subject, since each program of its own is linked with everything.
//!
//! With cargo test they share one process. A test changes nothing of it (environment, working directory, file mode mask, signals, limits)
//! and waits only for its own children; what a child needs is set in the child. What cannot keep to this is a program of its own, with its
//! reason in Cargo.toml.

#![allow(clippy::unwrap_used)]

mod attendance;
mod block_device;
mod boundaries;
mod chain;
mod changes;
mod check;
mod command;
mod compress;
mod corruption;
mod damaged_directories;
mod dead_disk;
mod diff;
mod differential;
mod digests;
mod documents;
mod dumpdates;
mod emit;
mod encrypt;
mod endings;
mod every_byte;
mod failing_calls;
mod faults;
mod golden;
mod hostile;
mod identity;
mod index;
mod index_file;
mod index_names;
#[cfg(target_os = "linux")]
mod indexed;
mod install;
mod kills;
mod left_out;
mod levels;
mod linux;
mod list;
mod mappers;
mod messages;
mod mutations;
mod partitions;
mod playground;
mod preview;
mod process_table;
mod processes;
mod progress;
mod property;
mod questions;
mod read_errors;
mod reading;
mod readme;
mod remote;
mod remote_stalls;
mod restore;
mod rewrite;
mod roundtrip;
mod runner;
mod same_bytes;
mod sample;
mod sealed_images;
mod sealed_sparse;
mod sealed_tape;
mod selection;
mod shapes;
mod sign;
mod sink;
mod skipping;
mod slow_disk;
mod slow_readers;
mod sparse;
mod texts;
mod verify;
mod volume_digests;
mod volumes;
mod whole;
mod write_errors;
