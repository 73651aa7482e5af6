// SPDX-License-Identifier: BSD-2-Clause
//! Encoding of ioctl numbers (sys/ioccom.h).

use libc::c_ulong;

/// `#define IOCPARM_MASK 0x1fff`: most bytes of an argument, less one.
pub const IOCPARM_MASK: c_ulong = 0x1fff;
/// `#define IOC_OUT 0x40000000`: the kernel fills the argument in.
pub const IOC_OUT: c_ulong = 0x4000_0000;
/// `#define IOC_IN 0x80000000`: the kernel reads the argument.
pub const IOC_IN: c_ulong = 0x8000_0000;

/// `#define _IOC(inout,group,num,len) ((u_long)((inout) | (((len) & IOCPARM_MASK) << 16) | ((group) << 8) | (num)))`
pub const fn ioc<T>(inout: c_ulong, group: u8, number: u8) -> c_ulong {
    let len = size_of::<T>() as c_ulong;
    assert!(len <= IOCPARM_MASK);
    inout | len << 16 | (group as c_ulong) << 8 | number as c_ulong
}
