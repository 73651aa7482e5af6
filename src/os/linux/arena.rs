// SPDX-License-Identifier: BSD-2-Clause
//! Large shared mappings on Linux.

use nix::sys::mman::{MapFlags, MmapAdvise, madvise};
use std::ffi::c_void;
use std::ptr::NonNull;

/// Flags beside `MAP_SHARED`.
pub const MAP_FLAGS: MapFlags = MapFlags::empty();

/// Asks for huge pages, and for core dumps without file data. Both are hints: a kernel may refuse them.
pub fn advise(base: NonNull<c_void>, len: usize) {
    for advice in [MmapAdvise::MADV_HUGEPAGE, MmapAdvise::MADV_DONTDUMP] {
        // SAFETY: base and len are a mapping just made; neither advice changes its contents.
        let _ = unsafe { madvise(base, len, advice) };
    }
}

/// Makes and maps pages that begin on a page. A hint: kernels before 5.14 refuse it.
pub fn populate(base: NonNull<c_void>, len: usize) {
    // SAFETY: base and len are within a shared mapping; the advice changes none of its bytes.
    let _ = unsafe { madvise(base, len, MmapAdvise::MADV_POPULATE_WRITE) };
}
