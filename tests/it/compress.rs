// SPDX-License-Identifier: BSD-2-Clause
//! `--compress`: what zstd(1) and restore(8) make of it, on one volume and on several.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::fuse::{self, Faults, Served};
use capdump_support::mounts::Tmpfs;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::spec::{Kind, Spec};
use capdump_support::{listing, procs, restore, small, zstd};
use nix::sys::signal::Signal;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

fn geometry() -> Geometry {
    Geometry::new(2, (32768, 4096), 2, 300, 16 << 20)
}

/// Some 12 MB, of which half can be compressed.
pub(crate) fn image(dir: &TempDir) -> (PathBuf, Spec) {
    let g = geometry();
    let mut spec = Spec::default();
    let sub = spec.add(None, "sub", Attrs::perm(0o755), Kind::Dir);
    let file = |content| Kind::Leaf(What::File(content));
    for n in 0..100 {
        let content = Content::full(n * 97, g.bsize, Fill::Pattern(n));
        spec.add(Some(sub), &format!("small{n}"), Attrs::default(), file(content));
    }
    for n in 1..4 {
        let text: Vec<u8> = (0..n * 250_000).flat_map(|i| format!("{i}: {}\n", i * i).into_bytes()).collect();
        let content = Content::bytes(text[..n * 1_000_000].to_vec(), g.bsize);
        spec.add(None, &format!("text{n}"), Attrs::default(), file(content));
        let content = Content::full(n as u64 * 1_000_000 + 7, g.bsize, Fill::Pattern(n as u64));
        spec.add(None, &format!("large{n}"), Attrs::default(), file(content));
    }
    let path = dir.join("image");
    spec.write(&path, &g);
    (path, spec)
}

fn command(options: &[&str], image: &Path) -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000").arg("-0").args(options).arg(image);
    command
}

pub(crate) fn dump(options: &[&str], image: &Path) -> Ran {
    run(&mut command(options, image), LIMIT)
}

pub(crate) fn stdout(options: &[&str], image: &Path) -> Vec<u8> {
    dump(&[options, &["-f", "-"]].concat(), image).ok().stdout
}

