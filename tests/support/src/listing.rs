// SPDX-License-Identifier: BSD-2-Clause
//! What a tree holds, in one form for a decoded dump, a written image and a restored directory; and the comparison.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use crate::header::BLOCK;

/// Seconds and nanoseconds since 1970.
pub type Time = (i64, i32);

/// One name of a tree. What is `None` the source of the listing doesn't know, and it is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Type and permissions (`st_mode`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes; `None` for directories.
    pub size: Option<u64>,
    /// Device number; `None` for all but devices.
    pub rdev: Option<u32>,
    /// [`ContentHash`] of the data, or of a link's text; `None` for directories.
    pub content: Option<u64>,
    /// The first name, in byte order, of the same inode.
    pub same_as: Vec<u8>,
    /// Last access.
    pub atime: Option<Time>,
    /// Last change of the content.
    pub mtime: Option<Time>,
    /// Creation (UFS2).
    pub birthtime: Option<Time>,
    /// `chflags(2)` flags.
    pub flags: Option<u32>,
    /// Bytes of the extended attributes as they are on disk.
    pub ext: Option<Vec<u8>>,
    /// Where the data is, as (offset, length) in bytes; the rest is holes.
    pub runs: Option<Vec<(u64, u64)>>,
}

/// All names of a tree by path; the root is the empty path.
pub type Listing = BTreeMap<Vec<u8>, Entry>;

/// Hashes content by its tape blocks that are not all zeros, so that a hole counts the same as zeros.
#[derive(Default)]
pub struct ContentHash(DefaultHasher);

impl ContentHash {
    /// Takes the bytes that stand at `offset`, which is a multiple of the tape block; call in order of offset.
    pub fn add(&mut self, offset: u64, bytes: &[u8]) {
        for (n, block) in (0_u64..).zip(bytes.chunks(BLOCK)) {
            let end = block.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
            if end > 0 {
                self.0.write_u64(offset + n * BLOCK as u64);
                self.0.write(&block[..end]);
            }
        }
    }

    /// The hash.
    pub fn finish(&self) -> u64 {
        self.0.finish()
    }

    /// The hash of content in one piece.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut hash = ContentHash::default();
        hash.add(0, bytes);
        hash.finish()
    }
}

/// How two listings differ: one line each, 20 at most; empty if they hold the same.
pub fn differences(left: &Listing, right: &Listing) -> Vec<String> {
    let mut out = Vec::new();
    for (path, a) in left {
        match right.get(path) {
            None => out.push(format!("{}: only in the first", show(path))),
            Some(b) => out.extend(different_fields(a, b).map(|d| format!("{}: {d}", show(path)))),
        }
    }
    let only_right = right.keys().filter(|p| !left.contains_key(*p));
    out.extend(only_right.map(|p| format!("{}: only in the second", show(p))));
    out.truncate(20);
    out
}

/// A path as text; long ones by their beginning.
pub fn show(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().take(120).collect();
    if text.is_empty() { "/".to_owned() } else { text }
}

fn different_fields(a: &Entry, b: &Entry) -> impl Iterator<Item = String> {
    let whole = [
        (a.mode != b.mode).then(|| format!("mode {:o} and {:o}", a.mode, b.mode)),
        (a.uid != b.uid).then(|| format!("uid {} and {}", a.uid, b.uid)),
        (a.gid != b.gid).then(|| format!("gid {} and {}", a.gid, b.gid)),
        (a.same_as != b.same_as).then(|| format!("linked to {} and {}", show(&a.same_as), show(&b.same_as))),
    ];
    let known = [
        known("size", a.size.as_ref(), b.size.as_ref()),
        known("rdev", a.rdev.as_ref(), b.rdev.as_ref()),
        known("content", a.content.as_ref(), b.content.as_ref()),
        known("atime", a.atime.as_ref(), b.atime.as_ref()),
        known("mtime", a.mtime.as_ref(), b.mtime.as_ref()),
        known("birthtime", a.birthtime.as_ref(), b.birthtime.as_ref()),
        known("flags", a.flags.as_ref(), b.flags.as_ref()),
        known("attributes", a.ext.as_ref(), b.ext.as_ref()),
        known("data at", a.runs.as_ref(), b.runs.as_ref()),
    ];
    whole.into_iter().chain(known).flatten()
}

fn known<T: PartialEq + std::fmt::Debug>(name: &str, a: Option<&T>, b: Option<&T>) -> Option<String> {
    let (a, b) = (a?, b?);
    (a != b).then(|| {
        let text = format!("{name} {a:?} and {b:?}");
        text.chars().take(300).collect()
    })
}
