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
    if !have("restore") {
        skipped("restore(8) is not there");
    } else if !is_root() {
        skipped("restore(8) needs root to set owners and to make devices");
    }
    have("restore") && is_root()
}

/// A command that runs restore without a terminal; give it arguments. Its temporary files go to the folder `temporary`, which must be
/// the caller's own: restore names them by the date of the dump, and does not begin when they are there.
pub fn command(temporary: &Path) -> Command {
    let mut command = without_tty(Path::new("restore"));
    command.env("TMPDIR", temporary);
    command
}

/// `restore -rf dump` in the folder `into`, which is made.
///
/// Panics if restore fails.
pub fn restore(dump: &Path, into: &Path) -> Ran {
    fs::create_dir_all(into).expect("a folder to restore into");
    let mut command = command(into.parent().expect("a folder above"));
    command.arg("-rf").arg(dump).current_dir(into);
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
    command.env("TMPDIR", into.parent().expect("a folder above"));
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
