// SPDX-License-Identifier: BSD-2-Clause
//! Checks the blocks of a directory before they are dumped, and repairs them in place so that restore(8) can read them.
//!
//! A sound directory is not changed. Of a damaged one the length stays, and what cannot be right becomes an entry without an inode,
//! which readers skip.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use super::dir::{DIRBLKSIZ, DirFault};
use crate::Ino;

/// Bytes of an entry before its name.
const HEADER: usize = 8;

/// What is wrong with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirDamage {
    /// The entry itself.
    Entry(DirFault),
    /// The name has a slash or a NUL in it.
    Name,
    /// There is no NUL after the name.
    Unterminated,
    /// The name is in the directory already.
    Twice,
    /// `.` and `..` are not the first two entries.
    NoDots,
    /// `.` names this inode.
    Dot(Ino),
    /// `..` names this inode.
    DotDot(Ino),
    /// `.` or `..` after the first two entries.
    LaterDots,
    /// The block begins another directory.
    Foreign,
    /// The entry names an inode that the file system does not have.
    PastEnd(Ino),
    /// The entry names an inode that is never allocated.
    Reserved(Ino),
    /// The entry names a directory that has another name.
    SecondName(Ino),
    /// The entry names a directory, but is not of that type, or the directory is in another one.
    Misplaced(Ino),
    /// The entry of a directory says that it is of this type (`d_type`).
    Type(Ino, u8),
    /// The name of an entry from before 4.4BSD has so many bytes (`d_namlen`).
    LongName(u16),
    /// There is no block.
    Hole,
    /// `di_size` is not what it should be: the value, and what is taken in its place.
    Size(u64, u64),
    /// `di_size` is more than the blocks of the inode hold: the value, and the bytes of the blocks.
    Blocks(u64, u64),
}

impl fmt::Display for DirDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirDamage::Entry(fault) => fault.fmt(f),
            DirDamage::Name => f.write_str("a name contains a slash or a NUL"),
            DirDamage::Unterminated => f.write_str("no NUL follows a name"),
            DirDamage::Twice => f.write_str("a second entry of the same name"),
            DirDamage::NoDots => f.write_str("`.' and `..' are missing"),
            DirDamage::Dot(ino) => write!(f, "`.' names inode {ino}"),
            DirDamage::DotDot(ino) => write!(f, "`..' names inode {ino}"),
            DirDamage::LaterDots => f.write_str("`.' or `..' is not at the start of the directory"),
            DirDamage::Foreign => f.write_str("the block belongs to another directory"),
            DirDamage::PastEnd(ino) => write!(f, "d_ino {ino} is past the last inode"),
            DirDamage::Reserved(ino) => write!(f, "d_ino {ino} is reserved"),
            DirDamage::SecondName(ino) => write!(f, "a second name of directory inode {ino}"),
            DirDamage::Misplaced(ino) => {
                write!(f, "d_ino {ino} is a directory, but not one of this directory")
            }
            DirDamage::Type(ino, kind) => write!(f, "d_type is {kind}, but inode {ino} is a directory"),
            DirDamage::LongName(namlen) => write!(f, "d_namlen is {namlen}, should be at most 255"),
            DirDamage::Hole => f.write_str("no block is allocated"),
            DirDamage::Size(size, held) => write!(f, "di_size is {size}, taken as {held}"),
            DirDamage::Blocks(size, held) => write!(f, "di_size is {size}, but its blocks hold {held} bytes"),
        }
    }
}

/// What is known of the other inodes of the file system.
pub trait Relatives {
    /// The inode that `..` should name. `said` is what it names now, none if it is missing.
    fn dotdot(&mut self, said: Option<Ino>) -> Ino;

    /// Checks an entry other than `.` and `..`; true leaves out one that is damaged.
    ///
    /// Errors: what is wrong with it, and whether it is left out.
    fn entry(&mut self, ino: Ino, kind: u8) -> Result<(), (DirDamage, bool)>;
}

