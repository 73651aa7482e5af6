// SPDX-License-Identifier: BSD-2-Clause
//! What is printed of an output that takes no more, or cannot be opened: the name, the reason, and what was not asked.

use std::fs;
use std::process::Command;

use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, is_root, skipped};

use super::Place;

const PASS_1: &str = "mapping (Pass I)";

/// Holds a run to: aborted, these lines printed, nothing recorded.
fn aborted(place: &Place, ran: &Ran, lines: &[&str]) {
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    for line in lines {
        assert!(ran.stderr.contains(&format!("  DUMP: {line}\n")), "{line}: {}", ran.stderr);
    }
    assert!(!place.is_recorded(), "{}", ran.stderr);
}

#[test]
fn a_full_disk_is_named() {
    if !is_root() {
        return skipped("a full disk is named: mounting a tmpfs needs root");
    }
    let place = Place::of_size(2 << 20);
    let full = Tmpfs::new(&place.join("full"), 512);
    let end = "End of tape detected";
    let ran = place.sh("exec \"$C\" -0uaD dd -f full/d \"$I\"");
    let not_asked = "Is the new volume mounted and ready to go? (no terminal: not asked, taken as \"no\")";
    aborted(&place, &ran, &[end, "full/d: No space left on device", not_asked]);
    assert!(ran.stderr.contains(&format!("{end}\n  DUMP: full/d: No space")), "{}", ran.stderr);
    fs::remove_file(full.path().join("d")).unwrap();
    let ran = place.sh("exec \"$C\" -0uaD dd --batch -f full/d \"$I\"");
    let not_asked = "Is the new volume mounted and ready to go? (--batch: not asked, taken as \"no\")";
    aborted(&place, &ran, &["full/d: No space left on device", not_asked]);
    fs::remove_file(full.path().join("d")).unwrap();
    let ran = place.sh("exec \"$C\" -0uaD dd -f - \"$I\" >full/d");
    aborted(&place, &ran, &[end, "write error on standard output", "No space left on device"]);
    let ran = place.sh("exec \"$C\" -0uaD dd --index full/ix -f - \"$I\" >/dev/null");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("full/ix: No space left on device"), "{}", ran.stderr);
    place.whole("whole");
    let ran = place.sh("exec \"$C\" --emit . -f full/e whole");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("full/e: No space left on device"), "{}", ran.stderr);
}

#[test]
fn a_full_device_is_named() {
    let place = Place::new();
    let ran = place.sh("exec \"$C\" -0uaD dd -f - \"$I\" >/dev/full");
    aborted(&place, &ran, &["write error on standard output", "No space left on device"]);
    let ran = place.sh("exec \"$C\" -0uaD dd -f /dev/full \"$I\"");
    aborted(&place, &ran, &["End of tape detected", "/dev/full: No space left on device"]);
}

#[test]
fn an_unwritable_output_is_found_before_the_passes() {
    let place = Place::new();
    fs::create_dir(place.join("dir")).unwrap();
    fs::write(place.join("file"), "").unwrap();
    let not_asked = "Do you want to retry the open? (no terminal: not asked, taken as \"no\")";
    for (output, reason) in
        [("missing/d", "No such file or directory"), ("dir", "Is a directory"), ("file/d", "Not a directory")]
    {
        let ran = place.capdump(["-0uaD", "dd", "-f", output, "image"]);
        let cannot = format!("Cannot open output \"{output}\".");
        aborted(&place, &ran, &[&cannot, &format!("{output}: {reason}"), not_asked]);
        assert!(!ran.stderr.contains(PASS_1), "{output}: {}", ran.stderr);
    }
    let ran = place.capdump(["-S", "-f", "missing/d", "image"]);
    assert_eq!(ran.code(), 0, "an estimate writes nothing: {}", ran.stderr);
    let ran = place.capdump(["-0uaD", "dd", "-f", "d,missing/d", "image"]);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("WARNING: missing/d: No such file or directory\n"), "{}", ran.stderr);
}

#[test]
fn a_read_only_file_system_is_found_before_the_passes() {
    if !is_root() {
        return skipped("a read-only file system is found: mounting a tmpfs needs root");
    }
    let place = Place::new();
    let mount = Tmpfs::new(&place.join("ro"), 512);
    fs::write(mount.path().join("old"), "").unwrap();
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(mount.path()).status().unwrap();
    assert!(remount.success());
    for output in ["ro/new", "ro/old"] {
        let ran = place.capdump(["-0uaD", "dd", "-f", output, "image"]);
        aborted(&place, &ran, &[&format!("{output}: Read-only file system")]);
        assert!(!ran.stderr.contains(PASS_1), "{output}: {}", ran.stderr);
    }
}

#[test]
fn a_limit_of_the_size_of_files_is_an_error() {
    let place = Place::of_size(2 << 20);
    let ran = place.sh("ulimit -f 1000; exec \"$C\" -0uaD dd -f d \"$I\"");
    let not_asked = "Do you want to restart? (no terminal: not asked, taken as \"no\")";
    aborted(&place, &ran, &["d: File too large", not_asked]);
    // The limit is not for what is printed.
    let dump = "ulimit -f 0; exec \"$C\" -0a --index ix -f - \"$I\" 2>&1 >/dev/null";
    let ran = place.sh(&format!("{{ ({dump}); echo status $?; }} | cat >&2"));
    assert!(ran.stderr.contains("the index ix: File too large\n"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("status 3\n"), "{}", ran.stderr);
    let ran = place.sh("exec \"$C\" -0uaD dd -P 'ulimit -f 100; exec cat >e' \"$I\"");
    aborted(&place, &ran, &[]);
    assert!(ran.stderr.contains("killed by signal 25\n"), "a command has the signal: {}", ran.stderr);
}
