// SPDX-License-Identifier: BSD-2-Clause
//! Maps of inodes, one bit each: bit n-1 represents inode n, as on tape.

use super::Block;
use crate::TP_BSIZE;
use ufs::Ino;

const WORDS_PER_BLOCK: u64 = (TP_BSIZE / 8) as u64;

/// A set of inode numbers, held as the map that goes to tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InodeMap {
    words: Vec<u64>,
}

impl InodeMap {
    /// An empty map with room for the inodes below `max_inodes`, a whole number of tape blocks long.
    pub fn new(max_inodes: u64) -> InodeMap {
        let blocks = max_inodes.div_ceil(8 * TP_BSIZE as u64);
        InodeMap { words: vec![0; usize::try_from(blocks * WORDS_PER_BLOCK).unwrap_or(usize::MAX)] }
    }

    /// Tape blocks that the map takes.
    pub fn tape_blocks(&self) -> u32 {
        (self.words.len() as u64 / WORDS_PER_BLOCK) as u32
    }

    /// Adds a tape block of a map that is read back at the end, which the map grows by.
    pub fn push_block(&mut self, block: &Block) {
        let (bytes, _) = block.as_chunks::<8>();
        self.words.extend(bytes.iter().map(|bytes| u64::from_le_bytes(*bytes)));
    }

    /// Puts `ino` into the set. An inode past the end, or 0, is left out.
    pub fn insert(&mut self, ino: Ino) {
        if let Some((word, bit)) = self.place(ino) {
            self.words[word] |= bit;
        }
    }

    /// Puts the inodes of `bits` into the set, which stand for the inodes of word `word`: see [`InodeMap::place_of`].
    /// A word past the end is left out.
    pub fn insert_word(&mut self, word: usize, bits: u64) {
        if let Some(there) = self.words.get_mut(word) {
            *there |= bits;
        }
    }

