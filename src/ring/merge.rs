// SPDX-License-Identifier: BSD-2-Clause
//! Which reads bring a chunk's extents: sorted by place on the disk, neighbours in one read.

use std::ops::Range;

use super::extent::Extent;

/// Most pieces of memory that one read may fill (`IOV_MAX`, limits.h).
const MOST_PIECES: usize = 1024;

/// One read: consecutive bytes of the disk that go to the extents `range` of the sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Extents of the sorted list.
    pub extents: Range<usize>,
    /// Bytes.
    pub bytes: usize,
}

/// Sorts `extents` by place on the disk and says which reads bring them.
pub fn plan(extents: &mut [Extent], reads: &mut Vec<Read>) {
    extents.sort_unstable_by_key(|extent| extent.offset);
    reads.clear();
    let mut end = None;
    for (index, extent) in extents.iter().enumerate() {
        match reads.last_mut() {
            Some(read) if end == Some(extent.offset.0) && read.extents.len() < MOST_PIECES => {
                read.extents.end = index + 1;
                read.bytes += extent.bytes();
            }
            _ => reads.push(Read { extents: index..index + 1, bytes: extent.bytes() }),
        }
        end = Some(extent.offset.0 + extent.bytes() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ByteOffset;
    use proptest::prelude::*;

    #[test]
    fn neighbours_are_read_at_once() {
        let extent = |block: u64, at, blocks| Extent { offset: ByteOffset(block * 1024), at, blocks };
        let mut extents = vec![extent(100, 1, 8), extent(20, 10, 4), extent(108, 20, 2), extent(50, 30, 1)];
        let mut reads = Vec::new();
        plan(&mut extents, &mut reads);
        assert_eq!(
            reads,
            [
                Read { extents: 0..1, bytes: 4096 },
                Read { extents: 1..2, bytes: 1024 },
                Read { extents: 2..4, bytes: 10240 }
            ]
        );
    }

    proptest! {
        #[test]
        fn every_extent_is_read_once(places in prop::collection::vec((0u64..5000, 1u32..9), 0..1024)) {
            let mut extents: Vec<_> = places
                .iter()
                .map(|&(block, blocks)| Extent { offset: ByteOffset(block * 512), at: 0, blocks })
                .collect();
            let mut reads = Vec::new();
            plan(&mut extents, &mut reads);
            let mut next = 0;
            for read in reads {
                prop_assert_eq!(read.extents.start, next);
                next = read.extents.end;
                let sum: usize = extents[read.extents].iter().map(Extent::bytes).sum();
                prop_assert_eq!(sum, read.bytes);
            }
            prop_assert_eq!(next, extents.len());
        }
    }
}
