// SPDX-License-Identifier: BSD-2-Clause
//! Reads a header back, in either byte order.

use std::fmt;

use super::header::{Header, Identity, InodeFields, Place, RecordType};
use super::layout::*;
use super::{Block, CHECKSUM, LABEL_BYTES, MAGIC, NAME_BYTES, NFS_MAGIC};
use crate::{TP_NINDIR, TapeBlock};
use ufs::Ino;

/// Why a tape block is not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// `c_magic` is none that is known, in either byte order.
    Magic(u32),
    /// The words do not add up.
    Checksum(u32),
    /// `c_type` is not 1 to 6.
    Type(i32),
    /// `c_count` is negative or, where it counts entries of `c_addr`, over 512.
    Count(i32),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Magic(value) => write!(f, "c_magic is {value:#x}"),
            DecodeError::Checksum(sum) => write!(f, "the header adds up to {sum}, not {CHECKSUM}"),
            DecodeError::Type(value) => write!(f, "c_type is {value}"),
            DecodeError::Count(value) => write!(f, "c_count is {value}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Which layout of header a dump has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// [`MAGIC`]: times, dates and tape block numbers of 64 bits.
    Ufs2,
    /// [`NFS_MAGIC`]: all of them of 32 bits, the inode as UFS1 has it on disk. `old_inodes` is an inode from before 4.4BSD (no
    /// `DR_NEWINODEFMT`): owner and group of 16 bits, and directories without types.
    Ufs1 {
        /// No `DR_NEWINODEFMT`.
        old_inodes: bool,
    },
}

/// `DR_NEWINODEFMT` (protocols/dumprestore.h): inodes and directories are 4.4BSD's.
const DR_NEWINODEFMT: u32 = 0x2;
/// `DR_COMPRESSED` (Linux's protocols/dumprestore.h): records are compressed one by one.
const DR_COMPRESSED: u32 = 0x80;
/// `DR_EXTATTRIBUTES` (ditto): what follows a `TS_INODE` are attributes of the inode before.
const DR_EXTATTRIBUTES: u32 = 0x8000;

/// `FS_IMMUTABLE_FL`, `FS_APPEND_FL`, `FS_NODUMP_FL` (linux/fs.h), and `SF_IMMUTABLE`, `SF_APPEND`, `UF_NODUMP` (sys/stat.h).
const EXT_FLAGS: [(u32, u32); 3] = [(0x10, 0x0002_0000), (0x20, 0x0004_0000), (0x40, 0x0000_0001)];

/// A header, with all that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The record.
    pub header: Header,
    /// Its position.
    pub place: Place,
    /// Which dump it belongs to.
    pub identity: Identity,
    /// Whether it was written by a machine of the other byte order.
    pub swapped: bool,
    /// Its layout.
    pub dialect: Dialect,
    /// `c_flags`: always 0 in FreeBSD's dumps.
    pub flags: u32,
}

impl Decoded {
    /// The records of the dump are compressed by Linux's dump.
    pub fn is_compressed(&self) -> bool {
        self.dialect != Dialect::Ufs2 && self.flags & DR_COMPRESSED != 0
    }

    /// What follows are extended attributes as Linux's dump has them, in place of a file.
    pub fn is_attributes(&self) -> bool {
        self.dialect != Dialect::Ufs2 && self.flags & DR_EXTATTRIBUTES != 0
    }
}

