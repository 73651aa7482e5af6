// SPDX-License-Identifier: BSD-2-Clause
//! Memory shared by the planner and its workers: allocated before fork, never through a file.

use crate::os::{half, invalid};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;

/// Anonymous shared memory, page aligned and zero-filled.
///
/// Forked children see the same bytes. The protocol that makes its safe functions sound: each region belongs to
/// one process at a time. Only the owner makes slices of it, and it hands the region over by a message on
/// a socket, which orders the memory accesses before and after; no slice outlives the hand-over.
/// A subverted worker can break the protocol, so bytes read back from a region that a worker had are not to be
/// trusted, and nothing may be validated in place and then read again.
#[derive(Debug)]
pub struct Arena {
    base: NonNull<c_void>,
    len: NonZeroUsize,
}

impl Arena {
    /// Maps `len` bytes. Errors: `InvalidInput` for zero, else those of mmap(2) (`ENOMEM`).
    pub fn new(len: usize) -> io::Result<Arena> {
        let len = NonZeroUsize::new(len).ok_or_else(|| invalid("an arena of no bytes"))?;
        let flags = MapFlags::MAP_SHARED | half::arena::MAP_FLAGS;
        // SAFETY: no address is requested, so the new mapping replaces nothing.
        let base = unsafe { mmap_anonymous(None, len, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags)? };
        let arena = Arena { base, len };
        half::arena::advise(arena.base, arena.len.get());
        Ok(arena)
    }

    /// Has the pages of a region made and mapped at once, where the system can: else each is when it is first written.
    pub fn populate(&self, range: Range<usize>) {
        let len = self.check(&range);
        // SAFETY: `check` found the range inside the mapping, so the address is too.
        half::arena::populate(unsafe { self.base.byte_add(range.start) }, len);
    }

    /// Bytes in the arena.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// The bytes of a region that this process owns now.
    ///
    /// # Panics
    /// If the range is not within the arena, as slices do.
    pub fn slice(&self, range: Range<usize>) -> &[u8] {
        let len = self.check(&range);
        // SAFETY: `check` found the range inside the mapping, which lives as long as self; the bytes were
        // zero-filled by mmap, and by the protocol no other process writes them while the slice lives.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().cast::<u8>().add(range.start), len) }
    }

    /// The bytes of a region that this process owns now, to be changed.
    ///
    /// # Panics
    /// If the range is not within the arena, as slices do.
    pub fn slice_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let len = self.check(&range);
        // SAFETY: as in `slice`; and &mut self keeps any second slice of this process away.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().cast::<u8>().add(range.start), len) }
    }

    /// The length of a range that must be within the arena.
    fn check(&self, range: &Range<usize>) -> usize {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "range {range:?} is outside the arena of {} bytes",
            self.len
        );
        range.end - range.start
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: base and len are those of the mapping made in `new`; no slice outlives self.
        // munmap of a whole mapping cannot fail.
        let _ = unsafe { munmap(self.base, self.len.get()) };
    }
}

// SAFETY: the mapping is owned by the value alone and is bound to no thread.
unsafe impl Send for Arena {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::testing::in_child;

    #[test]
    fn is_zeroed_and_page_aligned() {
        let arena = Arena::new(3 << 20).unwrap();
        assert_eq!(arena.len(), 3 << 20);
        assert_eq!(arena.base.as_ptr() as usize % 4096, 0);
        assert!(arena.slice(0..3 << 20).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_child_writes_into_the_same_bytes() {
        let mut arena = Arena::new(8192).unwrap();
        arena.slice_mut(0..1)[0] = 7;
        let status = in_child(|| {
            let seen = arena.slice(0..1)[0];
            arena.slice_mut(4096..4098).copy_from_slice(&[seen, 9]);
            0
        });
        assert_eq!(status, crate::os::process::ExitStatus::Exited(0));
        assert_eq!(arena.slice(4095..4099), [0, 7, 9, 0]);
    }

    #[test]
    fn refuses_no_bytes() {
        assert_eq!(Arena::new(0).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
