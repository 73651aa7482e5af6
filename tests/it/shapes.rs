// SPDX-License-Identifier: BSD-2-Clause
//! UFS of other systems and other times: what is dumped of it can be read back, or the refusal names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::program::{Ran, TempDir, run, without_tty};
use capdump_support::restore;
use capdump_support::ufs_writer::content::Content;
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

const LIMIT: Duration = Duration::from_secs(60);

/// Offsets in a superblock (`struct fs`).
const FS_OLD_TIME: u64 = 32;
const FS_METACKHASH: u64 = 1308;
const FS_FLAGS: u64 = 1312;
const FS_MAXSYMLINKLEN: u64 = 1320;
const FS_OLD_INODEFMT: u64 = 1324;
const FS_QBMASK: u64 = 1336;
const FS_MAGIC: u64 = 1372;

/// An image that is changed after it was written.
struct Image {
    dir: TempDir,
    path: PathBuf,
    g: Geometry,
    bytes: Vec<u8>,
}

impl Image {
    fn new(version: u8, big_endian: bool, fill: impl FnOnce(&mut Writer)) -> Image {
        let dir = TempDir::new("capdump-shapes");
        let path = dir.join("image");
        let mut g = Geometry::new(version, (8192, 1024), 2, 128, 2 << 20);
        g.big_endian = big_endian;
        let mut writer = Writer::create(&path, &g, &Attrs::perm(0o755));
        fill(&mut writer);
        writer.finish();
        let bytes = fs::read(&path).unwrap();
        Image { dir, path, g, bytes }
    }

    fn get(&self, at: u64, width: usize) -> u64 {
        let bytes = &self.bytes[at as usize..][..width];
        let each = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        if self.g.big_endian { bytes.iter().fold(0, each) } else { bytes.iter().rev().fold(0, each) }
    }

    fn put(&mut self, at: u64, width: usize, value: u64) -> &mut Image {
        let bytes = &mut self.bytes[at as usize..][..width];
        if self.g.big_endian {
            bytes.copy_from_slice(&value.to_be_bytes()[8 - width..]);
        } else {
            bytes.copy_from_slice(&value.to_le_bytes()[..width]);
        }
        self
    }

    /// Writes a field of the superblock.
    fn superblock(&mut self, field: u64, width: usize, value: u64) -> &mut Image {
        self.put(self.g.sblockloc() + field, width, value)
    }

    /// Changes all inodes in use of a UFS1 image to those of before 4.4BSD: owners of 16 bits, and directories without types.
    fn make_old(&mut self) -> &mut Image {
        for ino in ROOT..(self.g.ipg * self.g.ncg) as u32 {
            let at = self.g.inode_at(ino);
            let mode = self.get(at, 2);
            if mode == 0 {
                continue;
            }
            let (uid, gid) = (self.get(at + 112, 4), self.get(at + 116, 4));
            self.put(at + 4, 2, uid).put(at + 6, 2, gid).put(at + 112, 8, 0);
            if mode & 0o170_000 == 0o040_000 {
                let block = self.get(at + 40, 4) * self.g.fsize;
                let size = self.get(at + 8, 8);
                self.make_old_directory(block, size);
            }
        }
        self.superblock(FS_MAXSYMLINKLEN, 4, 0).superblock(FS_OLD_INODEFMT, 4, u64::from(u32::MAX))
    }

    fn make_old_directory(&mut self, block: u64, size: u64) {
        let mut at = block;
        while at < block + size {
            let length = self.bytes[at as usize + 7];
            self.put(at + 6, 2, length.into());
            at += self.get(at + 4, 2);
        }
    }

    /// Changes a superblock to one of SunOS: what stands before the masks has another meaning.
    fn make_sun(&mut self) -> &mut Image {
        self.make_old();
        let (bsize, fsize) = (self.g.bsize, self.g.fsize);
        self.superblock(FS_MAXSYMLINKLEN, 4, 1).superblock(FS_OLD_INODEFMT, 4, 5168); // fs_version, fs_logbno
        self.superblock(1328, 8, 0); // fs_reclaim, fs_sparecon2
        self.superblock(FS_QBMASK, 4, 0x51d9_595a); // fs_state
        self.superblock(FS_QBMASK + 4, 8, bsize - 1).superblock(FS_QBMASK + 12, 8, fsize - 1)
    }

