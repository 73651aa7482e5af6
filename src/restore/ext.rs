// SPDX-License-Identifier: BSD-2-Clause
//! Extended attributes as Linux's dump has them: the block of ext2 to ext4 that holds them, or the part of the inode (ext2_ext_attr.h of
//! e2fsprogs). Little-endian. Pure.

use crate::os::tree::{Attribute, Space};

/// `EXT2_EXT_ATTR_MAGIC`: a block, with a header of 32 bytes, whose values are counted from its beginning.
const BLOCK: u32 = 0xea02_0000;
/// What Linux's dump puts in its place for the part of an inode, with a header of 4 bytes, whose values are counted from behind it.
const INODE: u32 = 0xea02_0001;

/// Bytes of an entry before its name.
const ENTRY: usize = 16;

/// Entries of an ACL of UFS (`OLDACL_MAX_ENTRIES`, sys/acl.h), and the bytes of each.
const MOST_ENTRIES: usize = 32;
const ACL_ENTRY: usize = 12;

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The records of an inode: its own, and that of its block.
#[derive(Clone, Debug, Default)]
pub struct Records(Vec<Vec<u8>>);

impl Records {
    /// Records that are kept, and bytes of each: a block has 64 KiB at most.
    const MOST: usize = 2;
    const MOST_BYTES: usize = 64 << 10;

    /// A tape block of a record, the first one or not.
    pub fn block(&mut self, is_first: bool, block: &[u8]) {
        if is_first && self.0.len() < Records::MOST {
            self.0.push(Vec::new());
        }
        if let Some(last) = self.0.last_mut().filter(|last| last.len() < Records::MOST_BYTES) {
            last.extend_from_slice(block);
        }
    }

    /// The attributes, and how many others there are. Records that are none count as one.
    pub fn attributes(&self) -> (Vec<Attribute>, u64) {
        let (mut all, mut lost) = (Vec::new(), 0);
        for record in &self.0 {
            let (found, more) = attributes(record).unwrap_or((Vec::new(), 1));
            all.extend(found);
            lost += more;
        }
        (all, lost)
    }
}

/// The attributes in `bytes`, and how many others there are that cannot be read or mean nothing elsewhere. `None`: the bytes are no attributes.
fn attributes(bytes: &[u8]) -> Option<(Vec<Attribute>, u64)> {
    let (mut at, base) = match word(bytes, 0)? {
        BLOCK => (32, 0),
        INODE => (4, 4),
        _ => return None,
    };
    let (mut found, mut lost) = (Vec::new(), 0);
    while let Some(entry) = bytes.get(at..at + ENTRY).filter(|entry| entry[..4] != [0; 4]) {
        let length = usize::from(entry[0]);
        let name = bytes.get(at + ENTRY..at + ENTRY + length)?;
        match attribute(bytes, entry, name, base) {
            Some(attribute) => found.push(attribute),
            None => lost += 1,
        }
        at = (at + ENTRY + length).next_multiple_of(4);
    }
    Some((found, lost))
}

fn attribute(bytes: &[u8], entry: &[u8], name: &[u8], base: usize) -> Option<Attribute> {
    let (offset, inode, size) = (half(entry, 2)?, word(entry, 4)?, word(entry, 8)?);
    // Values of their own inode are not on the dump.
    let start = Some(usize::from(offset) + base).filter(|_| inode == 0)?;
    let value = bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
    let prefix: &[u8] = match entry[1] {
        1 => b"user.",
        2 => return acl(b"posix1e.acl_access", value),
        3 => return acl(b"posix1e.acl_default", value),
        4 => b"trusted.",
        6 => b"security.",
        _ => return None,
    };
    let name = Some([prefix, name].concat()).filter(|_| !name.is_empty() && !name.contains(&0))?;
    Some(Attribute { space: Space::Linux, name, value: value.to_vec() })
}

/// An ACL as ext4 keeps it (version 1: tag and permissions of 16 bits each, and an id where there is one), in the form that UFS has.
fn acl(name: &[u8], value: &[u8]) -> Option<Attribute> {
    let mut rest = value.get(4..).filter(|_| word(value, 0) == Some(1))?;
    let (mut count, mut entries) = (0_u32, Vec::new());
    while !rest.is_empty() {
        let (tag, perm) = (half(rest, 0)?, half(rest, 2)?);
        let (id, length) = if matches!(tag, 2 | 8) { (word(rest, 4)?, 8) } else { (u32::MAX, 4) };
        entries.extend(u32::from(tag).to_ne_bytes());
        entries.extend(id.to_ne_bytes());
        entries.extend(perm.to_ne_bytes());
        entries.extend([0; 2]);
        count += 1;
        rest = &rest[length..];
    }
    // UFS takes no ACL of another length.
    entries.resize(entries.len().max(MOST_ENTRIES * ACL_ENTRY), 0);
    let value = [&count.to_ne_bytes()[..], &entries].concat();
    Some(Attribute { space: Space::System, name: name.to_vec(), value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A block or the part of an inode with these attributes: index, name, value.
    fn area(magic: u32, attributes: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
        let (start, base) = if magic == BLOCK { (32, 0) } else { (4, 4) };
        let mut area = magic.to_le_bytes().to_vec();
        area.resize(start, 0);
        let mut values: Vec<u8> = Vec::new();
        for (index, name, value) in attributes {
            let offset = (512 + values.len() - base) as u16;
            area.extend([name.len() as u8, *index]);
            area.extend(offset.to_le_bytes());
            area.extend(0_u32.to_le_bytes());
            area.extend((value.len() as u32).to_le_bytes());
            area.extend(0_u32.to_le_bytes());
            area.extend_from_slice(name);
            area.resize(area.len().next_multiple_of(4), 0);
            values.extend_from_slice(value);
        }
        area.resize(512, 0);
        area.extend(values);
        area.resize(1024, 0);
        area
    }

    #[test]
    fn attributes_of_a_block_and_an_inode() {
        for magic in [BLOCK, INODE] {
            let acl = [&[1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0xe8, 3, 0, 0][..], &[16, 0, 4, 0]].concat();
            let (found, lost) = attributes(&area(
                magic,
                &[(1, b"colour", b"blue"), (6, b"capability", &[2; 20]), (2, b"", &acl), (7, b"data", b"x")],
            ))
            .unwrap();
            let named = |at: usize| (found[at].space, found[at].name.as_slice(), found[at].value.len());
            assert_eq!(named(0), (Space::Linux, &b"user.colour"[..], 4));
            assert_eq!(found[0].value, b"blue");
            assert_eq!(named(1), (Space::Linux, &b"security.capability"[..], 20));
            assert_eq!(named(2), (Space::System, &b"posix1e.acl_access"[..], 388));
            assert_eq!(found[2].value[..4], 3_u32.to_ne_bytes());
            assert_eq!(found[2].value[20..24], 1000_u32.to_ne_bytes());
            assert_eq!((found.len(), lost), (3, 1));
        }
    }

    #[test]
    fn values_outside_are_lost() {
        let mut bytes = area(BLOCK, &[(1, b"a", b"b")]);
        bytes[32 + 8..32 + 12].copy_from_slice(&600_u32.to_le_bytes());
        assert_eq!(attributes(&bytes), Some((vec![], 1)));
        assert_eq!(attributes(&[0; 1024]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), is_block in any::<bool>()) {
            _ = attributes(&bytes);
            let magic = if is_block { BLOCK } else { INODE };
            bytes.splice(0..4.min(bytes.len()), magic.to_le_bytes());
            _ = attributes(&bytes);
        }
    }
}
