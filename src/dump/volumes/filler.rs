// SPDX-License-Identifier: BSD-2-Clause
//! Fills chunks with the stream, and begins and ends volumes.

use std::collections::VecDeque;

use crate::dump::passes::{Error, Step, Stream};
use crate::dump::volumes::Limit;
use crate::dump::volumes::chunk::{Chunk, Piece, What};
use crate::dump::volumes::leftover::{Left, Leftover};
use dumpstream::move_to_volume;
use dumpstream::{Block, Encoder, Header, Place, RecordType, decode};
use dumpstream::{TP_BSIZE, TapeBlock};
use ufs::{ByteOffset, Ino};
use ufs::{FileSystem, ReadAt};

/// Sizes that stay the same for a whole dump.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Tape blocks of a record (`ntrec`).
    pub record_blocks: u32,
    /// Tape blocks of a chunk: a whole number of records.
    pub chunk_blocks: u32,
    /// What a volume takes.
    pub limit: Limit,
}

/// Why a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is full.
    Full,
    /// The volume takes no more.
    Volume,
    /// The dump is complete with it.
    Dump,
}

/// Places the stream on volumes. Small, and to be cloned: see the module.
#[derive(Clone)]
pub struct Filler {
    encoder: Encoder,
    shape: Shape,
    stream: Stream,
    /// A step that did not fit.
    carry: Option<Step>,
    leftovers: VecDeque<Leftover>,
    /// The position of the next header.
    place: Place,
    /// Tape blocks placed on this volume.
    on_volume: u64,
    /// Data blocks that the last header announced and that are still to come.
    to_follow: u64,
    /// Whether the volume's header is still to be placed.
    volume_header: Option<Header>,
    /// Whether the last volume ended before all that was placed on it: the header of the next takes no number of its own.
    ended_early: bool,
    /// `TS_END` headers that dump would make beyond the last record.
    uncounted: u64,
    ended: bool,
}

impl Filler {
    /// Begins a dump: nothing is placed before [`begin_volume`](Filler::begin_volume).
    pub fn new(encoder: Encoder, shape: Shape, stream: Stream) -> Filler {
        Filler {
            encoder,
            shape,
            stream,
            carry: None,
            leftovers: VecDeque::new(),
            place: Place { volume: 0, tapea: TapeBlock(0), firstrec: TapeBlock(0) },
            on_volume: 0,
            to_follow: 0,
            volume_header: None,
            ended_early: false,
            uncounted: 0,
            ended: false,
        }
    }

    /// The number of the volume under way, from 1.
    pub fn volume(&self) -> u32 {
        self.place.volume
    }

    /// Tape blocks of the whole dump as dump counts them at its end: all `TS_END` headers that it makes are counted.
    pub fn total_blocks(&self) -> u64 {
        self.place.tapea.0 + self.uncounted
    }

    /// `TS_END` headers behind the first one, once the dump has ended: a reader need not look at them.
    pub fn padding(&self) -> u64 {
        let headers = u64::from(self.shape.record_blocks) - self.uncounted;
        if self.ended { headers.saturating_sub(1) } else { 0 }
    }

    /// Gives back blocks that the volume under way did not take, in order. The next volume begins with them.
    pub fn give_back(&mut self, leftovers: Vec<Leftover>) {
        for leftover in leftovers.into_iter().rev() {
            self.leftovers.push_front(leftover);
        }
        // A volume header moves everything by a block, so the last record is filled anew.
        while self.leftovers.back().is_some_and(Leftover::is_end) {
            self.leftovers.pop_back();
            self.place.tapea.0 -= 1;
        }
        self.ended = false;
        self.ended_early = true;
    }

    /// Begins the next volume. Its header is the first block of the next chunk. Gives the inode that the volume begins with.
    pub fn begin_volume(&mut self) -> Ino {
        let first = self.place.volume == 0;
        self.place.volume += 1;
        self.on_volume = 0;
        let ino = if first {
            Ino(0)
        } else {
            self.leftovers.front().map_or(self.stream.current_inode(), |left| left.ino)
        };
        let mut header = Header::new(RecordType::Tape, ino);
        header.count = if first { 1 } else { u32::try_from(self.blocks_before_header()).unwrap_or(u32::MAX) };
        self.volume_header = Some(header);
        ino
    }