    /// The byte at which the directory entry `name` of the directory `ino` begins.
    fn entry(&self, ino: u32, name: &[u8]) -> u64 {
        let db = if self.g.version == 1 { 40 } else { 112 };
        let block = self.get(self.g.inode_at(ino) + db, self.g.pointer()) * self.g.fsize;
        let directory = &self.bytes[block as usize..][..self.g.bsize as usize];
        let at = directory.windows(name.len()).position(|bytes| bytes == name).unwrap();
        block + at as u64 - 8
    }

    fn capdump(&self, arguments: &[&str]) -> Ran {
        self.at("1700000000", arguments)
    }

    /// Runs the program at a time.
    fn at(&self, time: &str, arguments: &[&str]) -> Ran {
        fs::write(&self.path, &self.bytes).unwrap();
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(arguments).current_dir(self.dir.path());
        command.env("SOURCE_DATE_EPOCH", time).env("TZ", "UTC");
        run(&mut command, LIMIT)
    }

    /// A level 0 dump, which ends well, and what it said.
    fn dump(&self) -> String {
        self.capdump(&["-0a", "--strict", "-f", "dump", "image"]).ok().stderr
    }

    /// What `--list` says of the dump; it is checked as well.
    fn list(&self) -> String {
        decode_and_check(&[fs::read(self.dir.join("dump")).unwrap()], &Rules::new(10)).unwrap();
        self.capdump(&["--check", "dump"]).ok();
        String::from_utf8(self.capdump(&["--list", "--json", "dump"]).ok().stdout).unwrap()
    }
}

fn text(text: &str) -> What {
    What::File(Content::bytes(text.as_bytes().to_vec(), 8192))
}

/// The line of a list that names a path.
#[track_caller]
fn line<'a>(list: &'a str, path: &str) -> &'a str {
    list.lines().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{path}: {list}"))
}

#[test]
fn ufs1_times_go_on_after_2038() {
    for big_endian in [false, true] {
        let in_2040 = (2_208_988_800, 0);
        let new = Attrs { mtime: in_2040, ctime: in_2040, ..Attrs::default() };
        let mut image = Image::new(1, big_endian, |w| {
            w.add(ROOT, b"new", &new, &text("new"));
            w.add(ROOT, b"old", &Attrs::default(), &text("old"));
        });
        image.superblock(FS_OLD_TIME, 4, 2_208_988_800);
        image.at("2185920000", &["-0ua", "-D", "dates", "-f", "full", "image"]).ok();
        image.at("2240524800", &["-1ua", "-D", "dates", "-f", "dump", "image"]).ok();
        let list = image.list();
        assert!(line(&list, "new").contains("\"mtime\":2208988800"), "{list}");
        assert!(!list.contains("old"), "{list}");
        let dates = fs::read_to_string(image.dir.join("dates")).unwrap();
        assert!(dates.contains("Apr  8 16:00:00 2039") || dates.contains("2039"), "{dates}");
    }
}

#[test]
fn netbsds_magic_number_for_attributes() {
    for big_endian in [false, true] {
        let mut image = Image::new(2, big_endian, |w| {
            w.add(ROOT, b"file", &Attrs::default(), &text("x"));
        });
        image.superblock(FS_MAGIC, 4, 0x1901_2038);
        let said = image.dump();
        assert!(!said.contains("WARNING"), "{said}");
        line(&image.list(), "file");
    }
}

/// CRC-32C of bytes, bit by bit, without the inversion at its end.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    })
}

