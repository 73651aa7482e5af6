// SPDX-License-Identifier: BSD-2-Clause
//! capdump backs up UFS file systems in the stream that restore(8) reads.
//!
//! - `units`      newtypes for inode numbers, fragments, tape blocks, bytes
//! - `ufs`        reads superblock, groups, inodes, directories, block maps; pure
//! - `format`     headers, maps and checksums of the dump stream; pure
//! - `passes`     what to dump (passes I and II) and the stream of it (III and IV); pure
//! - `volume`     where tape blocks go: records, size limits, volume headers; pure
//! - `ring`       chunks, their order and what workers are told; the state machine is pure
//! - `media`      file, pipe, tape: how records are written
//! - `dumpdates`  the record of earlier dumps; pure
//! - `fstab`      what fstab(5) says of the operand; pure
//! - `operator`   messages and questions
//! - `sandbox`    the one table of rights
//! - `event`      the event queue's face
//! - `os`         FreeBSD and Linux: the only unsafe code
//! - `proc`       planner and worker
//! - `cli`        the command line, made into a job

pub mod cli;
pub mod dumpdates;
pub mod event;
pub mod format;
pub mod fstab;
pub mod media;
pub mod operator;
#[allow(unsafe_code)]
pub mod os;
pub mod passes;
pub mod proc;
pub mod ring;
pub mod sandbox;
pub mod ufs;
pub mod units;
pub mod volume;

/// Runs the program from the command line to its exit code.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
