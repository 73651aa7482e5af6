// SPDX-License-Identifier: BSD-2-Clause
//! Source trees on the machine's own disk, and what a directory holds as a [`Listing`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, mknod};

use crate::listing::{ContentHash, Entry, Listing};
use crate::program::{is_root, skipped};

/// Bytes that follow from `seed`; none of them a run of zeros.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 24) as u8 | 1
    };
    (0..length).map(|_| next()).collect()
}

/// Writes a file.
///
/// Panics, as all here does, when the tree can't be made.
pub fn file(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// A file of `size` bytes with data at the given offsets only, 5000 bytes each.
pub fn file_with_holes(path: &Path, size: u64, at: &[u64]) {
    let mut file = File::create(path).expect("a file");
    for &offset in at {
        file.seek(SeekFrom::Start(offset)).expect("to seek");
        let room = (size - offset).min(5000) as usize;
        file.write_all(&bytes(offset + 1, room)).expect("to write");
    }
    file.set_len(size).expect("the length");
}

/// A tree with files around block and fragment boundaries, holes, links of all kinds, long names, deep directories,
/// and special files where this runs as root.
pub fn mixed(top: &Path) {
    fs::create_dir_all(top).expect("a folder");
    for (n, size) in [0, 1, 511, 512, 1023, 1024, 1025, 4095, 4096, 8191, 8193, 40_000, 98_304, 98_305]
        .into_iter()
        .enumerate()
    {
        file(&top.join(format!("size{size}")), &bytes(n as u64, size));
    }
    file(&top.join("large"), &bytes(77, 1_300_000));
    file_with_holes(&top.join("holes"), 700_000, &[0, 120_000, 655_360, 699_000]);
    links(top);
    deep(&top.join("deep"), 40);
    named(&top.join("names"), 200);
    owners(&top.join("owners"));
    if is_root() {
        special(&top.join("special"));
    }
}

fn links(top: &Path) {
    let hard = |name: &str| fs::hard_link(top.join("size1025"), top.join(name)).expect("a link");
    fs::create_dir(top.join("other")).expect("a folder");
    ["hard", "other/hard", "other/harder"].into_iter().for_each(hard);
    for length in [1, 59, 60, 61, 119, 120, 121, 900] {
        let target = "t".repeat(length);
        symlink(target, top.join(format!("link{length}"))).expect("a symbolic link");
    }
}

/// Directories in one another, with a file in each.
pub fn deep(top: &Path, depth: usize) {
    let mut path = top.to_owned();
    for n in 0..depth {
        fs::create_dir_all(&path).expect("a folder");
        file(&path.join("file"), &bytes(n as u64, n * 37));
        path.push(format!("level{n}"));
    }
}

/// A directory of `count` files with long names: several blocks of it. Names are of at most 254 bytes, since Debian's
/// restore loses those of 255.
pub fn named(top: &Path, count: usize) {
    fs::create_dir_all(top).expect("a folder");
    for n in 0..count {
        let name = format!("{n:05}{}", "n".repeat(n * 7 % 250));
        file(&top.join(name), &bytes(n as u64, n));
    }
}

/// `count` small files, a thousand to a directory.
pub fn many(top: &Path, count: usize) {
    for n in 0..count {
        let dir = top.join(format!("d{}", n / 1000));
        if n % 1000 == 0 {
            fs::create_dir_all(&dir).expect("a folder");
        }
        file(&dir.join(format!("f{n}")), &bytes(n as u64, n % 900));
    }
}

fn owners(top: &Path) {
    fs::create_dir(top).expect("a folder");
    let is_root = is_root();
    if !is_root {
        skipped("files of mode 0, other owners and device files need root");
    }
    for (n, mode) in [0o000, 0o400, 0o755, 0o1777, 0o4755, 0o2711].into_iter().enumerate() {
        // The first could not be read back, and FreeBSD does not let others set the sticky bit of a file.
        if !is_root && matches!(mode, 0 | 0o1777) {
            continue;
        }
        let path = top.join(format!("mode{mode:o}"));
        file(&path, b"x");
        if is_root {
            let id = [0, 1, 1000, 65_535, 65_536, 4_000_000_000][n];
            chown(&path, Some(id), Some(id / 2)).expect("an owner");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

fn special(top: &Path) {
    fs::create_dir(top).expect("a folder");
    let node = |name: &str, kind: SFlag, device: u64| {
        mknod(&top.join(name), kind, Mode::from_bits_truncate(0o640), device).expect("mknod");
    };
    node("fifo", SFlag::S_IFIFO, 0);
    node("null", SFlag::S_IFCHR, 0x0103);
    node("disk", SFlag::S_IFBLK, 0x0701);
}

/// What a directory holds. `leave_out` are names below it that are not part of the tree.
pub fn listing(top: &Path, leave_out: &[&str]) -> Listing {
    let mut paths = vec![PathBuf::new()];
    let mut n = 0;
    while n < paths.len() {
        let path = top.join(&paths[n]);
        if fs::symlink_metadata(&path).expect("a file to look at").is_dir() {
            for entry in fs::read_dir(&path).expect("a folder to read") {
                let below = paths[n].join(entry.expect("a folder to read").file_name());
                if !leave_out.iter().any(|l| Path::new(l) == below) {
                    paths.push(below);
                }
            }
        }
        n += 1;
    }
    let named: BTreeMap<Vec<u8>, PathBuf> = paths.into_iter().map(|p| (name_of(&p), top.join(p))).collect();
    let mut first: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut out = Listing::new();
    for (name, path) in named {
        let ino = fs::symlink_metadata(&path).expect("a file to look at").ino();
        let same_as = first.entry(ino).or_insert_with(|| name.clone()).clone();
        out.insert(name, entry(&path, same_as));
    }
    out
}

fn name_of(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() { Vec::new() } else { [b"/", bytes].concat() }
}

fn entry(path: &Path, same_as: Vec<u8>) -> Entry {
    let meta = fs::symlink_metadata(path).expect("a file to look at");
    let kind = meta.file_type();
    let is_device = kind.is_block_device() || kind.is_char_device();
    let content = if kind.is_file() {
        Some(hash(path))
    } else if kind.is_symlink() {
        let target = fs::read_link(path).expect("a link's text");
        Some(ContentHash::of(target.as_os_str().as_bytes()))
    } else {
        None
    };
    Entry {
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        size: (kind.is_file() || kind.is_symlink()).then_some(meta.size()),
        rdev: is_device.then(|| meta.rdev() as u32),
        content,
        same_as,
        mtime: Some((meta.mtime(), meta.mtime_nsec() as i32)),
        ..Entry::default()
    }
}

fn hash(path: &Path) -> u64 {
    let mut file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut hash, mut at) = (ContentHash::default(), 0);
    let mut buf = vec![0; 1 << 20];
    loop {
        let mut got = 0;
        while got < buf.len() {
            match file.read(&mut buf[got..]).expect("a file to read") {
                0 => break,
                n => got += n,
            }
        }
        hash.add(at, &buf[..got]);
        at += got as u64;
        if got < buf.len() {
            return hash.finish();
        }
    }
}
