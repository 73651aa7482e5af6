// SPDX-License-Identifier: BSD-2-Clause
//! Inodes (`struct ufs1_dinode`, `struct ufs2_dinode`): a light view for scanning, and a complete one.

use super::crc32c;
use super::error::Error;
use super::fields::{ByteOrder, Fields};
use super::superblock::{Superblock, Version};
use super::units::DEV_BSIZE;
use super::{NDADDR, NIADDR, NXADDR};
use crate::{FileSize, Ino};

/// Offset of `di_ckhash` in a UFS2 inode.
const CKHASH: usize = 244;

/// What a file is: `di_mode & IFMT` (ufs/ufs/dinode.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A free inode: no type at all.
    Free,
    /// A named pipe (`IFIFO`).
    Fifo,
    /// A character device (`IFCHR`).
    Char,
    /// A directory (`IFDIR`).
    Dir,
    /// A block device (`IFBLK`).
    Block,
    /// A regular file (`IFREG`).
    Regular,
    /// A symbolic link (`IFLNK`).
    Link,
    /// A local socket (`IFSOCK`).
    Socket,
    /// A whiteout (`IFWHT`), which should not be in an inode.
    Whiteout,
    /// A type that is not defined: the masked bits.
    Undefined(u16),
}

impl FileType {
    /// The type that `mode` gives.
    #[inline]
    pub fn of(mode: u16) -> FileType {
        match mode & 0o170_000 {
            0 => FileType::Free,
            0o010_000 => FileType::Fifo,
            0o020_000 => FileType::Char,
            0o040_000 => FileType::Dir,
            0o060_000 => FileType::Block,
            0o100_000 => FileType::Regular,
            0o120_000 => FileType::Link,
            0o140_000 => FileType::Socket,
            0o160_000 => FileType::Whiteout,
            other => FileType::Undefined(other),
        }
    }
}

/// An inode, the same for UFS1 and UFS2. Only its fields' widths are sure, not their sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dinode {
    /// Its number.
    pub ino: Ino,
    /// Type and permissions (`di_mode`).
    pub mode: u16,
    /// `di_nlink`, not checked: [`Dinode::links`].
    nlink: i16,
    /// `di_size`, not checked: [`Dinode::size`].
    raw_size: u64,
    /// `di_blocks`, not checked: [`Dinode::disk_bytes`].
    blocks: u64,
    /// Owner (`di_uid`).
    pub uid: u32,
    /// Group (`di_gid`).
    pub gid: u32,
    /// Last access, seconds since 1970 (`di_atime`).
    pub atime: i64,
    /// Its nanoseconds, as stored.
    pub atimensec: i32,
    /// Last change of the data, seconds since 1970 (`di_mtime`).
    pub mtime: i64,
    /// Its nanoseconds, as stored.
    pub mtimensec: i32,
    /// Last change of the inode, seconds since 1970 (`di_ctime`).
    pub ctime: i64,
    /// Its nanoseconds, as stored.
    pub ctimensec: i32,
    /// Creation, seconds since 1970 (`di_birthtime`); 0 on UFS1.
    pub birthtime: i64,
    /// Its nanoseconds, as stored; 0 on UFS1.
    pub birthnsec: i32,
    /// File flags (`di_flags`, chflags(2)).
    pub flags: u32,
    /// Generation (`di_gen`).
    pub generation: u32,
    /// Device number (`di_rdev`): the low 32 bits of `db[0]`; of no meaning for other files.
    pub rdev: u32,
    /// Bytes of extended attributes (`di_extsize`), not checked; 0 on UFS1.
    pub(super) extsize: u32,
    /// Addresses of extended attributes (`di_extb`, fragments), not checked; 0 on UFS1.
    pub(super) extb: [u64; NXADDR],
    /// Direct addresses (`di_db`, fragments), not checked; 0 is a hole.
    pub(super) db: [u64; NDADDR],
    /// Addresses of the indirect blocks (`di_ib`, fragments), not checked; 0 is a hole.
    pub(super) ib: [u64; NIADDR],
    /// The bytes of `di_db` and `di_ib` as stored, where a short symbolic link has its text: 60 bytes
    /// on UFS1 (zeros follow), 120 on UFS2.
    short_link: [u8; 120],
}

