// SPDX-License-Identifier: BSD-2-Clause
//! Loop devices, detached when dropped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A loop device of a file.
#[derive(Debug)]
pub struct Loop(PathBuf);

impl Loop {
    /// Attaches one with these options of losetup(8); none where that cannot be done: it needs root, and a kernel that has them.
    pub fn attach(file: &Path, options: &[&str]) -> Option<Loop> {
        let mut command = Command::new("losetup");
        let done = command.args(["-f", "--show"]).args(options).arg(file).output().ok()?;
        let name = String::from_utf8(done.stdout).ok()?;
        done.status.success().then(|| Loop(name.trim_end().into()))
    }

    /// Its block device.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // One that cannot be detached is left; the test has had its answer.
        let _ = Command::new("losetup").arg("-d").arg(&self.0).status();
    }
}
