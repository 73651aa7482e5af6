// SPDX-License-Identifier: BSD-2-Clause
//! Sizes of a block device (linux/fs.h).

use crate::os::{check, invalid};
use nix::fcntl::{OFlag, PosixFadviseAdvice, open, posix_fadvise};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

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

/// Bytes of one piece of advice: the kernel does not take up more of it than one command to the disk may have.
const AT_ONCE: usize = 1 << 20;

/// Starts reading into the page cache. A block device without readahead would else be read page by page. A hint only.
pub fn will_read(fd: BorrowedFd<'_>, offset: u64, length: usize) {
    for start in (0..length).step_by(AT_ONCE) {
        let (Ok(at), Ok(len)) =
            (i64::try_from(offset.saturating_add(start as u64)), i64::try_from(AT_ONCE.min(length - start)))
        else {
            return;
        };
        let _ = posix_fadvise(fd, at, len, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
    }
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

/// Opens the same device again, by its descriptor and not by its name. None without /proc.
pub fn open_uncached(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    open(path.as_str(), OFlag::O_RDONLY | OFlag::O_DIRECT | OFlag::O_CLOEXEC, Mode::empty()).ok()
}
