// SPDX-License-Identifier: BSD-2-Clause
//! Reads every reference image from end to end (`CAPDUMP_GOLDEN` names their folder).

use super::*;
use crate::{ByteOffset, FileBlock, Ino};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an image holds, by path from the root: a line that says what it is, and its data.
type Tree = BTreeMap<Vec<u8>, (String, Vec<u8>)>;

fn images() -> Option<PathBuf> {
    let folder = std::env::var_os("CAPDUMP_GOLDEN").map(|golden| Path::new(&golden).join("images"));
    if folder.is_none() {
        println!("skipped: CAPDUMP_GOLDEN is not set");
    }
    folder
}

fn unpack(image: &Path) -> Vec<u8> {
    let output = Command::new("zstd").arg("-dcq").arg(image).output().expect("zstd runs");
    assert!(output.status.success(), "zstd -dc {}", image.display());
    output.stdout
}

/// Every inode that pass I would look at, decoded both ways, and its blocks walked. Returns the number in use.
fn scan(fs: &FileSystem<&[u8]>) -> u32 {
    let sb = fs.superblock();
    let (mut buf, mut in_use) = (crate::Buffer::default(), 0);
    for cg in 0..sb.ncg {
        let group = fs.cylinder_group(cg).unwrap();
        assert!(group.magic_ok, "magic of group {cg}");
        assert_eq!(group.warnings, [], "group {cg}");
        let used = group.used().unwrap();
        assert!(used <= group.initialized);
        // An odd step: tables may begin and end anywhere.
        let step = 37;
        for first in (0..group.initialized).step_by(step) {
            let count = (group.initialized - first).min(37);
            let table = fs.inode_table(cg, first, count, &mut buf).unwrap();
            let mut expected = cg * sb.ipg + first;
            for raw in table.list() {
                assert_eq!(raw.ino, Ino(expected));
                expected += 1;
                if check_inode(fs, &raw) {
                    in_use += 1;
                }
            }
            assert_eq!(expected, cg * sb.ipg + first + count);
        }
    }
    in_use
}

fn check_inode(fs: &FileSystem<&[u8]>, raw: &RawDinode<'_>) -> bool {
    let sb = fs.superblock();
    let inode = fs.inode(raw.ino).unwrap();
    assert_eq!(raw.to_dinode(), inode);
    assert_eq!(
        (raw.mode(), raw.size(sb), raw.disk_bytes(), raw.mtime(), raw.ctime(), raw.flags()),
        (inode.mode, inode.size(sb).ok(), inode.disk_bytes(), inode.mtime, inode.ctime, inode.flags)
    );
    if raw.ino < Ino::ROOT || raw.file_type() == FileType::Free {
        return false;
    }
    let attributes = inode.attributes(sb).unwrap();
    assert_eq!(attributes.blocks.iter().any(Option::is_some), attributes.bytes > 0);
    let has_blocks = match inode.file_type() {
        FileType::Regular | FileType::Dir => true,
        FileType::Link => inode.link_text(sb).is_none(),
        _ => false,
    };
    const SNAPSHOT: u32 = 0x0020_0000; // SF_SNAPSHOT, sys/stat.h
    if has_blocks && inode.flags & SNAPSHOT == 0 {
        walk(fs, &inode);
    }
    true
}

/// The segments, which cover the file once and in order.
fn walk(fs: &FileSystem<&[u8]>, inode: &Dinode) -> Vec<Segment> {
    let size = inode.size(fs.superblock()).unwrap();
    let mut map = BlockMap::new(inode, size);
    let (mut segments, mut next, mut bytes) = (Vec::new(), 0, 0);
    while let Some(segment) = map.next(fs).unwrap() {
        assert_eq!((segment.first, &segment.fault), (FileBlock(next), &None), "inode {}", inode.ino);
        next += segment.count;
        bytes += segment.bytes;
        segments.push(segment);
    }
    assert_eq!((next, bytes), (fs.superblock().file_blocks(size), size.bytes()), "inode {}", inode.ino);
    segments
}

