// SPDX-License-Identifier: BSD-2-Clause
//! Writes a UFS image to measure with: `image KIND FILE NUMBER [1|2]`; says how many bytes of it are in use.
//!
//! `large`: files of 1 GiB, NUMBER in all, whose blocks are on the disk but zeros, so that the image stays sparse.
//! `many`: NUMBER files of 0 to 16 KiB, a thousand to a directory. `small`: the same of 0 to 2 KiB.
//! `usual`: NUMBER files as a system has them, most of them small and most bytes in the large ones, 26 KB on average.
//! `mixed`: NUMBER files of all kinds and sizes. `inodes`: NUMBER empty files without names: nothing but inodes.
//! `interleaved`: files that have NUMBER blocks of 32 KiB in all, of which no two that are dumped one after the other are neighbours.
//! `dirs`: NUMBER directories, each of two files, of which 200 have changed lately (after 2021); the rest are zeros, and sparse.

use std::path::Path;

use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

const BLOCKS: (u64, u64) = (32768, 4096);

/// Inodes of a group where there are many files: newfs(8) makes about so many.
const INODES: u64 = 65536;

/// Bytes of a group at most: a block has room for the map of so many.
const GROUP: u64 = 600 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, path, number, rest @ ..] = args.as_slice() else {
        panic!("image KIND FILE NUMBER [1|2]");
    };
    let number: u64 = number.parse().expect("a number");
    let version = rest.first().map_or(2, |v| v.parse().expect("1 or 2"));
    let path = Path::new(path);
    match kind.as_str() {
        "large" => large(path, number, version),
        "many" => files(path, number, version, |n| scatter(n) % 16384),
        "small" => files(path, number, version, |n| scatter(n) % 2049),
        "usual" => files(path, number, version, usual),
        "mixed" => mixed(path, number, version),
        "inodes" => inodes(path, number, version),
        "interleaved" => interleaved(path, number, version),
        "dirs" => dirs(path, number, version),
        _ => panic!("large, many, small, usual, mixed, inodes, interleaved or dirs"),
    }
}

/// A number that follows from `n` and looks like any.
fn scatter(n: u64) -> u64 {
    let x = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 31)) >> 7
}

/// Sizes whose logarithm is spread evenly over what small, middling and large files have.
fn usual(n: u64) -> u64 {
    let x = scatter(n);
    let most = match n % 100 {
        0..60 => 8 << 10,
        60..95 => 64 << 10,
        95..99 => 256 << 10,
        _ => 1 << 20,
    };
    x % most
}

/// A file system with room for this and a little more, so that few of its bytes are out of use.
fn writer(path: &Path, version: u8, bytes: u64, inodes: u64) -> Writer {
    let ncg = (inodes / INODES).max(bytes / GROUP) + 1;
    let inodes = inodes / ncg + 1024;
    let bytes = (bytes + bytes / 8) / ncg + inodes * 256 + (4 << 20);
    Writer::create(path, &Geometry::new(version, BLOCKS, ncg, inodes, bytes), &Attrs::perm(0o755))
}

fn large(path: &Path, files: u64, version: u8) {
    let mut w = writer(path, version, files << 30, 4096);
    for n in 0..files {
        let what = What::File(Content::full(1 << 30, BLOCKS.0, Fill::Zeros));
        w.add(ROOT, format!("large{n}").as_bytes(), &Attrs::default(), &what);
    }
    w.finish();
}

/// `files` files of the sizes that `size` gives, a thousand to a directory.
fn files(path: &Path, files: u64, version: u8, size: impl Fn(u64) -> u64) {
    let bytes = (0..files).map(|n| size(n).next_multiple_of(BLOCKS.1)).sum();
    let mut w = writer(path, version, bytes, files + files / 1000 * 2);
    let mut dir = ROOT;
    for n in 0..files {
        if n % 1000 == 0 {
            dir = w.mkdir(ROOT, format!("dir{}", n / 1000).as_bytes(), &Attrs::perm(0o755));
        }
        let what = What::File(Content::full(size(n), BLOCKS.0, Fill::Pattern(n)));
        w.add(dir, format!("file{n}").as_bytes(), &Attrs::default(), &what);
    }
    w.finish();
}

fn mixed(path: &Path, files: u64, version: u8) {
    let mut w = writer(path, version, files << 20, files * 5);
    for n in 0..files {
        let dir = w.mkdir(ROOT, format!("dir{n}").as_bytes(), &Attrs::perm(0o755));
        let size = n.wrapping_mul(2_654_435_761) % (4 << 20) / (1 << (n % 12));
        let what = What::File(Content::full(size, BLOCKS.0, Fill::Pattern(n)));
        let file = w.add(dir, b"file", &Attrs::default(), &what);
        w.link(dir, b"again", file, &what);
        w.add(dir, b"link", &Attrs::perm(0o777), &What::Link(vec![b'x'; (n % 300) as usize + 1]));
        w.add(dir, b"fifo", &Attrs::default(), &What::Fifo);
    }
    w.finish();
}

fn inodes(path: &Path, count: u64, version: u8) {
    let mut w = writer(path, version, 0, count);
    w.orphans(count, &Attrs::default());
    w.finish();
}

fn interleaved(path: &Path, blocks: u64, version: u8) {
    const EACH: u64 = 12;
    const TOGETHER: u64 = 128;
    let files = blocks.div_ceil(EACH);
    let mut w = writer(path, version, blocks * BLOCKS.0, files + files / TOGETHER);
    for first in (0..files).step_by(TOGETHER as usize) {
        let dir = w.mkdir(ROOT, format!("dir{first}").as_bytes(), &Attrs::perm(0o755));
        let file = |n| {
            let size = EACH.min(blocks - n * EACH) * BLOCKS.0;
            (format!("file{n}").into_bytes(), Content::full(size, BLOCKS.0, Fill::Pattern(n)))
        };
        let files: Vec<_> = (first..files.min(first + TOGETHER)).map(file).collect();
        w.add_alternating(dir, &Attrs::default(), &files);
    }
    w.finish();
}

fn dirs(path: &Path, count: u64, version: u8) {
    const CHANGED: u64 = 200;
    // With a block of a directory, which its files leave room for.
    let size = |n| scatter(n) % (120 << 10);
    let bytes = (0..count * 2).map(|n| size(n).next_multiple_of(BLOCKS.0)).sum::<u64>() + count * BLOCKS.1;
    let mut w = writer(path, version, bytes, count * 3);
    let mut top = ROOT;
    let lately = (1_650_000_000, 0);
    for n in 0..count {
        if n % 1000 == 0 {
            top = w.mkdir(ROOT, format!("top{}", n / 1000).as_bytes(), &Attrs::perm(0o755));
        }
        let dir = w.mkdir(top, format!("dir{n}").as_bytes(), &Attrs::perm(0o755));
        for file in n * 2..n * 2 + 2 {
            let changed = file % (count * 2 / CHANGED).max(1) == 0;
            let fill = if changed { Fill::Pattern(file) } else { Fill::Zeros };
            let mtime = if changed { lately } else { Attrs::default().mtime };
            let attrs = Attrs { mtime, ctime: mtime, ..Attrs::default() };
            let what = What::File(Content::full(size(file), BLOCKS.0, fill));
            w.add(dir, format!("file{file}").as_bytes(), &attrs, &what);
        }
        w.finish_dir(dir);
    }
    w.finish();
}
