// SPDX-License-Identifier: BSD-2-Clause
//! UFS directories (`struct direct`, ufs/ufs/dir.h): reads them from a dump, and writes them for an image.

/// Bytes that no entry crosses a multiple of (`DIRBLKSIZ`).
pub const DIRBLK: usize = 512;

/// The names of a directory with their inodes; little endian, as in a dump.
///
/// Errors: an entry that is too short, crosses its block, has no room for its name, or whose name has no NUL behind it (`ufs_dirbadentry`,
/// ufs/ufs/ufs_lookup.c: readers take it for a string).
pub fn entries(bytes: &[u8]) -> Result<Vec<(Vec<u8>, u32)>, String> {
    let mut out = Vec::new();
    for (n, block) in bytes.chunks(DIRBLK).enumerate() {
        if block.iter().all(|&b| b == 0) {
            continue; // a hole
        }
        let mut at = 0;
        while at < block.len() {
            let bad = || format!("bad entry at {}", n * DIRBLK + at);
            let head = block.get(at..at + 8).ok_or_else(bad)?;
            let ino = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let reclen = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let name = block.get(at + 8..at + 8 + usize::from(head[7])).ok_or_else(bad)?;
            let ended = block.get(at + 8 + name.len()) == Some(&0);
            if reclen < 8 + name.len() || at + reclen > block.len() || ino != 0 && !ended {
                return Err(bad());
            }
            if ino != 0 {
                out.push((name.to_vec(), ino));
            }
            at += reclen;
        }
    }
    Ok(out)
}

/// Builds a directory's blocks; whole blocks of [`DIRBLK`] bytes.
pub struct Builder {
    big_endian: bool,
    bytes: Vec<u8>,
    /// Where the last entry of the last block begins.
    last: usize,
    /// Where its name ends.
    end: usize,
}

impl Builder {
    /// An empty directory, of which nothing is valid until the first entry.
    pub fn new(big_endian: bool) -> Builder {
        Builder { big_endian, bytes: Vec::new(), last: 0, end: 0 }
    }

    /// Adds a name; `kind` is `d_type`.
    pub fn add(&mut self, name: &[u8], ino: u32, kind: u8) {
        let length = u8::try_from(name.len()).expect("a name of at most 255 bytes");
        let need = (8 + name.len() + 1).next_multiple_of(4);
        if self.bytes.len() - self.end < need {
            self.end = self.bytes.len();
            self.bytes.resize(self.end + DIRBLK, 0);
        } else {
            self.set_reclen(self.last, self.end - self.last);
        }
        self.last = self.end;
        self.end = self.last + need;
        let number = if self.big_endian { ino.to_be_bytes() } else { ino.to_le_bytes() };
        self.bytes[self.last..self.last + 4].copy_from_slice(&number);
        self.bytes[self.last + 6] = kind;
        self.bytes[self.last + 7] = length;
        self.bytes[self.last + 8..self.last + 8 + name.len()].copy_from_slice(name);
        self.set_reclen(self.last, self.bytes.len() - self.last);
    }

    /// The directory.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn set_reclen(&mut self, at: usize, reclen: usize) {
        let reclen = u16::try_from(reclen).expect("at most a directory block");
        let bytes = if self.big_endian { reclen.to_be_bytes() } else { reclen.to_le_bytes() };
        self.bytes[at + 4..at + 6].copy_from_slice(&bytes);
    }
}
