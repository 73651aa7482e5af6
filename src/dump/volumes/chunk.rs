// SPDX-License-Identifier: BSD-2-Clause
//! A chunk: consecutive tape records, and what they are made of.

use std::ops::Range;

use crate::dump::passes::Notice;
use dumpstream::{RecordType, TP_BSIZE};
use ufs::{ByteOffset, Ino};

/// Part of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins in the chunk, in tape blocks.
    pub at: u32,
    /// Tape blocks.
    pub blocks: u32,
    /// The inode it belongs to.
    pub ino: Ino,
    /// What it is.
    pub what: What,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The header of a volume.
    VolumeHeader,
    /// Another header, of this type; it is in the buffer.
    Header(RecordType),
    /// A block of a map or the text of a link; it is in the buffer.
    Bytes,
    /// Zeros; they are in the buffer.
    Zeros,
    /// To be read from the disk at this place.
    Disk(ByteOffset),
}

/// Consecutive tape records on one volume.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Tape blocks in use: a whole number of records.
    pub blocks: u32,
    /// What they are made of, in order.
    pub pieces: Vec<Piece>,
    /// Notices to print when the chunk is on the medium up to this tape block.
    pub notices: Vec<(u32, Notice)>,
}

impl Chunk {
    /// `TS_END` headers behind the first one, which a reader need not look at.
    pub fn padding(&self) -> u32 {
        let end = |piece: &&Piece| matches!(piece.what, What::Header(RecordType::End));
        let headers: u32 = self.pieces.iter().rev().take_while(end).map(|piece| piece.blocks).sum();
        headers.saturating_sub(1)
    }

    /// The inodes that the bytes from `offset` of the disk on are for, and how many of them for each, as far as they are in tape
    /// blocks `within` of the chunk.
    pub fn readers_of(
        &self,
        within: Range<u32>,
        offset: ByteOffset,
        bytes: u32,
    ) -> impl Iterator<Item = (Ino, u64)> + '_ {
        let (start, end) = (offset.0, offset.0.saturating_add(bytes.into()));
        let first =
            self.pieces.partition_point(|piece| piece.at.saturating_add(piece.blocks) <= within.start);
        let pieces = self.pieces.iter().skip(first).take_while(move |piece| piece.at < within.end);
        pieces.filter_map(move |piece| {
            let What::Disk(at) = piece.what else { return None };
            let piece_end = at.0.saturating_add(u64::from(piece.blocks) * TP_BSIZE as u64);
            let common = end.min(piece_end).saturating_sub(start.max(at.0));
            (common > 0).then_some((piece.ino, common))
        })
    }
}
