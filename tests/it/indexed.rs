// SPDX-License-Identifier: BSD-2-Clause
//! Runs of the program that write an index; shared by the tests of what is in it and of its file.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use capdump_support::program::{Ran, run, without_tty};

/// The longest that a run may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The program, with the same date each time.
pub fn capdump(options: &[&str]) -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000").args(options);
    command
}

/// A dump of `image` with an index.
pub fn dump(options: &[&str], index: &Path, image: &Path) -> Ran {
    run(capdump(&["-0"]).args(options).arg("--index").arg(index).arg(image), LIMIT)
}
