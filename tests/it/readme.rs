// SPDX-License-Identifier: BSD-2-Clause
//! The command lines of README.md do what they say there: `scripts/test-readme` runs them.

use std::path::Path;
use std::time::Duration;

use capdump_support::program::{have, run, skipped, without_tty};

#[test]
fn the_command_lines_of_readme_work() {
    if !have("restore") || !have("zstd") {
        return skipped("restore(8) or zstd(1) is not there");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test-readme");
    let mut command = without_tty(Path::new("sh"));
    let ran = run(command.arg(script).arg(env!("CARGO_BIN_EXE_capdump")), Duration::from_secs(120)).ok();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.contains("command lines of README.md"), "{said}");
}
