// SPDX-License-Identifier: BSD-2-Clause
//! ioctls of disks (sys/disk.h).

use crate::ffi;
use crate::ioccom::{IOC_OUT, ioc};
use libc::{c_char, c_uint, c_ulong, off_t};

/// `#define DIOCGSECTORSIZE _IOR('d', 128, u_int)`: bytes in a sector.
pub const DIOCGSECTORSIZE: c_ulong = ioc::<c_uint>(IOC_OUT, b'd', 128);
/// `#define DIOCGMEDIASIZE _IOR('d', 129, off_t)`: bytes on the medium, a multiple of the sector size.
pub const DIOCGMEDIASIZE: c_ulong = ioc::<off_t>(IOC_OUT, b'd', 129);
/// `#define DIOCGPROVIDERNAME _IOR('d', 138, char[MAXPATHLEN])`: the GEOM provider, without `/dev/`.
pub const DIOCGPROVIDERNAME: c_ulong = ioc::<[c_char; 1024]>(IOC_OUT, b'd', 138);

const _: () = assert!(DIOCGSECTORSIZE == 0x4004_6480 && DIOCGSECTORSIZE == ffi::IOCTL_DIOCGSECTORSIZE);
const _: () = assert!(DIOCGMEDIASIZE == 0x4008_6481 && DIOCGMEDIASIZE == ffi::IOCTL_DIOCGMEDIASIZE);
const _: () = assert!(DIOCGPROVIDERNAME == 0x4400_648a && DIOCGPROVIDERNAME == ffi::IOCTL_DIOCGPROVIDERNAME);