/// The file's data; of a hole, a note of its length (a directory's holes have no entries).
fn data(fs: &FileSystem<&[u8]>, inode: &Dinode) -> Vec<u8> {
    let (sb, mut data, mut hole) = (fs.superblock(), Vec::new(), 0);
    let size = inode.size(sb).unwrap();
    let bsize = u64::from(sb.bsize);
    let note = |hole: &mut u64| match std::mem::take(hole) {
        length if length > 0 && inode.file_type() != FileType::Dir => length.to_le_bytes().to_vec(),
        _ => Vec::new(),
    };
    for segment in walk(fs, inode) {
        for n in segment.first.0..segment.first.0 + segment.count {
            let (block, addr) = (FileBlock(n), segment.address(n - segment.first.0));
            if addr == 0 {
                hole += bsize;
                continue;
            }
            data.extend(note(&mut hole));
            let length = sb.block_size(size, block);
            let addr = sb.check_data(inode.ino, block, addr, sb.frags_of(length)).unwrap();
            let mut bytes = vec![0; length as usize];
            fs.read(addr, &mut bytes).unwrap();
            bytes.truncate((size.bytes() - n * bsize).min(length.into()) as usize);
            data.extend(bytes);
        }
    }
    data.extend(note(&mut hole));
    data
}

/// Everything that hangs on the root directory.
fn tree(fs: &FileSystem<&[u8]>) -> Tree {
    let sb = fs.superblock();
    let (mut found, mut seen) = (Tree::new(), BTreeSet::new());
    let mut todo = vec![(Ino::ROOT, Vec::new())];
    while let Some((ino, path)) = todo.pop() {
        let inode = fs.inode(ino).unwrap();
        let (kind, links) = (inode.file_type(), inode.links());
        let (cg, which) = sb.group_of(ino).unwrap();
        assert!(which < fs.cylinder_group(cg).unwrap().used().unwrap(), "inode {ino}");
        let size = inode.raw_size();
        let Dinode { mode, uid, gid, mtime, .. } = inode;
        let mut line = format!("{kind:?} {mode:o} {links} {uid} {gid} {mtime}");
        let mut bytes = Vec::new();
        match kind {
            FileType::Dir => {
                assert!(seen.insert(ino), "directory {ino} found twice");
                assert_eq!(size % 512, 0);
                for entry in dir_entries(&data(fs, &inode), sb.order, sb.old_directories) {
                    let entry = entry.unwrap();
                    let target = fs.inode(entry.ino).unwrap();
                    // Some images name inodes that are free or of no type, to see what a dump does.
                    let sound = !matches!(
                        target.file_type(),
                        FileType::Free | FileType::Undefined(_) | FileType::Whiteout
                    );
                    let name = entry.name.escape_ascii();
                    assert!(!sound || u16::from(entry.kind) == target.mode >> 12, "type of {name}");
                    if !entry.is_dot() {
                        todo.push((entry.ino, [&path[..], b"/", entry.name].concat()));
                    }
                }
            }
            FileType::Regular => bytes = data(fs, &inode),
            FileType::Link => {
                bytes = inode.link_text(sb).map_or_else(|| data(fs, &inode), <[u8]>::to_vec);
            }
            FileType::Char | FileType::Block => line += &format!(" {:#x}", inode.rdev),
            _ => {}
        }
        if kind != FileType::Dir {
            line += &format!(" {size}");
        }
        found.insert(path, (line, bytes));
    }
    found
}