    /// Tape blocks of data that come before the next header.
    fn blocks_before_header(&self) -> u64 {
        let mut blocks = 0;
        for leftover in &self.leftovers {
            match leftover.bytes {
                Left::Header(..) => return blocks,
                Left::Notice(_) => {}
                Left::Bytes(_) => blocks += 1,
                Left::Zeros(n) | Left::Disk { blocks: n, .. } => blocks += u64::from(n),
            }
        }
        blocks + self.to_follow
    }

    /// Fills `buffer`, [`Shape::chunk_blocks`] long, with the next chunk, which `chunk` then describes;
    /// notices are added to those that it has.
    ///
    /// Parts that are to be read from the disk are left as they are. Errors: the disk cannot be read.
    pub fn fill<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        buffer: &mut [u8],
        chunk: &mut Chunk,
    ) -> Result<Ended, Error> {
        chunk.blocks = 0;
        chunk.pieces.clear();
        let room = self.room();
        let (blocks, _) = buffer.as_chunks_mut::<TP_BSIZE>();
        self.place_volume_header(blocks, chunk);
        while chunk.blocks < room {
            if let Some(leftover) = self.leftovers.pop_front() {
                self.place_leftover(leftover, room, blocks, chunk);
                continue;
            }
            if self.ended {
                break;
            }
            let step = match self.carry.take() {
                Some(step) => step,
                None => self.stream.next(fs, &mut |notice| chunk.notices.push((chunk.blocks, notice)))?,
            };
            self.place_step(step, room, blocks, chunk);
        }
        if self.ended && self.leftovers.is_empty() {
            return Ok(Ended::Dump);
        }
        Ok(if self.volume_is_full() { Ended::Volume } else { Ended::Full })
    }

    /// Tape blocks that the next chunk may have: the volume's limit counts.
    fn room(&self) -> u32 {
        match self.shape.limit {
            Limit::Unlimited => self.shape.chunk_blocks,
            Limit::Records(records) => {
                let left = records
                    .saturating_mul(u64::from(self.shape.record_blocks))
                    .saturating_sub(self.on_volume);
                u32::try_from(left).unwrap_or(u32::MAX).min(self.shape.chunk_blocks)
            }
        }
    }

    fn volume_is_full(&self) -> bool {
        self.room() == 0
    }

    fn place_volume_header(&mut self, blocks: &mut [Block], chunk: &mut Chunk) {
        let Some(header) = self.volume_header.take() else { return };
        // After an end of medium the header has the number of the block behind it, and takes none of its own.
        let first = self.leftovers.iter().find(|left| left.bytes.blocks() > 0);
        let replays = std::mem::take(&mut self.ended_early) || first.is_some();
        let tapea = first.map_or(self.place.tapea, |left| self.number_of(left));
        self.place.firstrec = tapea;
        let place = Place { tapea, ..self.place };
        self.encoder.encode(&header, &place, &mut blocks[chunk.blocks as usize]);
        if !replays {
            self.place.tapea.0 += 1;
        }
        self.push(chunk, 1, header.inumber, What::VolumeHeader);
    }

    /// The number of the first leftover block: all of them come right before the next block that is not one.
    fn number_of(&self, first: &Leftover) -> TapeBlock {
        if let Left::Header(_, block) = &first.bytes
            && let Ok(decoded) = decode(block)
        {
            return decoded.place.tapea;
        }
        let blocks: u64 = self.leftovers.iter().map(|left| left.bytes.blocks()).sum();
        TapeBlock(self.place.tapea.0.saturating_sub(blocks))
    }

    fn place_leftover(&mut self, leftover: Leftover, room: u32, blocks: &mut [Block], chunk: &mut Chunk) {
        let Leftover { ino, bytes } = leftover;
        let at = chunk.blocks as usize;
        match bytes {
            Left::Header(kind, mut block) => {
                move_to_volume(&mut block, &self.place);
                blocks[at] = *block;
                self.push(chunk, 1, ino, What::Header(kind));
            }
            Left::Notice(notice) => chunk.notices.push((chunk.blocks, notice)),
            Left::Bytes(block) => {
                blocks[at] = *block;
                self.push(chunk, 1, ino, What::Bytes);
            }
            Left::Zeros(n) => {
                let fits = n.min(room - chunk.blocks);
                blocks[at..at + fits as usize].fill([0; TP_BSIZE]);
                self.push(chunk, fits, ino, What::Zeros);
                if fits < n {
                    self.leftovers.push_front(Leftover { ino, bytes: Left::Zeros(n - fits) });
                }
            }
            Left::Disk { offset, blocks: n } => {
                let fits = n.min(room - chunk.blocks);
                self.push(chunk, fits, ino, What::Disk(offset));
                if fits < n {
                    let bytes = Left::Disk { offset: after(offset, fits), blocks: n - fits };
                    self.leftovers.push_front(Leftover { ino, bytes });
                }
            }
        }
    }

    fn place_step(&mut self, step: Step, room: u32, blocks: &mut [Block], chunk: &mut Chunk) {
        let at = chunk.blocks as usize;
        let ino = self.stream.current_inode();
        match step {
            Step::Header => {
                self.place_header(&mut blocks[at]);
                self.to_follow = u64::from(self.stream.header().blocks_that_follow());
                self.push(chunk, 1, ino, What::Header(self.stream.header().kind));
            }
            Step::Bytes(bytes) => {
                blocks[at] = *bytes;
                self.placed_data(1);
                self.push(chunk, 1, ino, What::Bytes);
            }
            Step::Map { map, index } => {
                self.stream.map(map).copy_block(index, &mut blocks[at]);
                self.placed_data(1);
                self.push(chunk, 1, ino, What::Bytes);
            }
            Step::Lost { blocks: n } => {
                let fits = n.min(room - chunk.blocks);
                blocks[at..at + fits as usize].fill([0; TP_BSIZE]);
                self.placed_data(fits);
                self.push(chunk, fits, ino, What::Zeros);
                self.carry = (fits < n).then_some(Step::Lost { blocks: n - fits });
            }
            Step::Data { offset, blocks: n } => {
                let fits = n.min(room - chunk.blocks);
                self.placed_data(fits);
                self.push(chunk, fits, ino, What::Disk(offset));
                self.carry =
                    (fits < n).then_some(Step::Data { offset: after(offset, fits), blocks: n - fits });
            }
            Step::End => self.place_end(ino, blocks, chunk),
        }
    }

    /// Fills the last record with `TS_END` headers: at least one, at most a whole record of them.
    fn place_end(&mut self, ino: Ino, blocks: &mut [Block], chunk: &mut Chunk) {
        let record = self.shape.record_blocks;
        let headers = record - chunk.blocks % record;
        for _ in 0..headers {
            self.place_header(&mut blocks[chunk.blocks as usize]);
            self.push(chunk, 1, ino, What::Header(RecordType::End));
        }
        // Dump makes a record's worth of them, and says so in its count.
        self.uncounted = u64::from(record - headers);
        self.ended = true;
    }

    fn place_header(&mut self, block: &mut Block) {
        self.encoder.encode(self.stream.header(), &self.place, block);
        self.place.tapea.0 += 1;
    }

    fn placed_data(&mut self, blocks: u32) {
        self.place.tapea.0 += u64::from(blocks);
        self.to_follow = self.to_follow.saturating_sub(u64::from(blocks));
    }

    fn push(&mut self, chunk: &mut Chunk, blocks: u32, ino: Ino, what: What) {
        chunk.pieces.push(Piece { at: chunk.blocks, blocks, ino, what });
        chunk.blocks += blocks;
        self.on_volume += u64::from(blocks);
    }
}

fn after(offset: ByteOffset, blocks: u32) -> ByteOffset {
    ByteOffset(offset.0 + u64::from(blocks) * TP_BSIZE as u64)
}
