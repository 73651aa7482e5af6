// SPDX-License-Identifier: BSD-2-Clause
//! The checked-in bindings are what bindgen makes of FreeBSD's headers, where both are at hand.

use std::path::Path;
use std::process::Command;

#[test]
fn are_what_bindgen_makes() {
    let sysroot = std::env::var("FREEBSD_SYSROOT").unwrap_or_else(|_| "/".to_owned());
    if !Path::new(&sysroot).join("usr/include/libgeom.h").exists() {
        return skipped(&format!("no FreeBSD headers in {sysroot}/usr/include (FREEBSD_SYSROOT)"));
    }
    let Ok(version) = Command::new("bindgen").arg("--version").output() else {
        return skipped("no bindgen in PATH (cargo install bindgen-cli)");
    };
    assert!(version.status.success(), "{version:?}");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bindings");
    std::fs::create_dir_all(&made).expect("a directory to write to");
    let output = Command::new("sh").arg(here.join("bindgen.sh")).arg(&made).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["ffi64.rs", "ffi32.rs"] {
        let ours = std::fs::read_to_string(here.join("src").join(name)).expect("the checked-in file");
        let theirs = std::fs::read_to_string(made.join(name)).expect("what bindgen wrote");
        let differs = ours.lines().zip(theirs.lines()).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{name} differs from line {}", differs.unwrap_or(0) + 1);
        assert_eq!(ours.len(), theirs.len(), "{name}");
    }
}

#[allow(clippy::print_stderr, reason = "the test harness shows it")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
