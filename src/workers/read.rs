// SPDX-License-Identifier: BSD-2-Clause
//! Reading of a chunk by a worker: merged reads, and single ones if a merged read fails.

use crate::disk::{Disk, Fault};
use crate::os::disk::Scatter;
use crate::workers::Extent;
use crate::workers::merge;
use crate::workers::merge::{Limits, Read};
use crate::workers::staging;
use crate::workers::staging::Staging;
use dumpstream::TP_BSIZE;
use ufs::ByteOffset;

/// Out of the page cache a system call costs as much as copying so many bytes, or more.
const CACHED: Limits = Limits { gap: 128 << 10, bytes: usize::MAX };

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
        let scatter = Scatter::new(CACHED.gap as usize);
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
                merge::plan(&mut self.extents, &mut self.reads, staging::limits(uncached));
                let what = (&*self.extents, &*self.reads);
                self.staging.read(disk, uncached, buffer, what, &mut self.failed);
            }
            None => {
                merge::plan(&mut self.extents, &mut self.reads, CACHED);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Geometry, Uncached};
    use proptest::prelude::*;
    use std::os::fd::AsFd;

    /// Bytes of the disk, of which the file system has all but the last.
    const MEDIA: u64 = 6 << 20;
    const RECORD: u32 = 64;

    fn disk_file() -> std::fs::File {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("capdump-read-{}-{number}", std::process::id()));
        let words = (0..MEDIA / 8).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_ne_bytes());
        std::fs::write(&path, words.collect::<Vec<u8>>()).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    /// What a chunk is filled with, and the faults.
    fn read(disk: &Disk<'_>, extents: &[Extent], blocks: usize) -> (Vec<u8>, Vec<(u32, Fault)>) {
        let (mut reader, mut chunk, mut faults) = (Reader::default(), vec![7; blocks * TP_BSIZE], Vec::new());
        reader.extents().extend_from_slice(extents);
        reader.read(disk, &mut chunk, RECORD, &mut |record, fault| faults.push((record, fault)));
        (chunk, faults)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]
        #[test]
        fn past_the_cache_the_same_is_read(
            pieces in prop::collection::vec((0_u64..MEDIA / 512, 1_u32..40, 0_u32..3), 1..200),
            base in 0_u64..3,
            unit in 0_usize..3,
            longest in 1_usize..100,
            missing in 0_u64..20,
        ) {
            let unit = [1, 512, 4096][unit];
            let mut extents = Vec::new();
            let (mut at, mut end) = (0, 0);
            for (place, blocks, next_to) in pieces {
                let offset = if next_to == 0 { end } else { place * 512 };
                at += next_to;
                extents.push(Extent { offset: ByteOffset(offset), at, blocks });
                at += blocks;
                end = offset + u64::from(blocks) * TP_BSIZE as u64;
            }
            let file = disk_file();
            let geometry = Geometry {
                fragment: 4096,
                unit: 512,
                end: MEDIA - base * 512 + missing * 4096,
                media: MEDIA - base * 512,
                sector: unit,
                base: base * 512,
            };
            let cached = Disk { fd: file.as_fd(), uncached: None, geometry: Geometry { sector: 1, ..geometry } };
            let uncached = Disk { uncached: Some(Uncached { fd: file.as_fd(), unit, longest: longest * 8192 }), geometry, ..cached };
            let blocks = at.next_multiple_of(RECORD) as usize;
            prop_assert_eq!(read(&uncached, &extents, blocks), read(&cached, &extents, blocks));
        }
    }
}
