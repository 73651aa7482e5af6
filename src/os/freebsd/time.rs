// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD's libc reads the time zone once.

/// Nothing to do.
///
/// # Safety
/// None is needed; the other half's contract.
pub unsafe fn pin_zone() {}
