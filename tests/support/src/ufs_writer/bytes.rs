// SPDX-License-Identifier: BSD-2-Clause
//! A buffer of on-disk numbers in the image's byte order.

/// Bytes of a structure, and the order of its numbers.
pub struct Bytes {
    big_endian: bool,
    /// The bytes.
    pub buf: Vec<u8>,
}

impl Bytes {
    /// `length` zeros.
    pub fn new(length: usize, big_endian: bool) -> Bytes {
        Bytes { big_endian, buf: vec![0; length] }
    }

    /// Puts the low `width` bytes of a number at `at`.
    pub fn put(&mut self, at: usize, width: usize, value: u64) {
        let little = value.to_le_bytes();
        let field = &mut self.buf[at..at + width];
        field.copy_from_slice(&little[..width]);
        if self.big_endian {
            field.reverse();
        }
    }

    /// Puts numbers of four bytes, each at its offset.
    pub fn put_all32(&mut self, fields: &[(usize, u64)]) {
        fields.iter().for_each(|&(at, value)| self.put(at, 4, value));
    }

    /// Puts numbers of eight bytes, each at its offset.
    pub fn put_all64(&mut self, fields: &[(usize, u64)]) {
        fields.iter().for_each(|&(at, value)| self.put(at, 8, value));
    }
}
