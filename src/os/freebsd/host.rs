// SPDX-License-Identifier: BSD-2-Clause
//! Values of sysctl(3).

use std::ffi::CStr;

/// `security.jail.jailed`.
pub fn is_jail() -> bool {
    number(c"security.jail.jailed") == Some(1)
}

/// Bytes that one request to a disk has at most: `kern.maxphys`, or what that was before it could be set (`MAXPHYS`, sys/param.h).
pub fn max_request() -> usize {
    let (mut value, mut len) = (0_usize, size_of::<libc::c_ulong>());
    // SAFETY: the name ends in NUL; `value` is as large as an unsigned long, whose size `len` is; nothing is set.
    let answer = unsafe {
        let old = (&raw mut value).cast();
        libc::sysctlbyname(c"kern.maxphys".as_ptr(), old, &mut len, std::ptr::null(), 0)
    };
    if answer == 0 && len == size_of_val(&value) { value } else { 128 << 10 }
}

/// A value that is an int; none if there is none of that name.
pub fn number(name: &CStr) -> Option<u32> {
    let mut value = 0_u32;
    let mut len = size_of_val(&value);
    // SAFETY: the name ends in NUL; `len` is the size of `value`; nothing is set.
    let answer = unsafe {
        let old = (&raw mut value).cast();
        libc::sysctlbyname(name.as_ptr(), old, &mut len, std::ptr::null(), 0)
    };
    (answer == 0 && len == size_of_val(&value)).then_some(value)
}
