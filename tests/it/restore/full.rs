// SPDX-License-Identifier: BSD-2-Clause
//! Targets that take no more: calls that fail, full disks, quotas, and another restore that has the target. All of it is reported, and -R goes
//! on when the reason is gone.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::caprestore::{Place, listing, run_in};
use capdump_support::listing;
use capdump_support::loop_device::Loop;
use capdump_support::mounts::Tmpfs;
use capdump_support::operations::{Act, Operations};
use capdump_support::program::{self, Ran, have, is_root, run, skipped};
use capdump_support::stream_writer::Stream;
use nix::errno::Errno;

use super::caprestore;
use super::interrupted::{Chain, restore, restore_by_several};
use super::mutated::seconds;
use crate::changes::chain;

const FILE: u8 = 8;

const ERRORS: [Errno; 4] = [Errno::ENOSPC, Errno::EIO, Errno::EDQUOT, Errno::EROFS];

/// What the C library says of an error.
fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (").next().unwrap_or_default().to_owned()
}

/// Runs a level in which the calls from this one on fail; whether it was reported, and completes it.
fn fails_at(chain: &Chain, into: &Path, level: usize, (at, times, errno): (usize, usize, Errno)) -> bool {
    let (name, wanted) = &chain.levels[level];
    let dump = chain.place.join(name);
    let what = format!("{name}: {times} from {at} on fail with {errno}");
    let mut command = match at % 2 {
        0 => restore("r", &dump, into),
        _ => restore_by_several("r", &dump, into),
    };
    chain.operations.watch(&mut command, into, "", Act::Fail(at, times, errno as i32));
    let ran = run_in(&mut command, into, "");
    let is_right = || listing::differences(&listing(into), wanted);
    if ran.code() == 0 {
        // What need not be removed, or is tried twice.
        assert_eq!((is_right(), ran.stderr.as_str()), (vec![], ""), "{what}");
        return false;
    }
    assert_eq!(ran.code(), 1, "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains(&text(errno)), "{what}: {}", ran.stderr);
    chain.resumed(&dump, into, &what);
    assert_eq!(is_right(), [""; 0], "{what}");
    true
}

#[test]
fn any_call_fails() {
    if !is_root() {
        return skipped("owners need root");
    }
    let end = Instant::now() + seconds();
    let chain = Chain::new(&chain());
    let most = *chain.counts.iter().max().unwrap();
    let (mut attempts, mut failed) = (0, 0);
    while (Instant::now() < end || failed < 8) && attempts < most * ERRORS.len() {
        let into = chain.place.join("into");
        fs::create_dir(&into).unwrap();
        for (level, count) in chain.counts.iter().enumerate() {
            let times = if attempts % 2 == 0 { 1 } else { usize::MAX >> 2 };
            let error = ERRORS[(attempts + attempts / most) % ERRORS.len()];
            let at = attempts * 61 % most % count + 1;
            failed += usize::from(fails_at(&chain, &into, level, (at, times, error)));
        }
        fs::remove_dir_all(&into).unwrap();
        attempts += 1;
    }
    println!("{attempts} chains with calls that fail, {failed} levels ended by that");
}

/// A dump of some files of 200 KB.
fn large() -> Stream {
    let mut stream = Stream::new();
    let names: Vec<Vec<u8>> = (4..24).map(|ino: u32| format!("file{ino}").into_bytes()).collect();
    let entries: Vec<_> = names.iter().zip(4..).map(|(name, ino)| (name.as_slice(), ino, FILE)).collect();
    stream.directory(2, 2, &entries);
    (4..24).for_each(|ino| _ = stream.file(ino, &vec![ino as u8; 200 << 10]));
    stream
}

/// Restores into a folder below `mount` until it is full, makes room, and goes on. `run` runs caprestore.
fn fills_up(
    place: &Place,
    mount: &Path,
    room: impl Fn(),
    run: impl Fn(&mut Command, &Path) -> Ran,
) -> String {
    let (dump, into, whole) = (place.join("dump"), mount.join("into"), place.join("whole"));
    fs::write(&dump, large().bytes()).unwrap();
    run_in(&mut restore("r", &dump, &whole_made(&whole)), &whole, "").ok();
    let first = run(&mut restore("r", &dump, &into), &into);
    assert_eq!(first.code(), 1, "{}", first.stderr);
    let again = run(&mut restore("R", &dump, &into), &into);
    assert_eq!(again.code(), 1, "{}", again.stderr);
    room();
    let last = run(&mut restore("R", &dump, &into), &into);
    assert_eq!(last.code(), 0, "{}", last.stderr);
    let (mut found, mut wanted) = (listing(&into), listing(&whole));
    for entry in found.values_mut().chain(wanted.values_mut()) {
        (entry.uid, entry.gid) = (0, 0);
    }
    assert_eq!(listing::differences(&found, &wanted), [""; 0], "{}", last.stderr);
    first.stderr
}

fn whole_made(whole: &Path) -> PathBuf {
    fs::create_dir_all(whole).unwrap();
    whole.to_owned()
}

/// An ext4 file system of 8 MiB on a loop device, mounted.
struct Ext4 {
    device: Loop,
    on: PathBuf,
}

impl Ext4 {
    fn new(place: &Place, features: &[&str], options: &str) -> Option<Ext4> {
        if !have("mkfs.ext4") || !is_root() {
            skipped("ext4 on a loop device needs root and mkfs.ext4");
            return None;
        }
        let (image, on) = (place.join("image"), place.join("mount"));
        fs::write(&image, vec![0; 8 << 20]).unwrap();
        let mut mkfs = program::command(Path::new("mkfs.ext4"));
        run(mkfs.arg("-q").args(features).arg(&image), Duration::from_secs(20)).ok();
        fs::create_dir(&on).unwrap();
        let Some(device) = Loop::attach(&image, &[]) else {
            skipped("no loop device can be had");
            return None;
        };
        let mut mount = program::command(Path::new("mount"));
        mount.args(["-o", options]).arg(device.path()).arg(&on).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            skipped("ext4 cannot be mounted with these options");
            return None;
        }
        Some(Ext4 { device, on })
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let mut umount = program::command(Path::new("umount"));
        // One that stays is left; the test has had its answer.
        _ = umount.arg(&self.on).status();
    }
}

