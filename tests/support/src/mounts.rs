// SPDX-License-Identifier: BSD-2-Clause
//! Small tmpfs mounts, for outputs that run out of space.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::{procs, program};

/// A mounted tmpfs; unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts a tmpfs of `kib` KiB on a new folder.
    ///
    /// Panics if that fails: it needs root.
    pub fn new(on: &Path, kib: u64) -> Tmpfs {
        fs::create_dir_all(on).expect("a folder to mount on");
        let mut mount = program::command(Path::new("mount"));
        mount.args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(on);
        assert!(mount.status().expect("mount(8)").success(), "tmpfs on {}", on.display());
        Tmpfs(on.to_owned())
    }

    /// The mounts that a reference case asks for: their sizes are in its name, as `600k`.
    pub fn for_case(below: &Path, name: &str, argv: &[String]) -> Vec<Tmpfs> {
        if !argv.iter().any(|a| a.contains("MP0/")) {
            return Vec::new();
        }
        let sizes = name.split('_').filter_map(|w| w.strip_suffix('k')?.parse().ok());
        sizes.enumerate().map(|(n, kib)| Tmpfs::new(&below.join(format!("mp{n}")), kib)).collect()
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // A child that another test starts may have a file here open for a moment. A mount that can't be undone is left; the test has had
        // its answer.
        let mut umount = program::command(Path::new("umount"));
        umount.arg(&self.0).stderr(Stdio::null());
        procs::until(Duration::from_secs(5), || !umount.status().is_ok_and(|status| !status.success()));
    }
}