impl Dinode {
    /// What kind of file it is.
    pub fn file_type(&self) -> FileType {
        FileType::of(self.mode)
    }

    /// Bytes in the file (`di_size`).
    ///
    /// Errors: [`Error::Inode`] when they are more than a file can have.
    pub fn size(&self, superblock: &Superblock) -> Result<FileSize, Error> {
        let (ino, value) = (self.ino, self.raw_size);
        superblock.file_size(value).ok_or_else(|| {
            let wanted = format!("at most {}", superblock.maxfilesize);
            Error::Inode { ino, field: "di_size", value, wanted }
        })
    }

    /// Bytes of the disk that it has by its count of them (`di_blocks`), which may be wrong.
    pub fn disk_bytes(&self) -> u64 {
        self.blocks.saturating_mul(DEV_BSIZE)
    }

    /// Links to it by its count of them (`di_nlink`), which may be wrong; none if that is negative.
    pub fn links(&self) -> u64 {
        u64::try_from(self.nlink).unwrap_or(0)
    }

    /// `di_size` as it is on the disk: any number, to be shown and not to be counted with.
    pub fn raw_size(&self) -> u64 {
        self.raw_size
    }

    /// The text of a symbolic link that is short enough to be in the inode; else `None`.
    pub fn link_text(&self, superblock: &Superblock) -> Option<&[u8]> {
        // SunOS and Solaris say nothing of a length: a link without blocks has its text in the inode.
        let size = superblock.file_size(self.raw_size)?.bytes();
        let without_blocks = superblock.old_inodes && self.blocks == 0 && size < 60;
        let short = size > 0 && (size < superblock.maxsymlinklen.into() || without_blocks);
        let is_link = self.file_type() == FileType::Link;
        let text = self.short_link.get(..usize::try_from(size).ok()?);
        text.filter(|_| short && is_link)
    }
}

#[derive(Clone, Copy)]
enum Raw<'a> {
    Ufs1(Fields<'a, 128>),
    Ufs2(Fields<'a, 256>),
}

/// An inode as it is on disk: fields are decoded on demand.
#[derive(Clone, Copy)]
pub struct RawDinode<'a> {
    /// Its number.
    pub ino: Ino,
    raw: Raw<'a>,
    old_inodes: bool,
}

