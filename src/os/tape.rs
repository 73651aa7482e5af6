// SPDX-License-Identifier: BSD-2-Clause
//! Tape drives: sa(4) on FreeBSD, st(4) on Linux (mtio).

use crate::os::half;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// An operation of `MTIOCTOP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtOp {
    /// `MTWEOF`: writes `count` filemarks; returns when they, and all records before, are on the tape.
    WriteFilemarks,
    /// `MTREW`: rewinds.
    Rewind,
    /// `MTOFFL`: rewinds and unloads.
    Offline,
    /// `MTFSF`: forward over `count` filemarks.
    ForwardFiles,
    /// `MTBSF`: back over `count` filemarks.
    BackFiles,
}

/// What `MTIOCGET` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Records or bytes that the last operation left undone; FreeBSD keeps 16 bits of it: see [`errors`].
    pub residual: i64,
    /// The number of the current tape file; None if the driver does not know it.
    pub file: Option<u32>,
    /// The number of the record in that file; None if the driver has lost count.
    pub record: Option<u32>,
    /// Bytes in a block of a drive set to a fixed block size; 0 where the size of each record is its own.
    pub block_size: u32,
}

/// What `MTIOCERRSTAT` says of the last read or write that failed; asking clears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errors {
    /// Bytes that the last data command left undone (`io_resid`).
    pub residual: i32,
    /// The sense data of the last data command (`io_sense`); all zero if there was none.
    pub sense: [u8; 32],
}

impl Errors {
    /// Whether the sense data says end of medium: the EOM bit of fixed-format sense (SPC, byte 2).
    pub fn end_of_medium(&self) -> bool {
        matches!(self.sense[0] & 0x7f, 0x70 | 0x71) && self.sense[2] & 0x40 != 0
    }
}

/// Whether the descriptor is a tape drive: `MTIOCGET` works.
pub fn is_tape(fd: BorrowedFd<'_>) -> bool {
    status(fd).is_ok()
}

/// Does one operation, `count` times where that has a meaning.
pub fn op(fd: BorrowedFd<'_>, op: MtOp, count: u32) -> io::Result<()> {
    let count = i32::try_from(count).map_err(|_| io::ErrorKind::InvalidInput)?;
    half::tape::op(fd, op, count)
}

/// The position of the drive. Errors: `ENOTTY` for anything except a tape.
pub fn status(fd: BorrowedFd<'_>) -> io::Result<Status> {
    half::tape::status(fd)
}

/// The drive's status of the last failed data command; None if the driver does not report it.
///
/// Asking clears it. Ask once after opening: reading a blank tape when it is mounted leaves sense data with the end-of-medium
/// bit. On early warning sa(4) answers a write with 0 and this has the bit, with the whole record left undone.
pub fn errors(fd: BorrowedFd<'_>) -> io::Result<Option<Errors>> {
    half::tape::errors(fd)
}

/// The logical block the drive itself counts, from the start of the tape. Errors: some drives refuse (`EINVAL`, `EIO`).
pub fn position(fd: BorrowedFd<'_>) -> io::Result<u32> {
    half::tape::position(fd)
}

/// Bytes in the largest record that driver, controller and drive take. None where that cannot be learned. Before the sandbox.
pub fn max_record(fd: BorrowedFd<'_>, path: &Path) -> Option<u64> {
    half::tape::max_record(fd, path)
}

/// A count that drivers give as -1 when they do not know it.
pub(super) fn known(count: i32) -> Option<u32> {
    u32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_no_tape() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(!is_tape(null.as_fd()));
        assert!(op(null.as_fd(), MtOp::Rewind, 1).is_err());
        assert!(position(null.as_fd()).is_err());
        assert_eq!(max_record(null.as_fd(), Path::new("/dev/null")), None);
        assert_eq!(op(null.as_fd(), MtOp::Rewind, u32::MAX).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn reads_sense_data() {
        let mut errors = Errors { residual: 0, sense: [0; 32] };
        assert!(!errors.end_of_medium());
        errors.sense[0] = 0xf0;
        errors.sense[2] = 0x40 | 0x0d;
        assert!(errors.end_of_medium());
        assert_eq!((known(-1), known(3)), (None, Some(3)));
    }
}
