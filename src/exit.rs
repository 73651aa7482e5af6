// SPDX-License-Identifier: BSD-2-Clause
//! Exit status values: those of dump(8), and 4.

/// All is well (`X_FINOK`).
pub const DONE: u8 = 0;
/// The dump could not be started (`X_STARTUP`).
pub const STARTUP: u8 = 1;
/// What is on disk is not what is on the dump (caprestore `-C`, as Linux's restore has it).
pub const DIFFERENT: u8 = 2;
/// The dump was aborted (`X_ABORT`).
pub const ABORTED: u8 = 3;
/// All is well but for data that could not be read, and `--strict` was given.
pub const UNREADABLE: u8 = 4;

/// The program ends with this status; why has been reported.
pub struct Refused(pub u8);
