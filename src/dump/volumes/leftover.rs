// SPDX-License-Identifier: BSD-2-Clause
//! Tape blocks that were not written because of end of media.

use crate::dump::passes::Notice;
use crate::dump::volumes::chunk::{Chunk, What};
use dumpstream::TP_BSIZE;
use dumpstream::{Block, RecordType};
use ufs::{ByteOffset, Ino};

/// Consecutive tape blocks to be placed again.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// The inode they belong to.
    pub ino: Ino,
    /// What they are.
    pub(super) bytes: Left,
}

/// The blocks themselves.
#[derive(Clone, Debug)]
pub(super) enum Left {
    /// A header of this type, encoded; its volume has to be set anew.
    Header(RecordType, Box<Block>),
    /// A block of a map or the text of a link.
    Bytes(Box<Block>),
    /// Zeros in the place of data whose address was wrong.
    Zeros(u32),
    /// No blocks, but a notice to print when the preceding blocks are written.
    Notice(Notice),
    /// Blocks to be read again.
    Disk { offset: ByteOffset, blocks: u32 },
}

impl Leftover {
    /// Whether it is a `TS_END` header.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.bytes, Left::Header(RecordType::End, _))
    }
}

impl Left {
    /// How many tape blocks they are.
    pub(super) fn blocks(&self) -> u64 {
        match self {
            Left::Notice(_) => 0,
            Left::Header(..) | Left::Bytes(_) => 1,
            Left::Zeros(blocks) | Left::Disk { blocks, .. } => u64::from(*blocks),
        }
    }
}

impl Chunk {
    /// What of the chunk, filled into `buffer`, has to be placed again when only `from` tape blocks of it are on the medium, and the
    /// notices of it that were not printed.
    pub fn leftovers(&self, buffer: &[u8], from: u32) -> Vec<Leftover> {
        of_chunk(self, buffer, from)
    }
}

fn of_chunk(chunk: &Chunk, buffer: &[u8], from: u32) -> Vec<Leftover> {
    let mut out = Vec::new();
    let mut notices = chunk.notices.iter().peekable();
    for piece in &chunk.pieces {
        while let Some((_, notice)) = notices.next_if(|(at, _)| *at <= piece.at) {
            out.push(Leftover { ino: piece.ino, bytes: Left::Notice(notice.clone()) });
        }
        let end = piece.at + piece.blocks;
        if end <= from {
            continue;
        }
        let first = piece.at.max(from);
        let blocks = end - first;
        let bytes = match piece.what {
            What::Disk(offset) => Left::Disk {
                offset: ByteOffset(offset.0 + u64::from(first - piece.at) * TP_BSIZE as u64),
                blocks,
            },
            What::Zeros => Left::Zeros(blocks),
            What::Header(kind) => Left::Header(kind, copy(buffer, first)),
            What::Bytes => Left::Bytes(copy(buffer, first)),
            // The header of a volume that is over is not written again.
            What::VolumeHeader => continue,
        };
        out.push(Leftover { ino: piece.ino, bytes });
    }
    let ino = chunk.pieces.last().map_or(Ino(0), |piece| piece.ino);
    out.extend(notices.map(|(_, notice)| Leftover { ino, bytes: Left::Notice(notice.clone()) }));
    out
}

fn copy(buffer: &[u8], block: u32) -> Box<Block> {
    let start = block as usize * TP_BSIZE;
    let mut out = Box::new([0; TP_BSIZE]);
    out.copy_from_slice(&buffer[start..start + TP_BSIZE]);
    out
}
