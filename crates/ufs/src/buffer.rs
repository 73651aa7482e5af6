// SPDX-License-Identifier: BSD-2-Clause
//! Page-aligned read buffers.
//!
//! A kernel copies whole pages of its cache. To memory that begins at another place within a page (as large
//! allocations do, 16 bytes into one) some processors take three times as long for that.

use std::ops::{Deref, DerefMut};

/// Bytes of a page, on the machines we know.
const PAGE: usize = 4096;

/// Bytes that begin on a page.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// `length` bytes of zeros.
    pub fn new(length: usize) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.set_length(length);
        buffer
    }

    /// Sets the length to `length` bytes. The contents are unspecified: the caller reads into them.
    pub fn set_length(&mut self, length: usize) {
        if length > self.memory.len().saturating_sub(self.start) || self.memory.is_empty() {
            self.memory = vec![0; length.saturating_add(PAGE)];
            self.start = self.memory.as_ptr().align_offset(PAGE).min(PAGE);
        }
        self.length = length;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(self.start..).and_then(|bytes| bytes.get(..self.length)).unwrap_or(&[])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..).and_then(|bytes| bytes.get_mut(..self.length)).unwrap_or(&mut [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_on_a_page_whatever_its_length() {
        let mut buffer = Buffer::default();
        assert!(buffer.is_empty());
        for length in [0, 1, 100_000, 10, 5000, 300_000, 300_001] {
            buffer.set_length(length);
            assert_eq!(buffer.len(), length);
            assert!(buffer.as_ptr().addr().is_multiple_of(PAGE));
            buffer.fill(7);
        }
    }
}