/// Reads a field that both versions have, of the same type, at two offsets.
macro_rules! field {
    ($(#[$doc:meta])* $vis:vis $name:ident: $type:ty = $kind1:ident $ufs1:literal, $kind2:ident $ufs2:literal) => {
        $(#[$doc])*
        #[inline(always)]
        $vis fn $name(&self) -> $type {
            match &self.raw {
                Raw::Ufs1(fields) => <$type>::from(fields.$kind1::<$ufs1>()),
                Raw::Ufs2(fields) => <$type>::from(fields.$kind2::<$ufs2>()),
            }
        }
    };
}

impl<'a> RawDinode<'a> {
    /// The inode in the first bytes of `bytes`; `None` when they are too few.
    pub(super) fn new(superblock: &Superblock, ino: Ino, bytes: &'a [u8]) -> Option<Self> {
        Self::decode(superblock.version, superblock.order, superblock.old_inodes, ino, bytes)
    }

    #[inline(always)]
    fn decode(
        version: Version,
        order: ByteOrder,
        old_inodes: bool,
        ino: Ino,
        bytes: &'a [u8],
    ) -> Option<Self> {
        let raw = match version {
            Version::Ufs1 => Raw::Ufs1(Fields::new(bytes, order)?),
            Version::Ufs2 => Raw::Ufs2(Fields::new(bytes, order)?),
        };
        Some(RawDinode { ino, raw, old_inodes })
    }

    field!(
        /// Type and permissions (`di_mode`).
        pub mode: u16 = u16 0, u16 0
    );
    field!(
        /// `di_size`, not checked.
        raw_size: u64 = u64 8, u64 16
    );
    field!(
        /// `di_blocks`, not checked.
        blocks: u64 = u32 104, u64 24
    );
    field!(
        /// Last change of the data, seconds since 1970 (`di_mtime`).
        pub mtime: i64 = u32 24, i64 40
    );
    field!(
        /// Last change of the inode, seconds since 1970 (`di_ctime`).
        pub ctime: i64 = u32 32, i64 48
    );
    field!(
        /// Address of the first indirect block (`di_ib[0]`), not checked; 0 for none. In a short symbolic link it is text.
        pub(super) first_indirect: u64 = u32 88, u64 208
    );
    /// Bytes in the file; `None`: more than a file can have.
    #[inline(always)]
    pub fn size(&self, superblock: &Superblock) -> Option<FileSize> {
        superblock.file_size(self.raw_size())
    }

    /// Bytes of the disk that it has by its count of them, which may be wrong.
    #[inline(always)]
    pub fn disk_bytes(&self) -> u64 {
        self.blocks().saturating_mul(DEV_BSIZE)
    }

    /// File flags (`di_flags`, chflags(2)): none before 4.4BSD, where that field had other uses.
    #[inline(always)]
    pub fn flags(&self) -> u32 {
        match &self.raw {
            Raw::Ufs1(_) if self.old_inodes => 0,
            Raw::Ufs1(fields) => fields.u32::<100>(),
            Raw::Ufs2(fields) => fields.u32::<88>(),
        }
    }

    /// What kind of file it is.
    #[inline]
    pub fn file_type(&self) -> FileType {
        FileType::of(self.mode())
    }

    /// The check hash of a UFS2 inode (`di_ckhash`), as stored and as computed, where they differ. To be asked only where
    /// [`Superblock::inode_hashes`] says that it is kept; a free inode has none (`ffs_verify_dinode_ckhash`).
    pub fn wrong_hash(&self) -> Option<(u32, u32)> {
        let Raw::Ufs2(fields) = &self.raw else { return None };
        let (stored, computed) = (fields.u32::<CKHASH>(), crc32c::check_hash(fields.bytes, CKHASH));
        (self.mode() != 0 && stored != computed).then_some((stored, computed))
    }

    /// The whole inode.
    pub fn to_dinode(&self) -> Dinode {
        match &self.raw {
            Raw::Ufs1(fields) => ufs1(self.ino, fields, self.old_inodes),
            Raw::Ufs2(fields) => ufs2(self.ino, fields),
        }
    }
}

/// Decodes `struct ufs1_dinode`. Its times are unsigned, as in FreeBSD 15: they end in 2106.
fn ufs1(ino: Ino, fields: &Fields<'_, 128>, old_inodes: bool) -> Dinode {
    let db = fields.addresses32::<40, 48, NDADDR>();
    let mut short_link = [0; 120];
    for (to, from) in short_link.iter_mut().zip(fields.raw::<40, 60>()) {
        *to = from;
    }
    // Before 4.4BSD the owners had 16 bits, where di_freelink is now.
    let (uid, gid) = match old_inodes {
        true => (
            old_owner(fields.u16::<4>(), fields.u32::<116>()),
            old_owner(fields.u16::<6>(), fields.u32::<120>()),
        ),
        false => (fields.u32::<112>(), fields.u32::<116>()),
    };
    let nanoseconds = |field: i32| if old_inodes { of_microseconds(field) } else { field };
    Dinode {
        ino,
        mode: fields.u16::<0>(),
        nlink: fields.i16::<2>(),
        raw_size: fields.u64::<8>(),
        blocks: fields.u32::<104>().into(),
        uid,
        gid,
        atime: fields.u32::<16>().into(),
        atimensec: nanoseconds(fields.i32::<20>()),
        mtime: fields.u32::<24>().into(),
        mtimensec: nanoseconds(fields.i32::<28>()),
        ctime: fields.u32::<32>().into(),
        ctimensec: nanoseconds(fields.i32::<36>()),
        birthtime: 0,
        birthnsec: 0,
        flags: if old_inodes { 0 } else { fields.u32::<100>() },
        generation: fields.u32::<108>(),
        rdev: low_half(db),
        extsize: 0,
        extb: [0; NXADDR],
        db,
        ib: fields.addresses32::<88, 12, NIADDR>(),
        short_link,
    }
}

/// An owner of an inode with 16-bit owners. Solaris puts larger ones into another field, and `UID_LONG` or `GID_LONG` here.
fn old_owner(short: u16, long: u32) -> u32 {
    if short == u16::MAX && long > short.into() { long } else { short.into() }
}

/// Nanoseconds of a time of an inode with 16-bit owners: SunOS has microseconds there, 4.3BSD nothing.
fn of_microseconds(field: i32) -> i32 {
    if (0..1_000_000).contains(&field) { field.saturating_mul(1000) } else { 0 }
}

/// Decodes `struct ufs2_dinode`.
fn ufs2(ino: Ino, fields: &Fields<'_, 256>) -> Dinode {
    let db = fields.addresses64::<112, 96, NDADDR>();
    Dinode {
        ino,
        mode: fields.u16::<0>(),
        nlink: fields.i16::<2>(),
        raw_size: fields.u64::<16>(),
        blocks: fields.u64::<24>(),
        uid: fields.u32::<4>(),
        gid: fields.u32::<8>(),
        atime: fields.i64::<32>(),
        atimensec: fields.i32::<68>(),
        mtime: fields.i64::<40>(),
        mtimensec: fields.i32::<64>(),
        ctime: fields.i64::<48>(),
        ctimensec: fields.i32::<72>(),
        birthtime: fields.i64::<56>(),
        birthnsec: fields.i32::<76>(),
        flags: fields.u32::<88>(),
        generation: fields.u32::<80>(),
        rdev: low_half(db),
        extsize: fields.u32::<92>(),
        extb: fields.addresses64::<96, 16, NXADDR>(),
        db,
        ib: fields.addresses64::<208, 24, NIADDR>(),
        short_link: fields.raw::<112, 120>(),
    }
}

fn low_half(db: [u64; NDADDR]) -> u32 {
    let [first, ..] = db;
    u32::try_from(first & u64::from(u32::MAX)).unwrap_or(0)
}

/// A stretch of a group's inodes, read in one go.
pub struct InodeTable<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) first: Ino,
    pub(super) version: Version,
    pub(super) order: ByteOrder,
    pub(super) old_inodes: bool,
}

