// SPDX-License-Identifier: BSD-2-Clause
//! One file out of an encrypted dump of a file system with a file of 1 TiB that is a hole.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use capdump_support::age::{self, Key};
use capdump_support::decode::Dump;
use capdump_support::program::{TempDir, run, skipped};
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::spec::{Kind, Spec};

use crate::indexed::capdump;
use crate::skipping::bytes_read;

/// The headers of the hole are 2 GiB of the stream.
const LIMIT: Duration = Duration::from_secs(300);

fn image(path: &Path) {
    let g = Geometry::new(2, (32768, 4096), 2, 300, 16 << 20);
    let mut spec = Spec::default();
    let part = |block| Part { block, blocks: 1, fill: Fill::Pattern(block) };
    let hole = Content { size: 1 << 40, parts: vec![part(0), part((1 << 40) / g.bsize - 1)] };
    let file = |content| Kind::Leaf(What::File(content));
    spec.add(None, "before", Attrs::default(), file(Content::full(100_000, g.bsize, Fill::Pattern(1))));
    spec.add(None, "hole", Attrs::default(), file(hole));
    spec.add(None, "wanted", Attrs::default(), file(Content::full(100_000, g.bsize, Fill::Pattern(2))));
    spec.write(path, &g);
}

#[test]
fn one_file_of_a_tebibyte() {
    if !age::available() {
        return;
    }
    let dir = TempDir::new("capdump-sealed");
    let (image_file, index, out) = (dir.join("image"), dir.join("index"), dir.join("out"));
    image(&image_file);
    let key = Key::new(&dir, "key");
    let to =
        ["-0a", "--encrypt", &key.recipient, "--index", index.to_str().unwrap(), "-f", out.to_str().unwrap()];
    run(capdump(&to).arg(&image_file), LIMIT).ok();
    let length = fs::metadata(&out).unwrap().len();
    let small = dir.join("small");
    for name in ["wanted", "before"] {
        let path = format!("./{name}");
        let (index, identity) = (index.to_str().unwrap(), key.file.to_str().unwrap());
        let options =
            ["--emit", &path, "--index", index, "--identity", identity, "-f", small.to_str().unwrap()];
        let Some(read) = bytes_read(&options, &out) else { return skipped("/proc/PID/io cannot be read") };
        assert!(read < length / 100, "{name}: {read} of {length} bytes");
        let dump = Dump::one(fs::read(&small).unwrap()).unwrap();
        let file = dump.listing().unwrap().remove(format!("/{name}").as_bytes()).unwrap();
        assert_eq!(file.size, Some(100_000));
    }
}
