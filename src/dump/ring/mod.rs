// SPDX-License-Identifier: BSD-2-Clause
//! The planner's side of the ring: the workers' processes, the chunks that they have, and their answers.

pub mod order;
pub mod pool;
