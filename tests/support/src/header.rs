// SPDX-License-Identifier: BSD-2-Clause
//! One header of a dump stream (`union u_spcl`, protocols/dumprestore.h), read on its own terms: no code of capdump's.

/// Bytes of a tape block (`TP_BSIZE`).
pub const BLOCK: usize = 1024;
/// Where `c_addr` begins in a header.
pub const C_ADDR: usize = 164;
/// Entries of `c_addr` (`TP_NINDIR`).
pub const ADDRS: usize = 512;
/// Every header's `c_magic` (`FS_UFS2_MAGIC`), for UFS1 file systems too.
pub const MAGIC: u32 = 0x1954_0119;
/// What the 256 words of a header sum up to (`CHECKSUM`).
pub const CHECKSUM: u32 = 84446;

/// What a header announces (`c_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `TS_TAPE`: the volume header.
    Tape,
    /// `TS_INODE`: a file's first header.
    Inode,
    /// `TS_BITS`: the map of inodes on this dump.
    Bits,
    /// `TS_ADDR`: a file goes on.
    Addr,
    /// `TS_END`: the end of the dump.
    End,
    /// `TS_CLRI`: the map of inodes in use.
    Clri,
}

/// Names, offsets and lengths in bytes of all fields but `c_addr`, which is taken apart by `c_count`.
pub const FIELDS: [(&str, usize, usize); 41] = [
    ("c_type", 0, 4),
    ("c_old_date", 4, 4),
    ("c_old_ddate", 8, 4),
    ("c_volume", 12, 4),
    ("c_old_tapea", 16, 4),
    ("c_inumber", 20, 4),
    ("c_magic", 24, 4),
    ("c_checksum", 28, 4),
    ("c_mode", 32, 2),
    ("c_spare1", 34, 6),
    ("c_size", 40, 8),
    ("c_old_atime", 48, 4),
    ("c_atimensec", 52, 4),
    ("c_old_mtime", 56, 4),
    ("c_mtimensec", 60, 4),
    ("c_spare2", 64, 8),
    ("c_rdev", 72, 4),
    ("c_birthtimensec", 76, 4),
    ("c_birthtime", 80, 8),
    ("c_atime", 88, 8),
    ("c_mtime", 96, 8),
    ("c_extsize", 104, 4),
    ("c_spare4", 108, 24),
    ("c_file_flags", 132, 4),
    ("c_spare5", 136, 8),
    ("c_uid", 144, 4),
    ("c_gid", 148, 4),
    ("c_spare6", 152, 8),
    ("c_count", 160, 4),
    ("c_label", 676, 16),
    ("c_level", 692, 4),
    ("c_filesys", 696, 64),
    ("c_dev", 760, 64),
    ("c_host", 824, 64),
    ("c_flags", 888, 4),
    ("c_old_firstrec", 892, 4),
    ("c_date", 896, 8),
    ("c_ddate", 904, 8),
    ("c_tapea", 912, 8),
    ("c_firstrec", 920, 8),
    ("c_spare", 928, 96),
];

/// Fields that describe an inode; elsewhere they are to be zero.
pub const INODE_FIELDS: [&str; 13] = [
    "c_mode",
    "c_size",
    "c_atimensec",
    "c_mtimensec",
    "c_rdev",
    "c_birthtimensec",
    "c_birthtime",
    "c_atime",
    "c_mtime",
    "c_extsize",
    "c_file_flags",
    "c_uid",
    "c_gid",
];

/// Fields that are zero in every header.
pub const ZERO_FIELDS: [&str; 12] = [
    "c_old_date",
    "c_old_ddate",
    "c_old_tapea",
    "c_spare1",
    "c_old_atime",
    "c_old_mtime",
    "c_spare2",
    "c_spare4",
    "c_spare5",
    "c_spare6",
    "c_old_firstrec",
    "c_spare",
];

