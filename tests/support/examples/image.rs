// SPDX-License-Identifier: BSD-2-Clause
//! Writes a UFS image to measure with: `image large|many|mixed FILE NUMBER [1|2]`.
//!
//! `large`: files of 1 GiB, NUMBER in all, whose blocks are on the disk but zeros, so that the image stays sparse.
//! `many`: NUMBER files of 0 to 16 KiB, a thousand to a directory. `mixed`: NUMBER files of all kinds and sizes.

use std::path::Path;

use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

const BLOCKS: (u64, u64) = (32768, 4096);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, path, number, rest @ ..] = args.as_slice() else {
        panic!("image large|many|mixed FILE NUMBER [1|2]");
    };
    let number: u64 = number.parse().expect("a number");
    let version = rest.first().map_or(2, |v| v.parse().expect("1 or 2"));
    let path = Path::new(path);
    match kind.as_str() {
        "large" => large(path, number, version),
        "many" => many(path, number, version),
        "mixed" => mixed(path, number, version),
        _ => panic!("large, many or mixed"),
    }
}

fn writer(path: &Path, version: u8, bytes: u64, inodes: u64) -> Writer {
    let g = Geometry::large(version, BLOCKS, bytes, 4096);
    let ipg = (inodes / g.ncg + 1024).max(4096);
    let g = Geometry::large(version, BLOCKS, bytes + inodes * 256, ipg);
    Writer::create(path, &g, &Attrs::perm(0o755))
}

fn large(path: &Path, files: u64, version: u8) {
    let mut w = writer(path, version, (files << 30) + (files << 26) + (1 << 30), 4096);
    for n in 0..files {
        let what = What::File(Content::full(1 << 30, BLOCKS.0, Fill::Zeros));
        w.add(ROOT, format!("large{n}").as_bytes(), &Attrs::default(), &what);
    }
    w.finish();
}

fn many(path: &Path, files: u64, version: u8) {
    let mut w = writer(path, version, files * 14000 + (1 << 28), files + files / 1000 * 2);
    let mut dir = ROOT;
    for n in 0..files {
        if n % 1000 == 0 {
            dir = w.mkdir(ROOT, format!("dir{}", n / 1000).as_bytes(), &Attrs::perm(0o755));
        }
        let size = n.wrapping_mul(2_654_435_761) % 16384;
        let what = What::File(Content::full(size, BLOCKS.0, Fill::Pattern(n)));
        w.add(dir, format!("file{n}").as_bytes(), &Attrs::default(), &what);
    }
    w.finish();
}

fn mixed(path: &Path, files: u64, version: u8) {
    let mut w = writer(path, version, files * (2 << 20) + (1 << 28), files * 2);
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
