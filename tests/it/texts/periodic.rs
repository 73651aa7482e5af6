// SPDX-License-Identifier: BSD-2-Clause
//! periodic/400.capdump with the real program: scripts/test-periodic has the rest.

use std::fs;
use std::path::Path;
use std::process::Command;

use capdump_support::peer::script;
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::small;

use super::{LIMIT, program};

/// Runs the script as daily, with these settings.
fn daily(dir: &TempDir, settings: &[String]) -> Ran {
    let script =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("periodic/400.capdump")).unwrap();
    let defaults = dir.join("defaults").display().to_string();
    fs::create_dir_all(dir.join("daily")).unwrap();
    let at = dir.join("daily/400.capdump");
    fs::write(&at, script.replace("/etc/defaults/periodic.conf", &defaults)).unwrap();
    let mut text = format!(
        "source_periodic_confs() {{ :; }}\ndaily_capdump_enable=YES\ncapdump_program='{}'\ncapdump_dumpdates='{}'\n",
        program().display(),
        dir.join("dumpdates").display(),
    );
    settings.iter().for_each(|line| text += &format!("{line}\n"));
    fs::write(dir.join("defaults"), text).unwrap();
    let mut command: Command = without_tty(Path::new("sh"));
    run(command.arg(&at).current_dir(dir.path()).env("TMPDIR", dir.path()), LIMIT)
}

fn settings(dir: &TempDir, target: &str, flags: &str, more: &[&str]) -> Vec<String> {
    let target = dir.join(target).display().to_string();
    let mut lines = vec![
        // By a short name, which has a place in dumpdates wherever this runs.
        "daily_capdump_filesystems=image".to_owned(),
        format!("daily_capdump_target='{target}'"),
        format!("daily_capdump_flags='{flags}'"),
        "daily_capdump_level=0".to_owned(),
    ];
    lines.extend(more.iter().map(|&line| line.to_owned()));
    lines
}

/// The endings of the files in a folder, behind `.dump`.
fn endings(folder: &Path) -> Vec<String> {
    let mut endings: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split_once(".dump").unwrap_or_else(|| panic!("{name}")).1.to_owned())
        .collect();
    endings.sort();
    endings
}

#[test]
fn compressed_dumps_are_good() {
    let dir = TempDir::new("capdump-periodic");
    small::mixed(&dir.join("image"));
    fs::create_dir(dir.join("a b:c")).unwrap();
    let ran = daily(&dir, &settings(&dir, "a b:c", "-a --compress zstd", &[]));
    assert_eq!(ran.code(), 0, "{}", String::from_utf8_lossy(&ran.stdout));
    assert_eq!(endings(&dir.join("a b:c")), [""]);
    assert_eq!(fs::read_to_string(dir.join("dumpdates")).unwrap().lines().count(), 1);
}

#[test]
fn volumes_and_index_stay_together() {
    let dir = TempDir::new("capdump-periodic");
    small::mixed(&dir.join("image"));
    fs::create_dir(dir.join("to")).unwrap();
    let flags = "-b 2 -B 20 --volumes-prefix";
    let ran = daily(&dir, &settings(&dir, "to", flags, &["daily_capdump_index=YES", "daily_capdump_keep=1"]));
    assert_eq!(ran.code(), 0, "{}", String::from_utf8_lossy(&ran.stdout));
    let found = endings(&dir.join("to"));
    assert!(found.len() > 3 && found[0] == ".001" && found.contains(&".index".to_owned()), "{found:?}");
}

#[test]
fn a_disk_that_is_not_mounted() {
    let dir = TempDir::new("capdump-periodic");
    small::mixed(&dir.join("image"));
    for target in ["mnt/dumps", "mnt/"] {
        let ran = daily(&dir, &settings(&dir, target, "-a", &[]));
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!((ran.code(), said.contains("is its disk mounted?")), (3, true), "{said}");
    }
}

#[test]
fn the_last_good_dump_stays() {
    let dir = TempDir::new("capdump-periodic");
    small::mixed(&dir.join("image"));
    fs::create_dir(dir.join("to")).unwrap();
    let keep = ["daily_capdump_keep=1"];
    assert_eq!(daily(&dir, &settings(&dir, "to", "-a --compress zstd", &keep)).code(), 0);
    let good = fs::read_dir(dir.join("to")).unwrap().next().unwrap().unwrap().path();
    // Another minute, so that names differ: the first one is made older.
    let older = good.to_str().unwrap().replace(".0.2", ".0.1");
    fs::rename(&good, &older).unwrap();
    // A program that writes a dump with a wrong byte in it.
    let text = format!(
        "'{0}' \"$@\" || exit\nfor last in \"$@\"; do [ \"$before\" != -f ] || out=$last; before=$last; done\n\
         [ \"$1\" = --check ] || printf x | dd of=\"$out\" bs=1 seek=3000 conv=notrunc 2>/dev/null",
        program().display()
    );
    let wrong = script(&dir.join("wrong"), &text);
    let program = format!("capdump_program='{}'", wrong.display());
    let ran = daily(&dir, &settings(&dir, "to", "-a --compress zstd", &[keep[0], &program]));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!((ran.code(), said.contains("capdump --check ended with status 3")), (3, true), "{said}");
    assert!(Path::new(&older).exists() && endings(&dir.join("to")) == [""], "{said}");
    // A good one takes its place.
    assert_eq!(daily(&dir, &settings(&dir, "to", "-a --compress zstd", &keep)).code(), 0);
    assert!(!Path::new(&older).exists() && endings(&dir.join("to")) == [""]);
}
