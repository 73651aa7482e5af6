// SPDX-License-Identifier: BSD-2-Clause
//! `-C`: what differs on disk is reported in the words of Linux's restore, and nothing is changed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use capdump_support::caprestore::{Place, listing, run_in};
use capdump_support::program::{Ran, is_root, skipped};
use capdump_support::stream_writer::Stream;

use super::caprestore;
use super::trees::dump;

/// A dump of few files, and where it was restored.
fn small(place: &Place) -> (PathBuf, PathBuf) {
    let (dump, into) = (place.join("dump"), place.join("into"));
    let mut data = vec![0; 300_000];
    data[200_000..230_000].fill(b'd');
    let mut stream = Stream::new();
    let names: [(&[u8], u32, u8); 6] = [
        (b"dir", 3, 4),
        (b"file", 4, 8),
        (b"holes", 5, 8),
        (b"link", 6, 10),
        (b"hard", 4, 8),
        (b"short", 7, 8),
    ];
    stream.directory(2, 2, &names).directory(3, 2, &[(b"below", 8, 8)]);
    stream
        .file(4, b"one two three")
        .sparse(5, &data)
        .inode(6, 0o120_777, b"to")
        .file(7, b"1234")
        .file(8, b"below");
    fs::write(&dump, stream.bytes()).unwrap();
    run_in(caprestore().arg("-xf").arg(&dump), &into, "1\ny\n").ok();
    (dump, into)
}

fn compare(dump: &Path, into: &Path, more: &[&str]) -> Ran {
    run_in(caprestore().arg("-Cf").arg(dump).args(more), into, "")
}

fn summary(ran: &Ran) -> String {
    String::from_utf8_lossy(&ran.stdout).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_was_restored_is_the_same() {
    let place = Place::new();
    let Some(dump) = dump(&place, &[]) else { return };
    if !is_root() {
        return skipped("owners and devices need root");
    }
    let into = place.join("into");
    run_in(caprestore().arg("-rf").arg(&dump), &into, "").ok();
    let before = listing(&into);
    let ran = compare(&dump, &into, &[]).ok();
    assert_eq!(
        ran.stderr.lines().filter(|line| !line.starts_with("not compared: ")).count(),
        2,
        "{}",
        ran.stderr
    );
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(out.starts_with("Dump   date: ") && out.ends_with("filesys = .\n"), "{out}");
    assert!(listing(&into) == before);
}

#[test]
fn what_differs_is_reported() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let (dump, into) = small(&place);
    assert_eq!(compare(&dump, &into, &[]).code(), 0);
    fs::write(into.join("file"), "one TWO three").unwrap();
    fs::remove_file(into.join("hard")).unwrap();
    fs::write(into.join("hard"), "one two three").unwrap();
    fs::remove_file(into.join("link")).unwrap();
    symlink("e\x1blsewhere", into.join("link")).unwrap();
    fs::write(into.join("short"), "12345").unwrap();
    fs::set_permissions(into.join("short"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::remove_file(into.join("dir/below")).unwrap();
    let mut holes = fs::read(into.join("holes")).unwrap();
    holes[100_000] = 1;
    fs::write(into.join("holes"), &holes).unwrap();
    fs::set_permissions(into.join("dir"), fs::Permissions::from_mode(0o700)).unwrap();
    let (before, atime) = (listing(&into), fs::metadata(into.join("file")).unwrap().atime_nsec());
    let ran = compare(&dump, &into, &[]);
    assert_eq!(ran.code(), 2, "{}", ran.stderr);
    let mut lines: Vec<&str> =
        ran.stderr.lines().filter(|line| line.starts_with("./") || line.contains(" ./")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "./dir: mode changed from 0755 to 0700.",
            "./file: tape and disk copies are different",
            "./hard: is no longer a hard link",
            "./holes: tape and disk copies are different",
            "./link: symbolic link changed from to to e\\033lsewhere.",
            "./short: mode changed from 0644 to 04711.",
            "./short: size has changed.",
            "unable to stat ./dir/below: No such file or directory",
        ]
    );
    assert_eq!(summary(&ran), "Some files were modified!  8 compare errors");
    assert!(listing(&into) == before);
    if is_root() && cfg!(target_os = "linux") {
        assert_eq!(fs::metadata(into.join("file")).unwrap().atime_nsec(), atime);
    }
    place.check(&["dump", "into", "into.answers"]);
}

#[test]
fn other_types_and_links_in_the_way() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let (dump, into) = small(&place);
    for name in ["file", "hard", "link", "short"] {
        fs::remove_file(into.join(name)).unwrap();
    }
    fs::create_dir(into.join("file")).unwrap();
    fs::write(into.join("link"), "to").unwrap();
    symlink("../sentinel/file", into.join("short")).unwrap();
    nix::unistd::mkfifo(&into.join("hard"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::remove_dir_all(into.join("dir")).unwrap();
    symlink("../sentinel/below", into.join("dir")).unwrap();
    let ran = compare(&dump, &into, &["file", "link", "short", "dir"]);
    assert_eq!(ran.code(), 2, "{}", ran.stderr);
    for line in [
        "./file: no longer a regular file",
        "./link: is no longer a symbolic link",
        "./short: no longer a regular file",
    ] {
        assert!(ran.stderr.contains(&format!("{line}\n")), "{line}: {}", ran.stderr);
    }
    // Neither is followed.
    assert_eq!(ran.stderr.matches("unable to stat ./dir").count(), 2, "{}", ran.stderr);
    assert_eq!(compare(&dump, &into, &["holes"]).code(), 0);
}

#[test]
fn another_folder_verbosely() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let (dump, into) = small(&place);
    let mut command = caprestore();
    command.args(["-C", "-v", "-f"]).arg(&dump).arg("--into").arg(&into);
    let ran = run_in(&mut command, &place.join("here"), "").ok();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(out.starts_with("Begin compare restore\n"), "{out}");
    for line in [
        "comparing ./file (size: 13, mode: 0100644)",
        "comparing ./link (size: 2, mode: 0120777)",
        "Compare directories modes, owner, attributes.",
        &format!("filesys = {}", into.display()),
    ] {
        assert!(out.contains(&format!("{line}\n")), "{line}: {out}");
    }
    assert!(!out.contains("extract") && !out.contains("Make node"), "{out}");
}

#[test]
fn damage_is_status_1() {
    if !is_root() {
        return skipped("owners need root");
    }
    let place = Place::new();
    let (dump, into) = small(&place);
    let mut stream = fs::read(&dump).unwrap();
    let at = stream.windows(13).position(|bytes| bytes == b"one two three").unwrap();
    stream.truncate(at / 1024 * 1024);
    fs::write(&dump, stream).unwrap();
    fs::write(into.join("short"), "12345").unwrap();
    let ran = compare(&dump, &into, &["-y"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
}
