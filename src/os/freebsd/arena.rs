// SPDX-License-Identifier: BSD-2-Clause
//! Large shared mappings on FreeBSD.

use nix::sys::mman::MapFlags;
use std::ffi::c_void;
use std::ptr::NonNull;

/// Aligned so that superpages fit, and left out of core dumps: file data would be in it.
pub const MAP_FLAGS: MapFlags = MapFlags::from_bits_retain(libc::MAP_ALIGNED_SUPER | libc::MAP_NOCORE);

/// Nothing more: the kernel makes superpages by itself.
pub fn advise(_base: NonNull<c_void>, _len: usize) {}

/// Nothing: superpages are mapped with few faults.
pub fn populate(_base: NonNull<c_void>, _len: usize) {}