/// What looks at each inode of a table.
pub trait Look<'b> {
    /// Looks at one. To be `#[inline(always)]`, so that there is one of it for each format, in which the others do not count.
    fn look(&mut self, inode: RawDinode<'b>);
}

impl<'b> InodeTable<'b> {
    /// Shows each inode in order, free ones included. This is the loop that looks at millions of inodes.
    pub fn show(&self, to: &mut impl Look<'b>) {
        match (self.version, self.order) {
            (Version::Ufs1, ByteOrder::Little) => self.each(Version::Ufs1, ByteOrder::Little, to),
            (Version::Ufs1, ByteOrder::Big) => self.each(Version::Ufs1, ByteOrder::Big, to),
            (Version::Ufs2, ByteOrder::Little) => self.each(Version::Ufs2, ByteOrder::Little, to),
            (Version::Ufs2, ByteOrder::Big) => self.each(Version::Ufs2, ByteOrder::Big, to),
        }
    }

    #[inline(always)]
    fn each(&self, version: Version, order: ByteOrder, to: &mut impl Look<'b>) {
        let size = match version {
            Version::Ufs1 => 128,
            Version::Ufs2 => 256,
        };
        let mut ino = self.first.0;
        for bytes in self.bytes.chunks_exact(size) {
            if let Some(inode) = RawDinode::decode(version, order, self.old_inodes, Ino(ino), bytes) {
                to.look(inode);
            }
            ino = ino.wrapping_add(1);
        }
    }