#[test]
fn wrong_check_hashes_of_inodes_are_named() {
    for big_endian in [false, true] {
        let mut files = Vec::new();
        let mut image = Image::new(2, big_endian, |w| {
            files.extend((0..40).map(|n| {
                let name = format!("file{n}");
                w.add(ROOT, name.as_bytes(), &Attrs::default(), &text("x"))
            }));
        });
        // FS_METACKHASH, CK_INODE
        let flags = image.get(image.g.sblockloc() + FS_FLAGS, 4);
        image.superblock(FS_FLAGS, 4, flags | 0x200).superblock(FS_METACKHASH, 4, 4);
        for ino in std::iter::once(ROOT).chain(files.iter().copied()) {
            let at = image.g.inode_at(ino);
            let hash = crc32c(&image.bytes[at as usize..][..256]);
            image.put(at + 244, 4, hash.into());
        }
        let said = image.dump();
        assert!(!said.contains("WARNING"), "{said}");
        let (wrong, at) = (files[7], image.g.inode_at(files[7]));
        image.put(at + 255, 1, 1);
        // A wrong one is a warning: all data is on the dump, and --strict is content.
        let said = image.dump();
        let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARNING")).collect();
        let [warning] = warnings[..] else { panic!("{said}") };
        assert!(warning.contains(&format!("inode {wrong}: check hash is 0x")), "{said}");
        line(&image.list(), "file7");
        // Many are counted.
        for &ino in &files {
            image.put(image.g.inode_at(ino) + 255, 1, 1);
        }
        let said = image.dump();
        assert_eq!(said.matches("check hash is").count(), 32, "{said}");
        assert!(said.contains("WARNING: 8 more inodes have a wrong check hash"), "{said}");
        // Nothing is compared where the superblock does not say that there are hashes.
        image.superblock(FS_FLAGS, 4, flags);
        let said = image.dump();
        assert!(!said.contains("WARNING"), "{said}");
    }
}

#[test]
fn whiteouts_are_names_like_others() {
    for big_endian in [false, true] {
        let mut image = Image::new(2, big_endian, |w| {
            w.mkdir(ROOT, b"dir", &Attrs::perm(0o755));
            w.add(ROOT, b"gone", &Attrs::default(), &text("x"));
            w.add(ROOT, b"file", &Attrs::default(), &text("x"));
        });
        let at = image.entry(ROOT, b"gone");
        let ino = image.get(at, 4) as u32;
        image.put(image.g.inode_at(ino), 2, 0);
        image.put(at, 4, 1).put(at + 6, 1, 14); // UFS_WINO, DT_WHT
        let said = image.capdump(&["-0a", "--strict", "--index", "index", "-f", "dump", "image"]).ok().stderr;
        assert!(!said.contains("WARNING") && !said.contains("corrupt"), "{said}");
        let list = image.list();
        line(&list, "file");
        assert!(line(&list, "gone").contains("\"kind\":\"whiteout\""), "{list}");
        let checked = image.capdump(&["--check", "dump"]).ok();
        assert!(!checked.stderr.contains("gone"), "{}", checked.stderr);
        for path in ["file", "gone", "."] {
            image.capdump(&["--emit", path, "-f", "part", "dump"]).ok();
            image.capdump(&["--check", "part"]).ok();
            let list = String::from_utf8(image.capdump(&["--list", "part"]).ok().stdout).unwrap();
            assert_eq!(list.contains("gone"), path != "file", "{path}: {list}");
        }
        // Level 1, with a directory that pass II reads.
        image.capdump(&["-1a", "--strict", "-T", "Thu Jan  1 00:00:00 2026", "-f", "part", "image"]).ok();
    }
}

/// A tree with a bit of everything that directories and owners show.
fn tree(w: &mut Writer) {
    let attrs = Attrs { uid: 501, gid: 20, ..Attrs::default() };
    w.add(ROOT, b"readme", &attrs, &text("hello"));
    w.add(ROOT, b"short", &Attrs::perm(0o777), &What::Link(b"readme".to_vec()));
    let sub = w.mkdir(ROOT, b"sub", &Attrs::perm(0o755));
    w.add(sub, b"deep", &attrs, &text("deep"));
    w.add(sub, &[b'n'; 255], &attrs, &text("long"));
}

/// Checks that a dump holds [`tree`], by its list and by restore(8).
fn check_tree(image: &Image) {
    let list = image.list();
    let readme = line(&list, "readme");
    assert!(readme.contains("\"uid\":501") && readme.contains("\"gid\":20"), "{readme}");
    assert!(line(&list, "short").contains("\"link\"") || list.contains("short"), "{list}");
    line(&list, "./sub/deep");
    line(&list, &"n".repeat(255));
    if !restore::available() {
        return;
    }
    let into = image.dir.join("restored");
    restore::restore(&image.dir.join("dump"), &into);
    assert_eq!(fs::read(into.join("sub/deep")).unwrap(), b"deep");
    assert_eq!(fs::read_link(into.join("short")).unwrap(), Path::new("readme"));
    fs::remove_dir_all(&into).unwrap();
}