/// Fills a file system up but for so many KiB.
fn fill(mount: &Path, left: u64) -> PathBuf {
    let filler = mount.join("filler");
    let stat = nix::sys::statvfs::statvfs(mount).unwrap();
    let free = stat.blocks_available() * stat.fragment_size();
    fs::write(&filler, vec![1; (free - (left << 10)) as usize]).unwrap();
    filler
}

fn in_folder(command: &mut Command, into: &Path) -> Ran {
    fs::create_dir_all(into).unwrap();
    run(command.stdin(Stdio::null()), Duration::from_secs(60))
}

#[test]
fn a_tmpfs_is_full() {
    if !is_root() {
        return skipped("mounting needs root");
    }
    let place = Place::new();
    let tmpfs = Tmpfs::new(&place.join("mount"), 8 << 10);
    let filler = fill(tmpfs.path(), 1500);
    let said = fills_up(&place, tmpfs.path(), || fs::remove_file(&filler).unwrap(), in_folder);
    let end =
        "\nwrite: No space left on device\nthe restore is not complete; -R and the same dump complete it\n";
    assert!(said.starts_with("write error extracting inode ") && said.ends_with(end), "{said}");
}

#[test]
fn an_ext4_is_full_and_read_only() {
    let place = Place::new();
    let Some(ext4) = Ext4::new(&place, &[], "errors=continue") else { return };
    let filler = fill(&ext4.on, 1500);
    let said = fills_up(&place, &ext4.on, || fs::remove_file(&filler).unwrap(), in_folder);
    assert!(said.contains("No space left on device"), "{said}");
    let (dump, into) = (place.join("dump"), ext4.on.join("second"));
    fs::create_dir(&into).unwrap();
    let remount = |how: &str| {
        let mut mount = program::command(Path::new("mount"));
        run(mount.args(["-o", how]).arg(&ext4.on), Duration::from_secs(20)).ok();
    };
    remount("remount,ro");
    let ran = in_folder(&mut restore("r", &dump, &into), &into);
    assert_eq!(
        (ran.code(), ran.stderr.as_str()),
        (
            1,
            "./restoresymtable: Read-only file system\nthe restore is not complete; -R and the same dump complete it\n"
        )
    );
    let mut command = caprestore();
    command.arg("-xyf").arg(&dump).arg("--into").arg(&into).arg("file4");
    let ran = run_in(&mut command, &place.join("answers"), "1\nn\n");
    assert!(ran.code() == 1 && ran.stderr.contains("Read-only file system"), "{}", ran.stderr);
    remount("remount,rw");
    assert!(ext4.device.path().exists());
}

