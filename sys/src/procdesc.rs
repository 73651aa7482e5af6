// SPDX-License-Identifier: BSD-2-Clause
//! Processes held by a descriptor (sys/procdesc.h).

pub use crate::ffi::{PD_CLOEXEC, PD_DAEMON, pdfork, pdkill};
