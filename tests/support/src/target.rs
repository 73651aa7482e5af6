// SPDX-License-Identifier: BSD-2-Clause
//! Small images that hold one of everything, and where their parts stand: to be damaged.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::ufs_writer::content::{Content, Fill, Part};
use crate::ufs_writer::geometry::Geometry;
use crate::ufs_writer::inode::{Attrs, What, attribute};
use crate::ufs_writer::{ROOT, Writer};

/// Bytes of a block.
pub const BLOCK: u64 = 4096;
/// Bytes of a fragment.
pub const FRAGMENT: u64 = 512;
/// A time between that of the old files and that of the new ones: an increment since then looks into directories.
pub const SINCE: i64 = 1_650_000_000;
/// `UF_NODUMP` (sys/stat.h).
const NODUMP: u32 = 1;
/// Bytes of a superblock (`struct fs`, ufs/ffs/fs.h).
const FS_LEN: u64 = 1376;

/// The file systems that there are: both versions and byte orders, with and without soft updates.
pub const VARIANTS: [&str; 5] = ["ufs2", "ufs1", "ufs2 big-endian", "ufs1 big-endian", "ufs2 soft updates"];

/// An image and where its parts stand, in bytes.
pub struct Target {
    /// The image.
    pub image: Vec<u8>,
    /// The measures of its file system.
    pub geometry: Geometry,
    /// The superblock.
    pub superblock: Range<usize>,
    /// The used part of each cylinder group block.
    pub groups: Vec<Range<usize>>,
    /// The root's inode.
    pub root: Range<usize>,
    /// The inodes in use.
    pub inodes: Vec<Range<usize>>,
    /// The blocks of directories, the root's first.
    pub directories: Vec<Range<usize>>,
    /// Indirect blocks: a single one, then a double one.
    pub indirect: Vec<Range<usize>>,
    /// Blocks of extended attributes.
    pub attributes: Vec<Range<usize>>,
}

/// The measures of a variant.
fn geometry(variant: usize) -> Geometry {
    let version = if VARIANTS[variant].starts_with("ufs1") { 1 } else { 2 };
    let mut g = Geometry::new(version, (BLOCK, FRAGMENT), 2, 32, 160 << 10);
    g.big_endian = VARIANTS[variant].ends_with("big-endian");
    g.soft_updates = VARIANTS[variant].ends_with("soft updates");
    g
}

/// Writes the image of a variant to `path`, which is removed again.
///
/// Panics if it cannot be written.
pub fn make(path: &Path, variant: usize) -> Target {
    let g = geometry(variant);
    let mut w = Writer::create(path, &g, &Attrs::perm(0o755));
    let new = Attrs { ctime: (1_700_000_000, 0), ..Attrs::default() };
    let dir = w.mkdir(ROOT, b"dir", &Attrs::perm(0o755));
    let below = w.mkdir(dir, b"below", &Attrs::perm(0o700));
    let flagged = w.mkdir(ROOT, b"nodump", &Attrs { flags: NODUMP, ..Attrs::perm(0o755) });
    let mut attrs = new.clone();
    if g.version == 2 {
        attrs.ext = [attribute(1, b"name", b"content"), attribute(2, b"other", &[7; 700])].concat();
    }
    // Blocks behind the direct ones, and behind those of the single indirect block.
    let far = 12 + g.nindir();
    let parts = [(0, 2, 1), (11, 3, 2), (far + 1, 1, 3)];
    let parts = parts.map(|(block, blocks, seed)| Part { block, blocks, fill: Fill::Pattern(seed) });
    let content = Content { size: (far + 1) * BLOCK + 1000, parts: parts.to_vec() };
    let file = w.add(dir, b"file", &attrs, &What::File(content));
    let small = What::File(Content::full(1300, BLOCK, Fill::Pattern(4)));
    let held = w.add(below, b"small", &new, &small);
    w.link(ROOT, b"hard", held, &small);
    w.add(ROOT, b"old", &Attrs::default(), &What::File(Content::full(300, BLOCK, Fill::Pattern(5))));
    w.add(flagged, b"kept", &new, &small);
    w.add(ROOT, b"empty", &new, &What::File(Content::default()));
    w.add(below, b"short", &new, &What::Link(b"../file".to_vec()));
    w.add(below, b"long", &new, &What::Link(vec![b't'; 200]));
    w.add(below, b"null", &new, &What::Char(0x0103));
    w.add(below, b"fifo", &new, &What::Fifo);
    w.finish();
    let image = fs::read(path).expect("the image that was written");
    fs::remove_file(path).expect("the image to be removed");
    places(g, image, file, &[ROOT, dir, below, flagged])
}

fn places(g: Geometry, image: Vec<u8>, file: u32, dirs: &[u32]) -> Target {
    let span = |at: u64, length: u64| at as usize..(at + length) as usize;
    let inode = |ino: u32| span(g.inode_at(ino), g.isize());
    let first = if g.version == 1 { 40 } else { 112 };
    let pointer = |ino: u32, n: u64| number(&g, &image, (g.inode_at(ino) + first) as usize, n);
    let used = |ino: &u32| image[inode(*ino)].iter().any(|&byte| byte != 0);
    let most = (g.ipg * g.ncg) as u32;
    let double = pointer(file, 13) * FRAGMENT;
    let attributes =
        if g.version == 2 { vec![number(&g, &image, g.inode_at(file) as usize + 96, 0)] } else { vec![] };
    Target {
        superblock: span(g.sblockloc(), FS_LEN),
        groups: (0..g.ncg).map(|c| span((c * g.fpg + g.cblkno()) * FRAGMENT, g.cgsize())).collect(),
        root: inode(ROOT),
        inodes: (ROOT..most).filter(used).map(inode).collect(),
        directories: dirs.iter().map(|&dir| span(pointer(dir, 0) * FRAGMENT, FRAGMENT)).collect(),
        indirect: vec![span(pointer(file, 12) * FRAGMENT, BLOCK), span(double, BLOCK)],
        attributes: attributes.into_iter().map(|at| span(at * FRAGMENT, FRAGMENT)).collect(),
        geometry: g.clone(),
        image,
    }
}

/// The `n`th block pointer of those at `at`.
fn number(g: &Geometry, image: &[u8], at: usize, n: u64) -> u64 {
    let width = g.pointer();
    let bytes = &image[at + n as usize * width..][..width];
    let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if g.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
}
