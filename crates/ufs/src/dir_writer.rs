// SPDX-License-Identifier: BSD-2-Clause
//! Creates a new directory: entries in the host's byte order.

use super::dir::DIRBLKSIZ;
use crate::Ino;

/// A directory in the making: whole pieces of [`DIRBLKSIZ`] bytes.
#[derive(Debug, Default)]
pub struct DirWriter {
    bytes: Vec<u8>,
    /// Where the last entry begins, and where its name ends.
    last: usize,
    end: usize,
}

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places in memory that was laid out here; nothing comes from a disk but a name, which is cut"
)]
impl DirWriter {
    /// An empty directory: to be valid it needs `.` and `..`, in this order, first.
    pub fn new() -> DirWriter {
        DirWriter::default()
    }

    /// Adds a name with its `d_type`. Names of more than 255 bytes are cut.
    pub fn add(&mut self, name: &[u8], ino: Ino, kind: u8) {
        let name = &name[..name.len().min(255)];
        // DIRSIZ (ufs/ufs/dir.h): the header, the name with a NUL, in multiples of 4.
        let need = (8 + name.len() + 1).next_multiple_of(4);
        if self.bytes.len() - self.end < need {
            self.end = self.bytes.len();
            self.bytes.resize(self.end + DIRBLKSIZ, 0);
        } else {
            self.set_length(self.last, self.end - self.last);
        }
        self.last = self.end;
        self.end += need;
        let at = self.last;
        self.bytes[at..at + 4].copy_from_slice(&ino.0.to_ne_bytes());
        self.bytes[at + 6] = kind;
        self.bytes[at + 7] = name.len() as u8;
        self.bytes[at + 8..at + 8 + name.len()].copy_from_slice(name);
        self.set_length(at, self.bytes.len() - at);
    }

    /// `d_reclen`, at most [`DIRBLKSIZ`].
    fn set_length(&mut self, at: usize, length: usize) {
        self.bytes[at + 4..at + 6].copy_from_slice(&(length as u16).to_ne_bytes());
    }

    /// The directory.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteOrder, dir_entries};

    #[test]
    fn what_is_written_is_read() {
        let mut writer = DirWriter::new();
        writer.add(b".", Ino(7), 4);
        writer.add(b"..", Ino(2), 4);
        let names: Vec<Vec<u8>> = (1..=255).map(|length| vec![b'n'; length]).collect();
        for (ino, name) in (10..).zip(&names) {
            writer.add(name, Ino(ino), 8);
        }
        let bytes = writer.finish();
        assert!(bytes.len().is_multiple_of(DIRBLKSIZ));
        let read: Vec<_> = dir_entries(&bytes, ByteOrder::HOST, false).map(Result::unwrap).collect();
        assert_eq!(read.len(), 257);
        assert_eq!((read[0].name, read[0].ino, read[0].kind), (b".".as_slice(), Ino(7), 4));
        for (n, entry) in read[2..].iter().enumerate() {
            assert_eq!((entry.name, entry.ino), (names[n].as_slice(), Ino(10 + n as u32)));
        }
    }
}
