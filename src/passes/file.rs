// SPDX-License-Identifier: BSD-2-Clause
//! One inode under way to the tape: its headers and what follows each.

use std::collections::VecDeque;
use std::rc::Rc;

use super::segment::{Segment, Walker, data_address};
use super::stream::Step;
use super::{Error, Notice};
use crate::format::{Header, RecordType};
use crate::ufs::{self, Dinode, FileSystem, ReadAt, Superblock};
use crate::units::{FileBlock, TP_BSIZE, TP_NINDIR};

/// What of an inode has still to be written.
#[derive(Clone, Debug)]
pub(super) struct File {
    inode: Rc<Dinode>,
    /// Bytes of extended attributes still to be announced.
    attributes: u32,
    walker: Option<Walker>,
    segment: Option<Segment>,
    /// Tape blocks of the segment that are done.
    at: u64,
    /// Whether the inode's own header is out, so that further ones are `TS_ADDR`.
    begun: bool,
    /// Steps made ready, to be taken before anything else.
    ready: VecDeque<Step>,
}

impl File {
    /// A file whose blocks are on the disk: a regular file, a directory or a long link.
    pub fn with_blocks(inode: Rc<Dinode>, size: u64, attributes: u32) -> File {
        File::new(inode, attributes, Some(Walker::new(size)))
    }

    /// A file that has no blocks: the header in `header` is its only one, with attributes if they fit.
    pub fn without_blocks(sb: &Superblock, inode: Rc<Dinode>, attributes: u32, header: &mut Header) -> File {
        let mut file = File::new(inode, attributes, None);
        file.begun = true;
        file.ready.push_back(Step::Header);
        if header.count > 0 {
            file.ready.push_back(Step::Link);
        }
        file.append_attributes(sb, header);
        file
    }

    fn new(inode: Rc<Dinode>, attributes: u32, walker: Option<Walker>) -> File {
        File { inode, attributes, walker, segment: None, at: 0, begun: false, ready: VecDeque::new() }
    }

    /// The next step, or none when the file is done. `header` is changed before [`Step::Header`] is returned.
    pub fn next<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        header: &mut Header,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<Step>, Error> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(Some(step));
            }
            if let Some(segment) = self.segment.take() {
                self.group(fs.superblock(), segment, header, notify);
                continue;
            }
            if let Some(walker) = &mut self.walker {
                self.at = 0;
                match walker.next(fs, &self.inode, notify)? {
                    Some(segment) => self.segment = Some(segment),
                    None => self.walker = None,
                }
                continue;
            }
            if self.attributes == 0 {
                return Ok(None);
            }
            // They did not fit beside the data, so they come under a header of their own.
            let bytes = std::mem::take(&mut self.attributes);
            self.at = 0;
            self.segment = Some(Segment::attributes(fs.superblock(), &self.inode, bytes));
        }
    }

    /// Makes ready the next header of `segment`, and up to 512 tape blocks behind it.
    fn group(
        &mut self,
        sb: &Superblock,
        segment: Segment,
        header: &mut Header,
        notify: &mut dyn FnMut(Notice),
    ) {
        let per_block = u64::from(sb.bsize) / TP_BSIZE as u64;
        let end = segment.tape_blocks.min(self.at + TP_NINDIR as u64);
        if std::mem::replace(&mut self.begun, true) {
            header.kind = RecordType::Addr;
        }
        header.count = (end - self.at) as u32;
        self.ready.push_back(Step::Header);
        let first = self.at;
        for block in first / per_block..end.div_ceil(per_block) {
            let from = block * per_block;
            let to = end.min(from + per_block);
            let address = segment.address(block);
            header.addr[(from - first) as usize..(to - first) as usize].fill(u8::from(address != 0));
            if address != 0 {
                self.data(sb, &segment, block, address, to - from, notify);
            }
        }
        self.at = end;
        if end < segment.tape_blocks {
            self.segment = Some(segment);
        } else if segment.last {
            self.walker = None;
            self.append_attributes(sb, header);
        }
    }

    fn data(
        &mut self,
        sb: &Superblock,
        segment: &Segment,
        block: u64,
        address: u64,
        blocks: u64,
        notify: &mut dyn FnMut(Notice),
    ) {
        let step = match data_address(sb, address, blocks) {
            Some(addr) => Step::Data { offset: sb.offset_of(addr), blocks: blocks as u32 },
            None => {
                notify(Notice::Damaged(ufs::Error::BadBlock {
                    ino: self.inode.ino,
                    level: 0,
                    block: FileBlock(segment.first.0 + block),
                    count: 1,
                    addr: address,
                    size: sb.size.0,
                }));
                Step::Lost { blocks: blocks as u32 }
            }
        };
        self.ready.push_back(step);
    }

    /// Puts the extended attributes behind the data of this header, if there is room for all of them.
    ///
    /// They come last, so that readers that do not know them take the file as it is and leave them.
    fn append_attributes(&mut self, sb: &Superblock, header: &mut Header) {
        let blocks = u64::from(self.attributes).div_ceil(TP_BSIZE as u64) as u32;
        if self.attributes == 0 || header.count + blocks > TP_NINDIR as u32 {
            return;
        }
        self.attributes = 0;
        let per_block = sb.bsize / TP_BSIZE as u32;
        let mut first = 0;
        for address in self.inode.extb {
            let count = per_block.min(blocks - first);
            let at = (header.count + first) as usize;
            header.addr[at..at + count as usize].fill(u8::from(address != 0));
            if address != 0 && count > 0 {
                // Damage to attributes is told when they are read; here only the place counts.
                match data_address(sb, address, u64::from(count)) {
                    Some(addr) => {
                        self.ready.push_back(Step::Data { offset: sb.offset_of(addr), blocks: count });
                    }
                    None => self.ready.push_back(Step::Lost { blocks: count }),
                }
            }
            first += count;
        }
        header.count += blocks;
    }
}
