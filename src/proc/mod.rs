// SPDX-License-Identifier: BSD-2-Clause
//! The processes: each sets up, enters the sandbox, and loops; one file each.

pub mod crew;
pub mod planner;
pub mod reader;
pub mod worker;
