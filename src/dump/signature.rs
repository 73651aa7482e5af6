// SPDX-License-Identifier: BSD-2-Clause
//! Identifies images that are not UFS by the bytes that their format has at a fixed offset.

use std::fmt;

use ufs::ByteOffset;
use ufs::ReadAt;

/// What can be done with an image that is not UFS as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// It is compressed: this program unpacks it.
    Unpack(&'static str),
    /// A disk of a virtual machine: qemu-img(1) makes a raw one of it, which may have partitions.
    Convert(&'static str),
    /// None here.
    Other,
}

/// A format that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    name: &'static str,
    remedy: Remedy,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.remedy {
            Remedy::Unpack(program) => {
                write!(f, "it is compressed by {name}: decompress it first ({program})")
            }
            Remedy::Convert(format) => {
                write!(f, "it is a {name} disk image: convert it first (qemu-img convert -f {format} -O raw)")
            }
            Remedy::Other => write!(f, "it is {name}, not UFS"),
        }
    }
}

/// Where, which bytes, what.
type Mark = (u64, &'static [u8], &'static str, Remedy);

/// The formats. Those with short marks come last.
const MARKS: &[Mark] = &[
    (0, b"\xfd7zXZ\0", "xz", Remedy::Unpack("xz -d")),
    (0, b"\x28\xb5\x2f\xfd", "zstd", Remedy::Unpack("zstd -d")),
    (0, b"\x04\x22\x4d\x18", "lz4", Remedy::Unpack("lz4 -d")),
    (0, b"\x02\x21\x4c\x18", "lz4", Remedy::Unpack("lz4 -d")),
    (0, b"LZIP", "lzip", Remedy::Unpack("lzip -d")),
    (0, b"\x89LZO\0\r\n\x1a\n", "lzop", Remedy::Unpack("lzop -d")),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip", Remedy::Unpack("7z x")),
    (0, b"PK\x03\x04", "zip", Remedy::Unpack("unzip")),
    (0, b"QFI\xfb", "qcow2", Remedy::Convert("qcow2")),
    (0, b"KDMV", "VMDK", Remedy::Convert("vmdk")),
    (0, b"COWD", "VMDK", Remedy::Convert("vmdk")),
    (0, b"# Disk DescriptorFile", "VMDK", Remedy::Convert("vmdk")),
    (64, b"\x7f\x10\xda\xbe", "VDI", Remedy::Convert("vdi")),
    (0, b"vhdxfile", "VHDX", Remedy::Convert("vhdx")),
    (0, b"conectix", "VHD", Remedy::Convert("vpc")),
    (0, b"QED\0", "QED", Remedy::Convert("qed")),
    (32769, b"CD001", "an ISO 9660 file system", Remedy::Other),
    (32769, b"BEA01", "a UDF file system", Remedy::Other),
    (32769, b"NSR0", "a UDF file system", Remedy::Other),
    (0, b"hsqs", "a squashfs file system", Remedy::Other),
    (0, b"sqsh", "a squashfs file system", Remedy::Other),
    (0, b"XFSB", "an XFS file system", Remedy::Other),
    (65600, b"_BHRfS_M", "a Btrfs file system", Remedy::Other),
    (65588, b"ReIsEr", "a ReiserFS file system", Remedy::Other),
    (32768, b"JFS1", "a JFS file system", Remedy::Other),
    (3, b"NTFS    ", "an NTFS file system", Remedy::Other),
    (3, b"EXFAT   ", "an exFAT file system", Remedy::Other),
    (82, b"FAT32", "a FAT file system", Remedy::Other),
    (54, b"FAT1", "a FAT file system", Remedy::Other),
    (32, b"NXSB", "an APFS container", Remedy::Other),
    (1024, b"H+", "an HFS+ file system", Remedy::Other),
    (1024, b"HX", "an HFS+ file system", Remedy::Other),
    (1024, b"BD", "an HFS file system", Remedy::Other),
    (512, b"PM\0\0", "a disk with an Apple partition map", Remedy::Other),
    (0, b"RDSK", "a disk with an Amiga rigid disk block", Remedy::Other),
    (0, b"LUKS\xba\xbe", "a LUKS container", Remedy::Other),
    (536, b"LVM2 001", "an LVM physical volume", Remedy::Other),
    (4086, b"SWAPSPACE2", "Linux swap space", Remedy::Other),
    (4086, b"SWAP-SPACE", "Linux swap space", Remedy::Other),
    (0, b"-rom1fs-", "a romfs file system", Remedy::Other),
    (257, b"ustar", "a tar archive", Remedy::Other),
    (0, b"!<arch>\n", "an ar archive", Remedy::Other),
    (1080, b"\x53\xef", "an ext2, ext3 or ext4 file system", Remedy::Other),
    (0, b"BZh", "bzip2", Remedy::Unpack("bzip2 -d")),
    (0, b"\x1f\x8b\x08", "gzip", Remedy::Unpack("gzip -d")),
    (0, b"\x1f\x9d", "compress", Remedy::Unpack("uncompress")),
];

/// Where ZFS has the first uberblocks of its first label, how far apart they may be, and what they begin with
/// (`UBERBLOCK_MAGIC`).
const UBERBLOCKS: std::ops::Range<u64> = 128 << 10..256 << 10;
const UBERBLOCK_STEP: usize = 1024;
const UBERBLOCK: u64 = 0x00ba_b10c;

/// Where dumps have their magic number, and which there are (protocols/dumprestore.h; 60011 is that of 4.2BSD).
const DUMP_MAGIC: usize = 24;
const DUMP_MAGICS: [u32; 3] = [60011, 60012, 0x1954_0119];

/// Bytes from the start in which marks are.
const SEARCHED: usize = 68 << 10;

/// The format of an image of `media` bytes, if it is a known one.
pub fn find(disk: &(impl ReadAt + ?Sized), media: u64) -> Option<Format> {
    let mut start = vec![0; usize::try_from(media).unwrap_or(SEARCHED).min(SEARCHED)];
    disk.read_at(ByteOffset(0), &mut start).ok()?;
    let has = |mark: &&Mark| {
        let bytes = usize::try_from(mark.0).ok().and_then(|at| start.get(at..));
        bytes.is_some_and(|bytes| bytes.starts_with(mark.1))
    };
    if let Some(&(_, _, name, remedy)) = MARKS.iter().find(has) {
        return Some(Format { name, remedy });
    }
    let other = |name| Some(Format { name, remedy: Remedy::Other });
    let magic = start.get(DUMP_MAGIC..).and_then(|bytes| bytes.first_chunk());
    if magic.is_some_and(|magic| {
        DUMP_MAGICS.contains(&u32::from_le_bytes(*magic)) || DUMP_MAGICS.contains(&u32::from_be_bytes(*magic))
    }) {
        return other("a dump");
    }
    if has_uberblock(disk) { other("part of a ZFS pool") } else { None }
}

fn has_uberblock(disk: &(impl ReadAt + ?Sized)) -> bool {
    let length = usize::try_from(UBERBLOCKS.end - UBERBLOCKS.start).unwrap_or(0);
    let mut blocks = vec![0_u8; length];
    disk.read_at(ByteOffset(UBERBLOCKS.start), &mut blocks).is_ok()
        && blocks.chunks_exact(UBERBLOCK_STEP).any(|block| {
            let magic = block.first_chunk().copied().unwrap_or_default();
            u64::from_le_bytes(magic) == UBERBLOCK || u64::from_be_bytes(magic) == UBERBLOCK
        })
}
