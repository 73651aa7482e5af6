// SPDX-License-Identifier: BSD-2-Clause
//! Reading of a chunk by a worker: merged reads, and single ones if a merged read fails.

use crate::disk::{Disk, Fault};
use crate::os::disk::Scatter;
use crate::workers::Extent;
use crate::workers::merge;
use crate::workers::merge::Read;
use crate::workers::staging::{MOST_MERGED, Staging};
use dumpstream::TP_BSIZE;
use ufs::ByteOffset;

/// Reads the extents of chunks; keeps its memory from one to the next.
pub struct Reader {
    extents: Vec<Extent>,
    reads: Vec<Read>,
    failed: Vec<Extent>,
    scatter: Scatter,
    staging: Staging,
}

impl Default for Reader {
    fn default() -> Reader {
        let scatter = Scatter::new(merge::MOST_GAP as usize);
        let staging = Staging::default();
        Reader { extents: Vec::new(), reads: Vec::new(), failed: Vec::new(), scatter, staging }
    }
}

impl Reader {
    /// The list of extents, to be filled before [`Reader::read`].
    pub fn extents(&mut self) -> &mut Vec<Extent> {
        self.extents.clear();
        &mut self.extents
    }

    /// Reads the listed extents into `buffer`. Read errors are reported in the order of the chunk, with
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
        self.failed.clear();
        match &disk.uncached {
            Some(uncached) => {
                merge::plan(&mut self.extents, &mut self.reads, MOST_MERGED);
                let what = (&*self.extents, &*self.reads);
                self.staging.read(disk, uncached, buffer, what, &mut self.failed);
            }
            None => {
                merge::plan(&mut self.extents, &mut self.reads, usize::MAX);
                self.read_cached(disk, buffer);
            }
        }
        self.failed.sort_unstable_by_key(|extent| extent.at);
        for extent in &self.failed {
            read_alone(disk, buffer, *extent, record_blocks, tell);
        }
    }
}

impl Reader {
    fn read_cached(&mut self, disk: &Disk<'_>, buffer: &mut [u8]) {
        for read in &self.reads {
            let extents = &self.extents[read.extents.clone()];
            if !read_merged(disk, buffer, extents, read.bytes, &mut self.scatter) {
                self.failed.extend_from_slice(extents);
            }
        }
    }
}

/// One read of `bytes` bytes for extents that stand one after the other on the disk; false if it did not bring all of them.
fn read_merged(
    disk: &Disk<'_>,
    buffer: &mut [u8],
    extents: &[Extent],
    bytes: usize,
    scatter: &mut Scatter,
) -> bool {
    let Some(first) = extents.first() else { return true };
    if !disk.geometry.at_once(first.offset, bytes) {
        return false;
    }
    let mut pieces = scatter.fill(buffer);
    let mut end = first.offset.0;
    for extent in extents {
        pieces.leave_out((extent.offset.0 - end) as usize);
        pieces.take(extent.start(), extent.bytes());
        end = extent.offset.0 + extent.bytes() as u64;
    }
    matches!(pieces.read(disk.fd, disk.place(first.offset.0)), Ok(got) if got == bytes)
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