pub(crate) fn list(names: &[PathBuf]) -> String {
    names.iter().map(|name| name.display().to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn zstd_makes_the_same_dump_of_it() {
    let dir = TempDir::new("capdump-compress");
    let (image, _) = image(&dir);
    if !zstd::available() {
        return;
    }
    let plain = stdout(&[], &image);
    let first = stdout(&["--compress", "zstd:1"], &image);
    assert!(first.len() < plain.len() * 3 / 4);
    let frames = zstd::frames(&first);
    assert!(frames.len() > 4 && frames.concat() == plain);
    assert!(zstd::unpack(&first) == plain);
    // To a file and a command too, whoever compresses what, and whatever was in the file before.
    let (out, piped) = (dir.join("out"), dir.join("piped"));
    fs::write(&out, vec![1; 20 << 20]).unwrap();
    for workers in ["1", "2", "3", "8"] {
        let to = out.display().to_string();
        let ran = dump(&["-a", "--compress", "zstd:1", "--workers", workers, "-f", &to], &image).ok();
        assert!(ran.stderr.contains("  DUMP: compressed to "), "{}", ran.stderr);
        assert!(fs::read(&out).unwrap() == first, "--workers {workers}");
    }
    zstd::test(&out);
    let to = format!("cat >{}", piped.display());
    dump(&["-a", "--compress", "zstd:1", "-P", &to], &image).ok();
    assert!(fs::read(&piped).unwrap() == first);
    for level in ["zstd", "zstd:6", "zstd:12"] {
        let [one, three] =
            ["1", "3"].map(|workers| stdout(&["--compress", level, "--workers", workers], &image));
        assert!(one == three && zstd::unpack(&one) == plain, "{level}");
    }
}

/// Frames of a volume, as the table at its end counts them.
fn frames(volume: &[u8]) -> u32 {
    let (rest, _) = volume.split_last_chunk::<5>().unwrap();
    u32::from_le_bytes(*rest.last_chunk().unwrap())
}

#[test]
fn high_levels_have_larger_frames() {
    let dir = TempDir::new("capdump-compress");
    let (image, _) = image(&dir);
    let frames = |level| frames(&stdout(&["--compress", level], &image));
    let [usual, large] = ["zstd:5", "zstd:6"].map(frames);
    assert!(usual > 4 && large < usual / 2, "{usual}, {large}");
}

#[test]
fn restore_reads_it_through_zstdcat() {
    let dir = TempDir::new("capdump-compress");
    let (image, spec) = image(&dir);
    if !zstd::available() || !restore::available() {
        return;
    }
    let (out, into) = (dir.join("out.zst"), dir.join("into"));
    fs::create_dir(&into).unwrap();
    fs::write(&out, stdout(&["--compress=zstd"], &image)).unwrap();
    let mut unpack = Command::new("zstdcat").arg(&out).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = restore::command(dir.path());
    command.args(["-rf", "-"]).current_dir(&into);
    run(command.stdin(unpack.stdout.take().unwrap()), LIMIT).ok();
    assert!(unpack.wait().unwrap().success());
    let mut wanted = spec.listing(&geometry());
    wanted.values_mut().for_each(|entry| (entry.atime, entry.mtime) = (None, None));
    let found = listing::differences(&restore::listing(&into), &wanted);
    assert!(found.is_empty(), "{found:#?}");
}

/// Volumes that were compressed: each by itself, and all together the files of `spec`. Gives them unpacked.
pub(crate) fn assert_hold(volumes: &[Vec<u8>], spec: &Spec, ntrec: usize) -> Vec<Vec<u8>> {
    let plain: Vec<Vec<u8>> = volumes.iter().map(|volume| zstd::frames(volume).concat()).collect();
    for (volume, plain) in volumes.iter().zip(&plain) {
        assert!(zstd::unpack(volume) == *plain);
    }
    let rules = Rules { volumes: Volumes::EndOfMedium, ..Rules::new(ntrec) };
    let decoded = decode_and_check(&plain, &rules).unwrap();
    let found = listing::differences(&decoded.listing().unwrap(), &spec.listing(&geometry()));
    assert!(found.is_empty(), "{found:#?}");
    plain
}

#[test]
fn a_volume_s_limit_is_one_of_compressed_bytes() {
    let dir = TempDir::new("capdump-compress");
    let (image, spec) = image(&dir);
    if !zstd::available() {
        return;
    }
    for (ntrec, limit, volumes) in [("10", 2000, 6), ("32", 999, 10), ("10", 5000, 3)] {
        let names: Vec<PathBuf> = (0..volumes).map(|n| dir.join(&format!("{limit}.{n}"))).collect();
        let limit_kib = limit.to_string();
        let files = list(&names);
        let mut all = Vec::new();
        for workers in ["3", "1", "2"] {
            let options = ["-b", ntrec, "-B", &limit_kib, "--workers", workers];
            dump(&[&options[..], &["--compress", "zstd:1", "-f", &files]].concat(), &image).ok();
            let written: Vec<Vec<u8>> = names.iter().map_while(|name| fs::read(name).ok()).collect();
            assert!(all.is_empty() || written == all, "{limit} --workers {workers}");
            all = written;
        }
        assert!(all.len() > 1);
        let ntrec: usize = ntrec.parse().unwrap();
        let limit = limit / ntrec * ntrec * 1024;
        for volume in &all[..all.len() - 1] {
            assert!(volume.len() <= limit && volume.len() > limit * 3 / 4, "{} of {limit}", volume.len());
        }
        let plain = assert_hold(&all, &spec, ntrec);
        if ntrec == 10 && limit < 3 << 20 && restore::available() {
            let files: Vec<PathBuf> = (0..plain.len()).map(|n| dir.join(&format!("plain.{n}"))).collect();
            files.iter().zip(&plain).for_each(|(name, plain)| fs::write(name, plain).unwrap());
            restore::restore_volumes(&files, ntrec, &dir.join("restored"));
            let mut wanted = spec.listing(&geometry());
            wanted.values_mut().for_each(|entry| (entry.atime, entry.mtime) = (None, None));
            let found = listing::differences(&restore::listing(&dir.join("restored")), &wanted);
            assert!(found.is_empty(), "{found:#?}");
        }
    }
}

#[test]
fn a_medium_that_is_full_ends_with_a_whole_frame_and_the_table() {
    let dir = TempDir::new("capdump-compress");
    let (image, spec) = image(&dir);
    if !zstd::available() || !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    for kib in [2600, 3000, 5004] {
        let medium = Tmpfs::new(&dir.join("tmpfs"), kib);
        let names = [medium.path().join("one"), dir.join("two"), dir.join("three")];
        let ran = dump(&["-a", "--compress", "zstd:1", "-f", &list(&names)], &image).ok();
        assert!(ran.stderr.contains("End of tape detected"), "{}", ran.stderr);
        let volumes = [&names[0], &names[1]].map(|name| fs::read(name).unwrap());
        assert!(volumes[0].len() as u64 <= kib << 10);
        assert_hold(&volumes, &spec, 10);
    }
}

/// The table goes where room was kept for it, whatever the medium's last byte belongs to.
#[test]
fn a_medium_that_is_full_at_any_byte() {
    let dir = TempDir::new("capdump-compress");
    let (image, spec) = image(&dir);
    if !zstd::available() || !fuse::available() {
        return;
    }
    let whole = stdout(&["--compress", "zstd:1"], &image);
    let table = whole.len() - 9 - zstd::frames(&whole).len() * 12;
    let size =
        |n: usize| whole[table + n * 12..].first_chunk().map(|size| u32::from_le_bytes(*size)).unwrap();
    let ends: Vec<u64> = (1..=3).map(|n| (0..n).map(|n| u64::from(size(n))).sum()).collect();
    // Two frames and their table take this much; with a byte less there is one frame.
    let two = ends[1] + 17 + 2 * 12;
    for (room, kept) in
        [(two - 1, 1), (two, 2), (two + 1, 2), (ends[1] - 1, 1), (ends[1] + 3, 1), (ends[2], 2)]
    {
        fs::write(dir.join("backing"), b"").unwrap();
        let served = Served::new(&dir.join("mnt"), &dir.join("backing"), Faults::room(room));
        let names = [served.path(), dir.join("two")];
        dump(&["-a", "--compress", "zstd:1", "-f", &list(&names)], &image).ok();
        let volumes = [dir.join("backing"), dir.join("two")].map(|name| fs::read(name).unwrap());
        assert_eq!(volumes[0].len() as u64, ends[kept - 1] + 17 + kept as u64 * 12, "room {room}");
        assert_hold(&volumes, &spec, 10);
    }
}

#[test]
fn a_medium_too_small_for_a_frame() {
    let dir = TempDir::new("capdump-compress");
    small::one_file(&dir.join("image"), 4 << 20);
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let medium = Tmpfs::new(&dir.join("tmpfs"), 500);
    let one = medium.path().join("one").display().to_string();
    let ran = dump(&["-a", "--compress", "zstd:1", "-f", &one], &dir.join("image"));
    assert_eq!(ran.code(), 3);
    assert!(ran.stderr.contains("EOT detected at start of the tape!"), "{}", ran.stderr);
    assert!(ran.stderr.contains("too small for one compressed chunk"), "{}", ran.stderr);
}

#[test]
fn a_worker_that_dies_takes_the_dump_along() {
    let dir = TempDir::new("capdump-compress");
    small::one_file(&dir.join("image"), 8 << 20);
    let out = File::create(dir.join("err")).unwrap();
    let mut command =
        command(&["--compress", "zstd:19", "--workers", "6", "-a", "-f", "out"], &dir.join("image"));
    let mut child = command.current_dir(dir.path()).stderr(out).spawn().unwrap();
    assert!(procs::until(LIMIT, || procs::descendants(child.id()).len() == 7));
    procs::send(procs::descendants(child.id())[2], Signal::SIGKILL);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let said = fs::read_to_string(dir.join("err")).unwrap();
    assert!(said.contains("The ENTIRE dump is aborted.") && !said.contains("DONE"), "{said}");
    assert!(procs::ended(child.id()));
}

#[test]
fn what_cannot_be_compressed_is_refused_at_the_start() {
    let dir = TempDir::new("capdump-compress");
    small::mixed(&dir.join("image"));
    for (options, said) in [
        (vec!["--compress", "gzip", "-f", "x"], "--compress=gzip: must be zstd or zstd:level, 1 to 19"),
        (vec!["--compress", "zstd:20", "-f", "x"], "--compress=zstd:20: must be zstd or zstd:level, 1 to 19"),
        (vec!["--compress", "zstd", "-f", "host:x"], "compressed dumps cannot be written to a remote tape"),
        (
            vec!["--compress", "zstd", "-B", "10", "-f", "x"],
            "a volume is too small for a compressed record of 10 KB",
        ),
    ] {
        let ran = dump(&options, &dir.join("image"));
        assert_eq!((ran.code(), ran.stderr), (1, format!("capdump: {said}\n")), "{options:?}");
    }
}
