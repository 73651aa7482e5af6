// SPDX-License-Identifier: BSD-2-Clause
//! Writes UFS1 and UFS2 images file by file, both byte orders; fast, and sparse where nothing was written.

pub mod bytes;
pub mod content;
pub mod geometry;
pub mod group;
pub mod inode;
pub mod spec;
pub mod superblock;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use content::{Content, Fill, Part};
use geometry::{Geometry, NDADDR};
use group::Groups;
use inode::{Attrs, Inode, Map, What, turned};

use crate::directory::Builder;

/// The root directory's inode.
pub const ROOT: u32 = 2;

/// Bytes written at once.
const PIECE: u64 = 1 << 20;

/// A directory that may still get names.
struct Dir {
    attrs: Attrs,
    names: Builder,
    subdirs: u16,
}

/// An image being written.
pub struct Writer {
    file: File,
    g: Geometry,
    groups: Groups,
    dirs: HashMap<u32, Dir>,
    /// Names of inodes that have more than one.
    links: HashMap<u32, u16>,
    /// Whether the next directory goes to another group.
    made: usize,
}

impl Writer {
    /// Begins an image with an empty root directory. The file is `ncg` groups long, and sparse.
    ///
    /// Panics, as all here does, when the image can't be written.
    pub fn create(path: &Path, geometry: &Geometry, root: &Attrs) -> Writer {
        let file = File::create(path).expect("an image to write");
        let g = geometry.clone();
        file.set_len(g.ncg * g.fpg * g.fsize).expect("the image's length");
        let groups = Groups::new(&g);
        let mut writer = Writer { file, g, groups, dirs: HashMap::new(), links: HashMap::new(), made: 0 };
        assert_eq!(writer.groups.inode(0), ROOT);
        writer.add_dir(ROOT, ROOT, root);
        writer
    }

    /// The measures of the file system.
    pub fn geometry(&self) -> &Geometry {
        &self.g
    }

    fn group_of(&self, ino: u32) -> usize {
        (u64::from(ino) / self.g.ipg) as usize
    }

    fn add_dir(&mut self, ino: u32, parent: u32, attrs: &Attrs) {
        let mut names = Builder::new(self.g.big_endian);
        names.add(b".", ino, 4);
        names.add(b"..", parent, 4);
        let group = self.group_of(ino);
        self.groups.list[group].dirs += 1;
        self.dirs.insert(ino, Dir { attrs: attrs.clone(), names, subdirs: 0 });
    }

    /// Makes a directory; each goes to another group. Returns its inode.
    pub fn mkdir(&mut self, parent: u32, name: &[u8], attrs: &Attrs) -> u32 {
        self.made += 1;
        let ino = self.groups.inode(self.made % self.groups.list.len());
        self.add_dir(ino, parent, attrs);
        self.name(parent, name, ino, 4);
        self.dirs.get_mut(&parent).expect("a directory").subdirs += 1;
        ino
    }

    /// Makes anything but a directory, in its directory's group. Returns its inode.
    pub fn add(&mut self, parent: u32, name: &[u8], attrs: &Attrs, what: &What) -> u32 {
        let ino = self.groups.inode(self.group_of(parent));
        self.write(ino, 1, attrs, what);
        self.name(parent, name, ino, (what.kind() >> 12) as u8);
        ino
    }

