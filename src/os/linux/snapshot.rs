// SPDX-License-Identifier: BSD-2-Clause
//! Linux's UFS has no snapshots.

use crate::os::snapshot::Failure;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// There are none.
pub const AVAILABLE: bool = false;

/// Always fails.
pub fn create(_directory: &Path, _name: &Path) -> Result<OwnedFd, Failure> {
    Err(Failure::Create(io::ErrorKind::Unsupported.into()))
}
