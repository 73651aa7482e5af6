// SPDX-License-Identifier: BSD-2-Clause
//! Tape structures and ioctls (sys/mtio.h).

use crate::ffi;
use crate::ioccom::{IOC_IN, IOC_OUT, ioc};
use libc::c_ulong;

pub use crate::ffi::{
    MTBSF, MTBSR, MTFSF, MTFSR, MTLOAD, MTNOP, MTOFFL, MTREW, MTWEOF,
    mt_ext_get_status_MT_EXT_GET_NEED_MORE_SPACE as MT_EXT_GET_NEED_MORE_SPACE,
    mt_ext_get_status_MT_EXT_GET_OK as MT_EXT_GET_OK, mterrstat, mtextget, mtget, mtop, scsi_tape_errors,
};

/// `#define MTIOCTOP _IOW('m', 1, struct mtop)`
pub const MTIOCTOP: c_ulong = ioc::<mtop>(IOC_IN, b'm', 1);
/// `#define MTIOCGET _IOR('m', 2, struct mtget)`
pub const MTIOCGET: c_ulong = ioc::<mtget>(IOC_OUT, b'm', 2);
/// `#define MTIOCRDSPOS _IOR('m', 5, u_int32_t)`: the logical block.
pub const MTIOCRDSPOS: c_ulong = ioc::<u32>(IOC_OUT, b'm', 5);
/// `#define MTIOCERRSTAT _IOR('m', 7, union mterrstat)`; asking clears the data.
pub const MTIOCERRSTAT: c_ulong = ioc::<mterrstat>(IOC_OUT, b'm', 7);
/// `#define MTIOCGETEOTMODEL _IOR('m', 8, u_int32_t)`: how many filemarks end a tape.
pub const MTIOCGETEOTMODEL: c_ulong = ioc::<u32>(IOC_OUT, b'm', 8);
/// `#define MTIOCEXTGET _IOWR('m', 11, struct mtextget)`
pub const MTIOCEXTGET: c_ulong = ioc::<mtextget>(IOC_IN | IOC_OUT, b'm', 11);

const _: () = assert!(size_of::<mtop>() == 8 && MTIOCTOP == 0x8008_6d01);
const _: () = assert!(size_of::<mtget>() == 76 && MTIOCGET == 0x404c_6d02);
const _: () = assert!(MTIOCRDSPOS == 0x4004_6d05);
const _: () = assert!(size_of::<scsi_tape_errors>() == 152);
const _: () = assert!(size_of::<mterrstat>() == 256 && MTIOCERRSTAT == 0x4100_6d07);
const _: () = assert!(MTIOCGETEOTMODEL == 0x4004_6d08);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<mtextget>() == 216 && MTIOCEXTGET == 0xc0d8_6d0b);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<mtextget>() == 208 && MTIOCEXTGET == 0xc0d0_6d0b);
const _: () = assert!(
    MTIOCTOP == ffi::IOCTL_MTIOCTOP
        && MTIOCGET == ffi::IOCTL_MTIOCGET
        && MTIOCRDSPOS == ffi::IOCTL_MTIOCRDSPOS
        && MTIOCERRSTAT == ffi::IOCTL_MTIOCERRSTAT
        && MTIOCGETEOTMODEL == ffi::IOCTL_MTIOCGETEOTMODEL
        && MTIOCEXTGET == ffi::IOCTL_MTIOCEXTGET
);