/// A directory that is being checked.
#[derive(Clone, Debug)]
pub struct Repairer {
    ino: Ino,
    /// The byte of the directory that comes next.
    at: u64,
    /// The first byte that `di_blocks` has no room for: what follows may belong to other files.
    sure: u64,
    /// It does belong to other files.
    cut: bool,
    /// The names that have come, by their hashes.
    names: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
}

/// How an entry is treated.
enum Fate {
    Keep,
    LeaveOut,
}

/// Reports damage: the byte of the directory, what is wrong.
pub type Report<'r> = dyn FnMut(u64, DirDamage) + 'r;

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places in a block of 512 bytes; each length is checked before it is used"
)]
impl Repairer {
    /// A directory whose `di_blocks` has room for `sure` bytes.
    pub fn new(ino: Ino, sure: u64) -> Repairer {
        Repairer { ino, at: 0, sure, cut: false, names: HashSet::default() }
    }

    /// The next bytes of the directory, in the host's byte order: whole pieces of [`DIRBLKSIZ`] bytes.
    pub fn repair(&mut self, bytes: &mut [u8], relatives: &mut dyn Relatives, report: &mut Report<'_>) {
        for piece in bytes.chunks_exact_mut(DIRBLKSIZ) {
            self.piece(piece, relatives, report);
            self.at += DIRBLKSIZ as u64;
        }
    }

    /// The directory's first piece, with nothing but `.` and `..` in it.
    pub fn empty(&mut self, relatives: &mut dyn Relatives) -> [u8; DIRBLKSIZ] {
        let mut piece = [0; DIRBLKSIZ];
        self.rebuild(&mut piece, 0, relatives.dotdot(None));
        self.at += DIRBLKSIZ as u64;
        piece
    }

    /// Skips the next bytes: they are not allocated, or cannot be read.
    pub fn skip(&mut self, bytes: u64) {
        self.at = self.at.saturating_add(bytes);
    }

    /// The next bytes have no block.
    pub fn hole(&mut self, bytes: &mut [u8], relatives: &mut dyn Relatives, report: &mut Report<'_>) {
        report(self.at, DirDamage::Hole);
        for piece in bytes.chunks_exact_mut(DIRBLKSIZ) {
            blank(piece, 0);
            if self.at == 0 {
                self.rebuild(piece, 0, relatives.dotdot(None));
            }
            self.at += DIRBLKSIZ as u64;
        }
    }

    fn piece(&mut self, piece: &mut [u8], relatives: &mut dyn Relatives, report: &mut Report<'_>) {
        let foreign = self.at > 0 && self.length(piece, 0).is_ok() && self.name(piece, 0) == Some(b".");
        if foreign || self.cut {
            if foreign && !self.cut {
                report(self.at, DirDamage::Foreign);
            }
            self.cut |= self.at >= self.sure;
            return blank(piece, 0);
        }
        let (mut at, mut last, mut place) = (0, 0, 0);
        let mut dots = 0;
        while at < piece.len() {
            let length = match self.length(piece, at) {
                Ok(length) => length,
                Err(fault) => {
                    report(self.at + at as u64, DirDamage::Entry(fault));
                    self.cut |= self.at > 0 && self.at >= self.sure;
                    end_at(piece, last, at);
                    break;
                }
            };
            let is_dot =
                self.at == 0 && place == dots && dots < 2 && self.dot(piece, at, dots, relatives, report);
            if is_dot {
                dots += 1;
            } else if let Fate::LeaveOut = self.entry(piece, at, relatives, report) {
                clear(piece, at);
            }
            (last, place) = (at, place + 1);
            at += length;
        }
        if self.at == 0 && dots < 2 {
            report(0, DirDamage::NoDots);
            let end = at.min(piece.len());
            let parent = relatives.dotdot(None);
            self.rebuild(piece, end, parent);
        }
    }