    /// Makes regular files in the directory's group whose blocks alternate, as of files that grew at the same time.
    pub fn add_alternating(&mut self, parent: u32, attrs: &Attrs, files: &[(Vec<u8>, Content)]) {
        let group = self.group_of(parent);
        let mut placed = vec![Vec::new(); files.len()];
        let most = files.iter().map(|(_, content)| content.blocks().count()).max().unwrap_or(0);
        for n in 0..most {
            for ((_, content), placed) in files.iter().zip(&mut placed) {
                placed.extend(content.blocks().nth(n).map(|lbn| self.place(group, content.size, lbn)));
            }
        }
        // Inodes in another order than blocks, or all first blocks would be one read. By this one, neighbours are far from each other.
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_unstable_by_key(|n| (*n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for ((name, content), placed) in order.into_iter().map(|n| (&files[n], &placed[n])) {
            let ino = self.groups.inode(group);
            let map = self.map(group, content, placed);
            let (mode, size) = (0o100_000 | attrs.perm, content.size);
            self.put_inode(ino, Inode { mode, nlink: 1, size, attrs, map, text: &[] });
            self.name(parent, name, ino, 8);
        }
    }

    /// Makes an inode that has no name, as of a file removed while it was open.
    pub fn orphan(&mut self, attrs: &Attrs, what: &What) -> u32 {
        let ino = self.groups.inode(0);
        self.write(ino, 0, attrs, what);
        ino
    }

    /// Makes `count` empty files that have no names, of which only the inodes are written: a whole table at a time.
    pub fn orphans(&mut self, count: u64, attrs: &Attrs) {
        let inode =
            Inode { mode: 0o100_000 | attrs.perm, nlink: 0, size: 0, attrs, map: Map::default(), text: &[] };
        let bytes = inode.encode(&self.g);
        let (mut at, mut table, mut group) = (0, Vec::new(), 0);
        for _ in 0..count {
            let ino = self.groups.inode(group);
            group = self.group_of(ino);
            let here = self.g.inode_at(ino);
            if at + table.len() as u64 != here || table.len() as u64 >= PIECE {
                self.put(at, &table);
                table.clear();
                at = here;
            }
            table.extend_from_slice(&bytes);
        }
        self.put(at, &table);
    }

    /// Leaves the next inode of the first group free, as after the removal of its file.
    pub fn leave_free(&mut self) {
        self.groups.freed_inode(0);
    }

    /// Gives an inode, not a directory's, one more name.
    pub fn link(&mut self, parent: u32, name: &[u8], ino: u32, what: &What) {
        *self.links.entry(ino).or_insert(1) += 1;
        self.name(parent, name, ino, (what.kind() >> 12) as u8);
    }

    fn name(&mut self, parent: u32, name: &[u8], ino: u32, kind: u8) {
        self.dirs.get_mut(&parent).expect("a directory").names.add(name, ino, kind);
    }

    fn write(&mut self, ino: u32, nlink: u16, attrs: &Attrs, what: &What) {
        let (mut size, mut map, mut text) = (0, Map::default(), &[][..]);
        match what {
            What::File(content) => {
                size = content.size;
                map = self.data(ino, content);
            }
            What::Link(target) => {
                size = target.len() as u64;
                if size < self.g.max_short_link() {
                    text = target;
                } else {
                    map = self.data(ino, &Content::bytes(target.clone(), self.g.bsize));
                }
            }
            What::Char(rdev) | What::Block(rdev) => map.pointers[0] = (*rdev).into(),
            What::Fifo | What::Socket => {}
        }
        let mode = what.kind() | attrs.perm;
        self.put_inode(ino, Inode { mode, nlink, size, attrs, map, text });
    }

    fn put_inode(&mut self, ino: u32, mut inode: Inode) {
        let mut ext = inode.attrs.ext.clone();
        if self.g.big_endian {
            ext = turned(ext);
        }
        if !ext.is_empty() {
            assert!(self.g.version == 2 && ext.len() as u64 <= 2 * self.g.bsize, "attributes");
            for (n, piece) in ext.chunks(self.g.bsize as usize).enumerate() {
                let bytes = (piece.len() as u64).next_multiple_of(self.g.fsize);
                let at = self.groups.space(self.group_of(ino), bytes);
                self.put(at * self.g.fsize, piece);
                inode.map.ext[n] = at;
                inode.map.sectors += bytes / 512;
            }
        }
        self.put(self.g.inode_at(ino), &inode.encode(&self.g));
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).expect("the image to be written");
    }

    /// Writes a file's data, and its map.
    fn data(&mut self, ino: u32, content: &Content) -> Map {
        let group = self.group_of(ino);
        let placed: Vec<_> = content.blocks().map(|lbn| self.place(group, content.size, lbn)).collect();
        self.map(group, content, &placed)
    }

    /// Gives block `lbn` of a file of `size` bytes its place: the block and its fragment address.
    fn place(&mut self, group: usize, size: u64, lbn: u64) -> (u64, u64) {
        (lbn, self.groups.space(group, self.g.block_size(size, lbn, NDADDR)))
    }

    /// Writes the data of a file whose blocks have their places, and its map.
    fn map(&mut self, group: usize, content: &Content, placed: &[(u64, u64)]) -> Map {
        let mut map = Map::default();
        let mut rest = placed;
        for part in &content.parts {
            let (mine, after) = rest.split_at(part.blocks as usize);
            self.put_part(part, content.size, mine);
            rest = after;
        }
        map.sectors = placed.iter().map(|p| self.g.block_size(content.size, p.0, NDADDR) / 512).sum();
        let direct = placed.partition_point(|p| p.0 < NDADDR);
        placed[..direct].iter().for_each(|p| map.pointers[p.0 as usize] = p.1);
        let (mut rest, mut first) = (&placed[direct..], NDADDR);
        for level in 1..=3 {
            let span = self.g.nindir().pow(level);
            let (mine, after) = rest.split_at(rest.partition_point(|p| p.0 - first < span));
            map.pointers[11 + level as usize] = self.indirect(group, level, first, mine, &mut map.sectors);
            (rest, first) = (after, first + span);
        }
        assert!(rest.is_empty(), "a file of {} bytes is too large", content.size);
        map
    }

    /// Writes the blocks of a part, neighbours at once. Zeros are not written.
    fn put_part(&self, part: &Part, size: u64, placed: &[(u64, u64)]) {
        if matches!(part.fill, Fill::Zeros) {
            return;
        }
        let (bsize, frag) = (self.g.bsize, self.g.frag());
        let most = (PIECE / bsize) as usize;
        let mut rest = placed;
        while let Some(&(lbn, at)) = rest.first() {
            let near = rest.iter().zip(0..).take_while(|(p, n)| p.1 == at + n * frag);
            let count = near.take(most).count();
            let last = self.g.block_size(size, lbn + count as u64 - 1, NDADDR);
            let mut buf = vec![0; ((count as u64 - 1) * bsize + last) as usize];
            part.fill(lbn, bsize, size, &mut buf);
            self.put(at * self.g.fsize, &buf);
            rest = &rest[count..];
        }
    }

    /// Writes the indirect block of `level` for the blocks from `first` on; 0 if there are none.
    fn indirect(
        &mut self,
        group: usize,
        level: u32,
        first: u64,
        mut placed: &[(u64, u64)],
        sectors: &mut u64,
    ) -> u64 {
        if placed.is_empty() {
            return 0;
        }
        let width = self.g.pointer();
        let mut block = Bytes::new(self.g.bsize as usize, self.g.big_endian);
        let span = self.g.nindir().pow(level - 1);
        while let Some(&(lbn, address)) = placed.first() {
            let n = (lbn - first) / span;
            let end = first + (n + 1) * span;
            let (mine, after) = placed.split_at(placed.partition_point(|p| p.0 < end));
            let pointer = match level {
                1 => address,
                _ => self.indirect(group, level - 1, first + n * span, mine, sectors),
            };
            block.put(n as usize * width, width, pointer);
            placed = after;
        }
        let at = self.groups.space(group, self.g.bsize);
        self.put(at * self.g.fsize, &block.buf);
        *sectors += self.g.bsize / 512;
        at
    }

    /// Writes a directory, which gets no more names, between the files that were written before and those that come.
    pub fn finish_dir(&mut self, ino: u32) {
        let dir = self.dirs.remove(&ino).expect("a directory");
        let content = Content::bytes(dir.names.finish(), self.g.bsize);
        let map = self.data(ino, &content);
        let (mode, nlink) = (0o040_000 | dir.attrs.perm, 2 + dir.subdirs);
        self.put_inode(ino, Inode { mode, nlink, size: content.size, attrs: &dir.attrs, map, text: &[] });
    }

    /// Writes the directories, the groups and the superblock.
    pub fn finish(mut self) {
        let mut dirs: Vec<_> = self.dirs.keys().copied().collect();
        dirs.sort_unstable();
        dirs.into_iter().for_each(|ino| self.finish_dir(ino));
        for (&ino, &nlink) in &self.links {
            let mut b = Bytes::new(2, self.g.big_endian);
            b.put(0, 2, nlink.into());
            self.put(self.g.inode_at(ino) + 2, &b.buf);
        }
        self.put_groups();
    }

    fn put_groups(&self) {
        let (g, mut total) = (&self.g, [0; 4]);
        let mut sums = Bytes::new(g.cssize() as usize, g.big_endian);
        for c in 0..self.groups.list.len() {
            let base = c as u64 * g.fpg;
            self.put((base + g.cblkno()) * g.fsize, &self.groups.encode(c));
            for (n, sum) in self.groups.summary(c).into_iter().enumerate() {
                sums.put(c * 16 + n * 4, 4, sum);
                total[n] += sum;
            }
        }
        self.put(g.dblkno() * g.fsize, &sums.buf);
        let superblock = superblock::encode(g, total);
        self.put(g.sblockloc(), &superblock);
        for c in 1..g.ncg {
            self.put((c * g.fpg + g.sblkno()) * g.fsize, &superblock);
        }
    }
}
