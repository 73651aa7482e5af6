// SPDX-License-Identifier: BSD-2-Clause
//! Headers, and their conversion to tape blocks.
//!
//! FreeBSD's dump keeps one global header and never clears it, so that fields a record type does not set hold what the record
//! before had. Here each header is written whole: what its type does not use is zero.

use super::layout::*;
use super::{Block, LABEL_BYTES, MAGIC, NAME_BYTES, checksum};
use crate::{TP_BSIZE, TP_NINDIR, TapeBlock};
use ufs::Ino;

/// `c_count` of a `TS_END` says that part of the file system was damaged on the disk, and is missing on the dump or not as it was.
/// Readers do not look at the field; FreeBSD's dump leaves the count of another record there, which is far smaller.
pub const DAMAGED: u32 = 0x4c4f_5354;

/// What a header announces (`c_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum RecordType {
    /// `TS_TAPE`: the first block of a volume.
    Tape = 1,
    /// `TS_INODE`: an inode, and the first data blocks of its file.
    Inode = 2,
    /// `TS_BITS`: the map of inodes on this dump.
    Bits = 3,
    /// `TS_ADDR`: further data blocks of the file before.
    Addr = 4,
    /// `TS_END`: the end of the last volume.
    End = 5,
    /// `TS_CLRI`: the map of inodes in use when the dump was made.
    Clri = 6,
}

/// What all headers of a dump have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `c_label`, at most 15 bytes count.
    pub label: Vec<u8>,
    /// `c_level`.
    pub level: i32,
    /// `c_filesys`: where it is mounted, at most 63 bytes count.
    pub filesys: Vec<u8>,
    /// `c_dev`: the device or image, at most 63 bytes count.
    pub dev: Vec<u8>,
    /// `c_host`, at most 63 bytes count.
    pub host: Vec<u8>,
    /// `c_date`: when this dump was made, seconds since 1970.
    pub date: i64,
    /// `c_ddate`: the date of the dump that it builds on, seconds since 1970; 0 for all files.
    pub ddate: i64,
}

/// The fields of a header that describe an inode; all zero in headers of volumes and maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InodeFields {
    /// `c_mode`, as `di_mode`.
    pub mode: u16,
    /// `c_size` in bytes.
    pub size: u64,
    /// `c_atime` and `c_atimensec`.
    pub atime: (i64, i32),
    /// `c_mtime` and `c_mtimensec`.
    pub mtime: (i64, i32),
    /// `c_birthtime` and `c_birthtimensec`.
    pub birthtime: (i64, i32),
    /// `c_rdev`.
    pub rdev: u32,
    /// `c_extsize`: bytes of extended attributes.
    pub extsize: u32,
    /// `c_file_flags`, as chflags(2) has them.
    pub file_flags: u32,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
}

/// One header, except its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `c_type`.
    pub kind: RecordType,
    /// `c_inumber`.
    pub inumber: Ino,
    /// What the inode is.
    pub inode: InodeFields,
    /// `c_count`: entries of `addr` in use, or the tape blocks of the map that follows.
    pub count: u32,
    /// `c_addr`: 1 for a tape block that follows, 0 for a hole.
    pub addr: [u8; TP_NINDIR],
    /// The entries of `addr` are runs, as Linux's dump writes them; see [`Header::runs`]. Never written.
    pub packed: bool,
}

/// The position of a header in the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// `c_volume`, from 1.
    pub volume: u32,
    /// `c_tapea`: the header's own number, but on a volume that follows an end of medium that of the next tape block.
    pub tapea: TapeBlock,
    /// `c_firstrec`: the number of the first tape block of the volume.
    pub firstrec: TapeBlock,
}

impl Header {
    /// A header that describes no inode and has no blocks.
    pub fn new(kind: RecordType, inumber: Ino) -> Header {
        Header { kind, inumber, inode: InodeFields::default(), count: 0, addr: [0; TP_NINDIR], packed: false }
    }

