// SPDX-License-Identifier: BSD-2-Clause
//! A tiny file system in memory, for tests with invalid values.

use super::*;
use crate::Ino;

/// Two groups of 256 fragments of 1024 bytes, blocks of 4096, two blocks of inodes in each group.
pub struct Sample {
    pub bytes: Vec<u8>,
    pub version: Version,
    pub order: ByteOrder,
    pub location: usize,
}

pub const ALL: [(Version, ByteOrder); 4] = [
    (Version::Ufs1, ByteOrder::Little),
    (Version::Ufs1, ByteOrder::Big),
    (Version::Ufs2, ByteOrder::Little),
    (Version::Ufs2, ByteOrder::Big),
];

/// Fragments of the file system, and of a group.
pub const SIZE: u64 = 500;
pub const FPG: u64 = 256;
pub const IBLKNO: u64 = 84;
pub const DBLKNO: u64 = 92;

impl Sample {
    pub fn new(version: Version, order: ByteOrder) -> Sample {
        let (location, magic) = match version {
            Version::Ufs1 => (8192, 0x11954),
            Version::Ufs2 => (65536, 0x1954_0119),
        };
        let mut sample = Sample { bytes: vec![0; 512 * 1024], version, order, location };
        sample.fill_superblock(magic);
        for cg in 0..2 {
            sample.cg(cg, 4, 4, 0x90255);
            sample.cg(cg, 92, 4, 168);
            sample.cg(cg, 120, 4, sample.inopb() * 2);
        }
        sample
    }

    fn fill_superblock(&mut self, magic: u64) {
        let (nindir, inopb) = (self.nindir(), self.inopb());
        let fields: [(usize, usize, u64); 23] = [
            (8, 4, 72),                         // fs_sblkno
            (12, 4, 80),                        // fs_cblkno
            (16, 4, IBLKNO),                    // fs_iblkno
            (20, 4, DBLKNO),                    // fs_dblkno
            (28, 4, 0xffff_ffff),               // fs_old_cgmask
            (44, 4, 2),                         // fs_ncg
            (48, 4, 4096),                      // fs_bsize
            (52, 4, 1024),                      // fs_fsize
            (56, 4, 4),                         // fs_frag
            (100, 4, 1),                        // fs_fsbtodb
            (104, 4, 1376),                     // fs_sbsize
            (116, 4, nindir),                   // fs_nindir
            (120, 4, inopb),                    // fs_inopb
            (160, 4, 1000),                     // fs_cgsize
            (184, 4, inopb * 2),                // fs_ipg
            (188, 4, FPG),                      // fs_fpg
            (211, 1, 0x80),                     // fs_old_flags: FS_FLAGS_UPDATED
            (860, 4, 4096),                     // fs_maxbsize
            (1000, 8, self.location as u64),    // fs_sblockloc
            (1080, 8, SIZE),                    // fs_size
            (1324, 4, 2),                       // fs_old_inodefmt
            (1328, 8, i64::MAX.unsigned_abs()), // fs_maxfilesize
            (1372, 4, magic),                   // fs_magic
        ];
        for (at, width, value) in fields {
            self.sb(at, width, value);
        }
        self.sb(1320, 4, if self.version == Version::Ufs1 { 60 } else { 120 });
    }

    pub fn nindir(&self) -> u64 {
        if self.version == Version::Ufs1 { 1024 } else { 512 }
    }

    pub fn inopb(&self) -> u64 {
        if self.version == Version::Ufs1 { 32 } else { 16 }
    }

    /// Writes `value` in `width` bytes at byte `at` of the image.
    pub fn put(&mut self, at: usize, width: usize, value: u64) {
        let field = &mut self.bytes[at..at + width];
        match self.order {
            ByteOrder::Little => field.copy_from_slice(&value.to_le_bytes()[..width]),
            ByteOrder::Big => field.copy_from_slice(&value.to_be_bytes()[8 - width..]),
        }
    }

    /// Writes a field of the superblock.
    pub fn sb(&mut self, at: usize, width: usize, value: u64) {
        self.put(self.location + at, width, value);
    }

    /// Writes a field of a cylinder group.
    pub fn cg(&mut self, cg: usize, at: usize, width: usize, value: u64) {
        self.put((cg * FPG as usize + 80) * 1024 + at, width, value);
    }

    /// Where inode `ino` of group 0 is.
    pub fn inode_at(&self, ino: u32) -> usize {
        IBLKNO as usize * 1024 + ino as usize * 4096 / self.inopb() as usize
    }

    /// Makes a regular file of inode `ino` in group 0.
    pub fn file(&mut self, ino: u32, size: u64, db: &[u64], ib: [u64; 3]) {
        let base = self.inode_at(ino);
        let (size_at, db_at, ib_at, width) = match self.version {
            Version::Ufs1 => (8, 40, 88, 4),
            Version::Ufs2 => (16, 112, 208, 8),
        };
        self.put(base, 2, 0o100644);
        self.put(base + size_at, 8, size);
        for (n, addr) in db.iter().enumerate() {
            self.put(base + db_at + n * width, width, *addr);
        }
        for (n, addr) in ib.iter().enumerate() {
            self.put(base + ib_at + n * width, width, *addr);
        }
    }

    /// Writes one entry of the indirect block at `addr`.
    pub fn entry(&mut self, addr: u64, which: usize, value: u64) {
        let width = if self.version == Version::Ufs1 { 4 } else { 8 };
        self.put(addr as usize * 1024 + which * width, width, value);
    }

    pub fn find(&self) -> Result<(Superblock, Vec<Warning>), Error> {
        Superblock::find(&self.bytes)
    }

    pub fn open(&self) -> FileSystem<&[u8]> {
        let (fs, warnings) = FileSystem::open(self.bytes.as_slice()).unwrap();
        assert_eq!(warnings, []);
        fs
    }
}

/// All segments of inode `ino`, at most `limit` of them.
pub fn segments(fs: &FileSystem<&[u8]>, ino: u32, limit: usize) -> Vec<Segment> {
    let inode = fs.inode(Ino(ino)).unwrap();
    let mut map = BlockMap::new(&inode, inode.size(fs.superblock()).unwrap());
    std::iter::from_fn(|| map.next(fs).unwrap()).take(limit).collect()
}
