// SPDX-License-Identifier: BSD-2-Clause
//! The constants of st(4) (linux/mtio.h).

use crate::os::check;
use crate::os::tape::{Errors, MtOp, Status};
use std::ffi::{c_int, c_long, c_short};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

/// `struct mtop { short mt_op; int mt_count; };`
#[repr(C)]
struct mtop {
    mt_op: c_short,
    mt_count: c_int,
}

/// `struct mtget`: five longs, then `__kernel_daddr_t mt_fileno, mt_blkno`.
#[repr(C)]
#[derive(Default)]
struct mtget {
    mt_type: c_long,
    mt_resid: c_long,
    mt_dsreg: c_long,
    mt_gstat: c_long,
    mt_erreg: c_long,
    mt_fileno: c_int,
    mt_blkno: c_int,
}

/// `struct mtpos { long mt_blkno; };`
#[repr(C)]
#[derive(Default)]
struct mtpos {
    mt_blkno: c_long,
}

/// `_IOC(dir, 'm', nr, size)` of asm-generic/ioctl.h, as x86 and Arm use it.
const fn ioc(dir: u32, number: u32, size: usize) -> u32 {
    dir << 30 | (size as u32) << 16 | (b'm' as u32) << 8 | number
}

/// `#define MTIOCTOP _IOW('m', 1, struct mtop)`
pub const MTIOCTOP: u32 = ioc(1, 1, size_of::<mtop>());
/// `#define MTIOCGET _IOR('m', 2, struct mtget)`
pub const MTIOCGET: u32 = ioc(2, 2, size_of::<mtget>());
/// `#define MTIOCPOS _IOR('m', 3, struct mtpos)`
pub const MTIOCPOS: u32 = ioc(2, 3, size_of::<mtpos>());

const _: () = assert!(size_of::<mtop>() == 8 && MTIOCTOP == 0x4008_6d01);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<mtget>() == 48 && MTIOCGET == 0x8030_6d02 && MTIOCPOS == 0x8008_6d03);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<mtget>() == 28 && MTIOCGET == 0x801c_6d02 && MTIOCPOS == 0x8004_6d03);

/// `MT_ST_BLKSIZE_MASK`: the low 24 bits of `mt_dsreg` are the block size.
const MT_ST_BLKSIZE_MASK: c_long = 0x00ff_ffff;

fn number(op: MtOp) -> c_short {
    match op {
        MtOp::ForwardFiles => 1,
        MtOp::BackFiles => 2,
        MtOp::WriteFilemarks => 5,
        MtOp::Rewind => 6,
        MtOp::Offline => 7,
    }
}

pub fn op(fd: BorrowedFd<'_>, op: MtOp, count: i32) -> io::Result<()> {
    let arg = mtop { mt_op: number(op), mt_count: count };
    // SAFETY: MTIOCTOP reads one mtop, which outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), MTIOCTOP as _, &arg) }).map(drop)
}

pub fn status(fd: BorrowedFd<'_>) -> io::Result<Status> {
    let mut get = mtget::default();
    // SAFETY: MTIOCGET writes one mtget.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), MTIOCGET as _, &mut get) })?;
    Ok(Status {
        residual: get.mt_resid,
        file: crate::os::tape::known(get.mt_fileno),
        record: crate::os::tape::known(get.mt_blkno),
        block_size: u32::try_from(get.mt_dsreg & MT_ST_BLKSIZE_MASK).unwrap_or_default(),
    })
}

pub fn position(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut pos = mtpos::default();
    // SAFETY: MTIOCPOS writes one mtpos.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), MTIOCPOS as _, &mut pos) })?;
    u32::try_from(pos.mt_blkno).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// What is known of the last failed read or write: nothing, st(4) has no such call.
pub fn errors(_fd: BorrowedFd<'_>) -> io::Result<Option<Errors>> {
    Ok(None)
}

/// st(4) does not report its limits.
pub fn max_record(_fd: BorrowedFd<'_>, _path: &Path) -> Option<u64> {
    None
}
