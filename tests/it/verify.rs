// SPDX-License-Identifier: BSD-2-Clause
//! `--verify`: what was written well passes, and each flipped bit is found and keeps the dump from being recorded.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::fuse::{Faults, Served, available};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::small;

const LIMIT: Duration = Duration::from_secs(60);

fn dump(options: &[&str], output: &str, image: &Path) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000").args(["-0", "--verify"]).args(options);
    run(command.args(["-f", output]).arg(image), LIMIT)
}

fn out(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn what_is_written_well_passes() {
    let dir = TempDir::new("capdump-verify");
    let (mixed, large) = (dir.join("mixed"), dir.join("large"));
    small::mixed(&mixed);
    small::one_file(&large, 7 << 20);
    for image in [&mixed, &large] {
        for options in
            [&["-a"][..], &["-a", "--workers", "1"], &["-a", "-b", "64"], &["-a", "--compress", "zstd:1"]]
        {
            let ran = dump(options, &out(&dir.join("one")), image).ok();
            assert!(ran.stderr.contains("  DUMP: verifying volume 1\n"), "{}", ran.stderr);
            assert!(ran.stderr.contains("  DUMP: verified 1 volume\n"), "{}", ran.stderr);
        }
    }
    let names: Vec<PathBuf> = (0..5).map(|n| dir.join(&format!("volume{n}"))).collect();
    let list = names.iter().map(|name| out(name)).collect::<Vec<_>>().join(",");
    let ran = dump(&["-B", "2000"], &list, &large).ok();
    assert!(ran.stderr.contains("  DUMP: verified 4 volumes\n"), "{}", ran.stderr);
    let volumes: Vec<Vec<u8>> = names[..4].iter().map(|name| fs::read(name).unwrap()).collect();
    decode_and_check(&volumes, &Rules::new(10)).unwrap();
    dump(&["-B", "2000", "--compress", "zstd:1"], &list, &large).ok();
}

/// A dump to a medium on which each byte is right when it is written, and one bit is wrong when it is read.
fn flipped(dir: &TempDir, options: &[&str], at: u64, image: &Path) -> Ran {
    fs::write(dir.join("backing"), b"").unwrap();
    fs::write(dir.join("dumpdates"), b"").unwrap();
    let faults = Faults { read_flip: Some(at), ..Faults::default() };
    let served = Served::new(&dir.join("mnt"), &dir.join("backing"), faults);
    let dates = out(&dir.join("dumpdates"));
    dump(&[options, &["-a", "-u", "-D", &dates]].concat(), &out(&served.path()), image)
}

#[test]
fn each_flipped_bit_is_found() {
    let dir = TempDir::new("capdump-verify");
    let (image, one) = (dir.join("image"), dir.join("one"));
    small::mixed(&image);
    if !available() {
        return;
    }
    for options in [&[][..], &["--compress", "zstd:3"]] {
        dump(&[options, &["-a"]].concat(), &out(&one), &image).ok();
        let length = fs::metadata(&one).unwrap().len();
        let places: Vec<u64> = (0..length).step_by(1000).chain([length - 1]).collect();
        assert!(places.len() > 5);
        for at in places {
            let ran = flipped(&dir, options, at, &image);
            assert_eq!(ran.code(), 3, "byte {at}: {}", ran.stderr);
            assert!(ran.stderr.contains("not what was written"), "byte {at}: {}", ran.stderr);
            assert!(ran.stderr.contains("  DUMP: volume 1: "), "byte {at}: {}", ran.stderr);
            assert!(!ran.stderr.contains("DONE"), "byte {at}: {}", ran.stderr);
            assert_eq!(fs::read(dir.join("dumpdates")).unwrap(), b"", "byte {at}");
        }
    }
    // With none of them flipped it is recorded.
    let ran = flipped(&dir, &[], u64::MAX, &image).ok();
    assert!(ran.stderr.contains("DUMP IS DONE"), "{}", ran.stderr);
    assert!(!fs::read(dir.join("dumpdates")).unwrap().is_empty());
}

#[test]
fn the_records_and_inodes_of_a_difference_are_named() {
    let dir = TempDir::new("capdump-verify");
    let image = dir.join("image");
    small::one_file(&image, 7 << 20);
    if !available() {
        return;
    }
    // Chunks are of 243 records; this byte is in the third of them, the last.
    let ran = flipped(&dir, &[], 5_000_000, &image);
    assert!(
        ran.stderr
            .contains("  DUMP: volume 1: records 486 to 719 (inodes 3 to 3) are not what was written\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_read_back_is_refused() {
    let dir = TempDir::new("capdump-verify");
    let image = dir.join("image");
    small::mixed(&image);
    for output in ["-", "host:x"] {
        let ran = dump(&["-a"], output, &image);
        let said = "capdump: --verify requires local files or tapes\n";
        assert_eq!((ran.code(), &*ran.stderr), (1, said));
    }
    let ran = dump(&["-a"], "/dev/null", &image);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("/dev/null: cannot be read back"), "{}", ran.stderr);
}
