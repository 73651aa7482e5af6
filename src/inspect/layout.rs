// SPDX-License-Identifier: BSD-2-Clause
//! The headers of a copied file: an entry of `c_addr` for each tape block, even if the source has runs.

use dumpstream::TP_NINDIR;
use dumpstream::{Header, RecordType, Run};

/// What the last header that was read announced, as headers to be written.
#[derive(Debug, Default)]
pub struct Layout {
    /// The next header, without its entries; none when all were written.
    next: Option<Header>,
    /// The runs it has not announced yet, last first.
    runs: Vec<Run>,
}

impl Layout {
    /// Begins with what `header` announces.
    pub fn announce(&mut self, header: &Header) {
        self.runs = header.runs().collect();
        self.runs.reverse();
        self.next = Some(Header { packed: false, ..header.clone() });
    }

    /// What was not announced yet does not come: it becomes holes.
    pub fn give_up(&mut self) {
        self.runs.iter_mut().for_each(|run| run.is_data = false);
    }

    /// The next header to be written.
    pub fn header(&mut self) -> Option<Header> {
        let mut header = self.next.take()?;
        let mut count = 0;
        while count < TP_NINDIR
            && let Some(run) = self.runs.last_mut()
        {
            let blocks = (run.blocks as usize).min(TP_NINDIR - count);
            header.addr[count..count + blocks].fill(u8::from(run.is_data));
            count += blocks;
            run.blocks -= blocks as u32;
            if run.blocks == 0 {
                self.runs.pop();
            }
        }
        header.count = count as u32;
        header.addr[count..].fill(0);
        if !self.runs.is_empty() {
            self.next = Some(Header { kind: RecordType::Addr, ..header.clone() });
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ufs::Ino;

    fn headers(entries: &[u8], packed: bool, given_up: bool) -> Vec<(RecordType, u32, u32)> {
        let mut header = Header::new(RecordType::Inode, Ino(5));
        header.addr[..entries.len()].copy_from_slice(entries);
        (header.count, header.packed) = (entries.len() as u32, packed);
        let mut layout = Layout::default();
        layout.announce(&header);
        if given_up {
            layout.give_up();
        }
        std::iter::from_fn(|| layout.header()).map(|h| (h.kind, h.count, h.blocks_that_follow())).collect()
    }

    #[test]
    fn runs_become_entries() {
        use RecordType::{Addr, Inode};
        assert_eq!(headers(&[], false, false), [(Inode, 0, 0)]);
        assert_eq!(headers(&[1, 0, 1], false, false), [(Inode, 3, 2)]);
        // 1139 tape blocks of data, a hole of 64, 4 of data.
        let entries = [0x80 | 50 << 1 | 1, 16, 63 << 1, 7];
        assert_eq!(headers(&entries, true, false), [(Inode, 512, 512), (Addr, 512, 512), (Addr, 183, 119)]);
        assert_eq!(headers(&entries, true, true), [(Inode, 512, 0), (Addr, 512, 0), (Addr, 183, 0)]);
    }
}
