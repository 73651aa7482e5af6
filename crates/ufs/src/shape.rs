// SPDX-License-Identifier: BSD-2-Clause
//! The format of directories, determined from the entries `.` and `..` of the root.
//!
//! Superblocks of other systems hold other values where BSD's hold `fs_old_inodefmt` and `fs_maxsymlinklen`, but every root
//! directory begins with these two names.

use super::dir::DIRBLKSIZ;
use super::error::{Error, RootFault};
use super::fields::{ByteOrder, Fields, index};
use super::{FileSystem, FileType, ReadAt, Version, dinode::RawDinode};
use crate::Buffer;
use crate::{ByteOffset, Ino};

/// Where Apple UFS has its label, and what that begins with (`APPLEUFS_LABEL_OFFSET` and `APPLEUFS_LABEL_MAGIC` in NetBSD's
/// ufs/ffs/appleufs.h).
const APPLE_LABEL: usize = 7168;
const APPLE_MAGIC: &[u8; 4] = b"LABL";

/// Bytes of Apple's directory blocks (`APPLEUFS_DIRBLKSIZ`).
const APPLE_DIRBLKSIZ: usize = 1024;

/// What the first entries of a root directory show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A type and a length of 8 bits each, as since 4.4BSD.
    Typed,
    /// A length of 16 bits, as before. In big-endian order entries without a type look like this as well.
    Untyped,
    /// An entry crosses a multiple of 512 bytes.
    LongBlocks,
    /// `.` and `..` exist, but not in the form of UFS in this byte order.
    Unknown,
    /// No `.` and `..`, or damaged ones.
    Nothing,
}

impl<R: ReadAt> FileSystem<R> {
    /// Finds out by the root what format the directories have, and corrects the superblock's claim. A root that is damaged, or
    /// cannot be read, shows nothing; then the superblock's claim holds.
    ///
    /// Errors: [`Error::Root`] for a format that cannot be dumped.
    pub fn settle_directories(&mut self) -> Result<(), Error> {
        let Some((root, size)) = self.root_block() else { return Ok(()) };
        let sb = self.superblock();
        let (version, order) = (sb.version, sb.order);
        let shape = shape_of(&root, order);
        let apple = version == Version::Ufs1
            && order == ByteOrder::Big
            && size.is_multiple_of(index_u64(APPLE_DIRBLKSIZ))
            && self.has_apple_label();
        match shape {
            _ if apple => return Err(Error::Root(RootFault::Apple)),
            Shape::LongBlocks => return Err(Error::Root(RootFault::LongBlocks)),
            Shape::Unknown => return Err(Error::Root(RootFault::Unknown)),
            Shape::Untyped if version == Version::Ufs1 => {
                let sb = self.superblock_mut();
                sb.old_directories |= order == ByteOrder::Little || !sb.new_inodes;
                sb.old_inodes |= !sb.new_inodes;
            }
            Shape::Typed => self.superblock_mut().old_directories = false,
            Shape::Untyped | Shape::Nothing => {}
        }
        Ok(())
    }

    /// The first block of the root directory, as far as it is in use, and the directory's size. None: there is none, or it cannot
    /// be read; nothing is reported, since pass I reads it again.
    fn root_block(&self) -> Option<(Buffer, u64)> {
        let sb = self.superblock();
        let mut bytes = Buffer::default();
        let (addr, within) = sb.inode_block(Ino::ROOT).ok()?;
        bytes.set_length(index(sb.bsize));
        self.disk().try_read_at(sb.offset_of(addr), &mut bytes).then_some(())?;
        let start = index(within.saturating_mul(sb.inode_size()));
        let inode = RawDinode::new(sb, Ino::ROOT, bytes.get(start..)?)?.to_dinode();
        if inode.file_type() != FileType::Dir {
            return None;
        }
        let used = u32::try_from(inode.raw_size().min(sb.bsize.into())).ok()?;
        let [first, ..] = inode.db;
        let frags = sb.frags_of(used);
        let addr = sb.check_blocks(first, frags).ok().filter(|addr| addr.0 != 0 && frags > 0)?;
        bytes.set_length(index(frags.saturating_mul(sb.fsize)));
        self.disk().try_read_at(sb.offset_of(addr), &mut bytes).then_some(())?;
        bytes.set_length(index(used));
        Some((bytes, inode.raw_size()))
    }

