// SPDX-License-Identifier: BSD-2-Clause
//! Merges the extents of a chunk into reads: sorted by position on the disk, adjacent ones in one read.

use std::ops::Range;

use crate::workers::extent::Extent;

/// Most pieces of memory that one read may fill (`IOV_MAX`, limits.h).
const MOST_PIECES: usize = 1024;

/// How far extents are merged.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Bytes between two extents that are read rather than left out, where that costs less than another read.
    pub gap: u64,
    /// Bytes of one read of several extents.
    pub bytes: usize,
}

/// One read: consecutive bytes of the disk, in which stand the extents `range` of the sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Extents of the sorted list.
    pub extents: Range<usize>,
    /// Bytes, including gaps between the extents.
    pub bytes: usize,
    /// Pieces of memory that it fills.
    pieces: usize,
}

impl Read {
    fn takes(&self, bytes: usize, most: usize) -> bool {
        self.pieces + 2 <= MOST_PIECES && self.bytes.saturating_add(bytes) <= most
    }
}

/// Sorts `extents` by place on the disk and says which reads bring them.
pub fn plan(extents: &mut [Extent], reads: &mut Vec<Read>, limits: Limits) {
    extents.sort_unstable_by_key(|extent| extent.offset);
    reads.clear();
    let mut end = 0;
    for (index, extent) in extents.iter().enumerate() {
        let gap = extent.offset.0.checked_sub(end).filter(|&gap| gap <= limits.gap);
        match (reads.last_mut(), gap) {
            (Some(read), Some(gap)) if read.takes(gap as usize + extent.bytes(), limits.bytes) => {
                read.extents.end = index + 1;
                read.bytes += gap as usize + extent.bytes();
                read.pieces += 1 + usize::from(gap > 0);
            }
            _ => reads.push(Read { extents: index..index + 1, bytes: extent.bytes(), pieces: 1 }),
        }
        end = extent.offset.0 + extent.bytes() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ufs::ByteOffset;

    const LIMITS: Limits = Limits { gap: 32 << 10, bytes: usize::MAX };

    #[test]
    fn neighbours_are_read_at_once() {
        let extent = |block: u64, at, blocks| Extent { offset: ByteOffset(block * 1024), at, blocks };
        let mut extents = vec![extent(100, 1, 8), extent(20, 10, 4), extent(108, 20, 2), extent(57, 30, 1)];
        let mut reads = Vec::new();
        plan(&mut extents, &mut reads, LIMITS);
        assert_eq!(
            reads,
            [
                Read { extents: 0..1, bytes: 4096, pieces: 1 },
                Read { extents: 1..2, bytes: 1024, pieces: 1 },
                Read { extents: 2..4, bytes: 10240, pieces: 2 }
            ]
        );
    }

    #[test]
    fn small_gaps_are_read_too() {
        let extent = |block: u64, blocks| Extent { offset: ByteOffset(block * 1024), at: 0, blocks };
        let mut extents = vec![extent(0, 1), extent(33, 1), extent(67, 1)];
        let mut reads = Vec::new();
        plan(&mut extents, &mut reads, LIMITS);
        assert_eq!(
            reads,
            [
                Read { extents: 0..2, bytes: 34 * 1024, pieces: 3 },
                Read { extents: 2..3, bytes: 1024, pieces: 1 }
            ]
        );
    }

    proptest! {
        #[test]
        fn every_extent_is_read_once(
            places in prop::collection::vec((0u64..500_000, 1u32..9), 0..2000),
            most in 10_000_usize..2_000_000,
            gap in 0_u64..100_000,
        ) {
            let mut extents: Vec<_> = places
                .iter()
                .map(|&(block, blocks)| Extent { offset: ByteOffset(block * 512), at: 0, blocks })
                .collect();
            let mut reads = Vec::new();
            plan(&mut extents, &mut reads, Limits { gap, bytes: most });
            let mut next = 0;
            for read in reads {
                prop_assert_eq!(read.extents.start, next);
                next = read.extents.end;
                let these = &extents[read.extents];
                let (first, last) = (these[0], these[these.len() - 1]);
                prop_assert_eq!(last.offset.0 + last.bytes() as u64 - first.offset.0, read.bytes as u64);
                let pairs = these.windows(2).map(|two| (two[0].offset.0 + two[0].bytes() as u64, two[1].offset.0));
                for (end, start) in pairs {
                    prop_assert!(start >= end && start - end <= gap);
                }
                prop_assert!(read.pieces <= MOST_PIECES && (read.bytes <= most || these.len() == 1));
            }
            prop_assert_eq!(next, extents.len());
        }
    }
}