    /// Whether the entry is `.` (`which` 0) or `..`; its inode is set right.
    fn dot(
        &self,
        piece: &mut [u8],
        at: usize,
        which: usize,
        relatives: &mut dyn Relatives,
        report: &mut Report<'_>,
    ) -> bool {
        let want: &[u8] = if which == 0 { b"." } else { b".." };
        let said = ino_of(piece, at);
        if self.name(piece, at) != Some(want) || said == Ino(0) {
            return false;
        }
        let right = if which == 0 { self.ino } else { relatives.dotdot(Some(said)) };
        if right != said {
            let damage = if which == 0 { DirDamage::Dot(said) } else { DirDamage::DotDot(said) };
            report(self.at + at as u64, damage);
            piece[at..at + 4].copy_from_slice(&right.0.to_ne_bytes());
        }
        self.terminate(piece, at, want.len(), report);
        true
    }

    /// Checks an entry that is not one of the first two.
    fn entry(
        &mut self,
        piece: &mut [u8],
        at: usize,
        relatives: &mut dyn Relatives,
        report: &mut Report<'_>,
    ) -> Fate {
        let ino = ino_of(piece, at);
        let byte = self.at + at as u64;
        let (kind, namlen) = self.kind_and_length(piece, at);
        let reclen = usize::from(reclen_of(piece, at));
        if ino == Ino(0) {
            // A reader may look at the length of a name that is not there.
            return if HEADER + namlen < reclen { Fate::Keep } else { Fate::LeaveOut };
        }
        let damage = match self.name(piece, at) {
            _ if namlen == 0 => DirDamage::Entry(DirFault::NoName),
            None => DirDamage::Entry(DirFault::Name { namlen: namlen as u16, reclen: reclen as u16 }),
            Some(b"." | b"..") => DirDamage::LaterDots,
            Some(name) if name.contains(&b'/') || name.contains(&0) => DirDamage::Name,
            Some(name) => {
                let mut hasher = DefaultHasher::new();
                name.hash(&mut hasher);
                let hash = hasher.finish();
                if self.names.contains(&hash) {
                    DirDamage::Twice
                } else {
                    let length = name.len();
                    if let Err((damage, left_out)) = relatives.entry(ino, kind) {
                        report(byte, damage);
                        if left_out {
                            return Fate::LeaveOut;
                        }
                    }
                    self.names.insert(hash);
                    self.terminate(piece, at, length, report);
                    return Fate::Keep;
                }
            }
        };
        report(byte, damage);
        Fate::LeaveOut
    }

    /// Makes sure that a NUL follows the name.
    fn terminate(&self, piece: &mut [u8], at: usize, namlen: usize, report: &mut Report<'_>) {
        let end = &mut piece[at + HEADER + namlen];
        if std::mem::take(end) != 0 {
            report(self.at + at as u64, DirDamage::Unterminated);
        }
    }

    /// `d_reclen` of the entry at `at`, which fits the piece.
    fn length(&self, piece: &[u8], at: usize) -> Result<usize, DirFault> {
        let rest = piece.len() - at;
        if rest < HEADER {
            return Err(DirFault::Cut);
        }
        let reclen = reclen_of(piece, at);
        let length = usize::from(reclen);
        match length {
            _ if length < HEADER || length % 4 != 0 => Err(DirFault::Length(reclen)),
            _ if length > rest => Err(DirFault::Crosses(reclen)),
            _ => Ok(length),
        }
    }

    fn kind_and_length(&self, piece: &[u8], at: usize) -> (u8, usize) {
        let [kind, length] = [piece[at + 6], piece[at + 7]];
        (kind, length.into())
    }

