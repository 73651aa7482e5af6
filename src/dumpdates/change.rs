// SPDX-License-Identifier: BSD-2-Clause
//! Changes the file in place so that it is never inconsistent.

/// One write that makes the new file of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it begins, in bytes from the start of the file.
    pub at: usize,
    /// What is written there.
    pub bytes: Vec<u8>,
}

/// The smallest change that makes `new` of `old`. `new` is as long as `old` or longer, which
/// [`Dumpdates::record`](crate::dumpdates::Dumpdates::record) sees to; the file need not be cut.
///
/// The sandbox has no names, so the file cannot be replaced by rename(2): it is changed in place, by one write(2).
/// - A dump of a name and level that the file has changes the date of one line, and only the bytes in which the dates
///   differ are written, 24 at most.
/// - A new name or level adds one line at the end. A write that stops early has only made the file longer, and cutting
///   it to its old length gives the old file.
/// - Only if the line was shortened by hand, the rest of the file moves and is part of the write.
///
/// A write(2) is not interrupted within a block or page when the process is killed. If it is interrupted between two of
/// them, the result contains no wrong date: a line without its end is malformed. The remaining exception is a date that
/// spans two pages: 23 of 4096 offsets, for the time that the kernel needs from one page to the next.
pub fn change(old: &[u8], new: &[u8]) -> Change {
    let at = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[at..], &new[at..]);
    let same = match old.len() == new.len() {
        true => old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count(),
        false => 0,
    };
    Change { at, bytes: new[..new.len() - same].to_vec() }
}
