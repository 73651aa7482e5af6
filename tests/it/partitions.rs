// SPDX-License-Identifier: BSD-2-Clause
//! Images that are not one file system from their first byte to their last: disks with partitions, other formats, images that were
//! cut or wiped. What they are is said, and what can be dumped can be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::partition_table::{put, put_gpt, put_label, put_mbr};
use capdump_support::program::{Ran, TempDir, have, is_root, run, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

const LIMIT: Duration = Duration::from_secs(60);
const SECTOR: usize = 512;

struct Case {
    dir: TempDir,
    g: Geometry,
    /// The bytes of a file system.
    ufs: Vec<u8>,
}

impl Case {
    fn new(version: u8) -> Case {
        let dir = TempDir::new("capdump-partitions");
        let g = Geometry::new(version, (8192, 1024), 2, 128, 2 << 20);
        let path = dir.join("ufs");
        let mut w = Writer::create(&path, &g, &Attrs::perm(0o755));
        let content = Content::full(300_000, g.bsize, Fill::Pattern(9));
        w.add(ROOT, b"file", &Attrs::default(), &What::File(content));
        w.finish();
        let mut ufs = fs::read(&path).unwrap();
        ufs.resize((g.fpg * g.ncg * g.fsize) as usize, 0);
        Case { dir, g, ufs }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn capdump(&self, arguments: &[&str]) -> Ran {
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(arguments).current_dir(self.dir.path()).env("SOURCE_DATE_EPOCH", "1700000000");
        run(&mut command, LIMIT)
    }

    /// A level 0 dump of an image, which is refused; what the last line says.
    #[track_caller]
    fn refused(&self, image: &[u8], options: &[&str]) -> String {
        self.write("disk", image);
        let ran = self.capdump(&[&["-0a", "-f", "dump"], options, &["disk"]].concat());
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(!self.dir.join("dump").exists(), "{}", ran.stderr);
        ran.stderr.lines().last().unwrap().to_owned()
    }

    /// A level 0 dump with options: its records but for the headers' name of the disk, and what was said.
    #[track_caller]
    fn dumped(&self, image: &str, options: &[&str]) -> (Vec<u8>, String) {
        let ran = self.capdump(&[&["-0a", "--strict", "-f", "dump"], options, &[image]].concat()).ok();
        let stream = fs::read(self.dir.join("dump")).unwrap();
        decode_and_check(std::slice::from_ref(&stream), &Rules::new(10)).unwrap();
        fs::remove_file(self.dir.join("dump")).unwrap();
        let data = stream.chunks(1024).filter(|block| block[24..28] != 0x1954_0119_u32.to_le_bytes());
        (data.flatten().copied().collect(), ran.stderr)
    }
}

/// A disk with a file system from a sector on, and two more MiB.
fn disk(case: &Case, sector: usize) -> Vec<u8> {
    let mut disk = vec![0; sector * SECTOR + case.ufs.len() + (2 << 20)];
    put(&mut disk, sector * SECTOR, &case.ufs);
    disk
}

/// The disk of a table is refused, the refusal names the partition and its place, and the dump of that partition is that of the
/// file system alone.
#[track_caller]
fn goes_by_partition(case: &Case, disk: &[u8], scheme: &str, name: &str, start: usize) {
    let said = case.refused(disk, &[]);
    assert!(said.contains(scheme) && said.contains("--partition"), "{said}");
    assert!(said.contains(&format!("{name} at byte {start}")), "{said}");
    let (alone, _) = case.dumped("ufs", &[]);
    for workers in ["1", "3"] {
        let (in_disk, said) = case.dumped("disk", &["--partition", name, "--workers", workers]);
        assert!(alone == in_disk, "{said}");
        assert!(said.contains(&format!("disk:{name}")), "{said}");
        assert!(!said.contains("WARNING") && !said.contains("read"), "{said}");
    }
    let said = case.refused(disk, &["--partition", "z"]);
    assert!(said.contains("no UFS in this partition") && said.contains(name), "{said}");
}

#[test]
fn a_slice_of_an_mbr() {
    for version in [1, 2] {
        let case = Case::new(version);
        let mut disk = disk(&case, 63);
        put_mbr(&mut disk, 0, &[(0x0c, 1, 8), (0xa5, 63, (case.ufs.len() / SECTOR) as u32)]);
        goes_by_partition(&case, &disk, "MBR", "s2", 63 * SECTOR);
    }
}

#[test]
fn a_partition_of_a_gpt() {
    for sector in [512, 4096] {
        let case = Case::new(2);
        let mut disk = disk(&case, 64 * sector / SECTOR);
        put_mbr(&mut disk, 0, &[(0xee, 1, u32::MAX)]);
        put_gpt(&mut disk, sector, &[(40, 50), (64, 64 + (case.ufs.len() / sector) as u64 - 1)]);
        goes_by_partition(&case, &disk, "GPT", "p2", 64 * sector);
    }
}

#[test]
fn a_partition_of_a_label() {
    let case = Case::new(1);
    let sectors = (case.ufs.len() / SECTOR) as u32;
    let mut on_disk = disk(&case, 2000);
    put_label(&mut on_disk, SECTOR, 512, false, &[(100, 16), (0, 0), (sectors + 4000, 0), (sectors, 2000)]);
    goes_by_partition(&case, &on_disk, "BSD label", "d", 2000 * SECTOR);
    let mut in_slice = disk(&case, 63 + 16);
    put_mbr(&mut in_slice, 0, &[(0xa5, 63, sectors + 100)]);
    put_label(&mut in_slice, 64 * SECTOR, 512, false, &[(sectors, 16), (0, 0), (sectors + 100, 0)]);
    goes_by_partition(&case, &in_slice, "MBR", "s1a", 79 * SECTOR);
}

#[test]
fn partitions_are_recorded_apart() {
    let case = Case::new(2);
    let sectors = case.ufs.len() / SECTOR;
    let mut disk = vec![0; (64 + 2 * sectors) * SECTOR];
    for (n, start) in [64, 64 + sectors].into_iter().enumerate() {
        put(&mut disk, start * SECTOR, &case.ufs);
        assert!(n < 2);
    }
    put_mbr(&mut disk, 0, &[(0xa5, 64, sectors as u32), (0xa5, (64 + sectors) as u32, sectors as u32)]);
    case.write("disk", &disk);
    case.capdump(&["-0ua", "-D", "dates", "-f", "dump", "--partition", "s1", "disk"]).ok();
    // The other partition was never dumped: its level 1 has everything.
    let said = case.capdump(&["-1ua", "-D", "dates", "-f", "dump", "--partition", "s2", "disk"]).ok().stderr;
    assert!(said.contains("the epoch"), "{said}");
    let said = case.capdump(&["-1ua", "-D", "dates", "-f", "dump", "--partition", "s1", "disk"]).ok().stderr;
    assert!(!said.contains("the epoch"), "{said}");
    let dates = fs::read_to_string(case.dir.join("dates")).unwrap();
    assert!(dates.contains("disk:s1 ") && dates.contains("disk:s2 "), "{dates}");
}

#[test]
fn a_file_system_that_is_larger_than_its_partition_ends_with_it() {
    let case = Case::new(2);
    let mut disk = disk(&case, 64);
    // Behind the partition are bytes that are not its own.
    let half = case.ufs.len() / 2;
    put_mbr(&mut disk, 0, &[(0xa5, 64, 1)]);
    put_gpt(&mut disk, SECTOR, &[(64, 64 + (half / SECTOR) as u64 - 1)]);
    case.write("disk", &disk);
    let ran = case
        .capdump(&["-0a", "--batch", "--max-read-errors", "0", "-f", "dump", "--partition", "p1", "disk"])
        .ok();
    let (size, half) = (case.ufs.len(), half.to_string());
    assert!(ran.stderr.contains(&format!("has {size} bytes, but only {half} are there")), "{}", ran.stderr);
    assert!(ran.stderr.contains("short read"), "{}", ran.stderr);
}

#[test]
fn partitions_on_a_device_of_4096_byte_sectors() {
    if !have("losetup") || !is_root() {
        return skipped("losetup(8) is not there, or this does not run as root");
    }
    let case = Case::new(2);
    let mut disk = disk(&case, 64 * 8);
    disk.resize(disk.len().next_multiple_of(4096), 0);
    put_gpt(&mut disk, 4096, &[(64, 64 + (case.ufs.len() / 4096) as u64 - 1)]);
    let path = case.write("disk", &disk);
    let attached =
        Command::new("losetup").args(["-f", "--show", "-b", "4096", "-r"]).arg(&path).output().unwrap();
    if !attached.status.success() {
        return skipped("no loop device of 4096-byte sectors can be made here");
    }
    let device = String::from_utf8(attached.stdout).unwrap().trim().to_owned();
    let (alone, _) = case.dumped("ufs", &[]);
    let ran = case.capdump(&["-0a", "-f", "dump", "--partition", "p1", &device]);
    Command::new("losetup").args(["-d", &device]).status().unwrap();
    let stream = fs::read(case.dir.join("dump")).unwrap();
    let data = stream.chunks(1024).filter(|block| block[24..28] != 0x1954_0119_u32.to_le_bytes());
    assert!(alone == data.flatten().copied().collect::<Vec<u8>>(), "{}", ran.ok().stderr);
}

#[test]
fn tables_without_ufs_are_named() {
    let case = Case::new(2);
    let mut disk = vec![0; 1 << 20];
    put_mbr(&mut disk, 0, &[(0x83, 63, 100)]);
    let said = case.refused(&disk, &[]);
    assert!(said.contains("an MBR, and none of its partitions contains a UFS file system"), "{said}");
    let said = case.refused(&vec![0; 1 << 20], &["--partition", "s1"]);
    assert!(said.contains("no partitions"), "{said}");
    for bad in ["", "s1:a", "a name that is long"] {
        let said = case.refused(&disk, &["--partition", bad]);
        assert!(said.contains("--partition requires a name"), "{said}");
    }
    let said = case.refused(&disk, &["--partition", "s1", "-L"]);
    assert!(said.contains("-L cannot be used with"), "{said}");
}

#[test]
fn compressed_images_are_named() {
    let case = Case::new(2);
    for program in ["gzip", "xz", "bzip2", "lz4", "zstd"] {
        if !have(program) {
            skipped(&format!("{program} is not there"));
            continue;
        }
        let input = fs::File::open(case.dir.join("ufs")).unwrap();
        let packed = Command::new(program).arg("-c").stdin(Stdio::from(input)).output().unwrap();
        assert!(packed.status.success(), "{program}");
        let said = case.refused(&packed.stdout, &[]);
        assert!(said.contains(&format!("compressed by {program}: decompress it first")), "{said}");
        // However short it is.
        let said = case.refused(&packed.stdout[..40], &[]);
        assert!(said.contains(program), "{said}");
    }
}

#[test]
fn other_formats_are_named() {
    let case = Case::new(2);
    let marks: [(usize, &[u8], &str); 10] = [
        (0, b"QFI\xfb", "qemu-img convert -f qcow2"),
        (0, b"KDMV", "qemu-img convert -f vmdk"),
        (64, b"\x7f\x10\xda\xbe", "qemu-img convert -f vdi"),
        (32769, b"CD001", "ISO 9660"),
        (0, b"hsqs", "squashfs"),
        (1080, b"\x53\xef", "ext4"),
        (128 << 10, b"\x0c\xb1\xba\0\0\0\0\0", "ZFS"),
        (24, b"\x19\x01\x54\x19", "a dump, not UFS"),
        (257, b"ustar", "tar"),
        (65600, b"_BHRfS_M", "Btrfs"),
    ];
    for (at, mark, name) in marks {
        let mut image = vec![0; 300_000];
        put(&mut image, at, mark);
        let said = case.refused(&image, &[]);
        assert!(said.contains(name), "{name}: {said}");
    }
    for image in [vec![], vec![0; 1], vec![0; 300_000]] {
        let said = case.refused(&image, &[]);
        assert!(said.contains("superblock"), "{said}");
    }
}

#[test]
fn an_image_that_was_cut_is_said_to_be() {
    let case = Case::new(2);
    let size = case.ufs.len();
    let (whole, said) = case.dumped("ufs", &[]);
    assert!(!said.contains("WARNING"), "{said}");
    // What is missing was not in use.
    case.write("cut", &case.ufs[..size - 4096]);
    let (cut, said) = case.dumped("cut", &[]);
    let only = size - 4096;
    assert!(said.contains(&format!("the file system has {size} bytes, but only {only} are there")), "{said}");
    assert!(whole == cut);
}

#[test]
fn a_wiped_superblock_has_copies() {
    for version in [1, 2] {
        let case = Case::new(version);
        let original = case.g.sblockloc() as usize;
        let first = (case.g.sblkno() * case.g.fsize) as usize;
        let second = ((case.g.fpg + case.g.sblkno()) * case.g.fsize) as usize;
        let (whole, _) = case.dumped("ufs", &[]);
        let mut image = case.ufs.clone();
        // The writer of the tests makes no copies.
        let superblock = image[original..original + 1376].to_vec();
        put(&mut image, first, &superblock);
        put(&mut image, second, &superblock);
        image[original..original + 1376].fill(0);
        for copy in [first, second] {
            let said = case.refused(&image, &[]);
            let option = ["--superblock", &(copy / 512).to_string()].map(str::to_owned);
            assert!(
                said.contains(&format!("a copy is at byte {copy}: use it with {}", option.join(" "))),
                "{said}"
            );
            let (found, said) = case.dumped("disk", &[&option[0], &option[1]]);
            assert!(found == whole, "{said}");
            image[copy..copy + 1376].fill(0);
        }
        let said = case.refused(&image, &[]);
        assert!(said.contains("no UFS superblock found") && !said.contains("copy"), "{said}");
        // A bad field is named, and a copy as well.
        put(&mut image, second, &superblock);
        put(&mut image, original, &superblock);
        put(&mut image, original + 48, &[1, 2, 3, 4]);
        let said = case.refused(&image, &[]);
        assert!(said.contains("fs_bsize is") && said.contains("a copy is at byte"), "{said}");
        // A copy of another file system, or none at all.
        put(&mut image, second + 8192, &superblock);
        for place in [second / 512 + 16, 4] {
            case.refused(&image, &["--superblock", &place.to_string()]);
        }
    }
}

#[test]
fn an_unclean_file_system_is_a_warning() {
    for version in [1, 2] {
        let case = Case::new(version);
        let mut image = case.ufs.clone();
        image[case.g.sblockloc() as usize + 209] = 0;
        case.write("unclean", &image);
        let (_, said) = case.dumped("unclean", &[]);
        assert_eq!(said.matches("fs_clean is 0").count(), 1, "{said}");
    }
}
