// SPDX-License-Identifier: BSD-2-Clause
//! Runs Debian's restore(8) on a dump. It loses all times, and names of 255 bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::listing::Listing;
use crate::program::{Ran, have, is_root, run, skipped, without_tty};
use crate::pty::Session;
use crate::tree;

/// Whether restore can be run here; says so if not.
pub fn available() -> bool {
    let there = have("restore") && is_root();
    if !there {
        skipped("restore(8) is not there, or this does not run as root");
    }
    there
}

/// `restore -rf dump` in the folder `into`, which is made.
///
/// Panics if restore fails.
pub fn restore(dump: &Path, into: &Path) -> Ran {
    fs::create_dir_all(into).expect("a folder to restore into");
    let mut command: Command = without_tty(Path::new("restore"));
    // Its files in /tmp are named by the dump's date, which other tests may share.
    let temporary = into.parent().expect("a folder above");
    command.arg("-rf").arg(dump).arg("-T").arg(temporary).current_dir(into);
    run(&mut command, Duration::from_secs(120)).ok()
}

/// `restore -rf` of a dump's first volume, at a terminal where it is given the further ones as it asks for them. `ntrec` is the
/// dump's `-b`.
///
/// Panics if restore fails, or asks for other volumes.
pub fn restore_volumes(volumes: &[PathBuf], ntrec: usize, into: &Path) -> String {
    const LIMIT: Duration = Duration::from_secs(30);
    fs::create_dir_all(into).expect("a folder to restore into");
    let mut command = Session::command(Path::new("restore"));
    command.args(["-b", &ntrec.to_string(), "-rf"]).arg(&volumes[0]).current_dir(into);
    let mut session = Session::start(command);
    for (n, volume) in volumes.iter().enumerate().skip(1) {
        session.expect(&format!("Mount tape volume {}", n + 1), LIMIT);
        session.expect("otherwise enter tape name", LIMIT);
        session.send(&volume.display().to_string());
    }
    let (status, shown) = session.finish(LIMIT);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{shown}");
    shown
}

/// What restore has made, without its own table and without times.
pub fn listing(into: &Path) -> Listing {
    let mut listing = tree::listing(into, &["restoresymtable"]);
    listing.values_mut().for_each(|entry| entry.mtime = None);
    listing
}