    /// The name of an entry whose length was checked, if it and a NUL fit the entry.
    fn name<'p>(&self, piece: &'p [u8], at: usize) -> Option<&'p [u8]> {
        let (_, namlen) = self.kind_and_length(piece, at);
        let end = HEADER + namlen;
        (namlen > 0 && end < usize::from(reclen_of(piece, at))).then(|| &piece[at + HEADER..at + end])
    }

    /// Writes the directory's first piece anew: `.`, `..`, and the entries before `end` as far as there is room.
    fn rebuild(&self, piece: &mut [u8], end: usize, parent: Ino) {
        let old = piece.to_vec();
        blank(piece, 0);
        let mut to = 0;
        let mut add = |ino: Ino, kind: [u8; 2], name: &[u8]| {
            let need = (HEADER + name.len() + 1).next_multiple_of(4);
            if to + need > piece.len() {
                return;
            }
            piece[to..to + 4].copy_from_slice(&ino.0.to_ne_bytes());
            piece[to + 4..to + 6].copy_from_slice(&(need as u16).to_ne_bytes());
            piece[to + 6..to + 8].copy_from_slice(&kind);
            piece[to + 8..to + need].fill(0);
            piece[to + 8..to + 8 + name.len()].copy_from_slice(name);
            to += need;
        };
        let kind = |length: u8| [4, length];
        add(self.ino, kind(1), b".");
        add(parent, kind(2), b"..");
        let mut at = 0;
        while at < end {
            let Ok(length) = self.length(&old, at) else { break };
            if let (true, Some(name)) = (ino_of(&old, at) != Ino(0), self.name(&old, at))
                && !matches!(name, b"." | b"..")
            {
                add(ino_of(&old, at), [old[at + 6], old[at + 7]], name);
            }
            at += length;
        }
        if to < piece.len() {
            blank(piece, to);
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the caller has checked the place"
)]
fn ino_of(piece: &[u8], at: usize) -> Ino {
    Ino(u32::from_ne_bytes([piece[at], piece[at + 1], piece[at + 2], piece[at + 3]]))
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the caller has checked the place"
)]
fn reclen_of(piece: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([piece[at + 4], piece[at + 5]])
}

/// Makes an entry one without an inode.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the caller has checked the place"
)]
fn clear(piece: &mut [u8], at: usize) {
    piece[at..at + 4].fill(0);
    piece[at + 6..at + 8].fill(0);
}

/// From `at` on there is nothing but an entry without an inode, at least 8 bytes long.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "the caller has checked the place, in a piece of 512 bytes"
)]
fn blank(piece: &mut [u8], at: usize) {
    let length = (piece.len() - at) as u16;
    piece[at..].fill(0);
    piece[at + 4..at + 6].copy_from_slice(&length.to_ne_bytes());
}

