// SPDX-License-Identifier: BSD-2-Clause
//! The two maps at the start of a dump.

use super::Fault;
use super::reader::{Expect, Reader, Sink, skip};
use crate::TP_BSIZE;
use crate::{Block, Decoded, InodeMap, RecordType};
use ufs::Ino;

impl Reader {
    pub(super) fn begin_map(&mut self, header: &Decoded, sink: &mut impl Sink) {
        let kind = header.header.kind;
        let (blocks, last) = (header.header.count, header.header.inumber);
        let in_place =
            self.file.is_none() && self.dumped.is_none() && (kind == RecordType::Bits || self.used.is_none());
        if !in_place {
            self.here(sink, None, Fault::OutOfOrder(kind));
            self.expect = skip(u64::from(blocks), Expect::Header);
            return;
        }
        // Of TS_BITS it is the first inode dumped.
        let inodes = u64::from(last.0);
        let room = u64::from(blocks) * 8 * TP_BSIZE as u64;
        let whole = kind == RecordType::Bits || inodes + 1 + 8 * TP_BSIZE as u64 > room;
        if room < inodes || !whole || room > (1 << 32) {
            self.here(sink, None, Fault::MapSize(kind, blocks, last.0));
        }
        match kind {
            RecordType::Clri => self.used = Some(InodeMap::new(0)),
            _ => self.dumped = Some(InodeMap::new(0)),
        }
        self.expect = if blocks == 0 { Expect::Header } else { Expect::Map(kind, blocks) };
    }

    pub(super) fn map(&mut self, kind: RecordType, left: u32, block: &Block, sink: &mut impl Sink) {
        let map = if kind == RecordType::Clri { &mut self.used } else { &mut self.dumped };
        // No inode has a number beyond this.
        if let Some(map) = map.as_mut().filter(|map| map.tape_blocks() < 1 << 19) {
            map.push_block(block);
        }
        match left {
            0 | 1 => self.end_map(kind, sink),
            left => self.expect = Expect::Map(kind, left - 1),
        }
    }

    fn end_map(&mut self, kind: RecordType, sink: &mut impl Sink) {
        let Some(dumped) = self.dumped.take().filter(|_| kind == RecordType::Bits) else { return };
        if !dumped.contains(Ino::ROOT) {
            self.here(sink, Some(Ino::ROOT), Fault::NoRoot);
        }
        if let Some(used) = self.used.take() {
            for (first, last) in dumped.without(&used).runs() {
                self.tell_of_all(sink, first, last, &Fault::NotInUse);
            }
            self.used = Some(used);
        }
        self.dumped = Some(dumped);
    }
}