#[test]
fn every_reference_image_can_be_read() {
    let Some(folder) = images() else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().replace(".img.zst", "");
        let image = unpack(&path);
        let (fs, warnings) = FileSystem::open(image.as_slice()).expect(&name);
        seen += 1;
        let sb = fs.superblock();
        assert_eq!(warnings, [], "{name}");
        assert_eq!(sb.order == ByteOrder::Big, name.starts_with("be"), "{name}");
        assert_eq!(
            sb.version == Version::Ufs1,
            name.starts_with("be1") || name[1..].starts_with('1'),
            "{name}"
        );
        assert_eq!(sb.soft_updates, name.ends_with("_soft") || name.ends_with("_sd"), "{name}");
        assert_eq!(sb.dev_bsize(), 512, "{name}");
        if let [_, bsize, fsize, ..] = name.split('_').collect::<Vec<_>>()[..] {
            assert_eq!((sb.bsize.to_string(), sb.fsize.to_string()), (bsize.into(), fsize.into()));
        }
        if name.starts_with("trunc") {
            assert!(sb.offset_of(sb.size) > ByteOffset(image.len() as u64), "{name}");
            continue;
        }
        let (in_use, tree) = (scan(&fs), tree(&fs));
        println!("{name}: {in_use} inodes in use, {} names", tree.len());
        assert!(in_use >= 1 && !tree.is_empty(), "{name}");
        if name == "many2" {
            assert!(in_use > 20_000);
        }
    }
    assert!(seen >= 20, "only {seen} images");
}

#[test]
fn the_big_endian_image_has_the_tree_of_its_twins() {
    let Some(folder) = images() else { return };
    let read = |name: &str| {
        let image = unpack(&folder.join(format!("{name}.img.zst")));
        tree(&FileSystem::open(image.as_slice()).unwrap().0)
    };
    let big = read("be1");
    assert!(big.len() > 10 && big.values().any(|(_, data)| data.len() > 100_000));
    for twin in ["m1_8192_1024", "m1_32768_4096", "m2_8192_1024", "m2_16384_2048"] {
        let twin_tree = read(twin);
        assert!(big.keys().eq(twin_tree.keys()), "names of {twin}");
        for ((path, one), other) in big.iter().zip(twin_tree.values()) {
            assert_eq!(one.0, other.0, "{twin}: {}", path.escape_ascii());
            assert!(one.1 == other.1, "{twin}: data of {}", path.escape_ascii());
        }
    }
}

/// Runs makefs(8) on `folder`; `None` when there is none.
fn makefs(folder: &Path, image: &Path, options: &str, order: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("makefs");
    command.args(["-t", "ffs", "-s", "8m", "-B", order, "-o", options]).arg(image).arg(folder);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("makefs: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(image).unwrap();
    std::fs::remove_file(image).unwrap();
    Some(bytes)
}

#[test]
fn makefs_images_of_both_byte_orders_are_alike() {
    let scratch = std::env::temp_dir().join(format!("capdump-ufs-{}", std::process::id()));
    let (root, image) = (scratch.join("root"), scratch.join("image"));
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    let long: Vec<u8> = (0..900_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(root.join("a/long"), &long).unwrap();
    std::fs::write(root.join("a/b/short"), b"short").unwrap();
    std::os::unix::fs::symlink("b/short", root.join("a/link")).unwrap();
    std::os::unix::fs::symlink("x".repeat(200), root.join("a/far")).unwrap();
    let mut trees: Vec<Tree> = Vec::new();
    for version in [1, 2] {
        for (bsize, fsize) in [(4096, 512), (8192, 8192), (16384, 2048), (65536, 8192)] {
            for order in ["le", "be"] {
                let options = format!("version={version},bsize={bsize},fsize={fsize}");
                let Some(bytes) = makefs(&root, &image, &options, order) else {
                    continue;
                };
                let (fs, warnings) = FileSystem::open(bytes.as_slice()).unwrap();
                assert_eq!(warnings, [], "{options} {order}");
                assert_eq!(fs.superblock().order == ByteOrder::Big, order == "be");
                assert_eq!(fs.superblock().bsize, bsize);
                assert!(scan(&fs) >= 7, "{options} {order}");
                trees.push(tree(&fs));
            }
        }
    }
    std::fs::remove_dir_all(&scratch).unwrap();
    if trees.is_empty() {
        println!("skipped: no makefs");
        return;
    }
    assert_eq!(trees.len(), 16);
    assert!(trees[0][&b"/a/long"[..]].1 == long);
    assert_eq!(trees[0][&b"/a/far"[..]].1, [b'x'; 200]);
    assert_eq!(trees[0][&b"/a/link"[..]].1, b"b/short");
    assert!(trees.iter().all(|tree| tree == &trees[0]));
}