/// Offset and length of a field.
///
/// Panics if there is no field of that name.
pub fn field(name: &str) -> (usize, usize) {
    let found = FIELDS.iter().find(|f| f.0 == name).expect("a field of the header");
    (found.1, found.2)
}

/// The sum of a block's 256 little-endian words, wrapping.
pub fn sum(block: &[u8]) -> u32 {
    block.chunks_exact(4).fold(0, |s, w| s.wrapping_add(u32::from_le_bytes([w[0], w[1], w[2], w[3]])))
}

/// Changes a header by `change` and gives it the checksum that fits.
pub fn change(block: &mut [u8], change: impl FnOnce(&mut [u8])) {
    change(block);
    let (at, length) = field("c_checksum");
    block[at..at + length].fill(0);
    let fits = CHECKSUM.wrapping_sub(sum(block));
    block[at..at + length].copy_from_slice(&fits.to_le_bytes());
}

/// A block that has a header's magic, checksum and a known type.
#[derive(Clone, Copy)]
pub struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    /// The header that `block` is, if it is one.
    pub fn parse(block: &'a [u8]) -> Option<Header<'a>> {
        let header = Header(block);
        let fits = block.len() == BLOCK
            && header.u32("c_magic") == MAGIC
            && sum(block) == CHECKSUM
            && (1..=6).contains(&header.u32("c_type"));
        fits.then_some(header)
    }

    /// The header's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The bytes of one field.
    pub fn raw(&self, name: &str) -> &'a [u8] {
        let (offset, length) = field(name);
        &self.0[offset..offset + length]
    }

    /// A field of at most 8 bytes, as an unsigned number.
    pub fn u64(&self, name: &str) -> u64 {
        let mut bytes = [0; 8];
        let raw = self.raw(name);
        bytes[..raw.len()].copy_from_slice(raw);
        u64::from_le_bytes(bytes)
    }

    /// A field of at most 4 bytes, as an unsigned number.
    pub fn u32(&self, name: &str) -> u32 {
        u32::try_from(self.u64(name)).expect("a field of four bytes")
    }

    /// A field of 8 bytes, as a signed number.
    pub fn i64(&self, name: &str) -> i64 {
        self.u64(name).cast_signed()
    }

    /// A field of text, up to its NUL.
    pub fn text(&self, name: &str) -> String {
        let raw = self.raw(name);
        let end = raw.iter().position(|&b| b == 0).unwrap_or(raw.len());
        String::from_utf8_lossy(&raw[..end]).into_owned()
    }

    /// `c_type`.
    pub fn kind(&self) -> Kind {
        match self.u32("c_type") {
            1 => Kind::Tape,
            2 => Kind::Inode,
            3 => Kind::Bits,
            4 => Kind::Addr,
            5 => Kind::End,
            _ => Kind::Clri,
        }
    }

    /// `c_count`, as it stands.
    pub fn count(&self) -> i32 {
        self.u32("c_count").cast_signed()
    }

    /// The entries of `c_addr` in use; no more than there are.
    pub fn addrs(&self) -> &'a [u8] {
        let count = usize::try_from(self.count()).unwrap_or(0).min(ADDRS);
        &self.0[C_ADDR..C_ADDR + count]
    }

    /// How many tape blocks follow before the next header.
    ///
    /// On volume 1 `TS_TAPE` has a `c_count` of 1 that nothing follows.
    pub fn follow(&self) -> usize {
        let count = usize::try_from(self.count()).unwrap_or(0);
        match self.kind() {
            Kind::Bits | Kind::Clri => count,
            Kind::Inode | Kind::Addr => self.addrs().iter().filter(|&&a| a != 0).count(),
            Kind::Tape if self.u32("c_volume") > 1 => count,
            Kind::Tape | Kind::End => 0,
        }
    }

    /// Whether this is the header of a symbolic link short enough for its inode (120 bytes in UFS2).
    pub fn is_short_link(&self) -> bool {
        self.kind() == Kind::Inode && self.u32("c_mode") & 0o170_000 == 0o120_000 && self.u64("c_size") < 120
    }
}