    fn has_apple_label(&self) -> bool {
        // Whole blocks of the largest sector, from the start.
        let mut bytes = Buffer::default();
        bytes.set_length(APPLE_LABEL.saturating_add(APPLE_DIRBLKSIZ));
        self.disk().try_read_at(ByteOffset(0), &mut bytes)
            && bytes.get(APPLE_LABEL..).is_some_and(|label| label.starts_with(APPLE_MAGIC))
    }
}

fn index_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Examines the first bytes of a root directory. A single wrong byte does not change the result.
fn shape_of(block: &[u8], order: ByteOrder) -> Shape {
    let Some((first, second)) = dots(block, order) else {
        return if dots(block, order.other()).is_some() { Shape::Unknown } else { Shape::Nothing };
    };
    let shape = match (order, first, second) {
        (ByteOrder::Big, [0, 1], [0, 2]) | (ByteOrder::Little, [1, 0], [2, 0]) => Shape::Untyped,
        (_, [one, 1], [two, 2]) if one == two => Shape::Typed,
        // Both have another byte in its place, as in Linux's ext2.
        (_, [1, one], [2, two]) if one == two => Shape::Unknown,
        _ => Shape::Nothing,
    };
    match shape {
        Shape::Typed | Shape::Untyped if crosses(block, order) => Shape::LongBlocks,
        shape => shape,
    }
}

/// The bytes between length and name of `.` and `..`, which both name the root, if the block begins with them.
fn dots(block: &[u8], order: ByteOrder) -> Option<([u8; 2], [u8; 2])> {
    let first = Fields::<12>::new(block, order)?;
    let second = Fields::<12>::new(block.get(usize::from(first.u16::<4>())..)?, order)?;
    let names = first.raw::<8, 2>() == *b".\0" && second.raw::<8, 3>() == *b"..\0";
    let both = Ino(first.u32::<0>()) == Ino::ROOT && Ino(second.u32::<0>()) == Ino::ROOT;
    (names && both && first.u16::<4>() >= 12).then_some((first.raw::<6, 2>(), second.raw::<6, 2>()))
}

/// Whether entries are in order only if they may cross the first multiple of 512 bytes.
fn crosses(block: &[u8], order: ByteOrder) -> bool {
    let Some(block) = block.get(..APPLE_DIRBLKSIZ) else { return false };
    let ends = walk(block, 0, order);
    let at_512 = ends.contains(&DIRBLKSIZ);
    ends.last() == Some(&APPLE_DIRBLKSIZ) && !at_512 && walk(block, DIRBLKSIZ, order).last() != ends.last()
}