/// Reads the header in `block`.
///
/// Errors: the block is no header of a UFS dump; see [`DecodeError`].
pub fn decode(block: &Block) -> Result<Decoded, DecodeError> {
    let native = u32::from_ne_bytes(bytes(block, C_MAGIC));
    let (swapped, old) = match native {
        MAGIC => (false, false),
        NFS_MAGIC => (false, true),
        other if other == MAGIC.swap_bytes() => (true, false),
        other if other == NFS_MAGIC.swap_bytes() => (true, true),
        other => return Err(DecodeError::Magic(other)),
    };
    let mut fields = Fields { block, swapped, dialect: Dialect::Ufs2 };
    let flags = fields.u32(C_FLAGS);
    if old {
        fields.dialect = Dialect::Ufs1 { old_inodes: flags & DR_NEWINODEFMT == 0 };
    }
    let sum = fields.sum();
    if sum != CHECKSUM {
        return Err(DecodeError::Checksum(sum));
    }
    let kind = record_type(fields.i32(C_TYPE))?;
    let count = fields.i32(C_COUNT);
    let limit = match kind {
        RecordType::Inode | RecordType::Addr => TP_NINDIR as i32,
        _ => i32::MAX,
    };
    // FreeBSD's dump leaves other records' counts behind in TS_END and, on volume 2 and up, can make one negative.
    let count = match kind {
        RecordType::End | RecordType::Tape => count.max(0),
        _ if (0..=limit).contains(&count) => count,
        _ => return Err(DecodeError::Count(count)),
    };
    Ok(Decoded {
        header: Header {
            kind,
            inumber: Ino(fields.u32(C_INUMBER)),
            inode: fields.inode(),
            count: count.unsigned_abs(),
            addr: bytes(block, C_ADDR),
            packed: old && fields.u32(C_NTREC) != 0,
        },
        place: Place {
            volume: fields.u32(C_VOLUME),
            tapea: TapeBlock(fields.long(C_TAPEA, C_OLD_TAPEA)),
            firstrec: TapeBlock(fields.long(C_FIRSTREC, C_OLD_FIRSTREC)),
        },
        identity: fields.identity(),
        swapped,
        dialect: fields.dialect,
        flags,
    })
}

fn record_type(value: i32) -> Result<RecordType, DecodeError> {
    Ok(match value {
        1 => RecordType::Tape,
        2 => RecordType::Inode,
        3 => RecordType::Bits,
        4 => RecordType::Addr,
        5 => RecordType::End,
        6 => RecordType::Clri,
        other => return Err(DecodeError::Type(other)),
    })
}

fn bytes<const N: usize>(block: &Block, offset: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&block[offset..offset + N]);
    out
}

struct Fields<'a> {
    block: &'a Block,
    swapped: bool,
    dialect: Dialect,
}