    /// The words of the map, as [`InodeMap::insert_word`] counts them.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The word and the bit in it that stand for `ino`, which is not 0.
    #[inline]
    pub fn place_of(ino: Ino) -> (usize, u64) {
        let bit = ino.0.wrapping_sub(1);
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    /// Takes `ino` out of the set.
    pub fn remove(&mut self, ino: Ino) {
        if let Some((word, bit)) = self.place(ino) {
            self.words[word] &= !bit;
        }
    }

    /// Whether `ino` is in the set.
    pub fn contains(&self, ino: Ino) -> bool {
        self.place(ino).is_some_and(|(word, bit)| self.words[word] & bit != 0)
    }

    /// Takes out all that is not in `other`, a map of the same size, too.
    pub fn keep(&mut self, other: &InodeMap) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// What is not in `other` too.
    pub fn without(&self, other: &InodeMap) -> InodeMap {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        InodeMap { words: self.words.iter().zip(others).map(|(word, other)| word & !other).collect() }
    }

    /// Whether all of it is in `other`, a map of the same size, too.
    pub fn is_within(&self, other: &InodeMap) -> bool {
        self.words.iter().zip(&other.words).all(|(word, other)| word & !other == 0)
    }

    /// The first inode of the set that is not below `from`.
    pub fn next_from(&self, from: u64) -> Option<Ino> {
        let first = from.saturating_sub(1);
        let mut word = usize::try_from(first / 64).ok()?;
        let mut bits = self.words.get(word)? & (u64::MAX << (first % 64));
        while bits == 0 {
            word += 1;
            bits = *self.words.get(word)?;
        }
        u32::try_from(word as u64 * 64 + u64::from(bits.trailing_zeros()) + 1).ok().map(Ino)
    }

    /// The first inode that is not in the set and not below `from`; past the end none is in it.
    fn next_out_from(&self, from: u64) -> u64 {
        let first = from.saturating_sub(1);
        let mut word = usize::try_from(first / 64).unwrap_or(usize::MAX);
        let mut mask = u64::MAX << (first % 64);
        while let Some(bits) = self.words.get(word) {
            let out = !bits & mask;
            if out != 0 {
                return word as u64 * 64 + u64::from(out.trailing_zeros()) + 1;
            }
            (word, mask) = (word + 1, u64::MAX);
        }
        from.max(self.words.len() as u64 * 64 + 1)
    }

    /// The runs of inodes that follow each other in the set: the first and the last of each, rising.
    pub fn runs(&self) -> impl Iterator<Item = (Ino, Ino)> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = self.next_from(next)?;
            next = self.next_out_from(u64::from(first.0));
            let last = u32::try_from(next - 1).unwrap_or(u32::MAX);
            Some((first, Ino(last)))
        })
    }

    /// The inodes of the set, rising.
    pub fn iter(&self) -> impl Iterator<Item = Ino> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let ino = self.next_from(next)?;
            next = u64::from(ino.0) + 1;
            Some(ino)
        })
    }

    /// How many inodes are in the set.
    pub fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether no inode is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Writes tape block `index` of the map over `out`; zeros past the end.
    pub fn copy_block(&self, index: u32, out: &mut Block) {
        let first = index as usize * WORDS_PER_BLOCK as usize;
        let (bytes, _) = out.as_chunks_mut::<8>();
        for (at, bytes) in bytes.iter_mut().enumerate() {
            let word = self.words.get(first + at).copied().unwrap_or(0);
            // Bit n-1 is bit (n-1) % 8 of byte (n-1) / 8: little-endian words, whatever the host is.
            *bytes = word.to_le_bytes();
        }
    }

    fn place(&self, ino: Ino) -> Option<(usize, u64)> {
        let (word, bit) = InodeMap::place_of(ino);
        (ino.0 != 0 && word < self.words.len()).then_some((word, bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_n_minus_1_stands_for_inode_n() {
        let mut map = InodeMap::new(20_000);
        assert_eq!(map.tape_blocks(), 3);
        for ino in [1, 2, 9, 8192, 8193, 20_000] {
            map.insert(Ino(ino));
        }
        let mut block = [0xff; TP_BSIZE];
        map.copy_block(0, &mut block);
        assert_eq!((block[0], block[1], block[1023]), (0b11, 1, 0x80));
        let mut read = InodeMap::new(0);
        read.push_block(&block);
        map.copy_block(1, &mut block);
        assert_eq!(block[0], 1);
        read.push_block(&block);
        assert_eq!(read.iter().map(|ino| ino.0).collect::<Vec<_>>(), [1, 2, 9, 8192, 8193]);
        map.copy_block(9, &mut block);
        assert!(block.iter().all(|&byte| byte == 0));
        assert_eq!(map.iter().map(|ino| ino.0).collect::<Vec<_>>(), [1, 2, 9, 8192, 8193, 20_000]);
    }

    #[test]
    fn runs_of_inodes() {
        let mut map = InodeMap::new(300);
        let runs = [(1, 1), (3, 64), (66, 66), (128, 200), (8192, 8192)];
        runs.iter().flat_map(|&(first, last)| first..=last).for_each(|ino| map.insert(Ino(ino)));
        let found: Vec<(u32, u32)> = map.runs().map(|(first, last)| (first.0, last.0)).collect();
        assert_eq!(found, runs);
        assert_eq!(InodeMap::new(0).runs().next(), None);
    }

    #[test]
    fn inodes_outside_are_left_out() {
        let mut map = InodeMap::new(100);
        map.insert(Ino(0));
        map.insert(Ino(u32::MAX));
        assert!(map.is_empty());
        map.insert(Ino(64));
        map.insert(Ino(65));
        map.remove(Ino(64));
        assert!(!map.contains(Ino(64)) && map.contains(Ino(65)));
        assert_eq!(map.next_from(0), Some(Ino(65)));
        assert_eq!(map.next_from(66), None);
        assert_eq!(map.len(), 1);
    }
}
