// SPDX-License-Identifier: BSD-2-Clause
//! A block device as output: what it has taken is on its disk before anything is said of success, and a device in use is no output.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::loop_device::Loop;
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::small;

const LIMIT: Duration = Duration::from_secs(60);

fn shell(dir: &TempDir, text: &str) -> Ran {
    let mut command = without_tty(Path::new("/bin/sh"));
    command.args(["-c", text]).env("C", env!("CARGO_BIN_EXE_capdump")).current_dir(dir.path());
    run(&mut command, LIMIT)
}

/// A loop device of a file of so many bytes on this folder; none, and a line that says so, where that cannot be had.
fn device(folder: &Path, bytes: u64) -> Option<(Loop, PathBuf)> {
    let file = folder.join("disk");
    File::create(&file).unwrap().set_len(bytes).unwrap();
    let device = Loop::attach(&file, &[]);
    if device.is_none() {
        skipped("no loop device here");
    }
    device.map(|device| (device, file))
}

/// The device takes all, and its file has no room for it.
#[test]
fn what_is_lost_is_not_recorded() {
    if !is_root() {
        return skipped("loop devices need root");
    }
    let dir = TempDir::new("capdump-block");
    small::one_file(&dir.join("image"), 6 << 20);
    let disk = Tmpfs::new(&dir.join("tmpfs"), 600);
    let Some((device, _)) = device(disk.path(), 20 << 20) else { return };
    let device = device.path().display();
    for text in [
        format!("\"$C\" -0ua --batch -D dates -f {device} image"),
        format!("\"$C\" -0ua --batch -D dates -f - image >{device}"),
        format!("\"$C\" -0a -f dump image && \"$C\" --emit . -f {device} dump"),
        format!("\"$C\" --emit . dump >{device}"),
    ] {
        fs::write(dir.join("dates"), "").unwrap();
        let ran = shell(&dir, &text);
        assert_eq!(ran.code(), 3, "{text}: {}", ran.stderr);
        assert!(!ran.stderr.contains("image to /dev/loop") || !ran.stderr.contains("DUMP IS DONE"), "{text}");
        assert_eq!(fs::read_to_string(dir.join("dates")).unwrap(), "", "{text}");
    }
}

#[test]
fn a_device_takes_a_dump_and_is_read_back() {
    if !is_root() {
        return skipped("loop devices need root");
    }
    let dir = TempDir::new("capdump-block");
    small::mixed(&dir.join("image"));
    let Some((device, file)) = device(dir.path(), 1 << 20) else { return };
    let name = device.path().display();
    shell(&dir, &format!("\"$C\" -0a -f {name} image && \"$C\" --check {name}")).ok();
    // It is on the file below without anybody's help.
    let mut start = [0; 64];
    File::open(&file).unwrap().read_exact_at(&mut start, 0).unwrap();
    assert_ne!(start, [0; 64]);
    shell(&dir, &format!("\"$C\" -0a -f - image >{name} && \"$C\" --check {name}")).ok();
    // Another volume of the dump would go over the first.
    let ran = shell(&dir, &format!("\"$C\" -0 --batch -b 2 -B 60 --volume-script true -f {name} image"));
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("holds volume 1 of this dump"), "{}", ran.stderr);
    // What the operator puts there, a script here, is another medium.
    // Meanwhile another test may have the device that was free.
    let again = format!("until losetup {name} disk; do sleep 0.1; done; :");
    let script = format!("losetup -d {name} && mv disk first && truncate -s 1M disk && {again}");
    let text = format!("\"$C\" -0 --batch -b 2 -B 60 --volume-script '{script}' -f {name} image");
    shell(&dir, &text).ok();
    // Behind the end of a volume a disk has what it had before.
    shell(&dir, &format!("truncate -s 60K first && \"$C\" --check first {name}")).ok();
}

#[test]
fn a_device_in_use_is_no_output() {
    if !is_root() {
        return skipped("loop devices need root");
    }
    let dir = TempDir::new("capdump-block");
    small::mixed(&dir.join("image"));
    let Some((device, file)) = device(dir.path(), 4 << 20) else { return };
    let name = device.path().display().to_string();
    let made = Command::new("mkfs.ext4").args(["-q", &name]).status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped("no mkfs.ext4 here");
    }
    fs::create_dir(dir.join("mnt")).unwrap();
    let mounted = Command::new("mount").arg(&name).arg(dir.join("mnt")).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return skipped("a loop device cannot be mounted here");
    }
    let before = fs::read(&file).unwrap();
    let ran = [
        shell(&dir, &format!("\"$C\" -0a --batch -f {name} image")),
        shell(&dir, &format!("\"$C\" -0a --batch -f - image >{name}")),
        shell(&dir, &format!("\"$C\" -0a -f dump image && \"$C\" --emit . -f {name} dump")),
        shell(&dir, &format!("\"$C\" --emit . dump >{name}")),
    ];
    let after = fs::read(&file).unwrap();
    assert!(Command::new("umount").arg(dir.join("mnt")).status().unwrap().success());
    for ran in &ran {
        assert!(!ran.status.success(), "{}", ran.stderr);
        assert!(ran.stderr.contains("is mounted or otherwise in use"), "{}", ran.stderr);
    }
    assert!(before == after);
}