/// Where entries from `at` on end, up to one whose length cannot be right.
fn walk(block: &[u8], mut at: usize, order: ByteOrder) -> Vec<usize> {
    let mut ends = Vec::new();
    while let Some(fields) = block.get(at..).and_then(|rest| Fields::<8>::new(rest, order)) {
        let length = usize::from(fields.u16::<4>());
        at = at.saturating_add(length);
        if length < 8 || length % 4 != 0 || at > block.len() {
            break;
        }
        ends.push(at);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    /// A root of these (inode, length of the entry, two bytes, name).
    fn root(order: ByteOrder, entries: &[(u32, u16, [u8; 2], &str)], length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(ino, reclen, kind, name) in entries {
            let start = bytes.len();
            match order {
                ByteOrder::Little => {
                    bytes.extend([&ino.to_le_bytes()[..], &reclen.to_le_bytes()].concat());
                }
                ByteOrder::Big => bytes.extend([&ino.to_be_bytes()[..], &reclen.to_be_bytes()].concat()),
            }
            bytes.extend(kind);
            bytes.extend(name.as_bytes());
            bytes.resize(start + usize::from(reclen), 0);
        }
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn shapes_by_the_first_two_entries() {
        use ByteOrder::{Big, Little};
        let dots = |order: ByteOrder, one, two| {
            shape_of(&root(order, &[(2, 12, one, "."), (2, 500, two, "..")], 512), order)
        };
        for order in [Little, Big] {
            assert_eq!(dots(order, [4, 1], [4, 2]), Shape::Typed);
            assert_eq!(dots(order, [1, 2], [2, 2]), Shape::Unknown, "Linux's ext2");
            let turned = root(order.other(), &[(2, 12, [4, 1], "."), (2, 500, [4, 2], "..")], 512);
            assert_eq!(shape_of(&turned, order), Shape::Unknown, "the other byte order");
            let long = root(order, &[(2, 12, [4, 1], "."), (2, 1012, [4, 2], "..")], 1024);
            assert_eq!(shape_of(&long, order), Shape::LongBlocks);
            let long = root(order, &[(2, 12, [4, 1], "."), (2, 1012, [4, 2], "..")], 512);
            assert_eq!(shape_of(&long, order), Shape::Typed, "more than there is");
            let mut wrong = root(order, &[(2, 12, [4, 1], "."), (2, 500, [4, 2], "..")], 512);
            wrong.extend(root(order, &[(7, 512, [8, 1], "x")], 512));
            assert_eq!(shape_of(&wrong, order), Shape::Typed);
            wrong[if order == ByteOrder::Big { 16 } else { 17 }] ^= 2;
            assert_eq!(shape_of(&wrong, order), Shape::Typed, "one length is wrong");
            for at in 0..24 {
                let mut wrong = root(order, &[(2, 12, [4, 1], "."), (2, 500, [4, 2], "..")], 512);
                wrong[at] ^= 1;
                let shape = shape_of(&wrong, order);
                assert!(matches!(shape, Shape::Nothing | Shape::Typed), "byte {at}: {shape:?}");
            }
            for damaged in [vec![], vec![0; 512], vec![0x5a; 512]] {
                assert_eq!(shape_of(&damaged, order), Shape::Nothing);
            }
            let other = root(order, &[(2, 12, [4, 1], "."), (9, 500, [4, 2], "..")], 512);
            assert_eq!(shape_of(&other, order), Shape::Nothing);
        }
        assert_eq!(dots(Little, [1, 0], [2, 0]), Shape::Untyped);
        assert_eq!(dots(Big, [0, 1], [0, 2]), Shape::Untyped);
        assert_eq!(dots(Little, [0, 1], [0, 2]), Shape::Typed);
        assert_eq!(dots(Big, [1, 0], [2, 0]), Shape::Unknown);
        assert_eq!(dots(Big, [4, 1], [0, 2]), Shape::Nothing);
    }

    #[test]
    fn a_superblock_that_says_otherwise_is_corrected() {
        use ByteOrder::{Big, Little};
        // Order, fs_maxsymlinklen, fs_old_inodefmt, the entries' bytes; what holds then: directories, inodes.
        let cases = [
            (Little, 0, 0, [1, 0], [2, 0], true, true),
            (Big, 0, 0, [0, 1], [0, 2], true, true),
            (Little, 60, 2, [1, 0], [2, 0], true, false),
            (Big, 60, 2, [0, 1], [0, 2], false, false),
            (Little, 1, 5168, [1, 0], [2, 0], true, true), // Solaris: fs_version, fs_logbno
            (Big, 1, 5168, [0, 1], [0, 2], true, true),
            (Little, 0, 2, [4, 1], [4, 2], false, false),
            (Little, 60, 2, [1, 2], [2, 2], false, false),
        ];
        for (order, links, format, one, two, directories, inodes) in cases {
            let mut sample = Sample::new(Version::Ufs1, order);
            sample.sb(1320, 4, links);
            sample.sb(1324, 4, format);
            sample.file(2, 512, &[100], [0; 3]);
            sample.put(sample.inode_at(2), 2, 0o040_755);
            let bytes = root(order, &[(2, 12, one, "."), (2, 500, two, "..")], 512);
            sample.bytes[100 * 1024..][..512].copy_from_slice(&bytes);
            let mut fs = sample.open();
            let settled = fs.settle_directories();
            if one == [1, 2] {
                assert_eq!(settled, Err(Error::Root(RootFault::Unknown)));
                continue;
            }
            settled.unwrap();
            let sb = fs.superblock();
            assert_eq!(
                (sb.old_directories, sb.old_inodes),
                (directories, inodes),
                "{order:?} {links} {format}"
            );
        }
    }
}
