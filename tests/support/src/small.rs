// SPDX-License-Identifier: BSD-2-Clause
//! Small images for dumps that are made many times: a bit of everything in some eighty tape blocks, or one file of many chunks.

use std::path::Path;

use crate::ufs_writer::content::{Content, Fill, Part};
use crate::ufs_writer::geometry::Geometry;
use crate::ufs_writer::inode::{Attrs, What};
use crate::ufs_writer::{ROOT, Writer};

const BLOCK: u64 = 8192;

/// Inodes for maps of three tape blocks each.
const INODES: u64 = 20_000;

/// An image with files of several blocks, holes, an indirect block, links, a device and a directory; maps of three blocks.
pub fn mixed(path: &Path) {
    let mut w =
        Writer::create(path, &Geometry::new(2, (BLOCK, 1024), 1, INODES, 8 << 20), &Attrs::perm(0o755));
    let file = |bytes, seed| What::File(Content::full(bytes, BLOCK, Fill::Pattern(seed)));
    let dir = w.mkdir(ROOT, b"dir", &Attrs::perm(0o700));
    w.add(ROOT, b"empty", &Attrs::default(), &What::File(Content::default()));
    w.add(ROOT, b"link", &Attrs::perm(0o777), &What::Link(b"empty".to_vec()));
    w.add(ROOT, b"long", &Attrs::perm(0o777), &What::Link(vec![b't'; 300]));
    w.add(ROOT, b"null", &Attrs::default(), &What::Char(0x0103));
    let what = file(14_500, 1);
    let ino = w.add(ROOT, b"file", &Attrs::default(), &what);
    w.link(dir, b"hard", ino, &what);
    w.add(dir, b"small", &Attrs::perm(0o600), &file(700, 2));
    let part = |block, blocks, seed| Part { block, blocks, fill: Fill::Pattern(seed) };
    let holes = Content { size: 15 * BLOCK, parts: vec![part(0, 1, 3), part(11, 2, 4), part(14, 1, 5)] };
    w.add(dir, b"holes", &Attrs::default(), &What::File(holes));
    w.finish();
}

/// An image with one file of so many bytes.
pub fn one_file(path: &Path, bytes: u64) {
    let group = (bytes + (4 << 20)).next_multiple_of(1 << 20);
    let mut w = Writer::create(path, &Geometry::new(2, (32768, 4096), 1, 200, group), &Attrs::perm(0o755));
    let content = Content::full(bytes, 32768, Fill::Pattern(7));
    w.add(ROOT, b"file", &Attrs::default(), &What::File(content));
    w.finish();
}
