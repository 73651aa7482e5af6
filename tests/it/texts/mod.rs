// SPDX-License-Identifier: BSD-2-Clause
//! Names, dates and texts of the whole program: outputs with colons, names made for terminals, the hour that comes twice, help and hints.

mod completions;
mod doubled_hour;
mod escapes;
mod help;
mod outputs;
mod periodic;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use capdump_support::program::{Ran, TempDir, run, without_tty};

const LIMIT: Duration = Duration::from_secs(60);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// capdump in this folder, with these words.
fn capdump(dir: &TempDir, words: &[&str]) -> Command {
    let mut command = without_tty(program());
    command.current_dir(dir.path()).args(words);
    // No test here may reach another machine.
    command.env("RSH", "/bin/false").env("TZ", "UTC");
    command
}

fn ran(dir: &TempDir, words: &[&str]) -> Ran {
    run(&mut capdump(dir, words), LIMIT)
}
