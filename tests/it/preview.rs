// SPDX-License-Identifier: BSD-2-Clause
//! `-S --list`: what `--list` says of the dump that would be made.

use std::path::Path;
use std::time::Duration;

use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::small;
use capdump_support::tree;

const LIMIT: Duration = Duration::from_secs(60);

fn capdump(options: &[&str], operand: &Path) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    run(command.env("SOURCE_DATE_EPOCH", "1700000000").args(options).arg(operand), LIMIT)
}

/// The listings are the same, as text and as JSON, with these options of the dump.
fn assert_same(dir: &TempDir, image: &Path, options: &[&str], what: &str) {
    let out = dir.join("out");
    let made = capdump(&[options, &["-a", "-f", out.to_str().unwrap()]].concat(), image).ok();
    for json in [&[][..], &["--json"]] {
        let want = capdump(&[&["--list"], json].concat(), &out);
        let got = capdump(&[options, &["-S", "--list"], json].concat(), image).ok();
        assert!(!want.stdout.is_empty(), "{what}");
        let (want, got) = [&want, &got].map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned()).into();
        assert_eq!(got, want, "{what} {options:?} {json:?}");
    }
    let estimated = |ran: &Ran| ran.stderr.lines().find(|line| line.contains("estimated")).map(str::to_owned);
    let listed = capdump(&[options, &["-aS", "--list"]].concat(), image).ok();
    assert!(estimated(&made).is_some() && estimated(&made) == estimated(&listed), "{}", listed.stderr);
}

#[test]
fn it_is_the_listing_of_the_dump() {
    let dir = TempDir::new("capdump-preview");
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let (source, image) = (dir.join("source"), dir.join("image"));
    tree::mixed(&source);
    makefs(&image, &source, 2, (8192, 1024), &[]);
    for options in [&["-0"][..], &["-0", "-b", "64"], &["-1", "-T", "Tue Nov 14 22:13:20 2023"], &["-0R"]] {
        assert_same(&dir, &image, options, "makefs");
    }
    let first = capdump(&["-0", "-S", "--list"], &image).ok();
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    let path = text.lines().rev().find_map(|line| line.split(" ./").nth(1)).unwrap().to_owned();
    assert_same(&dir, &image, &["-0", "--exclude", &path], "excluded");
    let image = dir.join("small");
    small::mixed(&image);
    assert_same(&dir, &image, &["-0"], "mixed");
}

/// On a damaged disk they have the same findings.
#[test]
fn also_of_a_damaged_disk() {
    let dir = TempDir::new("capdump-preview");
    let (image, bad) = (dir.join("image"), dir.join("bad"));
    small::mixed(&image);
    let whole = std::fs::read(&image).unwrap();
    let mut tried = 0;
    for at in (8192..whole.len()).step_by(whole.len() / 60 / 512 * 512 + 512) {
        let mut changed = whole.clone();
        let end = (at + 512).min(changed.len());
        changed[at..end].fill(0xff);
        std::fs::write(&bad, changed).unwrap();
        let dumped = capdump(&["-0a", "-f", dir.join("out").to_str().unwrap()], &bad);
        if dumped.code() == 0 {
            assert_same(&dir, &bad, &["-0"], &format!("damaged at {at}"));
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn nothing_is_written_and_what_cannot_be_listed_is_refused() {
    let dir = TempDir::new("capdump-preview");
    let image = dir.join("image");
    small::mixed(&image);
    let (dates, out) = (dir.join("dumpdates"), dir.join("out"));
    let options = ["-0uS", "--list", "-D", dates.to_str().unwrap(), "-f", out.to_str().unwrap(), "-B", "100"];
    std::fs::write(&dates, "").unwrap();
    let before = std::fs::read(&image).unwrap();
    let ran = capdump(&options, &image).ok();
    assert!(!ran.stdout.is_empty() && std::fs::read(&dates).unwrap().is_empty() && !out.exists());
    assert!(std::fs::read(&image).unwrap() == before);
    let shell =
        format!("{} -0S --list {image} 1<>{image}", env!("CARGO_BIN_EXE_capdump"), image = image.display());
    let ran = run(without_tty(Path::new("/bin/sh")).args(["-c", &shell]), LIMIT);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(std::fs::read(&image).unwrap() == before);
    let ran = capdump(&["-0S", "--json"], &image);
    assert!(ran.code() == 1 && ran.stderr.contains("--json cannot be used here"), "{}", ran.stderr);
    let shell = format!("{} -0S --list {} >/dev/full", env!("CARGO_BIN_EXE_capdump"), image.display());
    let ran = run(without_tty(Path::new("/bin/sh")).args(["-c", &shell]), LIMIT);
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("standard output: No space left on device"), "{}", ran.stderr);
}
