// SPDX-License-Identifier: BSD-2-Clause
//! --help at a terminal, hints, and the last line of a dump there.

use std::time::Duration;

use capdump_support::program::TempDir;
use capdump_support::pty::Session;
use capdump_support::small;

use super::{LIMIT, program, ran};

#[test]
fn help_and_version() {
    let dir = TempDir::new("capdump-help");
    let help = String::from_utf8(ran(&dir, &["--help"]).ok().stdout).unwrap();
    for heading in [
        "What to dump:",
        "Output:",
        "Volumes and tapes:",
        "Unattended operation and progress:",
        "Reading dumps:",
        "Other:",
    ] {
        assert!(help.contains(heading), "{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    let version = ran(&dir, &["--version"]).ok().stdout;
    assert_eq!(ran(&dir, &["-V"]).ok().stdout, version);
}

#[test]
fn hints() {
    let dir = TempDir::new("capdump-help");
    for (words, hint) in [
        (&["disk.dump"][..], "\"disk.dump\" was taken for key letters"),
        (&["check", "d"], "capdump --check d\n"),
        (&["--verfiy", "x"], "did you mean --verify?\n"),
    ] {
        let ran = ran(&dir, words);
        assert_eq!(ran.code(), 1);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    }
}

#[test]
fn a_dump_at_a_terminal_ends_with_its_sums() {
    let dir = TempDir::new("capdump-help");
    small::mixed(&dir.join("image"));
    for more in [&[][..], &["--compress", "zstd"], &["--progress", "none"]] {
        let mut command = Session::command(program());
        command.args(["-0a", "-f", "out"]).args(more).arg("image").current_dir(dir.path());
        let (status, shown) = Session::start(command).finish(LIMIT);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{shown}");
        let last = shown.trim_end().lines().last().unwrap();
        let bytes = std::fs::metadata(dir.join("out")).unwrap().len() as f64 / 1e3;
        assert!(
            last.starts_with("  DUMP: ") && last.ends_with(&format!("; {bytes:.1} kB on disk")),
            "{shown}"
        );
        assert!(shown.contains("DUMP IS DONE"), "{shown}");
    }
    // Where scripts read, the last line is dump's.
    let ran = ran(&dir, &["-0a", "-f", "out", "image"]).ok();
    assert!(ran.stderr.ends_with("  DUMP: DUMP IS DONE\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("on disk") && ran.took < Duration::from_secs(60));
}
