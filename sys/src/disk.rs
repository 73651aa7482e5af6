// SPDX-License-Identifier: BSD-2-Clause
//! ioctls of disks (sys/disk.h).

use crate::ioccom::{IOC_OUT, ioc};
use libc::{c_uint, c_ulong, off_t};

/// `#define DIOCGSECTORSIZE _IOR('d', 128, u_int)`: bytes in a sector.
pub const DIOCGSECTORSIZE: c_ulong = ioc::<c_uint>(IOC_OUT, b'd', 128);
/// `#define DIOCGMEDIASIZE _IOR('d', 129, off_t)`: bytes on the medium, a multiple of the sector size.
pub const DIOCGMEDIASIZE: c_ulong = ioc::<off_t>(IOC_OUT, b'd', 129);

const _: () = assert!(DIOCGSECTORSIZE == 0x4004_6480);
const _: () = assert!(DIOCGMEDIASIZE == 0x4008_6481);
