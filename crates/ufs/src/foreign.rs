// SPDX-License-Identifier: BSD-2-Clause
//! Converts data that restore(8) interprets from the byte order of the disk to that of the host.
//!
//! A dump's headers are in the host's byte order, and a reader takes directories and extended attributes to be in the order of the
//! headers. What cannot be made sense of is left as it is.

use super::dir::DIRBLKSIZ;
use super::fields::ByteOrder;

impl ByteOrder {
    /// The byte order of this machine.
    pub const HOST: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
    /// The other one.
    pub const FOREIGN: ByteOrder =
        if cfg!(target_endian = "big") { ByteOrder::Little } else { ByteOrder::Big };
}

/// Turns the entries of a directory's bytes, which begin at a multiple of [`DIRBLKSIZ`], from `order` to the host's byte order, and
/// from the format of before 4.4BSD, a length of 16 bits, to that of today, a type and a length of 8 bits each. The type is 0:
/// unknown.
///
/// Gives the length of a name that is too long for that. Its entry is left without an inode, which readers skip.
#[must_use]
pub fn directory_to_host(bytes: &mut [u8], order: ByteOrder, old_format: bool) -> Option<u16> {
    let mut too_long = None;
    if order == ByteOrder::HOST && !old_format {
        return None;
    }
    for piece in bytes.chunks_mut(DIRBLKSIZ) {
        let mut rest = piece;
        while let Some((head, _)) = rest.split_first_chunk_mut::<8>() {
            let [i0, i1, i2, i3, r0, r1, n0, n1] = *head;
            let reclen = usize::from(order.u16([r0, r1]));
            let ([i0, i1, i2, i3], [r0, r1]) = match order == ByteOrder::HOST {
                true => ([i0, i1, i2, i3], [r0, r1]),
                false => ([i3, i2, i1, i0], [r1, r0]),
            };
            let namlen = order.u16([n0, n1]);
            *head = match (old_format, u8::try_from(namlen)) {
                (false, _) => [i0, i1, i2, i3, r0, r1, n0, n1],
                (true, Ok(namlen)) => [i0, i1, i2, i3, r0, r1, 0, namlen],
                (true, Err(_)) => {
                    if [i0, i1, i2, i3] != [0; 4] {
                        too_long = too_long.or(Some(namlen));
                    }
                    [0, 0, 0, 0, r0, r1, 0, 0]
                }
            };
            match rest.get_mut(reclen..) {
                Some(next) if reclen >= 8 => rest = next,
                _ => break,
            }
        }
    }
    too_long
}

/// Turns extended attributes (`struct extattr`, ufs/ufs/extattr.h) from `order` to the host's byte order: the length that each
/// begins with.
pub fn attributes_to_host(bytes: &mut [u8], order: ByteOrder) {
    if order == ByteOrder::HOST {
        return;
    }
    let mut rest = bytes;
    while let Some((head, _)) = rest.split_first_chunk_mut::<4>() {
        let length = usize::try_from(order.u32(*head)).unwrap_or(usize::MAX);
        head.reverse();
        match rest.get_mut(length..) {
            Some(next) if length >= 8 => rest = next,
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir_entries;

    /// The byte order that this machine does not have.
    const OTHER: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::Little } else { ByteOrder::Big };

    fn u16_of(order: ByteOrder, value: u16) -> [u8; 2] {
        if order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32_of(order: ByteOrder, value: u32) -> [u8; 4] {
        if order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    #[test]
    fn directories_read_the_same_in_the_hosts_order() {
        let mut block = Vec::new();
        for (ino, reclen, name) in [(2u32, 12u16, "."), (2, 500, ".."), (70_000, 512, "a name")] {
            let start = block.len();
            block.extend(u32_of(OTHER, ino));
            block.extend(u16_of(OTHER, reclen));
            block.extend([4, name.len() as u8]);
            block.extend(name.bytes());
            block.resize(start + usize::from(reclen), 0);
        }
        let before: Vec<_> = dir_entries(&block, OTHER, false).map(|e| e.unwrap().ino).collect();
        let mut turned = block.clone();
        assert_eq!(directory_to_host(&mut turned, OTHER, false), None);
        let after: Vec<_> = dir_entries(&turned, ByteOrder::HOST, false).map(|e| e.unwrap().ino).collect();
        assert_eq!(before, after);
        assert_eq!(before.len(), 3);
        assert_eq!(directory_to_host(&mut block, ByteOrder::HOST, false), None);
        assert_ne!(block, turned, "what is in the host's order is left alone");
    }

    #[test]
    fn old_directories_become_new_ones() {
        for order in [OTHER, ByteOrder::HOST] {
            let mut block = Vec::new();
            for (ino, reclen, namlen) in
                [(2u32, 12u16, 1u16), (0, 12, 400), (70_000, 300, 255), (5, 188, 256)]
            {
                let start = block.len();
                block.extend(u32_of(order, ino));
                block.extend(u16_of(order, reclen));
                block.extend(u16_of(order, namlen));
                block.resize(start + usize::from(reclen), b'n');
            }
            block[8..12].copy_from_slice(b".\0\0\0");
            assert_eq!(directory_to_host(&mut block, order, true), Some(256));
            let entries: Vec<_> =
                dir_entries(&block, ByteOrder::HOST, false).map(|entry| entry.unwrap()).collect();
            let found: Vec<_> =
                entries.iter().map(|entry| (entry.ino.0, entry.kind, entry.name.len())).collect();
            assert_eq!(found, [(2, 0, 1), (70_000, 0, 255)]);
        }
    }

    #[test]
    fn attributes_are_turned_one_by_one() {
        let mut area = Vec::new();
        for length in [16u32, 24] {
            let start = area.len();
            area.extend(u32_of(OTHER, length));
            area.resize(start + length as usize, 7);
        }
        attributes_to_host(&mut area, OTHER);
        assert_eq!(area[..4], u32_of(ByteOrder::HOST, 16));
        assert_eq!(area[16..20], u32_of(ByteOrder::HOST, 24));
    }

    #[test]
    fn nonsense_ends_it() {
        for fill in [0, 0xff] {
            let mut bytes = vec![fill; 2048];
            let _ = directory_to_host(&mut bytes, OTHER, false);
            attributes_to_host(&mut bytes, OTHER);
            assert_eq!(bytes.len(), 2048);
        }
        assert_eq!(directory_to_host(&mut [0; 7], OTHER, true), None);
        attributes_to_host(&mut [0; 3], OTHER);
    }
}
