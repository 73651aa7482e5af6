// SPDX-License-Identifier: BSD-2-Clause
//! On other systems: prints a line for each file of tests that is for Linux only.

#![cfg(not(target_os = "linux"))]

use std::fs;
use std::path::Path;

use capdump_support::program::skipped;

const FOR_LINUX: &str = "#![cfg(target_os = \"linux\")]";

#[test]
fn what_is_for_linux_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut listed = 0;
    for folder in ["tests/it", "tests/support/tests"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            return skipped("the tests for Linux cannot be listed without their sources");
        };
        for entry in entries {
            let mut name = Path::new(folder).join(entry.unwrap().file_name());
            if root.join(&name).is_dir() {
                name.push("mod.rs");
            }
            let text = fs::read_to_string(root.join(&name)).unwrap_or_default();
            if text.lines().any(|line| line == FOR_LINUX) {
                skipped(&format!("the tests of {} are for Linux", name.display()));
                listed += 1;
            }
        }
    }
    assert!(listed > 10, "{listed}");
}
