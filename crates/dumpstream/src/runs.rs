// SPDX-License-Identifier: BSD-2-Clause
//! The entries of `c_addr`: runs of tape blocks that follow, and of holes.

use super::header::Header;
use crate::TP_NINDIR;

/// A run of tape blocks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The tape blocks follow; otherwise they are a hole.
    pub is_data: bool,
    /// How many tape blocks, at least 1.
    pub blocks: u32,
}

impl Header {
    /// The runs that this `TS_INODE` or `TS_ADDR` announces, in the order of the file.
    ///
    /// Linux's dump writes runs since 0.4b49. The lowest bit of an entry is 1 for data. `0nnnnnnd` is a run of n + 1 tape blocks,
    /// so that 0 and 1 mean what they always did; `1nnnnnnd` and the entry N after it are a run of N * 64 + n + 65.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let count = usize::try_from(self.count).map_or(TP_NINDIR, |count| count.min(TP_NINDIR));
        let mut entries = self.addr[..count].iter().copied();
        let packed = self.packed;
        std::iter::from_fn(move || {
            let entry = entries.next()?;
            if !packed {
                return Some(Run { is_data: entry != 0, blocks: 1 });
            }
            let low = u32::from(entry >> 1 & 0x3f);
            let blocks = match entry & 0x80 {
                0 => low + 1,
                _ => u32::from(entries.next().unwrap_or(0)) * 64 + low + 65,
            };
            Some(Run { is_data: entry & 1 != 0, blocks })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordType;
    use ufs::Ino;

    fn runs(entries: &[u8], packed: bool) -> Vec<(bool, u32)> {
        let mut header = Header::new(RecordType::Inode, Ino(5));
        header.addr[..entries.len()].copy_from_slice(entries);
        header.count = entries.len() as u32;
        header.packed = packed;
        header.runs().map(|run| (run.is_data, run.blocks)).collect()
    }

    #[test]
    fn one_tape_block_an_entry() {
        assert_eq!(runs(&[1, 0, 0xff], false), [(true, 1), (false, 1), (true, 1)]);
        assert_eq!(runs(&[1, 0], true), [(true, 1), (false, 1)]);
        assert_eq!(runs(&[], true), []);
    }

    /// The entries that Linux's dump 0.4b49 wrote for a file of 50 MiB in a file system with blocks of 4 KiB.
    #[test]
    fn runs_of_linux() {
        let entries = [0x9e, 0x0e, 0x07, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x51, 0x0f, 0xc6, 0xbc];
        let found = runs(&entries, true);
        let want = [
            (false, 976),
            (true, 4),
            (false, 16384),
            (false, 16384),
            (false, 5312),
            (true, 8),
            (false, 12132),
        ];
        assert_eq!(found, want);
        assert_eq!(found.iter().map(|run| run.1).sum::<u32>(), 50 << 10);
        assert_eq!(runs(&[0xcf, 3], true), [(true, 296)]);
        assert_eq!(runs(&[0xcf], true), [(true, 104)], "the second entry is missing");
    }

    #[test]
    fn the_longest_header() {
        assert_eq!(runs(&[0xff; 512], true), [(true, 16448); 256]);
    }
}
