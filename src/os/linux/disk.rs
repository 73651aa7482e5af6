// SPDX-License-Identifier: BSD-2-Clause
//! Sizes of a block device (linux/fs.h).

use crate::os::disk::{Kind, Uncached, kind};
use crate::os::{check, invalid};
use nix::fcntl::{OFlag, PosixFadviseAdvice, open, posix_fadvise};
use nix::sys::stat::Mode;
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::sys::uio::preadv;
use std::io;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `#define BLKSSZGET _IO(0x12,104)`
const BLKSSZGET: u32 = 0x1268;
/// `#define BLKGETSIZE64 _IOR(0x12,114,size_t)`
const BLKGETSIZE64: u32 = 0x8000_1272 | (size_of::<usize>() as u32) << 16;

#[cfg(target_pointer_width = "64")]
const _: () = assert!(BLKGETSIZE64 == 0x8008_1272);

/// Bytes on the device.
pub fn media_size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut size = 0_u64;
    // SAFETY: BLKGETSIZE64 writes one u64 through its argument, in spite of the size_t in its number.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), BLKGETSIZE64 as _, &mut size) })?;
    Ok(size)
}

/// Bytes in a logical sector.
pub fn sector_size(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut size = 0_i32;
    // SAFETY: BLKSSZGET writes one int through its argument.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), BLKSSZGET as _, &mut size) })?;
    u32::try_from(size).map_err(|_| invalid("a negative sector size"))
}

/// The most bytes of a folio of the page cache, which stands at a multiple of its size and is removed as a whole.
const FOLIO: u64 = 2 << 20;

/// Removes what was read from the page cache, so that the next read goes to the disk. A hint only.
pub fn forget(fd: BorrowedFd<'_>, offset: u64, length: usize) {
    let start = offset / FOLIO * FOLIO;
    let length = offset.saturating_add(length as u64).next_multiple_of(FOLIO) - start;
    if let (Ok(at), Ok(len)) = (i64::try_from(start), i64::try_from(length)) {
        let _ = posix_fadvise(fd, at, len, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

/// Bytes of the unit of reads past the page cache of a file, where its file system does not say: no disk has larger sectors.
const FILE_UNIT: u32 = 4096;

/// Bytes of one request: more are split by most drivers.
const LONGEST: usize = 1 << 20;

/// Opens the same disk again, by its descriptor and not by its name. None without /proc, and for images that the page cache holds.
pub fn open_uncached(fd: BorrowedFd<'_>) -> Option<Uncached> {
    let unit = match kind(fd).ok()? {
        Kind::Block => sector_size(fd).ok()?,
        Kind::Regular if !is_cached(fd) => FILE_UNIT,
        _ => return None,
    };
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let fd = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_DIRECT | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    Some(Uncached { fd: Some(fd), unit, longest: LONGEST })
}

/// Whether a file is read through the page cache: what was just read is there, or the file system is nothing but the cache (tmpfs).
fn is_cached(fd: BorrowedFd<'_>) -> bool {
    let mut page = [0; 4096];
    let mut first = [IoSliceMut::new(&mut page)];
    let read = preadv(fd, &mut first, 0);
    let again = libc::iovec { iov_base: page.as_mut_ptr().cast(), iov_len: page.len() };
    // SAFETY: preadv2 writes at most `iov_len` bytes to `page`, which outlives the call.
    let now = check(unsafe { libc::preadv2(fd.as_raw_fd(), &raw const again, 1, 0, libc::RWF_NOWAIT) });
    let refused = matches!(now, Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP));
    let memory = fstatfs(fd).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC);
    read.is_err() || !refused || memory
}
