// SPDX-License-Identifier: BSD-2-Clause
//! The interface to a disk: reading bytes at an offset.

use crate::{ByteOffset, Ino};
use std::fmt;

/// Reads bytes of the disk.
///
/// Apart from the search for the superblock (8192 bytes at a multiple of 8192) every read starts at
/// a multiple of `fs_fsize` and is a whole number of `fs_fsize` bytes, so of sectors too.
pub trait ReadAt {
    /// Fills all of `buf` from byte `offset`.
    ///
    /// Errors: a [`ReadError`] ends the dump (the operator chose to abort, or nothing can be read). An
    /// implementation that would rather go on, as dump does, fills `buf` with zeros and returns `Ok`.
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError>;

    /// Fills all of `buf` from byte `offset` if a single read returns it; otherwise returns false and reports nothing.
    ///
    /// For reads that are larger than needed: if it returns false, the caller uses [`ReadAt::read_at`] for what it needs.
    /// An implementation that reports failures has to override it.
    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        self.read_at(offset, buf).is_ok()
    }

    /// Fills all of `buf` from byte `offset`; unreadable parts are zeros and are not reported. Returns whether everything could be read.
    fn read_quietly(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        let whole = self.try_read_at(offset, buf);
        if !whole {
            buf.fill(0);
        }
        whole
    }

    /// Announces that `length` bytes from `offset` will be read soon. A hint: an implementation may start reading them.
    fn will_read(&self, _offset: ByteOffset, _length: usize) {}

    /// What was read ahead of these bytes is out of date: the next read brings them as the disk has them then.
    fn out_of_date(&self, _offset: ByteOffset, _length: usize) {}

    /// The next reads, but those of inodes and groups, are for this inode: for implementations that report failures.
    fn reading(&self, _ino: Ino) {}
}

/// A read that failed, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Where the read began.
    pub offset: ByteOffset,
    /// What went wrong, in words, on one line.
    pub reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read at byte {}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for ReadError {}

impl ReadAt for [u8] {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        let found =
            usize::try_from(offset.0).ok().and_then(|start| self.get(start..start.checked_add(buf.len())?));
        match found {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(ReadError {
                offset,
                reason: format!("{} bytes wanted, but the image has {}", buf.len(), self.len()),
            }),
        }
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        self.as_slice().read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, buf)
    }

    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        (**self).try_read_at(offset, buf)
    }

    fn will_read(&self, offset: ByteOffset, length: usize) {
        (**self).will_read(offset, length);
    }

    fn out_of_date(&self, offset: ByteOffset, length: usize) {
        (**self).out_of_date(offset, length);
    }

    fn reading(&self, ino: Ino) {
        (**self).reading(ino);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_disk_and_a_short_read_is_an_error() {
        let disk = vec![1u8, 2, 3, 4];
        let mut buf = [0; 2];
        disk.read_at(ByteOffset(2), &mut buf).unwrap();
        assert_eq!(buf, [3, 4]);
        for offset in [3, 4, 5, u64::MAX] {
            let by_reference: &dyn ReadAt = &&disk;
            let error = by_reference.read_at(ByteOffset(offset), &mut buf).unwrap_err();
            assert_eq!(error.offset, ByteOffset(offset));
            assert_eq!(
                error.to_string(),
                format!("cannot read at byte {offset}: 2 bytes wanted, but the image has 4")
            );
        }
    }
}
