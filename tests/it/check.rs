// SPDX-License-Identifier: BSD-2-Clause
//! `--check`: good dumps of every origin pass, and what is broken is found and named.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capdump_support::canonical::{Block, blocks};
use capdump_support::golden::Golden;
use capdump_support::header::{BLOCK, Header, Kind, change};
use capdump_support::makefs::makefs;
use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::swap;
use capdump_support::tree;

const LIMIT: Duration = Duration::from_secs(120);

/// The program, without a terminal.
pub fn capdump() -> Command {
    without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")))
}

/// Checks a dump.
pub fn check(volumes: &[PathBuf]) -> Ran {
    run(capdump().arg("--check").args(volumes), LIMIT)
}

/// A folder with a dump of a small tree of every kind of file, and what is in the dump.
struct Sample {
    dir: TempDir,
    dump: Vec<u8>,
}

impl Sample {
    fn new() -> Option<Sample> {
        if !have("makefs") {
            skipped("makefs(8) is not there");
            return None;
        }
        let dir = TempDir::new("capdump-check");
        let source = dir.join("source");
        tree::deep(&source.join("deep"), 4);
        tree::named(&source.join("names"), 30);
        tree::file(&source.join("large"), &tree::bytes(99, 90_000));
        tree::file_with_holes(&source.join("holes"), 120_000, &[0, 100_000]);
        makefs(&dir.join("image"), &source, 2, (8192, 1024), &[]);
        let (image, out) = (dir.join("image"), dir.join("dump"));
        run(capdump().args(["-0a", "-f"]).arg(&out).arg(&image), LIMIT).ok();
        let dump = std::fs::read(out).unwrap();
        Some(Sample { dir, dump })
    }

    /// Checks a stream.
    fn check(&self, stream: &[u8]) -> Ran {
        let path = self.dir.join("changed");
        std::fs::write(&path, stream).unwrap();
        check(&[path])
    }

    /// The tape block of the `TS_INODE` of the file whose data begins so.
    fn header_before(&self, data: &[u8]) -> usize {
        let found = blocks(&self.dump);
        let at = found.iter().position(|b| b.0 == Block::Data && b.1.starts_with(data)).unwrap();
        (0..at).rev().find(|&n| found[n].0 == Block::Header(Kind::Inode)).unwrap()
    }
}