#[test]
fn directories_from_before_44bsd_become_new_ones() {
    for big_endian in [false, true] {
        let mut image = Image::new(1, big_endian, tree);
        image.make_old();
        // Links are in blocks of their own there, but what has none has its text in the inode.
        image.dump();
        check_tree(&image);
        // Level 1, for which pass II reads directories.
        image.capdump(&["-1a", "--strict", "-T", "Thu Jan  1 00:00:00 2026", "-f", "dump", "image"]).ok();
        image.list();
    }
}

#[test]
fn sunos_and_solaris_say_it_elsewhere() {
    for big_endian in [false, true] {
        let mut image = Image::new(1, big_endian, tree);
        image.make_sun();
        // A large owner, a time with microseconds, flags that mean something else.
        let at = image.g.inode_at(image.get(image.entry(ROOT, b"sub"), 4) as u32);
        image.put(at + 4, 2, 0xffff).put(at + 116, 4, 70_000).put(at + 28, 4, 123_456).put(at + 100, 4, 1);
        let said = image.dump();
        assert!(!said.contains("WARNING"), "{said}");
        check_tree(&image);
        let list = image.list();
        let sub = line(&list, "./sub\"");
        assert!(sub.contains("\"uid\":70000"), "{sub}");
        let decoded = capdump_support::decode::Dump::one(fs::read(image.dir.join("dump")).unwrap()).unwrap();
        let listing = decoded.listing().unwrap();
        let sub = &listing[&b"/sub"[..]];
        assert_eq!((sub.flags, sub.mtime.unwrap().1), (Some(0), 123_456_000));
        // Without the masks the root directory shows it.
        image.superblock(FS_QBMASK + 4, 8, 0);
        image.dump();
        check_tree(&image);
    }
}

#[test]
fn names_of_more_than_255_bytes_are_damage() {
    for big_endian in [false, true] {
        let mut image = Image::new(1, big_endian, tree);
        image.make_old();
        let sub = image.get(image.entry(ROOT, b"sub"), 4) as u32;
        let at = image.entry(sub, &[b'n'; 255]);
        image.put(at + 6, 2, 300);
        let ran = image.capdump(&["-0a", "--strict", "-f", "dump", "image"]);
        assert_eq!(ran.code(), 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("inode {sub}")), "{}", ran.stderr);
    }
}

#[test]
fn multi_terabyte_solaris_is_refused_by_name() {
    let mut image = Image::new(1, false, tree);
    image.superblock(FS_MAGIC, 4, 0x00de_cade);
    refused(&image, "Solaris");
}

/// Makes a level 0 dump, which is refused before a volume is opened.
#[track_caller]
fn refused(image: &Image, by: &str) {
    let ran = image.capdump(&["-0a", "-f", "refused", "image"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(by), "{}", ran.stderr);
    assert!(!image.dir.join("refused").exists(), "{}", ran.stderr);
}

#[test]
fn directory_blocks_of_1024_bytes_are_refused() {
    for old in [false, true] {
        let mut image = Image::new(1, true, tree);
        if old {
            image.make_old();
        }
        let root = image.g.inode_at(ROOT);
        let block = image.get(root + 40, 4) * image.g.fsize;
        image.put(root + 8, 8, 1024);
        let last = image.entry(ROOT, b"sub");
        image.put(last + 4, 2, 1024 - (last - block));
        refused(&image, "NeXTSTEP");
        image.bytes[7168..7172].copy_from_slice(b"LABL");
        refused(&image, "Apple UFS");
        // What is left of a label says nothing where the directories are of another shape.
        image.put(root + 8, 8, 512).put(last + 4, 2, 512 - (last - block));
        image.dump();
        check_tree(&image);
    }
}

#[test]
fn a_root_of_no_ufs_is_refused() {
    for big_endian in [false, true] {
        let mut image = Image::new(1, big_endian, tree);
        let dots = image.entry(ROOT, b"..");
        image.put(dots - 12 + 6, 1, 1).put(dots - 12 + 7, 1, 2);
        image.put(dots + 6, 1, 2).put(dots + 7, 1, 2);
        refused(&image, "root directory");
    }
}