    /// All of them.
    #[cfg(test)]
    pub fn list(&self) -> Vec<RawDinode<'b>> {
        struct List<'b>(Vec<RawDinode<'b>>);
        impl<'b> Look<'b> for List<'b> {
            fn look(&mut self, inode: RawDinode<'b>) {
                self.0.push(inode);
            }
        }
        let mut list = List(Vec::new());
        self.show(&mut list);
        list.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, Sample};
    use super::*;

    /// Writes fields of inode 3: (offset on UFS1, width, offset on UFS2, width, value).
    fn put(sample: &mut Sample, fields: &[(usize, usize, usize, usize, i64)]) {
        for &(at1, width1, at2, width2, value) in fields {
            let (at, width) = match sample.version {
                Version::Ufs1 => (at1, width1),
                Version::Ufs2 => (at2, width2),
            };
            if width > 0 {
                let place = sample.inode_at(3) + at;
                sample.put(place, width, value.cast_unsigned());
            }
        }
    }

    const FIELDS: [(usize, usize, usize, usize, i64); 19] = [
        (0, 2, 0, 2, 0o060_640),
        (2, 2, 2, 2, -2),
        (8, 8, 16, 8, 1 << 40),
        (104, 4, 24, 8, 0xfedc_ba98),
        (112, 4, 4, 4, 70_000),
        (116, 4, 8, 4, 0xffff_fffe),
        (16, 4, 32, 8, -5),
        (20, 4, 68, 4, 51),
        (24, 4, 40, 8, -6),
        (28, 4, 64, 4, 61),
        (32, 4, 48, 8, -7),
        (36, 4, 72, 4, 71),
        (0, 0, 56, 8, -8),
        (0, 0, 76, 4, 81),
        (100, 4, 88, 4, 0x8000_0001),
        (108, 4, 80, 4, 99),
        (0, 0, 92, 4, 5000),
        (40, 4, 112, 8, 0x8123_4567),
        (96, 4, 224, 8, 13),
    ];

    #[test]
    fn all_fields_are_decoded() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            put(&mut sample, &FIELDS);
            let inode = sample.open().inode(Ino(3)).unwrap();
            let new = version == Version::Ufs2;
            assert_eq!((inode.ino, inode.mode, inode.nlink), (Ino(3), 0o060_640, -2));
            assert_eq!(inode.file_type(), FileType::Block);
            assert_eq!((inode.raw_size, inode.blocks), (1 << 40, 0xfedc_ba98));
            assert_eq!((inode.uid, inode.gid), (70_000, 0xffff_fffe));
            let times = if new { (-5, -6, -7) } else { (0xffff_fffb, 0xffff_fffa, 0xffff_fff9) };
            assert_eq!((inode.atime, inode.mtime, inode.ctime), times);
            let (fs, mut buf) = (sample.open(), crate::Buffer::default());
            let scanned = fs.inode_table(0, 3, 1, &mut buf).unwrap().list();
            assert_eq!((scanned[0].mtime(), scanned[0].ctime()), (times.1, times.2));
            assert_eq!((inode.atimensec, inode.mtimensec, inode.ctimensec), (51, 61, 71));
            assert_eq!((inode.birthtime, inode.birthnsec), if new { (-8, 81) } else { (0, 0) });
            assert_eq!((inode.flags, inode.generation, inode.rdev), (0x8000_0001, 99, 0x8123_4567));
            assert_eq!(inode.extsize, if new { 5000 } else { 0 });
            assert_eq!((inode.db[0], inode.db[1], inode.ib), (0x8123_4567, 0, [0, 0, 13]));
        }
    }

    #[test]
    fn a_size_that_no_file_can_have_is_refused() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        sample.sb(1328, 8, 10_000); // fs_maxfilesize
        let size = |sample: &Sample| {
            let fs = sample.open();
            let inode = fs.inode(Ino(3)).unwrap();
            inode.size(fs.superblock()).map(FileSize::bytes).map_err(|error| error.to_string())
        };
        sample.file(3, 10_000, &[], [0; 3]);
        assert_eq!(size(&sample), Ok(10_000));
        sample.file(3, 10_001, &[], [0; 3]);
        assert_eq!(size(&sample), Err("inode 3: di_size is 10001, should be at most 10000".to_owned()));
    }

    #[test]
    fn types_by_mode() {
        assert_eq!(FileType::of(0o7777), FileType::Free);
        assert_eq!(FileType::of(0o100_644), FileType::Regular);
        assert_eq!(FileType::of(0o160_000), FileType::Whiteout);
        assert_eq!(FileType::of(0o150_600), FileType::Undefined(0o150_000));
    }

    #[test]
    fn short_links_are_in_the_inode() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            let (base, area, most) = match version {
                Version::Ufs1 => (sample.inode_at(3), 40, 60),
                Version::Ufs2 => (sample.inode_at(3), 112, 120),
            };
            sample.bytes[base + area..base + area + most].fill(b'l');
            let text = |sample: &Sample| {
                let fs = sample.open();
                let inode = fs.inode(Ino(3)).unwrap();
                inode.link_text(fs.superblock()).map(<[u8]>::to_vec)
            };
            for (mode, size, expected) in [
                (0o120_777, 0, None),
                (0o120_777, 1, Some(1)),
                (0o120_777, most - 1, Some(most - 1)),
                (0o120_777, most, None),
                (0o120_777, usize::MAX, None),
                (0o100_644, 1, None),
            ] {
                put(&mut sample, &[(0, 2, 0, 2, mode), (8, 8, 16, 8, size as i64)]);
                assert_eq!(text(&sample), expected.map(|length| vec![b'l'; length]), "{size}");
            }
        }
    }

    #[test]
    fn owners_before_44bsd_have_16_bits() {
        let mut sample = Sample::new(Version::Ufs1, ByteOrder::Big);
        sample.sb(1324, 4, 0); // fs_old_inodefmt
        put(&mut sample, &[(4, 2, 0, 0, 501), (6, 2, 0, 0, 20), (112, 4, 0, 0, 7)]);
        let inode = sample.open().inode(Ino(3)).unwrap();
        assert_eq!((inode.uid, inode.gid), (501, 20));
    }

    #[test]
    fn a_wrong_check_hash_is_found() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut sample = Sample::new(Version::Ufs2, order);
            let wrong = |sample: &Sample| {
                let (fs, mut buf) = (sample.open(), crate::Buffer::default());
                fs.inode_table(0, 3, 1, &mut buf).unwrap().list()[0].wrong_hash()
            };
            assert_eq!(wrong(&sample), None, "a free inode has none");
            sample.file(3, 100, &[100], [0; 3]);
            let base = sample.inode_at(3);
            let hash = crc32c::check_hash(&sample.bytes[base..base + 256], CKHASH);
            assert_eq!(wrong(&sample), Some((0, hash)));
            sample.put(base + CKHASH, 4, hash.into());
            assert_eq!(wrong(&sample), None);
            sample.put(base + 255, 1, 1); // di_spare
            assert!(matches!(wrong(&sample), Some((stored, _)) if stored == hash));
        }
    }
}
