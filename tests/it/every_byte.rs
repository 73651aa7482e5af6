// SPDX-License-Identifier: BSD-2-Clause
//! Every byte of a small dump is changed, one at a time: `--check --index` finds each change and names the file.
//!
//! These changes only the digest of the volume finds, so that no file is named:
//!
//! - what is behind the end of a file in its last tape block: no reader looks at it;
//! - `TS_END` headers behind the first one, which fill the last record: no reader looks at them;
//! - bits of `TS_CLRI` of inodes that are not in the dump: only a restore of a level on top of another looks at them, to tell a file that
//!   was left out from one that has been removed; in a full dump nobody does.

#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use capdump::internals::check;
use capdump_support::header::{Header, Kind as Record};
use capdump_support::index::read;
use capdump_support::program::TempDir;
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::spec::{Kind, Spec};

use crate::indexed::dump;

const BLOCK: usize = 1024;

/// What is printed.
#[derive(Clone, Default)]
struct Said(Rc<RefCell<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Checks; gives the exit code and what was printed.
fn run(out: &Path, index: &Path) -> (u8, String) {
    let said = Said::default();
    let open = |path: &Path| fs::File::open(path).unwrap().into();
    let code = check(open(out), open(index), Box::new(said.clone())).unwrap();
    let text = String::from_utf8(said.0.take()).unwrap();
    (code, text)
}

fn image(path: &Path) {
    let g = Geometry::new(2, (8192, 1024), 1, 64, 4 << 20);
    let mut spec = Spec::default();
    let sub = spec.add(None, "sub", Attrs::perm(0o755), Kind::Dir);
    let mut add = |parent, name: &str, what| spec.add(parent, name, Attrs::default(), Kind::Leaf(what));
    add(Some(sub), "file", What::File(Content::full(1500, g.bsize, Fill::Pattern(1))));
    add(None, "empty", What::File(Content::full(0, g.bsize, Fill::Pattern(1))));
    add(None, "link", What::Link(b"sub/file".to_vec()));
    let part = |block| Part { block, blocks: 1, fill: Fill::Pattern(block) };
    add(None, "holes", What::File(Content { size: 70 * 8192, parts: vec![part(0), part(69)] }));
    spec.write(path, &g);
}

/// A tape block of the dump.
enum Is {
    /// A header, of this inode if it is one of a file.
    Header(Option<u32>),
    /// A map's.
    Map,
    /// A file's, and how many bytes of the block are in use.
    Data(u32, usize),
    /// A `TS_END` behind the first.
    Filler,
}

/// What the tape blocks are.
fn blocks(bytes: &[u8]) -> Vec<Is> {
    let mut all = Vec::new();
    let (mut left, mut ended) = (0_u64, false);
    while all.len() < bytes.len() / BLOCK {
        let at = all.len() * BLOCK;
        let header = Header::parse(&bytes[at..at + BLOCK]).expect("a header");
        let (kind, ino) = (header.kind(), header.u32("c_inumber"));
        let follow = header.follow();
        match kind {
            Record::End if ended => all.push(Is::Filler),
            Record::Inode | Record::Addr => all.push(Is::Header(Some(ino))),
            _ => all.push(Is::Header(None)),
        }
        ended |= kind == Record::End;
        if kind == Record::Inode {
            left = header.u64("c_size");
        }
        for block in 0..follow {
            match kind {
                Record::Inode | Record::Addr => {
                    // Holes come before the last data only.
                    let data = header.addrs().iter().take(header.count() as usize).enumerate();
                    let place =
                        data.filter(|(_, entry)| **entry != 0).map(|(n, _)| n).nth(block).unwrap() as u64;
                    let used = left.saturating_sub(place * BLOCK as u64).min(BLOCK as u64);
                    all.push(Is::Data(ino, used as usize));
                }
                _ => all.push(Is::Map),
            }
        }
        if matches!(kind, Record::Inode | Record::Addr) {
            left = left.saturating_sub(header.count() as u64 * BLOCK as u64);
        }
    }
    all
}

#[test]
fn every_change_is_found() {
    let dir = TempDir::new("capdump-every-byte");
    let (image_file, index, out) = (dir.join("image"), dir.join("index"), dir.join("out"));
    image(&image_file);
    dump(&["-a", "-b", "4", "-f", out.to_str().unwrap()], &index, &image_file).ok();
    let (code, said) = run(&out, &index);
    assert!(code == 0 && said.contains("no damage found"), "{said}");
    let paths: BTreeMap<u32, String> =
        read(&index).1.into_iter().map(|line| (line.ino, line.printed)).collect();
    let bytes = fs::read(&out).unwrap();
    let file = fs::File::options().write(true).open(&out).unwrap();
    let mut found = 0;
    for (block, what) in blocks(&bytes).into_iter().enumerate() {
        for at in block * BLOCK..(block + 1) * BLOCK {
            for change in [1 << (at % 8), 0xff] {
                file.write_all_at(&[bytes[at] ^ change], at as u64).unwrap();
                let (code, said) = run(&out, &index);
                let shown =
                    || format!("byte {} of tape block {block} ^ {change:#x}: {code}: {said}", at % BLOCK);
                // Nothing of it is a dump, if the first header is damaged.
                assert!(code == 3 || code == 1 && block == 0, "{}", shown());
                let named = match what {
                    Is::Header(ino) => ino,
                    Is::Data(ino, used) if at % BLOCK < used => Some(ino),
                    Is::Data(..) | Is::Map | Is::Filler => None,
                };
                assert!(named.is_none_or(|ino| said.contains(&paths[&ino])), "{}", shown());
                found += 1;
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
    }
    assert!(found > 10_000, "{found}");
}
