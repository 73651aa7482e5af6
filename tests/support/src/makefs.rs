// SPDX-License-Identifier: BSD-2-Clause
//! Runs makefs(8), which makes a UFS image from a directory: an image that none of our code has written.

use std::path::Path;

use crate::program;

/// Makes an image of `from`: UFS `version` 1 or 2, with these bytes of a block and a fragment.
///
/// Panics if makefs fails. Images of 2 GB and more it can't make.
pub fn makefs(image: &Path, from: &Path, version: u8, (bsize, fsize): (u32, u32), more: &[&str]) {
    let options = format!("version={version},bsize={bsize},fsize={fsize}");
    let mut command = program::command(Path::new("makefs"));
    command.args(["-t", "ffs", "-o", &options, "-b", "20%", "-M", "8m"]).args(more);
    let done = command.arg(image).arg(from).output().expect("makefs to be installed");
    assert!(done.status.success(), "makefs: {}", String::from_utf8_lossy(&done.stderr));
}