impl Fields<'_> {
    fn u32(&self, offset: usize) -> u32 {
        let value = u32::from_ne_bytes(bytes(self.block, offset));
        if self.swapped { value.swap_bytes() } else { value }
    }

    fn i32(&self, offset: usize) -> i32 {
        self.u32(offset).cast_signed()
    }

    fn u64(&self, offset: usize) -> u64 {
        let value = u64::from_ne_bytes(bytes(self.block, offset));
        if self.swapped { value.swap_bytes() } else { value }
    }

    fn u16(&self, offset: usize) -> u16 {
        let value = u16::from_ne_bytes(bytes(self.block, offset));
        if self.swapped { value.swap_bytes() } else { value }
    }

    /// A tape block number, which the old layout has elsewhere and in 32 bits.
    fn long(&self, offset: usize, old: usize) -> u64 {
        match self.dialect {
            Dialect::Ufs2 => self.u64(offset),
            Dialect::Ufs1 { .. } => u64::from(self.u32(old)),
        }
    }

    /// Seconds since 1970, which the old layout has elsewhere and in 32 bits.
    fn seconds(&self, offset: usize, old: usize) -> i64 {
        match self.dialect {
            Dialect::Ufs2 => self.u64(offset).cast_signed(),
            Dialect::Ufs1 { .. } => i64::from(self.i32(old)),
        }
    }

    fn sum(&self) -> u32 {
        (0..self.block.len()).step_by(4).fold(0, |sum: u32, at| sum.wrapping_add(self.u32(at)))
    }

    fn name(&self, offset: usize, length: usize) -> Vec<u8> {
        let field = &self.block[offset..offset + length];
        field.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
    }

    fn inode(&self) -> InodeFields {
        let (birthtime, extsize) = match self.dialect {
            Dialect::Ufs2 => {
                ((self.u64(C_BIRTHTIME).cast_signed(), self.i32(C_BIRTHTIMENSEC)), self.u32(C_EXTSIZE))
            }
            Dialect::Ufs1 { .. } => ((0, 0), 0),
        };
        let (uid, gid) = match self.dialect {
            Dialect::Ufs1 { old_inodes: true } => {
                (u32::from(self.u16(C_OLD_UID)), u32::from(self.u16(C_OLD_GID)))
            }
            _ => (self.u32(C_UID), self.u32(C_GID)),
        };
        InodeFields {
            mode: self.u16(C_MODE),
            size: self.u64(C_SIZE),
            atime: (self.seconds(C_ATIME, C_OLD_ATIME), self.i32(C_ATIMENSEC)),
            mtime: (self.seconds(C_MTIME, C_OLD_MTIME), self.i32(C_MTIMENSEC)),
            birthtime,
            rdev: self.u32(C_RDEV),
            extsize,
            file_flags: self.file_flags(),
            uid,
            gid,
        }
    }

    /// Flags as chflags(2) has them; those of Linux's dump are ext4's, of which only three are the same.
    fn file_flags(&self) -> u32 {
        let flags = self.u32(C_FILE_FLAGS);
        if self.dialect == Dialect::Ufs2 || self.u32(C_NTREC) == 0 {
            return flags;
        }
        EXT_FLAGS.iter().filter(|(of_ext, _)| flags & of_ext != 0).map(|(_, of_ufs)| of_ufs).sum()
    }

    fn identity(&self) -> Identity {
        Identity {
            label: self.name(C_LABEL, LABEL_BYTES),
            level: self.i32(C_LEVEL),
            filesys: self.name(C_FILESYS, NAME_BYTES),
            dev: self.name(C_DEV, NAME_BYTES),
            host: self.name(C_HOST, NAME_BYTES),
            date: self.seconds(C_DATE, C_OLD_DATE),
            ddate: self.seconds(C_DDATE, C_OLD_DDATE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;
    use proptest::prelude::*;

    fn identity() -> Identity {
        Identity {
            label: b"none".to_vec(),
            level: 3,
            filesys: b"/usr".to_vec(),
            dev: b"/dev/ada0p2".to_vec(),
            host: b"ref".to_vec(),
            date: 1_700_000_000,
            ddate: -5,
        }
    }

    fn encoded(header: &Header, place: &Place) -> Block {
        let mut block = [0xa5; 1024];
        Encoder::new(&identity()).encode(header, place, &mut block);
        block
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            inumber in any::<u32>(), mode in any::<u16>(), size in any::<u64>(), atime in any::<(i64, i32)>(),
            rdev in any::<u32>(), uid in any::<u32>(), count in 0u32..=512, tapea in any::<u64>(), volume in any::<u32>(),
        ) {
            let mut header = Header::new(RecordType::Inode, Ino(inumber));
            header.inode = InodeFields { mode, size, atime, rdev, uid, ..InodeFields::default() };
            header.count = count;
            header.addr[..count as usize].fill(1);
            let place = Place { volume, tapea: TapeBlock(tapea), firstrec: TapeBlock(7) };
            let decoded = decode(&encoded(&header, &place)).unwrap();
            prop_assert_eq!(&decoded.header, &header);
            prop_assert_eq!(decoded.place, place);
            prop_assert_eq!(decoded.identity, identity());
            prop_assert_eq!(decoded.header.blocks_that_follow(), count);
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let header = Header::new(RecordType::End, Ino(9));
        let good = encoded(&header, &Place { volume: 1, tapea: TapeBlock(4), firstrec: TapeBlock(0) });
        for byte in (0..good.len()).step_by(if cfg!(miri) { 97 } else { 1 }) {
            let mut bad = good;
            bad[byte] ^= 0x10;
            assert!(decode(&bad).is_err(), "byte {byte}");
        }
    }

    #[test]
    fn flags_of_linux_are_those_of_chflags() {
        let header = Header::new(RecordType::Inode, Ino(9));
        let mut block = encoded(&header, &Place { volume: 1, tapea: TapeBlock(4), firstrec: TapeBlock(0) });
        let mut put = |at: usize, value: u32| {
            block[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            block[C_CHECKSUM..C_CHECKSUM + 4].fill(0);
            let fields = Fields { block: &block, swapped: false, dialect: Dialect::Ufs2 };
            let sum = CHECKSUM.wrapping_sub(fields.sum());
            block[C_CHECKSUM..C_CHECKSUM + 4].copy_from_slice(&sum.to_ne_bytes());
            decode(&block).unwrap().header.inode.file_flags
        };
        put(C_MAGIC, NFS_MAGIC);
        put(C_NTREC, 0);
        assert_eq!(put(C_FILE_FLAGS, 0x8_0030), 0x8_0030);
        assert_eq!(put(C_NTREC, 10), 0x6_0000);
        assert_eq!(put(C_FILE_FLAGS, 0x8_0050), 0x2_0001);
        assert_eq!(put(C_FILE_FLAGS, 0x8_0000), 0);
    }

    #[test]
    fn a_header_of_the_other_byte_order_is_read() {
        let header = Header::new(RecordType::Clri, Ino(0x0102_0304));
        let mut block = encoded(&header, &Place { volume: 2, tapea: TapeBlock(1), firstrec: TapeBlock(0) });
        // All words but c_mode's and the names are whole 32- or 64-bit numbers here.
        for field in [C_TYPE, C_VOLUME, C_INUMBER, C_MAGIC, C_CHECKSUM, C_COUNT, C_LEVEL] {
            block[field..field + 4].reverse();
        }
        for field in [C_DATE, C_DDATE, C_TAPEA, C_FIRSTREC] {
            block[field..field + 8].reverse();
        }
        block[C_CHECKSUM..C_CHECKSUM + 4].fill(0);
        let sum = Fields { block: &block, swapped: true, dialect: Dialect::Ufs2 }.sum();
        let value = CHECKSUM.wrapping_sub(sum).swap_bytes();
        block[C_CHECKSUM..C_CHECKSUM + 4].copy_from_slice(&value.to_ne_bytes());
        let decoded = decode(&block).unwrap();
        assert!(decoded.swapped);
        assert_eq!(decoded.dialect, Dialect::Ufs2);
        assert_eq!(decoded.header.inumber, Ino(0x0102_0304));
        assert_eq!(decoded.identity.date, 1_700_000_000);
    }

    #[test]
    fn unused_bytes_are_zero() {
        let mut header = Header::new(RecordType::Inode, Ino(3));
        header.addr.fill(1);
        header.count = 2;
        let block = encoded(&header, &Place { volume: 1, tapea: TapeBlock(4), firstrec: TapeBlock(0) });
        assert_eq!(block[C_ADDR..C_ADDR + 4], [1, 1, 0, 0]);
        assert!(block[C_ADDR + 2..C_LABEL].iter().all(|&byte| byte == 0));
        assert!(block[928..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn long_names_are_cut_before_the_nul() {
        let long = Identity { dev: vec![b'x'; 200], label: vec![b'y'; 16], ..identity() };
        let mut block = [0; 1024];
        let place = Place { volume: 1, tapea: TapeBlock(0), firstrec: TapeBlock(0) };
        Encoder::new(&long).encode(&Header::new(RecordType::Tape, Ino(0)), &place, &mut block);
        let decoded = decode(&block).unwrap();
        assert_eq!(decoded.identity.dev.len(), 63);
        assert_eq!(decoded.identity.label.len(), 15);
    }
}