/// The limit of blocks of a user, in KiB, by quotactl(2) with `Q_SETQUOTA` (linux/quota.h).
fn set_quota(device: &Path, user: u32, kib: u64) -> bool {
    let call = if cfg!(target_arch = "x86_64") { 179 } else { 60 };
    let script = format!(
        "my $d = '{}'; my $q = pack('Q8LL', {kib}, {kib}, 0, 0, 0, 0, 0, 0, 1, 0);\
         exit(syscall({call}, 0x800008 << 8, $d, {user}, $q) == 0 ? 0 : 1)",
        device.display()
    );
    program::command(Path::new("perl")).args(["-e", &script]).status().is_ok_and(|status| status.success())
}

#[test]
fn a_quota_is_reached() {
    const USER: u32 = 12_345;
    if !have("perl") || !have("setpriv") {
        return skipped("a quota needs perl and setpriv(1)");
    }
    let place = Place::new();
    let Some(ext4) = Ext4::new(&place, &["-O", "quota"], "usrquota") else { return };
    if !set_quota(ext4.device.path(), USER, 1500) {
        return skipped("the kernel has no quotas");
    }
    let into = ext4.on.join("into");
    fs::create_dir(&into).unwrap();
    chown(&into, Some(USER), Some(USER)).unwrap();
    // Whoever is root has no quota.
    let program = ext4.on.join("caprestore");
    fs::copy(env!("CARGO_BIN_EXE_caprestore"), &program).unwrap();
    fs::set_permissions(place.join(""), fs::Permissions::from_mode(0o755)).unwrap();
    let as_user = |command: &mut Command, into: &Path| {
        let mut other = program::without_tty(Path::new("setpriv"));
        other.args(["--reuid", &USER.to_string(), "--regid", &USER.to_string(), "--clear-groups"]);
        other.arg(&program).args(command.get_args()).current_dir(into).stdin(Stdio::null());
        run(&mut other, Duration::from_secs(60))
    };
    let room = || assert!(set_quota(ext4.device.path(), USER, 0));
    let said = fills_up(&place, &ext4.on, room, as_user);
    assert!(said.contains("Disk quota exceeded"), "{said}");
}

#[test]
fn one_restore_at_a_time() {
    let (place, operations) = (Place::new(), Operations::new());
    let (dump, into) = (place.join("dump"), place.join("into"));
    fs::write(&dump, large().bytes()).unwrap();
    fs::create_dir(&into).unwrap();
    let mut command = restore("r", &dump, &into);
    let watched = operations.watch(command.stdin(Stdio::null()), &into, "", Act::Stop(20));
    let mut first = command.spawn().unwrap();
    watched.stopped(|| first.try_wait().unwrap().is_some()).expect("it has begun");
    for letter in ["r", "R"] {
        let ran = run_in(&mut restore(letter, &dump, &into), &into, "");
        assert_eq!((ran.code(), ran.stderr.as_str()), (1, ".: in use by another restore\n"));
    }
    run_in(caprestore().arg("-xf").arg(&dump).arg("file9"), &place.join("other"), "1\nn\n").ok();
    let mut command = caprestore();
    command.arg("-xf").arg(&dump).arg("--into").arg(&into).arg("file20");
    run_in(&mut command, &place.join("other"), "1\nn\n").ok();
    watched.go_on();
    assert!(program::wait(&mut first, Duration::from_secs(20)).is_some_and(|status| status.success()));
    run_in(&mut restore("R", &dump, &into), &into, "").ok();
}

#[test]
fn a_state_is_written_after_what_it_says() {
    let (place, operations) = (Place::new(), Operations::new());
    let into = place.join("into");
    fs::create_dir(&into).unwrap();
    for (number, stream) in chain().iter().enumerate() {
        let dump = place.join("dump");
        fs::write(&dump, stream.bytes()).unwrap();
        let mut command = restore("r", &dump, &into);
        let watched = operations.watch(&mut command, &into, "", Act::Count);
        run_in(&mut command, &into, "").ok();
        let kinds = watched.kinds();
        // A commit is syncfs, a new file, its data, fsync, rename, fsync. Nothing comes before the first one.
        let commits: Vec<&str> = kinds.split("frf").map(|before| before.trim_end_matches('w')).collect();
        let (first, all) = commits.split_first().unwrap();
        assert!(first.ends_with("uc") && all.len() == if number == 0 { 3 } else { 5 }, "{kinds}");
        let (_, others) = all.split_last().unwrap();
        assert!(others.iter().all(|before| before.ends_with("yuc")), "{kinds}");
        // After the last one only the target gets its times again.
        let after = kinds.rsplit_once("frf").unwrap().1;
        assert_eq!(after, "omi", "{kinds}");
    }
}