#[test]
fn a_good_dump_passes() {
    let Some(sample) = Sample::new() else { return };
    let ran = sample.check(&sample.dump).ok();
    assert!(ran.stderr.ends_with(" inodes: no damage found\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
}

#[test]
fn dumps_of_freebsd_s_own_pass() {
    let Some(golden) = Golden::find() else { return };
    let dir = TempDir::new("capdump-check");
    let mut count = 0;
    for case in golden.cases.iter().filter(|c| c.outputs.len() == 1 && !c.image.starts_with("trunc2.")) {
        let Some(stream) = golden.reference(case, 0) else { continue };
        let path = dir.join("dump");
        std::fs::write(&path, stream).unwrap();
        let ran = check(&[path]);
        assert_eq!(ran.code(), 0, "{} {}: {}", case.image, case.name, ran.stderr);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn volumes_of_freebsd_s_own_pass() {
    let Some(golden) = Golden::find() else { return };
    let dir = TempDir::new("capdump-check");
    let mut count = 0;
    for case in golden.cases.iter().filter(|c| c.name.starts_with('B')) {
        let kept = (0..case.outputs.len()).map_while(|n| golden.reference(case, n));
        let volumes: Vec<Vec<u8>> = kept.collect();
        if volumes.len() < case.outputs.len() {
            continue;
        }
        let paths: Vec<PathBuf> = (0..volumes.len()).map(|n| dir.join(&format!("v{n}"))).collect();
        paths.iter().zip(&volumes).for_each(|(path, volume)| std::fs::write(path, volume).unwrap());
        let ran = check(&paths);
        assert_eq!(ran.code(), 0, "{} {}: {}", case.image, case.name, ran.stderr);
        // Without one of them, what is on it is missed.
        let without: Vec<PathBuf> = [&paths[..1], &paths[2..]].concat();
        let ran = check(&without);
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        assert!(ran.stderr.contains("this is volume 3, should be 2"), "{}", ran.stderr);
        assert!(ran.stderr.contains("c_tapea is"), "{}", ran.stderr);
        count += 1;
    }
    assert!(count > 2, "{count}");
}

/// Every 1000th byte: what stands in a header is found and named; elsewhere the stream has no checksum, and what the
/// structure of maps and directories cannot tell goes unseen.
#[test]
fn a_flipped_bit_in_a_header_is_found() {
    let Some(sample) = Sample::new() else { return };
    let names: Vec<Block> = blocks(&sample.dump).into_iter().map(|b| b.0).collect();
    let (mut headers, mut seen_elsewhere) = (0, 0);
    for at in (0..sample.dump.len()).step_by(1000) {
        let mut bad = sample.dump.clone();
        bad[at] ^= 1 << (at / 1000 % 8);
        let ran = sample.check(&bad);
        let block = at / BLOCK;
        match names[block] {
            // After the first TS_END nothing is looked at but that there are more of them.
            Block::Header(Kind::End) => {}
            Block::Header(_) => {
                headers += 1;
                assert_eq!(ran.code(), 3, "byte {at}: {}", ran.stderr);
                let place = format!("volume 1, record {}, tape block {block}", block / 10);
                assert!(ran.stderr.contains(&place), "byte {at}: {}", ran.stderr);
            }
            _ => seen_elsewhere += usize::from(ran.code() == 3),
        }
    }
    assert!(headers > 30, "{headers}");
    assert!(seen_elsewhere > 0, "a directory or map");
}

#[test]
fn what_is_lost_is_named_by_path() {
    let Some(sample) = Sample::new() else { return };
    // The header of a file.
    let at = sample.header_before(&tree::bytes(99, 100));
    let mut bad = sample.dump.clone();
    bad[at * BLOCK + 40] ^= 4;
    let ran = sample.check(&bad);
    assert!(ran.stderr.contains(&format!("tape block {at}")), "{}", ran.stderr);
    assert!(ran.stderr.contains("tape blocks skipped before this header"), "{}", ran.stderr);
    assert!(ran.stderr.contains(", ./large: lost: in the map, but not in the dump"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("1 inodes lost, 0 damaged\n"), "{}", ran.stderr);

    // A record that is not there, in the middle of that file.
    let from = (at + 20) * BLOCK;
    let short = [&sample.dump[..from], &sample.dump[from + 10 * BLOCK..]].concat();
    let ran = sample.check(&short);
    assert_eq!(ran.code(), 3);
    assert!(ran.stderr.contains(", ./large: damaged"), "{}", ran.stderr);
    assert!(ran.stderr.contains("c_tapea is"), "{}", ran.stderr);

    // The directory of names.
    let found = blocks(&sample.dump);
    let dirs = found.iter().enumerate().filter(|(_, b)| b.0 == Block::Header(Kind::Inode));
    let (at, _) = {
        let mut dirs = dirs;
        dirs.find(|(_, b)| Header::parse(b.1).unwrap().u64("c_size") > 512).unwrap()
    };
    let mut bad = sample.dump.clone();
    bad[at * BLOCK + 3] ^= 1;
    let ran = sample.check(&bad);
    assert!(ran.stderr.contains(", ./names: lost: in the map"), "{}", ran.stderr);
    assert!(ran.stderr.matches("no directory entry refers to it").count() == 30, "{}", ran.stderr);
}

#[test]
fn a_dump_that_ends_early() {
    let Some(sample) = Sample::new() else { return };
    let found = blocks(&sample.dump);
    let end = found.iter().position(|b| b.0 == Block::Header(Kind::End)).unwrap();
    for cut in (0..end).step_by(7) {
        let ran = sample.check(&sample.dump[..cut * BLOCK + cut % 2]);
        assert_eq!(ran.code(), 3, "{cut}: {}", ran.stderr);
        assert!(ran.stderr.contains("the dump ends without TS_END"), "{cut}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("bytes at the end are not a whole tape block"), cut % 2 == 1);
    }
    let ran = sample.check(&[sample.dump.as_slice(), &[7; 3 * BLOCK]].concat()).ok();
    assert!(ran.stderr.contains("note: 3 tape blocks after TS_END"), "{}", ran.stderr);
}

#[test]
fn a_header_with_a_good_checksum_is_not_believed() {
    let Some(sample) = Sample::new() else { return };
    let found = blocks(&sample.dump);
    let files: Vec<usize> = (0..found.len()).filter(|&n| found[n].0 == Block::Header(Kind::Inode)).collect();
    let (bits, last) =
        (found.iter().position(|b| b.0 == Block::Header(Kind::Bits)).unwrap(), files[files.len() - 2]);
    let put =
        |block: &mut [u8], at: usize, value: u32| block[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (at, offset, value, said) in [
        (last, 20, 3_000_000_000, "is not in TS_BITS"),
        (last, 20, 2, "occurs twice"),
        (last, 40, 5_000_000, "should be 4883 by its size"),
        (last, 912, 1 << 30, "c_tapea is 1073741824"),
        (last, 896, 5, "a header of another dump"),
        (last, 32, 0o170_644, "undefined file type 0170644"),
        (bits, 160, 1 << 30, "TS_BITS of 1073741824 tape blocks"),
        (bits, 160, 0, "is not in TS_BITS"),
        (1, 160, 0, "TS_CLRI of 0 tape blocks"),
        (0, 892, 0, ""),
    ] {
        let mut bad = sample.dump.clone();
        change(&mut bad[at * BLOCK..(at + 1) * BLOCK], |block| put(block, offset, value));
        let ran = sample.check(&bad);
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        assert_eq!(ran.code(), if said.is_empty() { 0 } else { 3 }, "{said}: {}", ran.stderr);
    }
}

#[test]
fn directories_and_maps_are_looked_at() {
    let Some(sample) = Sample::new() else { return };
    let found = blocks(&sample.dump);
    let root = found.iter().position(|b| b.0 == Block::Header(Kind::Inode)).unwrap() + 1;
    let clri = found.iter().position(|b| b.0 == Block::Header(Kind::Clri)).unwrap() + 1;
    let bits = found.iter().position(|b| b.0 == Block::Header(Kind::Bits)).unwrap() + 1;
    let slash = sample.dump[root * BLOCK + 24 + 8] ^ b'/';
    // struct direct: d_ino, d_reclen, d_type, d_namlen, d_name; `.` and `..` take 12 bytes each.
    for (block, byte, flip, said) in [
        (root, 4, 1, "d_reclen is 13"),
        (root, 0, 1, "`.' or `..' is not where it should be"),
        (root, 24 + 5, 0x40, "goes past its directory block"),
        (root, 24 + 7, 0xff, "does not fit into d_reclen"),
        (root, 24 + 6, 12, "d_type of its entry is"),
        (root, 24 + 8, slash, "the name has a slash or NUL in it"),
        (root, 24 + 3, 0x40, "past the end of the maps"),
        (clri, 0, 2, "in TS_BITS, but not in TS_CLRI"),
        (bits, 0, 2, "TS_BITS lacks the root"),
    ] {
        let mut bad = sample.dump.clone();
        bad[block * BLOCK + byte] ^= flip;
        let ran = sample.check(&bad);
        assert_eq!(ran.code(), 3, "{said}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
}

#[test]
fn compressed_dumps_and_each_flip_in_them() {
    let Some(sample) = Sample::new() else { return };
    if !have("zstd") {
        return skipped("zstd(1) is not there");
    }
    // Frames of 64 KiB each.
    let mut packed = Vec::new();
    for piece in sample.dump.chunks(64 << 10) {
        let (plain, out) = (sample.dir.join("piece"), sample.dir.join("piece.zst"));
        std::fs::write(&plain, piece).unwrap();
        let done = Command::new("zstd").args(["-qf", "--check", "-o"]).arg(&out).arg(&plain).status();
        assert!(done.unwrap().success());
        packed.extend_from_slice(&std::fs::read(out).unwrap());
    }
    sample.check(&packed).ok();
    let step = packed.len() / 150;
    for at in (0..packed.len()).step_by(step) {
        let mut bad = packed.clone();
        bad[at] ^= 1 << (at / step % 8);
        let ran = sample.check(&bad);
        assert_eq!(ran.code(), 3, "byte {at}: {}", ran.stderr);
        assert!(ran.stderr.contains("compressed frame at byte"), "byte {at}: {}", ran.stderr);
        // What the other frames hold is found again.
        let inodes = ran.stderr.lines().last().unwrap().split_once(" with ").unwrap().1;
        let inodes: u32 = inodes.split(' ').next().unwrap().parse().unwrap();
        assert!(inodes > 3, "byte {at}: {}", ran.stderr);
    }
    let ran = sample.check(&packed[..packed.len() - 9]);
    assert!(ran.stderr.contains("it ends too early"), "{}", ran.stderr);
}

#[test]
fn volumes_of_capdump_s_own() {
    let Some(sample) = Sample::new() else { return };
    let names: Vec<PathBuf> = (1..=15).map(|n| sample.dir.join(&format!("v{n}"))).collect();
    let list: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
    let image = sample.dir.join("image");
    run(capdump().args(["-0", "-B", "50", "-f", &list.join(",")]).arg(&image), LIMIT).ok();
    let volumes: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
    assert!(volumes.len() > 4);
    check(&volumes).ok();
    let mut swapped = volumes.clone();
    swapped.swap(1, 2);
    assert_eq!(check(&swapped).code(), 3);
    let ran = check(&volumes[..2]);
    assert!(ran.stderr.contains("the dump ends without TS_END"), "{}", ran.stderr);
    // A later volume alone has neither maps nor directories, but can be walked.
    let ran = check(&volumes[2..]).ok();
    assert!(ran.stderr.contains("note: volume 3, record 0, tape block 0: the dump is read from volume 3 on"));
}

#[test]
fn a_dump_of_linux() {
    if !have("zstd") {
        return skipped("zstd(1) is not there");
    }
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/linux.dump.zst");
    let ran = check(&[packed]).ok();
    assert!(ran.stderr.ends_with(" with 40 inodes: no damage found\n"), "{}", ran.stderr);
}

#[test]
fn a_dump_of_the_other_byte_order() {
    let Some(sample) = Sample::new() else { return };
    let ran = sample.check(&swap::stream(&sample.dump)).ok();
    let straight = sample.check(&sample.dump).ok();
    assert_eq!(ran.stderr, straight.stderr);
}

#[test]
fn what_cannot_be_started() {
    let dir = TempDir::new("capdump-check");
    let ran = check(&[dir.join("none")]);
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr.contains("Cannot open "), "{}", ran.stderr);
    assert_eq!(check(&[dir.path().to_owned()]).code(), 1);
    assert_eq!(check(&[]).code(), 1);
    let ran = run(capdump().args(["--check", "--list", "x"]), LIMIT);
    assert_eq!(ran.code(), 1);
    assert!(
        ran.stderr.ends_with(": --check, --diff, --list and --emit are mutually exclusive\n"),
        "{}",
        ran.stderr
    );
    let ran = run(capdump().args(["--json", "-0", "x"]), LIMIT);
    assert!(ran.stderr.ends_with(": --json cannot be used here\n"), "{}", ran.stderr);
}

#[test]
fn no_stream_makes_it_panic() {
    let Some(sample) = Sample::new() else { return };
    for seed in 0..20 {
        let noise = tree::bytes(seed, 5000);
        let ran = sample.check(&noise);
        assert_eq!(ran.code(), 3, "{}", ran.stderr);
        // Noise over a part of the dump.
        let mut bad = sample.dump.clone();
        let at = seed as usize * 9973 % (bad.len() - noise.len());
        bad[at..at + noise.len()].copy_from_slice(&noise);
        let ran = sample.check(&bad);
        assert!(matches!(ran.code(), 0 | 3), "{}", ran.stderr);
    }
}
