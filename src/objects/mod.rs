// SPDX-License-Identifier: BSD-2-Clause
//! What a job reads and writes, as what it is and not by its name, so that nothing that is written is anything else of the job.

pub mod gather;
pub mod identity;
pub mod outputs;
