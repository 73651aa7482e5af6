// SPDX-License-Identifier: BSD-2-Clause
//! Reading of a chunk past the cache: all reads under way at once, each a request of its own to one place in memory.
//!
//! A raw disk of FreeBSD makes a request of each piece of memory that a read fills, one after the other. So a read that goes to several
//! places goes to a buffer, rounded out to whole sectors, and is copied from there.

use crate::disk::{Disk, Uncached};
use crate::os::aio::{Batch, Request};
use crate::workers::Extent;
use crate::workers::merge::{Limits, Read};
use ufs::Buffer;

/// Bytes of the buffer, unless one read needs more: a chunk, and gaps.
const STAGING: usize = 5 << 19;

/// With many requests under way another one costs a disk less than 4 KiB do: such a gap is mostly what the last fragments of a file have
/// unused.
const MOST_GAP: u64 = 4 << 10;

/// How far extents are merged: a read is one request when it is rounded out.
pub fn limits(uncached: &Uncached<'_>) -> Limits {
    let around = 2 * uncached.unit as usize;
    Limits { gap: MOST_GAP, bytes: uncached.longest.saturating_sub(around) }
}

/// The two memories of a request.
const CHUNK: usize = 0;
const STAGED: usize = 1;

/// The buffer, and the reads of one round.
#[derive(Default)]
pub struct Staging {
    batch: Batch,
    buffer: Buffer,
    requests: Vec<Request>,
    /// Of each request, the read that it is part of, and how many bytes it has to bring.
    parts: Vec<(usize, usize)>,
    planned: Vec<Planned>,
}

/// A read of this round.
struct Planned {
    read: Read,
    /// Where in the buffer its first extent begins; none if it was read into its place.
    staged: Option<usize>,
    failed: bool,
}

impl Staging {
    /// Makes `reads` of `extents` into `chunk`. Extents of reads that did not bring everything go to `failed`.
    pub fn read(
        &mut self,
        disk: &Disk<'_>,
        uncached: &Uncached<'_>,
        chunk: &mut [u8],
        (extents, reads): (&[Extent], &[Read]),
        failed: &mut Vec<Extent>,
    ) {
        let mut left = reads;
        while !left.is_empty() {
            left = self.plan(disk, uncached, extents, left, failed);
            let Staging { batch, buffer, requests, parts, planned } = self;
            batch.read(uncached.fd, &mut [&mut *chunk, &mut *buffer], requests, &mut |index, result| {
                let (read, least) = parts[index];
                planned[read].failed |= !result.is_ok_and(|got| got >= least);
            });
            for Planned { read, staged, failed: has_failed } in self.planned.drain(..) {
                let extents = &extents[read.extents];
                match staged {
                    _ if has_failed => failed.extend_from_slice(extents),
                    Some(at) => copy(&self.buffer[at..], extents, chunk),
                    None => {}
                }
            }
        }
    }

    /// Makes requests of as many of `reads` as the buffer has room for, and gives the others.
    fn plan<'r>(
        &mut self,
        disk: &Disk<'_>,
        uncached: &Uncached<'_>,
        extents: &[Extent],
        reads: &'r [Read],
        failed: &mut Vec<Extent>,
    ) -> &'r [Read] {
        self.requests.clear();
        self.parts.clear();
        if self.buffer.is_empty() {
            self.buffer.set_length(STAGING);
        }
        let mut used = 0;
        for (index, read) in reads.iter().enumerate() {
            let these = &extents[read.extents.clone()];
            let Some(first) = these.first().filter(|first| disk.geometry.contains(first.offset, read.bytes))
            else {
                failed.extend_from_slice(these);
                continue;
            };
            let place = disk.place(first.offset.0);
            let around = uncached.around(place, read.bytes);
            let length = (around.end - around.start) as usize;
            let in_place = length == read.bytes && these.windows(2).all(|two| two[0].is_before(&two[1]));
            if !in_place && used + length > self.buffer.len() {
                if used > 0 {
                    return &reads[index..];
                }
                self.buffer.set_length(length);
            }
            let (memory, start) = if in_place { (CHUNK, first.start()) } else { (STAGED, used) };
            let wanted = (place - around.start) as usize + read.bytes;
            let longest = uncached.longest.max(uncached.unit as usize);
            for from in (0..length).step_by(longest) {
                let length = longest.min(length - from);
                let offset = around.start + from as u64;
                self.requests.push(Request { memory, start: start + from, length, offset });
                self.parts.push((self.planned.len(), length.min(wanted.saturating_sub(from))));
            }
            let staged = (!in_place).then_some(used + (place - around.start) as usize);
            // Memory is filled from a sector's boundary on, as some disks want it.
            used += if in_place { 0 } else { length.next_multiple_of(uncached.unit.max(512) as usize) };
            self.planned.push(Planned { read: read.clone(), staged, failed: false });
        }
        &[]
    }
}

/// Copies extents to their places in `chunk` from `read`, which begins with the first of them.
fn copy(read: &[u8], extents: &[Extent], chunk: &mut [u8]) {
    let Some(first) = extents.first() else { return };
    for extent in extents {
        let from = (extent.offset.0 - first.offset.0) as usize;
        chunk[extent.start()..][..extent.bytes()].copy_from_slice(&read[from..from + extent.bytes()]);
    }
}
