// SPDX-License-Identifier: BSD-2-Clause
//! The processes: planner and worker.