    /// How many tape blocks of data follow this header.
    pub fn blocks_that_follow(&self) -> u32 {
        match self.kind {
            RecordType::Bits | RecordType::Clri => self.count,
            RecordType::Inode | RecordType::Addr => {
                self.runs().filter(|run| run.is_data).map(|run| run.blocks).sum()
            }
            RecordType::Tape | RecordType::End => 0,
        }
    }
}

/// Turns headers into tape blocks; holds what they have in common, ready made.
#[derive(Clone, Debug)]
pub struct Encoder {
    common: Box<Block>,
}

impl Encoder {
    /// An encoder for the dump that `identity` describes. Names that are too long are cut; they always end in a NUL.
    pub fn new(identity: &Identity) -> Encoder {
        let mut b = Box::new([0; TP_BSIZE]);
        put(&mut b, C_MAGIC, &MAGIC.to_ne_bytes());
        put_name(&mut b[C_LABEL..C_LABEL + LABEL_BYTES], &identity.label);
        put_name(&mut b[C_FILESYS..C_FILESYS + NAME_BYTES], &identity.filesys);
        put_name(&mut b[C_DEV..C_DEV + NAME_BYTES], &identity.dev);
        put_name(&mut b[C_HOST..C_HOST + NAME_BYTES], &identity.host);
        put(&mut b, C_LEVEL, &identity.level.to_ne_bytes());
        put(&mut b, C_DATE, &identity.date.to_ne_bytes());
        put(&mut b, C_DDATE, &identity.ddate.to_ne_bytes());
        Encoder { common: b }
    }

    /// Writes `header`, standing at `place`, over the whole of `out`.
    pub fn encode(&self, header: &Header, place: &Place, out: &mut Block) {
        *out = *self.common;
        let inode = &header.inode;
        put(out, C_TYPE, &(header.kind as i32).to_ne_bytes());
        put(out, C_INUMBER, &header.inumber.0.to_ne_bytes());
        put(out, C_MODE, &inode.mode.to_ne_bytes());
        put(out, C_SIZE, &inode.size.to_ne_bytes());
        put(out, C_ATIME, &inode.atime.0.to_ne_bytes());
        put(out, C_ATIMENSEC, &inode.atime.1.to_ne_bytes());
        put(out, C_MTIME, &inode.mtime.0.to_ne_bytes());
        put(out, C_MTIMENSEC, &inode.mtime.1.to_ne_bytes());
        put(out, C_BIRTHTIME, &inode.birthtime.0.to_ne_bytes());
        put(out, C_BIRTHTIMENSEC, &inode.birthtime.1.to_ne_bytes());
        put(out, C_RDEV, &inode.rdev.to_ne_bytes());
        put(out, C_EXTSIZE, &inode.extsize.to_ne_bytes());
        put(out, C_FILE_FLAGS, &inode.file_flags.to_ne_bytes());
        put(out, C_UID, &inode.uid.to_ne_bytes());
        put(out, C_GID, &inode.gid.to_ne_bytes());
        put(out, C_COUNT, &header.count.to_ne_bytes());
        if matches!(header.kind, RecordType::Inode | RecordType::Addr) {
            let used = header.count as usize;
            put(out, C_ADDR, &header.addr[..used.min(TP_NINDIR)]);
        }
        put(out, C_TAPEA, &place.tapea.0.to_ne_bytes());
        stamp_volume(out, place);
    }
}

/// Moves an encoded header to another volume: its own number stays, `c_volume` and `c_firstrec` change.
pub fn move_to_volume(block: &mut Block, place: &Place) {
    stamp_volume(block, place);
}

fn stamp_volume(block: &mut Block, place: &Place) {
    put(block, C_VOLUME, &place.volume.to_ne_bytes());
    put(block, C_FIRSTREC, &place.firstrec.0.to_ne_bytes());
    checksum::set(block);
}

fn put(block: &mut Block, offset: usize, bytes: &[u8]) {
    block[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn put_name(field: &mut [u8], name: &[u8]) {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    let length = end.min(field.len() - 1);
    field[..length].copy_from_slice(&name[..length]);
}
