// SPDX-License-Identifier: BSD-2-Clause
//! Remembers the last tape blocks of a volume. A dump that could not write a record to its end writes it again on the next volume, which
//! then begins with a smaller number than expected. Tape blocks that were doubled on the volume before have the same effect, so what is
//! said to be repeated is compared. Where all of it is common data, such as zeros, the comparison proves nothing.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::layout::{C_CHECKSUM, C_FIRSTREC, C_MAGIC, C_OLD_FIRSTREC, C_VOLUME};
use crate::{Block, MAGIC, NFS_MAGIC};

/// Tape blocks that are remembered: 32 MiB of the volume, more than a dump has in its buffers.
const MOST: usize = 1 << 15;

/// Hashes of the last tape blocks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// A ring; `next` is where the next one goes.
    ring: Vec<u64>,
    next: usize,
    /// Whether tape blocks before those of the ring were passed over.
    is_partial: bool,
    repeated: Option<Repeated>,
}

/// Tape blocks that are said to be the last ones once more.
#[derive(Debug)]
struct Repeated {
    /// How far back each one is.
    back: u64,
    /// How many are to come.
    left: u64,
    /// Hashes that are there more than once.
    common: HashSet<u64>,
    /// Whether one of them was unlike all others, so that it cannot be one from another place.
    is_sure: bool,
}

impl Marks {
    /// Takes the next tape block of the dump, unless it is the header of a volume.
    pub fn note(&mut self, block: &Block) {
        let mark = mark(block);
        if self.ring.len() < MOST {
            self.ring.push(mark);
        } else {
            self.ring[self.next] = mark;
            self.next = (self.next + 1) % MOST;
        }
    }

    /// Tape blocks were passed over.
    pub fn pass(&mut self) {
        self.ring.clear();
        (self.next, self.is_partial) = (0, true);
    }

    /// A volume begins, and so many tape blocks that come are said to be the last ones once more.
    pub fn repeat(&mut self, blocks: u64) {
        let mut all = HashSet::new();
        self.repeated = (blocks > 0).then(|| Repeated {
            back: blocks,
            left: blocks,
            common: self.ring.iter().copied().filter(|mark| !all.insert(*mark)).collect(),
            is_sure: false,
        });
    }

    /// How many tape blocks were said to be repeated, if this one differs from the one before, or if it is the last and none of them proves
    /// anything. To be called for each tape block before [`Marks::note`].
    pub fn is_another(&mut self, block: &Block) -> Option<u64> {
        let repeated = self.repeated.as_mut()?;
        repeated.left = repeated.left.saturating_sub(1);
        let at = usize::try_from(repeated.back).ok().and_then(|back| self.ring.len().checked_sub(back));
        let is_same = match at {
            Some(at) => {
                let before = self.ring[(self.next + at) % self.ring.len()];
                repeated.is_sure |= !repeated.common.contains(&before) && !is_uniform(block);
                before == mark(block)
            }
            None => {
                // What was passed over may have been the same.
                repeated.is_sure = true;
                self.is_partial
            }
        };
        let is_over = repeated.left == 0;
        let is_another = !is_same || (is_over && !repeated.is_sure);
        if is_another || is_over {
            return self.repeated.take().map(|repeated| repeated.back).filter(|_| is_another);
        }
        None
    }
}

/// Whether all bytes are the same, as in many places of a disk.
fn is_uniform(block: &Block) -> bool {
    block.iter().all(|byte| *byte == block[0])
}

/// A hash of the tape block; of a header without what differs where it is written again: the number of its volume and that of the first
/// tape block there, and so the checksum.
fn mark(block: &Block) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    if is_header(block) {
        let mut same = *block;
        for (at, bytes) in [(C_VOLUME, 4), (C_CHECKSUM, 4), (C_OLD_FIRSTREC, 4), (C_FIRSTREC, 8)] {
            same[at..at + bytes].fill(0);
        }
        hasher.write(&same);
    } else {
        hasher.write(block);
    }
    hasher.finish()
}

fn is_header(block: &Block) -> bool {
    let magic = [0, 1, 2, 3].map(|byte| block[C_MAGIC + byte]);
    let is_magic = |number: u32| number == MAGIC || number == NFS_MAGIC;
    is_magic(u32::from_le_bytes(magic)) || is_magic(u32::from_be_bytes(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n: u32) -> Block {
        let mut block = [0; 1024];
        block[500..504].copy_from_slice(&n.to_ne_bytes());
        block
    }

    fn header(n: u32, volume: u8) -> Block {
        let mut header = block(n);
        header[C_MAGIC..C_MAGIC + 4].copy_from_slice(&MAGIC.to_ne_bytes());
        header[C_VOLUME] = volume;
        header[C_CHECKSUM] = volume;
        header
    }

    /// Whether the marks take these for the last ones.
    fn repeats(marks: &mut Marks, blocks: &[Block]) -> bool {
        marks.repeat(blocks.len() as u64);
        blocks.iter().all(|block| {
            let same = marks.is_another(block).is_none();
            marks.note(block);
            same
        })
    }

    #[test]
    fn the_last_ones_are_known() {
        let most = MOST as u32;
        for count in [5, most - 1, most, most + 1, 3 * most + 7] {
            let are_last = |numbers: std::ops::Range<u32>| {
                let mut marks = Marks::default();
                (0..count).for_each(|n| marks.note(&block(n)));
                repeats(&mut marks, &numbers.map(block).collect::<Vec<_>>())
            };
            assert!(are_last(count - 1..count) && are_last(count - 3..count), "{count}");
            assert!(!are_last(count - 2..count - 1) && !are_last(count..count + 1), "{count}");
        }
    }

    #[test]
    fn more_than_there_was_is_no_repetition_unless_it_was_passed_over() {
        let mut marks = Marks::default();
        marks.note(&block(1));
        assert!(!repeats(&mut marks, &[block(1), block(1)]));
        marks.pass();
        marks.note(&block(1));
        assert!(repeats(&mut marks, &[block(7), block(1)]));
        assert!(!repeats(&mut marks, &[block(2)]));
    }

    #[test]
    fn what_is_there_often_tells_nothing() {
        let mut marks = Marks::default();
        [1, 2, 3, 4, 4].iter().for_each(|n| marks.note(&block(*n)));
        assert!(!repeats(&mut marks, &[block(4)]));
        marks.note(&[0; 1024]);
        assert!(!repeats(&mut marks, &[[0; 1024]]));
        [5, 4].iter().for_each(|n| marks.note(&block(*n)));
        assert!(repeats(&mut marks, &[block(5), block(4)]));
    }

    #[test]
    fn headers_that_are_written_again_are_of_another_volume() {
        let mut marks = Marks::default();
        marks.note(&header(1, 1));
        assert!(repeats(&mut marks, &[header(1, 2)]));
        assert!(!repeats(&mut marks, &[header(2, 2)]));
        let mut data = block(1);
        data[C_VOLUME] = 1;
        marks.note(&data);
        assert!(!repeats(&mut marks, &[block(1)]));
    }
}
