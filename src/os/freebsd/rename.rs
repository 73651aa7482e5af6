// SPDX-License-Identifier: BSD-2-Clause
//! Renaming with links, because FreeBSD has no renameat2(2).

use std::io;
use std::path::Path;

/// Errors: `Unsupported`.
pub fn to_new(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Errors: `Unsupported`.
pub fn exchange(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
