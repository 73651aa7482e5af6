// SPDX-License-Identifier: BSD-2-Clause
//! Control of processes: reapers (sys/procctl.h).

pub use crate::ffi::{
    PROC_REAP_ACQUIRE, PROC_REAP_KILL, PROC_REAP_STATUS, procctl_reaper_kill, procctl_reaper_status,
};
