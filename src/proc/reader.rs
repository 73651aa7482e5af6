// SPDX-License-Identifier: BSD-2-Clause
//! A worker's reading of a chunk: merged reads, and the careful ones when one of them fails.

use std::io::IoSliceMut;

use crate::disk::{Disk, Fault};
use crate::os::disk::preadv;
use crate::ring::Extent;
use crate::ring::merge::{self, Read};
use crate::units::{ByteOffset, TP_BSIZE};

/// Reads the extents of chunks; keeps its memory from one to the next.
#[derive(Default)]
pub struct Reader {
    extents: Vec<Extent>,
    reads: Vec<Read>,
    failed: Vec<Extent>,
}

impl Reader {
    /// The list of extents, to be filled before [`Reader::read`].
    pub fn extents(&mut self) -> &mut Vec<Extent> {
        self.extents.clear();
        &mut self.extents
    }

    /// Reads the listed extents into `buffer`. What cannot be read is told in the order of the chunk, with
    /// the record of the chunk that it is in, and is zeros.
    ///
    /// `record_blocks` is where dump would split a read: at the end of each tape record.
    pub fn read(
        &mut self,
        disk: &Disk<'_>,
        buffer: &mut [u8],
        record_blocks: u32,
        tell: &mut dyn FnMut(u32, Fault),
    ) {
        merge::plan(&mut self.extents, &mut self.reads);
        self.failed.clear();
        for read in &self.reads {
            let extents = &self.extents[read.extents.clone()];
            if !read_merged(disk, buffer, extents, read.bytes) {
                self.failed.extend_from_slice(extents);
            }
        }
        self.failed.sort_unstable_by_key(|extent| extent.at);
        for extent in &self.failed {
            read_alone(disk, buffer, *extent, record_blocks, tell);
        }
    }
}

/// One read for consecutive extents; false if it did not bring all of them.
fn read_merged(disk: &Disk<'_>, buffer: &mut [u8], extents: &[Extent], bytes: usize) -> bool {
    let Some(first) = extents.first() else { return true };
    let geometry = &disk.geometry;
    let sector = u64::from(geometry.sector);
    let past_the_end =
        first.offset.0 + bytes as u64 > geometry.end || !geometry.is_whole(first.offset, bytes);
    let odd = !first.offset.0.is_multiple_of(sector) || !(bytes as u64).is_multiple_of(sector);
    if past_the_end || odd {
        return false;
    }
    if let [extent] = extents {
        let target = &mut buffer[extent.start()..extent.start() + bytes];
        return matches!(crate::os::disk::pread(disk.fd, target, first.offset.0), Ok(n) if n == bytes);
    }
    let mut pieces = scatter(buffer, extents);
    matches!(preadv(disk.fd, &mut pieces, first.offset.0), Ok(n) if n == bytes)
}

/// The parts of `buffer` that `extents` go to, in their order.
fn scatter<'a>(buffer: &'a mut [u8], extents: &[Extent]) -> Vec<IoSliceMut<'a>> {
    // Extents of a chunk do not overlap, so the buffer can be cut up in order of place, and then put in order of reading.
    let mut order: Vec<usize> = (0..extents.len()).collect();
    order.sort_unstable_by_key(|&index| extents[index].at);
    let mut slots: Vec<Option<IoSliceMut<'a>>> = (0..extents.len()).map(|_| None).collect();
    let mut rest = buffer;
    let mut cut = 0;
    for index in order {
        let extent = &extents[index];
        let Some(skip) = extent.start().checked_sub(cut) else { continue };
        let (_, tail) = rest.split_at_mut(skip.min(rest.len()));
        let (piece, tail) = tail.split_at_mut(extent.bytes().min(tail.len()));
        cut = extent.start() + piece.len();
        rest = tail;
        slots[index] = Some(IoSliceMut::new(piece));
    }
    slots.into_iter().flatten().collect()
}

/// Reads one extent as dump reads it: up to the end of a tape record at a time.
fn read_alone(
    disk: &Disk<'_>,
    buffer: &mut [u8],
    extent: Extent,
    record_blocks: u32,
    tell: &mut dyn FnMut(u32, Fault),
) {
    let mut done = 0;
    while done < extent.blocks {
        let at = extent.at + done;
        let blocks = (record_blocks - at % record_blocks).min(extent.blocks - done);
        let offset = ByteOffset(extent.offset.0 + u64::from(done) * TP_BSIZE as u64);
        let start = at as usize * TP_BSIZE;
        disk.read(offset, &mut buffer[start..start + blocks as usize * TP_BSIZE], &mut |fault| {
            tell(at / record_blocks, fault)
        });
        done += blocks;
    }
}
