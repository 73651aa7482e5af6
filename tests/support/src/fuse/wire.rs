// SPDX-License-Identifier: BSD-2-Clause
//! The structures of /dev/fuse (Linux's linux/fuse.h), as far as the files of tests need them.

/// Bytes of a read or a write at most.
pub(crate) const LARGEST: usize = 1 << 20;
/// Bytes of a request at most: what is written, and its headers.
pub(crate) const REQUEST: usize = LARGEST + 4096;
/// The file's node; the folder's is 1.
pub(super) const FILE: u64 = 2;
/// Requests that the kernel may have under way of those that nobody waits for in read(2) or write(2).
const BACKGROUND: u32 = 256;

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub(crate) fn words(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|w| w.to_ne_bytes()).collect()
}

pub(crate) fn longs(list: &[u64]) -> Vec<u8> {
    list.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

/// `struct fuse_out_header`, before so many bytes.
pub(crate) fn header(length: usize, error: i32, unique: u64) -> Vec<u8> {
    [words(&[16 + length as u32, error.cast_unsigned()]), longs(&[unique])].concat()
}

/// `struct fuse_init_out` of version 7.31: reads and writes of 1 MiB (`FUSE_BIG_WRITES`, `FUSE_MAX_PAGES`), many of them at once
/// (`FUSE_ASYNC_READ`, `FUSE_ASYNC_DIO`).
pub(super) fn init() -> Vec<u8> {
    const FLAGS: u32 = 1 | 1 << 5 | 1 << 15 | 1 << 22;
    let congested = BACKGROUND / 4 * 3;
    let mut out = words(&[7, 31, 0, FLAGS]);
    out.extend([BACKGROUND as u16, congested as u16].iter().flat_map(|n| n.to_ne_bytes()));
    out.extend(words(&[LARGEST as u32, 1, (LARGEST / 4096) as u32]));
    out.resize(64, 0);
    out
}

/// `struct fuse_open_out`: direct I/O (`FOPEN_DIRECT_IO`), so that nothing is cached.
pub(super) fn opened() -> Vec<u8> {
    [longs(&[0]), words(&[1, 0])].concat()
}

/// `struct fuse_entry_out` of the file, without its attributes.
pub(super) fn entry() -> Vec<u8> {
    longs(&[FILE, 0, 0, 0, 0])
}

/// `struct fuse_attr`, 88 bytes, of the file or the folder.
pub(super) fn attributes(node: u64, size: u64) -> Vec<u8> {
    let (mode, size) = if node == FILE { (0o100_644, size) } else { (0o040_755, 0) };
    let head = longs(&[node, size, size.div_ceil(512), 0, 0, 0]);
    [head, words(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0])].concat()
}
