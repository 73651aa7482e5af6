// SPDX-License-Identifier: BSD-2-Clause
//! An inode being dumped: its headers and the data that follows each.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::dump::passes::directory::{In, Tree};
use crate::dump::passes::segment::{Blocks, tape_blocks_of};
use crate::dump::passes::{Error, Notice, Step};
use dumpstream::{Block, Header, RecordType};
use dumpstream::{TP_BSIZE, TP_NINDIR};
use ufs::Buffer;
use ufs::{
    self, Attributes, BlockMap, ByteOrder, DIRBLKSIZ, Dinode, DirDamage, FileSize, FileSystem, ReadAt,
    Repairer, Segment, Superblock, attributes_to_host, directory_to_host,
};
use ufs::{FileBlock, FragAddr};

/// What of an inode has still to be written.
#[derive(Clone, Debug)]
pub(super) struct File {
    inode: Dinode,
    /// Extended attributes still to be announced.
    attributes: Attributes,
    /// The inode has no blocks: the header in hand is its only one, and this the one tape block behind it, if any.
    lone: Option<Option<Rc<Block>>>,
    /// Its blocks that are not in `segment`, or none.
    map: Option<BlockMap>,
    segment: Option<Segment>,
    /// Checks and repairs the entries, if it is a directory.
    repairer: Option<Box<Repairer>>,
    /// Bytes of the directory still to come.
    left: u64,
    /// Reported damage of the directory.
    told: u32,
    /// Tape blocks of the segment that are done.
    at: u64,
    /// Whether the inode's own header is out, so that further ones are `TS_ADDR`.
    begun: bool,
    /// Steps made ready, to be taken before anything else.
    ready: Room,
}

/// Maximum number of reports for one directory.
const MOST_TOLD: u32 = 4;

/// Room for steps.
pub(super) type Room = VecDeque<Step>;

impl File {
    /// A file whose blocks are on the disk: a regular file, a directory or a long link.
    pub fn with_blocks(inode: Dinode, size: FileSize, attributes: Attributes, room: Room) -> File {
        let map = BlockMap::new(&inode, size);
        File::new(inode, attributes, None, Some(map), room)
    }

    /// A directory of `size` bytes, a multiple of [`DIRBLKSIZ`]. One without any (`None`) gets what it cannot do without.
    pub fn directory(
        inode: Dinode,
        size: Option<FileSize>,
        attributes: Attributes,
        repairer: Repairer,
        room: Room,
    ) -> File {
        let (lone, map) = match size {
            None => (Some(None), None),
            Some(size) => (None, Some(BlockMap::new(&inode, size))),
        };
        let file = File::new(inode, attributes, lone, map, room);
        File { repairer: Some(Box::new(repairer)), left: size.map_or(0, FileSize::bytes), ..file }
    }

    /// A file that has no blocks but perhaps a short link's text.
    pub fn without_blocks(
        inode: Dinode,
        attributes: Attributes,
        link: Option<Rc<Block>>,
        room: Room,
    ) -> File {
        File::new(inode, attributes, Some(link), None, room)
    }

    fn new(
        inode: Dinode,
        attributes: Attributes,
        lone: Option<Option<Rc<Block>>>,
        map: Option<BlockMap>,
        room: Room,
    ) -> File {
        File {
            inode,
            attributes,
            lone,
            map,
            segment: None,
            repairer: None,
            left: 0,
            told: 0,
            at: 0,
            begun: false,
            ready: room,
        }
    }

    /// Its memory, when it is done: the next file takes it.
    pub fn into_room(mut self) -> Room {
        self.ready.clear();
        self.ready
    }

