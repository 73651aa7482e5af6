// SPDX-License-Identifier: BSD-2-Clause
//! Fields of on-disk structures, at the offsets given by the C headers, in the byte order of the disk.

/// The byte order of a file system: that of the machine which made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first (amd64, arm64, i386).
    Little,
    /// Most significant byte first (powerpc64, sparc64).
    Big,
}

impl ByteOrder {
    /// The order that is not this one.
    pub(crate) fn other(self) -> ByteOrder {
        match self {
            ByteOrder::Little => ByteOrder::Big,
            ByteOrder::Big => ByteOrder::Little,
        }
    }

    /// Makes a number of two bytes.
    #[inline]
    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Makes a number of four bytes.
    #[inline]
    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Makes a number of eight bytes.
    #[inline]
    pub(crate) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// A structure of `N` bytes. A field that would lie outside it does not compile.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a, const N: usize> {
    pub bytes: &'a [u8; N],
    pub order: ByteOrder,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// The structure at the start of `bytes`; `None` when they are too few.
    pub fn new(bytes: &'a [u8], order: ByteOrder) -> Option<Self> {
        Some(Fields { bytes: bytes.first_chunk()?, order })
    }

    /// The `W` bytes at offset `O`.
    #[inline]
    #[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // checked when compiled
    pub fn raw<const O: usize, const W: usize>(&self) -> [u8; W] {
        const { assert!(O + W <= N) };
        let mut field = [0; W];
        field.copy_from_slice(&self.bytes[O..O + W]);
        field
    }

    #[inline]
    pub fn u16<const O: usize>(&self) -> u16 {
        self.order.u16(self.raw::<O, 2>())
    }

    #[inline]
    pub fn i16<const O: usize>(&self) -> i16 {
        self.u16::<O>().cast_signed()
    }

    #[inline]
    pub fn u32<const O: usize>(&self) -> u32 {
        self.order.u32(self.raw::<O, 4>())
    }

    #[inline]
    pub fn i32<const O: usize>(&self) -> i32 {
        self.u32::<O>().cast_signed()
    }

    #[inline]
    pub fn u64<const O: usize>(&self) -> u64 {
        self.order.u64(self.raw::<O, 8>())
    }

    #[inline]
    pub fn i64<const O: usize>(&self) -> i64 {
        self.u64::<O>().cast_signed()
    }

    /// `K` addresses of 32 bits (`ufs1_daddr_t`) from offset `O`; a negative one becomes a huge one,
    /// which no file system holds.
    pub fn addresses32<const O: usize, const W: usize, const K: usize>(&self) -> [u64; K] {
        const { assert!(W == K * 4) };
        let mut found = [0; K];
        let raw = self.raw::<O, W>();
        for (slot, bytes) in found.iter_mut().zip(raw.as_chunks::<4>().0) {
            *slot = u64::from(self.order.u32(*bytes));
        }
        found
    }

    /// `K` addresses of 64 bits (`ufs2_daddr_t`) from offset `O`.
    pub fn addresses64<const O: usize, const W: usize, const K: usize>(&self) -> [u64; K] {
        const { assert!(W == K * 8) };
        let mut found = [0; K];
        let raw = self.raw::<O, W>();
        for (slot, bytes) in found.iter_mut().zip(raw.as_chunks::<8>().0) {
            *slot = self.order.u64(*bytes);
        }
        found
    }
}

/// A count of bytes or entries as an index.
#[inline]
pub(crate) fn index(value: u32) -> usize {
    usize::try_from(value).expect("pointers have at least 32 bits on FreeBSD and Linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_the_byte_order() {
        let bytes = [0x81, 2, 3, 4, 5, 6, 7, 0x88];
        let little = Fields::<8>::new(&bytes, ByteOrder::Little).unwrap();
        let big = Fields::<8>::new(&bytes, ByteOrder::Big).unwrap();
        assert_eq!((little.u16::<1>(), big.u16::<1>()), (0x0302, 0x0203));
        assert_eq!((little.i16::<0>(), big.i16::<0>()), (0x0281, -0x7efe));
        assert_eq!((little.u32::<0>(), big.u32::<0>()), (0x0403_0281, 0x8102_0304));
        assert_eq!((little.i32::<4>(), big.i32::<4>()), (-0x77f8_f9fb, 0x0506_0788));
        assert_eq!(big.u64::<0>(), 0x8102_0304_0506_0788);
        assert_eq!(little.i64::<0>(), 0x8807_0605_0403_0281_u64.cast_signed());
        assert_eq!(big.addresses32::<0, 8, 2>(), [0x8102_0304, 0x0506_0788]);
        assert_eq!(little.addresses64::<0, 8, 1>(), [0x8807_0605_0403_0281]);
        assert!(Fields::<9>::new(&bytes, ByteOrder::Big).is_none());
    }
}
