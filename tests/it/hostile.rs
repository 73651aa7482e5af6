// SPDX-License-Identifier: BSD-2-Clause
//! Damaged and hostile images: a clear message and the right exit code, within seconds, and no process is left.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::procs;
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::tree;
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

/// Offsets in a superblock (`struct fs`).
const FS_NCG: u64 = 44;
const FS_BSIZE: u64 = 48;
const FS_FSIZE: u64 = 52;
const FS_IPG: u64 = 184;
const FS_FPG: u64 = 188;
/// Offsets in a UFS2 inode (`struct ufs2_dinode`).
const DI_SIZE: u64 = 16;
const DI_DB: u64 = 112;
const DI_IB: u64 = 208;

/// An image that can be damaged: a directory with old times, and in it a new file with indirect blocks.
struct Image {
    dir: TempDir,
    path: PathBuf,
    g: Geometry,
    sub: u32,
    file: u32,
}

impl Image {
    fn new() -> Image {
        let dir = TempDir::new("capdump-hostile");
        let path = dir.join("image");
        let g = Geometry::new(2, (4096, 512), 4, 64, 8 << 20);
        let mut w = Writer::create(&path, &g, &Attrs::perm(0o755));
        let sub = w.mkdir(ROOT, b"sub", &Attrs::perm(0o755));
        let new = Attrs { ctime: (1_690_000_000, 0), ..Attrs::default() };
        let content = Content::full(3_000_000, g.bsize, Fill::Pattern(5));
        let file = w.add(sub, b"file", &new, &What::File(content));
        w.finish();
        Image { dir, path, g, sub, file }
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        File::options().write(true).open(&self.path).unwrap().write_all_at(bytes, at).unwrap();
    }