    /// The next step, or none when the file is done. `header` is changed before [`Step::Header`] is returned.
    pub fn next<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        tree: &mut Tree,
        header: &mut Header,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<Step>, Error> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(Some(step));
            }
            if let Some(mut link) = self.lone.take() {
                self.begun = true;
                if let Some(repairer) = &mut self.repairer {
                    let mut block = [0; TP_BSIZE];
                    let relatives = &mut In { fs, tree, ino: self.inode.ino };
                    block[..DIRBLKSIZ].copy_from_slice(&repairer.empty(relatives));
                    (header.count, header.addr[0]) = (1, 1);
                    link = Some(Rc::new(block));
                }
                self.ready.push_back(Step::Header);
                self.ready.extend(link.map(Step::Bytes));
                self.append_attributes(fs, header)?;
                continue;
            }
            if let Some(segment) = self.segment.take() {
                self.group(fs, tree, segment, header, notify)?;
                continue;
            }
            if let Some(map) = &mut self.map {
                self.at = 0;
                self.segment = map.next(fs).map_err(Error::Read)?;
                let Some(segment) = &mut self.segment else {
                    self.map = None;
                    continue;
                };
                if let Some(fault) = segment.fault.take() {
                    notify(Notice::Damaged(fault));
                }
                continue;
            }
            if self.attributes.bytes == 0 {
                return Ok(None);
            }
            self.attributes_alone(fs, header)?;
        }
    }

    /// Makes ready the next header of `segment`, and up to 512 tape blocks behind it.
    fn group<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        tree: &mut Tree,
        segment: Segment,
        header: &mut Header,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Error> {
        let sb = fs.superblock();
        let per_block = u64::from(sb.bsize) / TP_BSIZE as u64;
        let whole = tape_blocks_of(sb, segment.bytes);
        let end = whole.min(self.at + TP_NINDIR as u64);
        self.begin_header(header, (end - self.at) as u32);
        let first = self.at;
        for index in first / per_block..end.div_ceil(per_block) {
            let from = index * per_block;
            let to = end.min(from + per_block);
            let address = segment.address(index);
            let blocks = Blocks { address, block: FileBlock(segment.first.0 + index), count: to - from };
            if let Some(repairer) = self.repairer.take() {
                let there = self.directory_blocks(fs, tree, repairer, blocks, notify)?;
                header.addr[(from - first) as usize..(to - first) as usize].fill(there.into());
                continue;
            }
            header.addr[(from - first) as usize..(to - first) as usize].fill(u8::from(address != 0));
            if address != 0 {
                self.data(sb, blocks, notify);
            }
        }
        self.at = end;
        if end < whole {
            self.segment = Some(segment);
        } else if self.map.take_if(|map| map.is_at_end(sb)).is_some() {
            self.append_attributes(fs, header)?;
        }
        Ok(())
    }

    fn begin_header(&mut self, header: &mut Header, count: u32) {
        if std::mem::replace(&mut self.begun, true) {
            header.kind = RecordType::Addr;
        }
        header.count = count;
        self.ready.push_back(Step::Header);
    }

    fn data(&mut self, sb: &Superblock, blocks: Blocks, notify: &mut dyn FnMut(Notice)) {
        let count = blocks.count as u32;
        self.ready.push_back(match blocks.locate(sb, self.inode.ino) {
            Ok(addr) => Step::Data { offset: sb.offset_of(addr), blocks: count },
            Err(error) => {
                notify(Notice::Damaged(error));
                Step::Lost { blocks: count }
            }
        });
    }

    /// A block of a directory: read here and not by a worker, so that what is on the dump is what was checked. Gives whether it is
    /// on the dump: a hole is not.
    fn directory_blocks<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        tree: &mut Tree,
        mut repairer: Box<Repairer>,
        blocks: Blocks,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<bool, Error> {
        let sb = fs.superblock();
        let ino = self.inode.ino;
        // Behind the end of the directory stands what the disk has there.
        let length = self.left.min(blocks.count * TP_BSIZE as u64);
        self.left -= length;
        let addr = match blocks.locate(sb, ino) {
            _ if blocks.address == 0 && blocks.block != FileBlock(0) => {
                repairer.skip(length);
                self.repairer = Some(repairer);
                return Ok(false);
            }
            _ if blocks.address == 0 => None,
            Ok(addr) => Some(addr),
            Err(error) => {
                notify(Notice::Damaged(error));
                None
            }
        };
        let mut bytes = Buffer::default();
        let wanted = blocks.count as usize * TP_BSIZE;
        bytes.set_length(wanted.next_multiple_of(sb.fsize as usize));
        let mut unread = false;
        if let Some(addr) = addr {
            let offset = sb.offset_of(addr);
            unread = !fs.disk().read_quietly(offset, &mut bytes);
            if unread {
                notify(Notice::Unread { ino, offset, bytes: wanted as u32 });
            }
        } else {
            bytes.fill(0);
        }
        bytes.set_length(wanted);
        let used = &mut bytes[..length as usize];
        let start = blocks.block.0.saturating_mul(u64::from(sb.bsize));
        let told = &mut self.told;
        let mut report = |at, damage| {
            *told += 1;
            // Of what is damaged since it could not be read there is nothing more to say.
            if *told <= MOST_TOLD && !unread {
                notify(Notice::Directory(ino, Some(at), damage));
            }
        };
        let relatives = &mut In { fs, tree, ino };
        if addr.is_some() {
            if let Some(namlen) = directory_to_host(used, sb.order, sb.old_directories) {
                report(start, DirDamage::LongName(namlen));
            }
            repairer.repair(used, relatives, &mut report);
        } else {
            repairer.hole(used, relatives, &mut report);
        }
        self.repairer = Some(repairer);
        self.ready.extend(tape_blocks(&bytes).map(Step::Bytes));
        Ok(true)
    }

    /// Puts the extended attributes behind the data of this header, if there is room for all of them.
    ///
    /// They come last, so that readers that do not know them take the file as it is and leave them.
    fn append_attributes<R: ReadAt>(&mut self, fs: &FileSystem<R>, header: &mut Header) -> Result<(), Error> {
        if self.attributes.bytes == 0 {
            return Ok(());
        }
        let blocks = self.attributes.bytes.div_ceil(TP_BSIZE as u32);
        if header.count + blocks > TP_NINDIR as u32 {
            return Ok(());
        }
        let at = header.count;
        header.count += blocks;
        self.attribute_blocks(fs, header, at)
    }

    /// Puts the extended attributes, which did not fit beside the data, behind a header of their own.
    fn attributes_alone<R: ReadAt>(&mut self, fs: &FileSystem<R>, header: &mut Header) -> Result<(), Error> {
        self.begin_header(header, self.attributes.bytes.div_ceil(TP_BSIZE as u32));
        self.attribute_blocks(fs, header, 0)
    }

    /// The attributes' blocks: two file system blocks at most.
    fn attribute_blocks<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        header: &mut Header,
        mut at: u32,
    ) -> Result<(), Error> {
        let sb = fs.superblock();
        let attributes = std::mem::take(&mut self.attributes);
        let mut left = attributes.bytes.div_ceil(TP_BSIZE as u32);
        let mut bytes = Vec::new();
        for addr in attributes.blocks {
            let count = left.min(sb.bsize / TP_BSIZE as u32);
            header.addr[at as usize..(at + count) as usize].fill(addr.is_some().into());
            at += count;
            left -= count;
            let Some(addr) = addr else { continue };
            if sb.order == ByteOrder::HOST {
                self.ready.push_back(Step::Data { offset: sb.offset_of(addr), blocks: count });
            } else {
                bytes.extend(read(fs, addr, count.into())?);
            }
        }
        attributes_to_host(&mut bytes, sb.order);
        self.ready.extend(tape_blocks(&bytes).map(Step::Bytes));
        Ok(())
    }
}

/// Reads `count` tape blocks at `addr`.
fn read<R: ReadAt>(fs: &FileSystem<R>, addr: FragAddr, count: u64) -> Result<Vec<u8>, Error> {
    let sb = fs.superblock();
    let length = count as usize * TP_BSIZE;
    let mut bytes = vec![0; length.next_multiple_of(sb.fsize as usize)];
    fs.disk().read_at(sb.offset_of(addr), &mut bytes).map_err(Error::Read)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn tape_blocks(bytes: &[u8]) -> impl Iterator<Item = Rc<Block>> + '_ {
    bytes.as_chunks::<TP_BSIZE>().0.iter().map(|block| Rc::new(*block))
}
