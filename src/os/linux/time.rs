// SPDX-License-Identifier: BSD-2-Clause
//! Prevents glibc from opening the time zone file again.

/// With `TZ` unset glibc looks at `/etc/localtime` at every mktime(3), which the sandbox refuses; with `TZ` set
/// to the same file it reads it once.
///
/// # Safety
/// The process must have one thread.
pub unsafe fn pin_zone() {
    if std::env::var_os("TZ").is_none() {
        // SAFETY: one thread, as the caller promised.
        unsafe { std::env::set_var("TZ", ":/etc/localtime") };
    }
}
