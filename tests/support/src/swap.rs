// SPDX-License-Identifier: BSD-2-Clause
//! Turns a dump into the one that a machine of the other byte order would have written.

use crate::canonical::{Block, blocks};
use crate::decode::{S_IFDIR, S_IFMT};
use crate::header::{BLOCK, CHECKSUM, FIELDS, Header, Kind};

/// The stream, with headers and directories in big-endian order.
///
/// Panics if a directory makes no sense.
pub fn stream(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len());
    let mut is_directory = false;
    for (name, block) in blocks(stream) {
        match name {
            Block::Header(kind) => {
                let header = Header::parse(block).expect("blocks() has parsed it");
                is_directory = matches!(kind, Kind::Inode | Kind::Addr)
                    && header.u64("c_mode") & u64::from(S_IFMT) == u64::from(S_IFDIR);
                out.extend_from_slice(&swapped_header(block));
            }
            Block::Data if is_directory => out.extend_from_slice(&swapped_entries(block)),
            _ => out.extend_from_slice(block),
        }
    }
    out
}

fn swapped_header(block: &[u8]) -> Vec<u8> {
    let mut out = block.to_vec();
    for (name, at, length) in FIELDS {
        let is_text = matches!(name, "c_label" | "c_filesys" | "c_dev" | "c_host");
        if matches!(length, 2 | 4 | 8) && !is_text {
            out[at..at + length].reverse();
        }
    }
    let (at, length) = crate::header::field("c_checksum");
    out[at..at + length].fill(0);
    let words = out.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
    let sum = words.fold(0, u32::wrapping_add);
    out[at..at + length].copy_from_slice(&CHECKSUM.wrapping_sub(sum).to_be_bytes());
    out
}

fn swapped_entries(block: &[u8]) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    out.copy_from_slice(block);
    for piece in out.chunks_mut(512) {
        let mut at = 0;
        while at + 8 <= piece.len() && piece[at + 4..at + 6] != [0, 0] {
            let reclen = usize::from(u16::from_le_bytes([piece[at + 4], piece[at + 5]]));
            piece[at..at + 4].reverse();
            piece[at + 4..at + 6].reverse();
            at += reclen;
        }
    }
    out
}
