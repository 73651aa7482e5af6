// SPDX-License-Identifier: BSD-2-Clause
//! Identifies files that are not dumps by their first bytes. Pure.

use std::fmt;

/// Bytes from the beginning that are looked at: up to the magic number of a UFS2 superblock.
pub const LOOKED_AT: usize = UFS2_SUPERBLOCK + FS_MAGIC + 4;

/// Where superblocks are (`SBLOCK_UFS1`, `SBLOCK_UFS2`, ufs/ffs/fs.h), and `fs_magic` in them.
const UFS1_SUPERBLOCK: usize = 8192;
const UFS2_SUPERBLOCK: usize = 65_536;
const FS_MAGIC: usize = 1372;
const UFS_MAGICS: [u32; 3] = [0x0001_1954, 0x1954_0119, 0x1901_2038];

/// Bytes of the header that Amanda writes before a dump (`DISK_BLOCK_BYTES`, common-src/fileheader.h).
pub const AMANDA_HEADER: usize = 32 << 10;

/// Magic number of the dumps before 4.4BSD's (`OFS_MAGIC`, protocols/dumprestore.h), at the same place as today's.
const OFS_MAGIC: u32 = 60_011;
const C_MAGIC: usize = 24;

/// A file that is not a dump in its present form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Compressed: the program, and the command that writes the content to standard output.
    Compressed(&'static str, &'static str),
    /// Compressed by zstd with a window of 2 to this power in bytes, which is more than is allowed.
    Window(u32),
    /// Its records are compressed by Linux's dump.
    LinuxCompressed,
    /// A dump with the magic number 60011.
    OldDump,
    /// An archive of this program.
    Archive(&'static str),
    /// A file system: its name.
    FileSystem(&'static str),
    /// The label at the beginning or the end of a tape of Amanda.
    AmandaLabel,
    /// The image of a disk, in this form.
    DiskImage(&'static str),
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Other::Compressed(program, command) => {
                write!(f, "compressed by {program}; pipe the output of `{command}' to standard input")
            }
            Other::Window(log) => {
                write!(f, "compressed by zstd with a window of {} MB", (1_u64 << log) >> 20)?;
                write!(f, ", which requires as much memory; --long={log} permits it")
            }
            Other::LinuxCompressed => {
                f.write_str("compressed by Linux's dump (-j, -y, -z); only restore(8) of Linux reads it")
            }
            Other::OldDump => {
                f.write_str("a dump that predates 4.4BSD (magic number 60011), which is not supported")
            }
            Other::Archive(program) => write!(f, "not a dump but an archive; use {program}(1)"),
            Other::FileSystem("UFS") => {
                f.write_str("not a dump but a UFS file system; to dump it, omit this option")
            }
            Other::FileSystem(name) => write!(f, "not a dump but a file system ({name})"),
            Other::AmandaLabel => f.write_str("an Amanda tape label; the dumps are in the files after it"),
            Other::DiskImage(form) => write!(f, "not a dump but the image of a disk ({form})"),
        }
    }
}

/// Whether a dump follows [`AMANDA_HEADER`] bytes later.
pub fn is_amanda_header(start: &[u8]) -> bool {
    ["AMANDA: FILE ", "AMANDA: CONT_FILE ", "AMANDA: SPLIT_FILE "]
        .iter()
        .any(|head| at(start, 0, head.as_bytes()))
}

/// What it is, if that can be seen. `start` has up to [`LOOKED_AT`] bytes.
pub fn identify(start: &[u8]) -> Option<Other> {
    let magics: [(usize, &[u8], Other); 19] = [
        (0, b"\x1f\x8b", Other::Compressed("gzip", "gzip -dc")),
        (0, b"\x1f\x9d", Other::Compressed("compress", "uncompress -c")),
        (0, b"\xfd7zXZ\0", Other::Compressed("xz", "xz -dc")),
        (0, b"]\0\0", Other::Compressed("lzma", "xz -dc")),
        (0, b"BZh", Other::Compressed("bzip2", "bzip2 -dc")),
        (0, b"\x04\x22\x4d\x18", Other::Compressed("lz4", "lz4 -dc")),
        (0, b"\x02\x21\x4c\x18", Other::Compressed("lz4", "lz4 -dc")),
        (0, b"\x89LZO\0\r\n\x1a\n", Other::Compressed("lzop", "lzop -dc")),
        (0, b"LZIP", Other::Compressed("lzip", "lzip -dc")),
        (0, b"PK\x03\x04", Other::Compressed("zip", "unzip -p")),
        (0, b"AMANDA: ", Other::AmandaLabel),
        (257, b"ustar", Other::Archive("tar")),
        (0, b"07070", Other::Archive("cpio")),
        (0, b"\xc7\x71", Other::Archive("cpio")),
        (0, b"\x71\xc7", Other::Archive("cpio")),
        (0, b"QFI\xfb", Other::DiskImage("qcow2")),
        (0, b"KDMV", Other::DiskImage("VMDK")),
        (32_769, b"CD001", Other::FileSystem("ISO 9660")),
        (1080, b"\x53\xef", Other::FileSystem("ext2, ext3 or ext4")),
    ];
    if let Some(word) = start.get(C_MAGIC..).and_then(|rest| rest.first_chunk::<4>())
        && [u32::from_le_bytes(*word), u32::from_be_bytes(*word)].contains(&OFS_MAGIC)
    {
        return Some(Other::OldDump);
    }
    if [0, UFS1_SUPERBLOCK, UFS2_SUPERBLOCK].iter().any(|&superblock| is_ufs(start, superblock)) {
        return Some(Other::FileSystem("UFS"));
    }
    magics.into_iter().find(|(offset, magic, _)| at(start, *offset, magic)).map(|(_, _, other)| other)
}

fn at(start: &[u8], offset: usize, magic: &[u8]) -> bool {
    start.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

fn is_ufs(start: &[u8], superblock: usize) -> bool {
    start.get(superblock + FS_MAGIC..).and_then(|rest| rest.first_chunk::<4>()).is_some_and(|word| {
        UFS_MAGICS.contains(&u32::from_le_bytes(*word)) || UFS_MAGICS.contains(&u32::from_be_bytes(*word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so() {
        let with = |offset: usize, magic: &[u8]| {
            let mut start = vec![0; LOOKED_AT];
            start[offset..offset + magic.len()].copy_from_slice(magic);
            identify(&start)
        };
        assert_eq!(with(0, b""), None);
        assert_eq!(with(0, b"BZh9"), Some(Other::Compressed("bzip2", "bzip2 -dc")));
        assert_eq!(with(257, b"ustar\0"), Some(Other::Archive("tar")));
        assert_eq!(with(24, &60_011_u32.to_be_bytes()), Some(Other::OldDump));
        for superblock in [0, 8192, 65_536] {
            for magic in UFS_MAGICS {
                assert_eq!(with(superblock + 1372, &magic.to_be_bytes()), Some(Other::FileSystem("UFS")));
            }
        }
        assert_eq!(identify(b""), None);
        assert_eq!(identify(b"\x1f\x8b"), Some(Other::Compressed("gzip", "gzip -dc")));
        assert!(
            is_amanda_header(b"AMANDA: FILE 2026 host /usr lev 0") && !is_amanda_header(b"AMANDA: TAPESTART")
        );
    }
}
