// SPDX-License-Identifier: BSD-2-Clause
//! Inodes: what a caller says about one, and its bytes on disk (ufs/ufs/dinode.h).

use super::bytes::Bytes;
use super::content::Content;
use super::geometry::Geometry;
use crate::listing::Time;

/// Not to be dumped (`UF_NODUMP`, sys/stat.h).
pub const UF_NODUMP: u32 = 1;
/// A snapshot of the file system (`SF_SNAPSHOT`, sys/stat.h).
pub const SF_SNAPSHOT: u32 = 0x0020_0000;

/// What an inode says of its file besides type and content.
#[derive(Clone, Debug)]
pub struct Attrs {
    /// Permissions, set-id and sticky bits.
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last access.
    pub atime: Time,
    /// Last change of the content.
    pub mtime: Time,
    /// Last change of the inode; what an increment goes by.
    pub ctime: Time,
    /// Creation (UFS2 only).
    pub birthtime: Time,
    /// `chflags(2)` flags.
    pub flags: u32,
    /// Extended attributes (UFS2 only), made by [`attribute`]; at most two blocks.
    pub ext: Vec<u8>,
}

impl Default for Attrs {
    fn default() -> Attrs {
        let time = (1_600_000_000, 0);
        Attrs {
            perm: 0o644,
            uid: 0,
            gid: 0,
            atime: time,
            mtime: time,
            ctime: time,
            birthtime: time,
            flags: 0,
            ext: Vec::new(),
        }
    }
}

impl Attrs {
    /// The default with these permissions.
    pub fn perm(perm: u16) -> Attrs {
        Attrs { perm, ..Attrs::default() }
    }
}

/// One extended attribute, little endian (`struct extattr`, sys/extattr.h): its length in bytes, its namespace, how
/// much its content is padded, its name, and both in multiples of 8 bytes.
pub fn attribute(namespace: u8, name: &[u8], content: &[u8]) -> Vec<u8> {
    let head = (7 + name.len()).next_multiple_of(8);
    let length = head + content.len().next_multiple_of(8);
    let mut out = vec![0; length];
    out[..4].copy_from_slice(&u32::try_from(length).expect("a small attribute").to_le_bytes());
    out[4] = namespace;
    out[5] = (length - head - content.len()) as u8;
    out[6] = u8::try_from(name.len()).expect("a name of at most 255 bytes");
    out[7..7 + name.len()].copy_from_slice(name);
    out[head..head + content.len()].copy_from_slice(content);
    out
}

/// Attributes as they stand on a big-endian disk: their lengths turned around.
pub fn turned(mut attributes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(length) = attributes.get_mut(at..at + 4) {
        at += u32::from_le_bytes([length[0], length[1], length[2], length[3]]).max(8) as usize;
        length.reverse();
    }
    attributes
}

/// What an inode is.
#[derive(Clone, Debug)]
pub enum What {
    /// A regular file.
    File(Content),
    /// A symbolic link with this text.
    Link(Vec<u8>),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    Char(u32),
    /// A block device.
    Block(u32),
}

impl What {
    /// The type bits of the mode.
    pub fn kind(&self) -> u16 {
        match self {
            What::File(_) => 0o100_000,
            What::Link(_) => 0o120_000,
            What::Fifo => 0o010_000,
            What::Socket => 0o140_000,
            What::Char(_) => 0o020_000,
            What::Block(_) => 0o060_000,
        }
    }
}

/// Where the blocks of a file are, as fragment addresses.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Direct and then indirect pointers.
    pub pointers: [u64; 15],
    /// Blocks of extended attributes.
    pub ext: [u64; 2],
    /// Sectors of 512 bytes that all of them have.
    pub sectors: u64,
}

/// An inode about to be written.
pub struct Inode<'a> {
    /// Type and permissions.
    pub mode: u16,
    /// Names.
    pub nlink: u16,
    /// Bytes.
    pub size: u64,
    /// Owner, times, flags.
    pub attrs: &'a Attrs,
    /// The blocks.
    pub map: Map,
    /// The text of a short link, in place of the pointers.
    pub text: &'a [u8],
}

impl Inode<'_> {
    /// The inode's bytes.
    pub fn encode(&self, g: &Geometry) -> Vec<u8> {
        let mut b = Bytes::new(g.isize() as usize, g.big_endian);
        b.put(0, 2, self.mode.into());
        b.put(2, 2, self.nlink.into());
        let pointers = if g.version == 1 { self.encode1(&mut b) } else { self.encode2(&mut b) };
        for (n, &pointer) in self.map.pointers.iter().enumerate() {
            b.put(pointers + n * g.pointer(), g.pointer(), pointer);
        }
        if !self.text.is_empty() {
            b.buf[pointers..pointers + self.text.len()].copy_from_slice(self.text);
        }
        b.buf
    }

    /// The fields of `struct ufs1_dinode`; where its pointers begin.
    fn encode1(&self, b: &mut Bytes) -> usize {
        let a = self.attrs;
        let (seconds, nano) = (|t: Time| t.0.cast_unsigned(), |t: Time| u64::from(t.1.cast_unsigned()));
        b.put(8, 8, self.size);
        b.put_all32(&[(16, seconds(a.atime)), (20, nano(a.atime))]);
        b.put_all32(&[(24, seconds(a.mtime)), (28, nano(a.mtime))]);
        b.put_all32(&[(32, seconds(a.ctime)), (36, nano(a.ctime))]);
        b.put_all32(&[(100, a.flags.into()), (104, self.map.sectors), (108, 1)]);
        b.put_all32(&[(112, a.uid.into()), (116, a.gid.into())]);
        40
    }

    /// The fields of `struct ufs2_dinode`; where its pointers begin.
    fn encode2(&self, b: &mut Bytes) -> usize {
        let a = self.attrs;
        let (seconds, nano) = (|t: Time| t.0.cast_unsigned(), |t: Time| u64::from(t.1.cast_unsigned()));
        b.put_all32(&[(4, a.uid.into()), (8, a.gid.into())]);
        b.put_all64(&[(16, self.size), (24, self.map.sectors)]);
        b.put_all64(&[(32, seconds(a.atime)), (40, seconds(a.mtime))]);
        b.put_all64(&[(48, seconds(a.ctime)), (56, seconds(a.birthtime))]);
        b.put_all32(&[(64, nano(a.mtime)), (68, nano(a.atime))]);
        b.put_all32(&[(72, nano(a.ctime)), (76, nano(a.birthtime))]);
        b.put_all32(&[(80, 1), (88, a.flags.into()), (92, a.ext.len() as u64)]);
        b.put_all64(&[(96, self.map.ext[0]), (104, self.map.ext[1])]);
        112
    }
}