    fn pointer(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        File::open(&self.path).unwrap().read_exact_at(&mut bytes, at).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn superblock(&self, field: u64, value: u32) -> &Image {
        self.put(self.g.sblockloc() + field, &value.to_le_bytes());
        self
    }

    fn inode(&self, ino: u32, field: u64, value: u64) -> &Image {
        self.put(self.g.inode_at(ino) + field, &value.to_le_bytes());
        self
    }

    /// A level 0 dump.
    fn full(&self) -> Ran {
        self.dump(&["-0a"])
    }

    /// A level 1 dump since a date between the directories' and the file's: pass II reads the directories.
    fn increment(&self) -> Ran {
        self.dump(&["-1a", "-T", "Tue Jan  5 00:00:00 2021"])
    }

    fn dump(&self, args: &[&str]) -> Ran {
        dump(&self.path, args, &self.dir.join("dump"))
    }
}

/// Dumps, and holds the run to what every run is held to.
fn dump(image: &Path, args: &[&str], out: &Path) -> Ran {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(args).args(["--workers", "3", "-f"]).arg(out).arg(image);
    let ran = run(command.env("TZ", "UTC"), Duration::from_secs(20));
    for word in ["panicked", "RUST_BACKTRACE", "overflow"] {
        assert!(!ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert!(matches!(ran.code(), 0 | 1 | 3), "{}: {}", ran.code(), ran.stderr);
    assert!(procs::ended(ran.id), "processes are left");
    ran
}

/// The dump isn't begun.
#[track_caller]
fn refused(ran: &Ran) {
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    let text = ran.stderr.to_lowercase();
    assert!(text.contains("superblock") || text.contains("super block"), "{}", ran.stderr);
    assert!(!text.contains("dump is done"), "{}", ran.stderr);
}

/// The dump goes to its end, or is given up, and one of `words` tells why.
#[track_caller]
fn reported(ran: &Ran, words: &[&str]) {
    assert!(matches!(ran.code(), 0 | 3), "{}: {}", ran.code(), ran.stderr);
    assert!(words.iter().any(|w| ran.stderr.contains(w)), "{words:?} in {}", ran.stderr);
    assert_eq!(ran.stderr.contains("DUMP IS DONE"), ran.code() == 0, "{}", ran.stderr);
}

#[test]
fn the_image_is_right_before_it_is_damaged() {
    let image = Image::new();
    assert!(image.full().ok().stderr.contains("DUMP IS DONE"));
    assert!(image.increment().ok().stderr.contains("DUMP IS DONE"));
}

#[test]
fn no_file_system() {
    let dir = TempDir::new("capdump-hostile");
    let cases = [
        ("noise", tree::bytes(9, 1 << 20)),
        ("zeros", vec![0; 1 << 20]),
        ("empty", Vec::new()),
        ("one", vec![1]),
    ];
    for (name, bytes) in cases {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        refused(&dump(&path, &["-0a"], &dir.join("dump")));
    }
}

#[test]
fn a_superblock_cut_short() {
    let image = Image::new();
    let file = File::options().write(true).open(&image.path).unwrap();
    for length in [1375, 1024, 512, 1] {
        file.set_len(image.g.sblockloc() + length).unwrap();
        refused(&image.full());
    }
}

#[test]
fn impossible_superblocks() {
    let cases = [
        (FS_NCG, 0),
        (FS_BSIZE, 0),
        (FS_BSIZE, 1 << 31),
        (FS_BSIZE, 4097),
        (FS_FSIZE, 0),
        (FS_FSIZE, 1 << 31),
        (FS_IPG, 0),
        (FS_FPG, 0),
    ];
    for (field, value) in cases {
        refused(&Image::new().superblock(field, value).full());
    }
}

#[test]
fn more_groups_or_inodes_than_the_image_has() {
    for (field, value) in [(FS_NCG, u32::MAX), (FS_NCG, 1000), (FS_IPG, u32::MAX), (FS_IPG, 1 << 20)] {
        let ran = Image::new().superblock(field, value).full();
        assert_ne!(ran.stderr, "");
        if ran.code() == 1 {
            refused(&ran);
        }
    }
}

#[test]
fn directories_with_impossible_lengths() {
    for reclen in [0_u16, 1, 4, 65_535] {
        let image = Image::new();
        let block = image.pointer(image.g.inode_at(image.sub) + DI_DB);
        image.put(block * image.g.fsize + 4, &reclen.to_le_bytes());
        reported(&image.increment(), &["corrupted directory"]);
        image.full().ok();
    }
}

#[test]
fn pointers_outside_the_file_system() {
    for pointer in [image_end(), 1 << 40, 1 << 62, u64::MAX, 1 << 63] {
        let image = Image::new();
        for n in [0, 3, 11] {
            image.inode(image.file, DI_DB + n * 8, pointer);
        }
        reported(&image.full(), &["inode", "read error", "short read"]);
        let image = Image::new();
        image.inode(image.file, DI_IB, pointer).inode(image.file, DI_IB + 8, pointer);
        reported(&image.full(), &["inode", "read error", "short read"]);
    }
}

/// The first fragment after the file system.
fn image_end() -> u64 {
    let g = Geometry::new(2, (4096, 512), 4, 64, 8 << 20);
    g.ncg * g.fpg
}

#[test]
fn a_directory_s_pointers_outside_the_file_system() {
    let image = Image::new();
    image.inode(image.sub, DI_DB, 1 << 50);
    reported(&image.increment(), &["inode", "read error", "short read"]);
}

#[test]
fn an_indirect_block_that_points_to_itself() {
    let image = Image::new();
    let double = image.pointer(image.g.inode_at(image.file) + DI_IB + 8);
    assert_ne!(double, 0);
    let entries = double.to_le_bytes().repeat(512);
    image.put(double * image.g.fsize, &entries);
    image.inode(image.file, DI_IB + 16, double);
    let ran = image.full();
    assert!(matches!(ran.code(), 0 | 3), "{}", ran.stderr);
    assert_ne!(ran.stderr, "");
}

/// A file that has more blocks than the file system: what is too much is dumped as holes, so that readers find as much as its size says.
#[test]
fn more_blocks_than_the_file_system_has() {
    let image = Image::new();
    let double = image.pointer(image.g.inode_at(image.file) + DI_IB + 8);
    image.put(double * image.g.fsize, &double.to_le_bytes().repeat(512));
    let blocks = 2 * image.g.ncg * image.g.fpg / image.g.frag();
    image.inode(image.file, DI_SIZE, blocks * image.g.bsize);
    let ran = image.full().ok();
    let said = format!("inode {}: its blocks are more than the file system has", image.file);
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    let dump = decode_and_check(&[fs::read(image.dir.join("dump")).unwrap()], &Rules::new(10)).unwrap();
    assert_eq!(dump.files[&image.file].announced, blocks * image.g.bsize / 1024);
}

#[test]
fn impossible_sizes() {
    for size in [u64::MAX, i64::MAX as u64, 1 << 63] {
        let image = Image::new();
        image.inode(image.file, DI_SIZE, size);
        let ran = image.full();
        reported(&ran, &["inode"]);
        // It is dumped as a header, and counted for no more.
        let estimate =
            ran.stderr.split_once("estimated ").and_then(|(_, rest)| rest.split(' ').next()).unwrap();
        assert!(estimate.parse::<u64>().unwrap() < 10_000, "{}", ran.stderr);
        let image = Image::new();
        image.inode(image.sub, DI_SIZE, size);
        reported(&image.increment(), &["inode"]);
    }
}
