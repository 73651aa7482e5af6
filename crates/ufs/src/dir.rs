// SPDX-License-Identifier: BSD-2-Clause
//! Directory entries (`struct direct`, ufs/ufs/dir.h).

use super::fields::{ByteOrder, Fields};
use crate::Ino;
use std::fmt;

/// Directories are made of pieces of this many bytes; no entry crosses from one into the next
/// (`DIRBLKSIZ`, ufs/ufs/dir.h).
pub const DIRBLKSIZ: usize = 512;

/// Bytes of an entry before its name.
const HEADER: usize = 8;

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The inode it names (`d_ino`), never 0, not checked.
    pub ino: Ino,
    /// The type of the inode (`d_type`, `DT_*`); 0, unknown, in directories from before 4.4BSD.
    pub kind: u8,
    /// The name, from 1 to 255 bytes.
    pub name: &'a [u8],
}

/// The type of a whiteout (`DT_WHT`, sys/dirent.h): a name that hides one below it in a union mount.
const DT_WHT: u8 = 14;

impl DirEntry<'_> {
    /// It is a whiteout, which names no inode but [`Ino::WHITEOUT`].
    pub fn is_whiteout(&self) -> bool {
        is_whiteout(self.ino, self.kind)
    }

    /// It is `.` or `..`.
    pub fn is_dot(&self) -> bool {
        matches!(self.name, b"." | b"..")
    }
}

/// Whether an entry with this inode and `d_type` is a whiteout.
pub fn is_whiteout(ino: Ino, kind: u8) -> bool {
    ino == Ino::WHITEOUT && kind == DT_WHT
}

/// An entry that cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirError {
    /// Where the entry begins: bytes from the start of the block.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: DirFault,
}

/// What can be wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirFault {
    /// Fewer than 8 bytes are left.
    Cut,
    /// `d_reclen` is 0, or too small for the entry's header, or not a multiple of 4.
    Length(u16),
    /// `d_reclen` goes past the end of the piece of 512 bytes.
    Crosses(u16),
    /// `d_namlen` is 0.
    NoName,
    /// The name, which has so many bytes, does not fit into `d_reclen`, or has more than 255.
    Name {
        /// `d_namlen`.
        namlen: u16,
        /// `d_reclen`.
        reclen: u16,
    },
}

impl fmt::Display for DirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "directory entry at byte {}: {}", self.offset, self.fault)
    }
}

impl fmt::Display for DirFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirFault::Cut => f.write_str("its directory block ends in it"),
            DirFault::Length(reclen) => write!(f, "d_reclen is {reclen}"),
            DirFault::Crosses(reclen) => {
                write!(f, "d_reclen is {reclen} and goes past its directory block")
            }
            DirFault::NoName => f.write_str("d_namlen is 0"),
            DirFault::Name { namlen, reclen } => {
                write!(f, "d_namlen is {namlen}, which does not fit into d_reclen, {reclen}")
            }
        }
    }
}

impl std::error::Error for DirError {}

/// The entries of a directory's block (`block` is a whole number of pieces of [`DIRBLKSIZ`] bytes), those
/// with inode 0 left out. `old_format` is [`super::Superblock::old_directories`].
///
/// An error is given once for a piece, which then is left; the next piece follows.
pub fn dir_entries(block: &[u8], order: ByteOrder, old_format: bool) -> DirEntries<'_> {
    DirEntries { block, at: 0, order, old_format }
}

/// Iterates over a directory's block: see [`dir_entries`].
#[derive(Clone, Debug)]
pub struct DirEntries<'a> {
    block: &'a [u8],
    at: usize,
    order: ByteOrder,
    old_format: bool,
}

impl<'a> Iterator for DirEntries<'a> {
    type Item = Result<DirEntry<'a>, DirError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.block.len() {
            let offset = self.at;
            // The end of the piece that holds `offset`.
            let end = offset.saturating_add(1).next_multiple_of(DIRBLKSIZ).min(self.block.len());
            let rest = self.block.get(offset..end)?;
            match self.entry(rest) {
                Ok((reclen, entry)) => {
                    self.at = offset.saturating_add(reclen);
                    if entry.ino != Ino(0) {
                        return Some(Ok(entry));
                    }
                }
                Err(fault) => {
                    self.at = end;
                    return Some(Err(DirError { offset, fault }));
                }
            }
        }
        None
    }
}