/// Ends the entries at `at`: what is behind has no names; 4 bytes of it belong to the entry at `last`.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "the caller has checked both places, in a piece of 512 bytes"
)]
fn end_at(piece: &mut [u8], last: usize, at: usize) {
    if piece.len() - at >= HEADER {
        return blank(piece, at);
    }
    let length = (piece.len() - last) as u16;
    piece[at..].fill(0);
    piece[last + 4..last + 6].copy_from_slice(&length.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteOrder, DirWriter, dir_entries};
    use proptest::prelude::*;

    /// All inodes from 3 to 99 are files.
    struct Plain;

    impl Relatives for Plain {
        fn dotdot(&mut self, said: Option<Ino>) -> Ino {
            said.filter(|ino| ino.0 < 100).unwrap_or(Ino::ROOT)
        }

        fn entry(&mut self, ino: Ino, _kind: u8) -> Result<(), (DirDamage, bool)> {
            if ino.0 < 100 { Ok(()) } else { Err((DirDamage::PastEnd(ino), true)) }
        }
    }

    fn directory() -> Vec<u8> {
        let mut writer = DirWriter::new();
        writer.add(b".", Ino(7), 4);
        writer.add(b"..", Ino(2), 4);
        for ino in 10..70 {
            writer.add(format!("name-{ino}").as_bytes(), Ino(ino), 8);
        }
        writer.finish()
    }

    fn repair(bytes: &mut [u8]) -> Vec<(u64, DirDamage)> {
        let mut found = Vec::new();
        Repairer::new(Ino(7), u64::MAX).repair(bytes, &mut Plain, &mut |at, damage| {
            found.push((at, damage));
        });
        found
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        let entries = dir_entries(bytes, ByteOrder::HOST, false);
        entries.map(|entry| String::from_utf8_lossy(entry.unwrap().name).into_owned()).collect()
    }

    #[test]
    fn a_sound_directory_is_not_changed() {
        let mut bytes = directory();
        assert!(bytes.len() >= 1024);
        assert_eq!(repair(&mut bytes), []);
        assert_eq!(bytes, directory());
    }

    #[test]
    fn entries_before_and_behind_the_damage_stay() {
        let all = names(&directory());
        let cases: [(usize, &[u8], DirDamage, usize); 8] = [
            (24 + 4, &[0, 0], DirDamage::Entry(DirFault::Length(0)), 24),
            (24 + 4, &[22, 0], DirDamage::Entry(DirFault::Length(22)), 24),
            (24 + 4, &[0, 2], DirDamage::Entry(DirFault::Crosses(512)), 24),
            (24 + 7, &[0], DirDamage::Entry(DirFault::NoName), 1),
            (24 + 7, &[90], DirDamage::Entry(DirFault::Name { namlen: 90, reclen: 16 }), 1),
            (24 + 9, b"/", DirDamage::Name, 1),
            (24, &[0, 1, 0, 0], DirDamage::PastEnd(Ino(256)), 1),
            (40 + 8 + 6, b"0", DirDamage::Twice, 1),
        ];
        for (at, with, damage, lost) in cases {
            let mut bytes = directory();
            bytes[at..at + with.len()].copy_from_slice(with);
            let found = repair(&mut bytes);
            assert_eq!(found[0].1, damage);
            let left = names(&bytes);
            let most = if lost == 1 { all.len() - 1 } else { all.len() - 2 };
            assert!(left.len() <= most && left.len() >= all.len() - 31, "{damage}: {left:?}");
            assert_eq!(&left[..2], [".", ".."]);
            assert_eq!(left.last(), all.last());
            assert_eq!(repair(&mut bytes), [], "{damage}");
        }
    }

    #[test]
    fn dots_come_back() {
        for damage in [0..512, 0..12, 8..9, 12..24, 20..21] {
            let mut bytes = directory();
            bytes[damage.clone()].fill(0);
            assert!(!repair(&mut bytes).is_empty(), "{damage:?}");
            let entries: Vec<_> = dir_entries(&bytes, ByteOrder::HOST, false).map(Result::unwrap).collect();
            assert_eq!((entries[0].name, entries[0].ino), (&b"."[..], Ino(7)), "{damage:?}");
            assert_eq!((entries[1].name, entries[1].ino), (&b".."[..], Ino(2)), "{damage:?}");
            assert_eq!(repair(&mut bytes), []);
        }
    }

    #[test]
    fn a_block_of_another_directory_has_no_names() {
        let mut bytes = directory();
        let other = directory();
        bytes.truncate(512);
        bytes.extend(&other);
        let mut found = Vec::new();
        let mut repairer = Repairer::new(Ino(7), 512);
        repairer.repair(&mut bytes, &mut Plain, &mut |at, damage| found.push((at, damage)));
        assert_eq!(found, [(512, DirDamage::Foreign)]);
        assert_eq!(names(&bytes), names(&directory()[..512]));
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_directory(mut bytes in prop::collection::vec(any::<u8>(), 1024..1025)) {
            repair(&mut bytes);
            let found: Vec<_> = dir_entries(&bytes, ByteOrder::HOST, false).collect();
            prop_assert!(found.iter().all(Result::is_ok));
            prop_assert_eq!(found[0].unwrap().name, b".");
            prop_assert_eq!(repair(&mut bytes), []);
        }

        #[test]
        fn any_changed_byte_is_repaired(at in 0..1024_usize, value: u8) {
            let mut bytes = directory();
            bytes[at] = value;
            repair(&mut bytes);
            prop_assert!(dir_entries(&bytes, ByteOrder::HOST, false).all(|entry| entry.is_ok()));
            prop_assert_eq!(repair(&mut bytes), []);
        }
    }
}
