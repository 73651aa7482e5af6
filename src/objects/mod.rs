// SPDX-License-Identifier: BSD-2-Clause
//! The objects that a job reads and writes, by identity instead of name, so that no output is another object of the job.

pub mod gather;
pub mod identity;
pub mod outputs;