impl<'a> DirEntries<'a> {
    /// Takes the entry at the start of `rest`, which ends where the piece does, and its length.
    fn entry(&self, rest: &'a [u8]) -> Result<(usize, DirEntry<'a>), DirFault> {
        let fields = Fields::<HEADER>::new(rest, self.order).ok_or(DirFault::Cut)?;
        let ino = Ino(fields.u32::<0>());
        let reclen = fields.u16::<4>();
        let length = usize::from(reclen);
        if length < HEADER || reclen % 4 != 0 {
            return Err(DirFault::Length(reclen));
        }
        let record = rest.get(..length).ok_or(DirFault::Crosses(reclen))?;
        if ino == Ino(0) {
            return Ok((length, DirEntry { ino, kind: 0, name: &[] }));
        }
        let [kind, short_namlen] = fields.raw::<6, 2>();
        let (kind, namlen) = match self.old_format {
            true => (0, fields.u16::<6>()),
            false => (kind, short_namlen.into()),
        };
        if namlen == 0 {
            return Err(DirFault::NoName);
        }
        if namlen > 255 {
            return Err(DirFault::Name { namlen, reclen });
        }
        // The name is followed by at least one NUL.
        let end = usize::from(namlen).saturating_add(HEADER);
        match record.get(HEADER..end) {
            Some(name) if end < length => Ok((length, DirEntry { ino, kind, name })),
            _ => Err(DirFault::Name { namlen, reclen }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry of `reclen` bytes.
    fn entry(order: ByteOrder, ino: u32, reclen: u16, kind: u8, namlen: u8, name: &[u8]) -> Vec<u8> {
        let (ino, length) = match order {
            ByteOrder::Little => (ino.to_le_bytes(), reclen.to_le_bytes()),
            ByteOrder::Big => (ino.to_be_bytes(), reclen.to_be_bytes()),
        };
        let mut bytes = [&ino[..], &length, &[kind, namlen], name].concat();
        bytes.resize(bytes.len().max(reclen.into()), 0);
        bytes
    }

    fn list(block: &[u8], order: ByteOrder) -> Vec<Result<(u32, String), (usize, DirFault)>> {
        let found = dir_entries(block, order, false).map(|found| match found {
            Ok(entry) => Ok((entry.ino.0, String::from_utf8_lossy(entry.name).into_owned())),
            Err(error) => Err((error.offset, error.fault)),
        });
        found.collect()
    }

    #[test]
    fn names_are_found_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let block = [
                entry(order, 2, 12, 4, 1, b"."),
                entry(order, 2, 12, 4, 2, b".."),
                entry(order, 0, 16, 9, 200, b"gone"),
                entry(order, 70_000, 472, 8, 3, b"abc"),
                entry(order, 5, 512, 10, 255, &[b'x'; 255]),
            ]
            .concat();
            let found: Vec<_> = dir_entries(&block, order, false).map(Result::unwrap).collect();
            assert_eq!(found.len(), 4);
            assert!(found[0].is_dot() && found[1].is_dot() && !found[2].is_dot());
            assert_eq!(found[2], DirEntry { ino: Ino(70_000), kind: 8, name: b"abc" });
            assert_eq!((found[3].kind, found[3].name.len()), (10, 255));
        }
    }

    #[test]
    fn old_directories_have_no_type() {
        for (order, kind, namlen) in [(ByteOrder::Little, 3, 0), (ByteOrder::Big, 0, 3)] {
            let block = entry(order, 7, 512, kind, namlen, b"abc");
            let found: Vec<_> = dir_entries(&block, order, true).collect();
            assert_eq!(found, [Ok(DirEntry { ino: Ino(7), kind: 0, name: b"abc" })]);
        }
    }

    #[test]
    fn bad_entries_are_named_and_the_next_piece_follows() {
        let order = ByteOrder::Little;
        let good = entry(order, 9, 512, 8, 4, b"next");
        let cases = [
            (entry(order, 3, 0, 8, 1, b"a"), DirFault::Length(0)),
            (entry(order, 3, 4, 8, 1, b"a"), DirFault::Length(4)),
            (entry(order, 3, 14, 8, 1, b"a"), DirFault::Length(14)),
            (entry(order, 0, 0, 8, 1, b"a"), DirFault::Length(0)),
            (entry(order, 3, 504, 8, 1, b"a"), DirFault::Crosses(504)),
            (entry(order, 3, 65532, 8, 1, b"a")[..16].to_vec(), DirFault::Crosses(65532)),
            (entry(order, 3, 12, 8, 0, b""), DirFault::NoName),
            (entry(order, 3, 12, 8, 4, b"abcd"), DirFault::Name { namlen: 4, reclen: 12 }),
            (entry(order, 3, 16, 8, 255, b"abcd"), DirFault::Name { namlen: 255, reclen: 16 }),
        ];
        for (bad, fault) in cases {
            let mut block = [entry(order, 2, 12, 4, 1, b"."), bad].concat();
            block.resize(512, 0);
            block.extend(&good);
            let expected = [Ok((2, ".".to_owned())), Err((12, fault)), Ok((9, "next".to_owned()))];
            assert_eq!(list(&block, order), expected);
        }
        let cut = [entry(order, 2, 508, 4, 1, b"."), vec![0; 4]].concat();
        assert_eq!(list(&cut, order)[1..], [Err((508, DirFault::Cut))]);
        let error = DirError { offset: 12, fault: DirFault::Crosses(504) };
        assert_eq!(
            error.to_string(),
            "directory entry at byte 12: d_reclen is 504 and goes past its directory block"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(block in prop::collection::vec(any::<u8>(), 0..1600), old: bool) {
            let found = dir_entries(&block, ByteOrder::Big, old).count();
            prop_assert!(found <= block.len() / HEADER + 4);
        }
    }
}
