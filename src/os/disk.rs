// SPDX-License-Identifier: BSD-2-Clause
//! The disk, snapshot or image being read: with pread only, so that processes can share the descriptor.

use crate::os::half::stat::fstat;
use crate::os::{check, half, retry};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, stat};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use ufs::Buffer;

/// What a descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: an image or a snapshot.
    Regular,
    /// A block device.
    Block,
    /// A character device: FreeBSD's disks and all tapes and terminals.
    Character,
    /// A directory.
    Directory,
    /// A pipe, named or not.
    Fifo,
    /// A socket.
    Socket,
    /// Something else.
    Other,
}

/// Opens the disk to read. Errors: those of open(2).
pub fn open_disk(path: &Path) -> io::Result<OwnedFd> {
    retry(|| Ok(open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?))
}

/// How reads of a disk go past the page cache, or where there is no cache.
#[derive(Debug)]
pub struct Uncached {
    /// A second descriptor of the disk for that; none where it is the disk's own.
    pub fd: Option<OwnedFd>,
    /// Bytes of the unit of such reads: they begin and end at its multiples, on the disk and, up to a page, in memory.
    pub unit: u32,
    /// Bytes that one request has at most.
    pub longest: usize,
}

/// How to read an open disk past the page cache. None for images that the page cache holds.
pub fn open_uncached(fd: BorrowedFd<'_>) -> Option<Uncached> {
    half::disk::open_uncached(fd)
}

/// What the descriptor is.
pub fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    Ok(kind_of(&fstat(fd)?))
}

/// The identity of a file: its file system and its inode.
pub fn identity(fd: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let stat = fstat(fd)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// What the file of this name is; links are followed.
pub fn kind_of_path(path: &Path) -> io::Result<Kind> {
    Ok(kind_of(&stat(path)?))
}

fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::Regular,
        SFlag::S_IFBLK => Kind::Block,
        SFlag::S_IFCHR => Kind::Character,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFIFO => Kind::Fifo,
        SFlag::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    }
}

/// Bytes on the medium. Errors: `ENOTTY` and the like when the descriptor is neither a file nor a disk.
pub fn media_size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let stat = fstat(fd)?;
    match kind_of(&stat) {
        Kind::Regular => u64::try_from(stat.st_size).map_err(|_| io::ErrorKind::InvalidData.into()),
        _ => half::disk::media_size(fd),
    }
}

/// Bytes in a sector: reads of a device must begin and end at its multiples. 1 for a regular file.
pub fn sector_size(fd: BorrowedFd<'_>) -> io::Result<u32> {
    match kind(fd)? {
        Kind::Regular => Ok(1),
        _ => half::disk::sector_size(fd),
    }
}

/// Reads at `offset` (bytes). Returns less than requested only at the end of the medium, and 0 there.
pub fn pread(fd: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let at = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    retry(|| Ok(nix::sys::uio::pread(fd, buffer, at)?))
}

/// Sees to it that the next read of `length` bytes at `offset` goes to the disk and not to a cache, as far as the system can.
pub fn forget(fd: BorrowedFd<'_>, offset: u64, length: usize) {
    half::disk::forget(fd, offset, length);
}

/// Memory for reads that go to many places: kept from one to the next.
pub struct Scatter {
    pieces: Vec<libc::iovec>,
    /// A buffer for unwanted bytes, all written to the same place.
    nowhere: Buffer,
}

impl Scatter {
    /// For reads that leave out at most `most` bytes at a time.
    pub fn new(most: usize) -> Scatter {
        Scatter { pieces: Vec::new(), nowhere: Buffer::new(most) }
    }

    /// Begins a read into parts of `buffer`.
    pub fn fill<'a>(&'a mut self, buffer: &'a mut [u8]) -> Pieces<'a> {
        self.pieces.clear();
        Pieces { scatter: self, buffer }
    }
}

/// The parts of a buffer that one read fills, in turn.
pub struct Pieces<'a> {
    scatter: &'a mut Scatter,
    buffer: &'a mut [u8],
}

impl Pieces<'_> {
    /// The next `length` bytes of the disk go to the buffer's from `start` on.
    ///
    /// # Panics
    /// If the buffer has not so many, as slices do.
    pub fn take(&mut self, start: usize, length: usize) {
        let base = self.buffer[start..start + length].as_mut_ptr().cast::<libc::c_void>();
        match self.scatter.pieces.last_mut() {
            Some(last) if last.iov_base.wrapping_byte_add(last.iov_len) == base => last.iov_len += length,
            _ => self.scatter.pieces.push(libc::iovec { iov_base: base, iov_len: length }),
        }
    }

    /// The next `length` bytes of the disk are not wanted.
    ///
    /// # Panics
    /// If they exceed the limit of [`Scatter::new`].
    pub fn leave_out(&mut self, length: usize) {
        if length > 0 {
            let base = self.scatter.nowhere[..length].as_mut_ptr().cast();
            self.scatter.pieces.push(libc::iovec { iov_base: base, iov_len: length });
        }
    }

    /// Reads at `offset` (bytes) into the pieces, of which there are at most `IOV_MAX` (1024).
    pub fn read(self, fd: BorrowedFd<'_>, offset: u64) -> io::Result<usize> {
        let at = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let pieces = &self.scatter.pieces;
        let count = i32::try_from(pieces.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        retry(|| {
            // SAFETY: each piece is inside `buffer` (checked by its slice when it was taken) or inside `nowhere`, both of which
            // are borrowed by self for writing and not moved or freed before the call is over; that pieces of `nowhere` overlap
            // is nothing to the kernel, which only copies bytes into them.
            check(unsafe { libc::preadv(fd.as_raw_fd(), pieces.as_ptr(), count, at) }).map(|got| got as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn reads_a_file_in_pieces() {
        let path = std::env::temp_dir().join(format!("capdump-disk-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").unwrap();
        let fd = open_disk(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let fd = fd.as_fd();
        assert_eq!(kind(fd).unwrap(), Kind::Regular);
        assert_eq!(media_size(fd).unwrap(), 10);
        assert_eq!(sector_size(fd).unwrap(), 1);
        let mut four = [0; 4];
        assert_eq!(pread(fd, &mut four, 8).unwrap(), 2);
        assert_eq!(&four[..2], b"89");
        let mut buffer = *b"abcdefgh";
        let mut scatter = Scatter::new(2);
        for _ in 0..2 {
            let mut pieces = scatter.fill(&mut buffer);
            pieces.take(6, 1);
            pieces.leave_out(2);
            pieces.take(1, 2);
            pieces.take(3, 1);
            pieces.leave_out(0);
            pieces.take(0, 1);
            assert_eq!(pieces.scatter.pieces.len(), 4, "neighbours are one piece");
            assert_eq!(pieces.read(fd, 1).unwrap(), 7);
            assert_eq!(&buffer, b"7456ef1h");
        }
        let err = pread(fd, &mut four, u64::MAX).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn tells_kinds() {
        let dir = open_disk(Path::new("/")).unwrap();
        assert_eq!(kind(dir.as_fd()).unwrap(), Kind::Directory);
        let null = open_disk(Path::new("/dev/null")).unwrap();
        assert_eq!(kind(null.as_fd()).unwrap(), Kind::Character);
        assert!(media_size(null.as_fd()).is_err());
        assert!(sector_size(null.as_fd()).is_err());
        let (reader, _writer) = std::io::pipe().unwrap();
        assert_eq!(kind(reader.as_fd()).unwrap(), Kind::Fifo);
    }
}
