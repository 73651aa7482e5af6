// SPDX-License-Identifier: BSD-2-Clause
//! The measures of a file system to be written, and where its parts stand (ufs/ffs/fs.h, newfs(8)).

/// Bytes kept for a superblock (`SBLOCKSIZE`).
const SBLOCKSIZE: u64 = 8192;
/// Direct block pointers of an inode (`UFS_NDADDR`).
pub const NDADDR: u64 = 12;

/// Measures of a file system.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// 1 or 2.
    pub version: u8,
    /// Bytes of a block.
    pub bsize: u64,
    /// Bytes of a fragment.
    pub fsize: u64,
    /// Fragments of a cylinder group; a multiple of the fragments of a block.
    pub fpg: u64,
    /// Inodes of a cylinder group; a multiple of the inodes of a block.
    pub ipg: u64,
    /// Cylinder groups.
    pub ncg: u64,
    /// The byte order of its numbers.
    pub big_endian: bool,
    /// Whether soft updates are on.
    pub soft_updates: bool,
}

impl Geometry {
    /// A little-endian file system of `ncg` groups, each with about `ipg` inodes and `group_bytes` bytes.
    pub fn new(version: u8, (bsize, fsize): (u64, u64), ncg: u64, ipg: u64, group_bytes: u64) -> Self {
        let mut g =
            Geometry { version, bsize, fsize, fpg: 0, ipg: 0, ncg, big_endian: false, soft_updates: false };
        g.ipg = ipg.next_multiple_of(g.inopb());
        let least = g.dblkno() + 4 * g.frag();
        g.fpg = (group_bytes / fsize).max(least).next_multiple_of(g.frag());
        assert!(g.cgsize() <= bsize, "a group of {} fragments needs larger blocks", g.fpg);
        g
    }

    /// The largest groups that a block's bitmap can describe; so for large sparse images.
    pub fn large(version: u8, (bsize, fsize): (u64, u64), bytes: u64, ipg: u64) -> Self {
        let fpg = (bsize - 512 - ipg.div_ceil(8) - 1024) * 8 / 8 * 8;
        let group = fpg / (bsize / fsize) * bsize;
        Geometry::new(version, (bsize, fsize), bytes.div_ceil(group).max(1), ipg, group)
    }

    /// Fragments of a block.
    pub fn frag(&self) -> u64 {
        self.bsize / self.fsize
    }

    /// Bytes of an inode.
    pub fn isize(&self) -> u64 {
        if self.version == 1 { 128 } else { 256 }
    }

    /// Inodes of a block.
    pub fn inopb(&self) -> u64 {
        self.bsize / self.isize()
    }

    /// Bytes of a block pointer.
    pub fn pointer(&self) -> usize {
        if self.version == 1 { 4 } else { 8 }
    }

    /// Block pointers of an indirect block.
    pub fn nindir(&self) -> u64 {
        self.bsize / self.pointer() as u64
    }

    /// Links shorter than this have their text in the inode (`fs_maxsymlinklen`).
    pub fn max_short_link(&self) -> u64 {
        15 * self.pointer() as u64
    }

    /// Where the superblock stands, in bytes.
    pub fn sblockloc(&self) -> u64 {
        if self.version == 1 { 8192 } else { 65536 }
    }

    /// A group's copy of the superblock, in fragments from the group.
    pub fn sblkno(&self) -> u64 {
        (self.sblockloc() + SBLOCKSIZE).div_ceil(self.fsize).next_multiple_of(self.frag())
    }

    /// Its cylinder group block.
    pub fn cblkno(&self) -> u64 {
        self.sblkno() + SBLOCKSIZE.div_ceil(self.fsize).next_multiple_of(self.frag())
    }

    /// Its inodes.
    pub fn iblkno(&self) -> u64 {
        self.cblkno() + self.frag()
    }

    /// Its data.
    pub fn dblkno(&self) -> u64 {
        self.iblkno() + self.ipg * self.isize() / self.fsize
    }

    /// Bytes of the summary of all groups (16 bytes each), in whole fragments.
    pub fn cssize(&self) -> u64 {
        (self.ncg * 16).next_multiple_of(self.fsize)
    }

    /// Where the map of used inodes begins in a cylinder group block.
    pub fn iusedoff(&self) -> u64 {
        if self.version == 1 { 176 } else { 168 }
    }

    /// Bytes of a cylinder group block that are in use, in whole fragments.
    pub fn cgsize(&self) -> u64 {
        let maps = self.ipg.div_ceil(8) + self.fpg.div_ceil(8);
        (self.iusedoff() + maps).next_multiple_of(self.fsize)
    }

    /// Where an inode stands on the disk, in bytes.
    pub fn inode_at(&self, ino: u32) -> u64 {
        let (group, index) = (u64::from(ino) / self.ipg, u64::from(ino) % self.ipg);
        (group * self.fpg + self.iblkno()) * self.fsize + index * self.isize()
    }

    /// Bytes that block `lbn` of something of `size` bytes has on disk: whole fragments.
    pub fn block_size(&self, size: u64, lbn: u64, direct: u64) -> u64 {
        if lbn >= direct || size >= (lbn + 1) * self.bsize {
            self.bsize
        } else {
            (size - lbn * self.bsize).next_multiple_of(self.fsize)
        }
    }
}
