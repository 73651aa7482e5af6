// SPDX-License-Identifier: BSD-2-Clause
//! The BLAKE3 of bytes that several processes have in turn: its state can be passed on, and most of the work done ahead.
//!
//! BLAKE3 is a tree: leaves of 1024 bytes with their numbers, and above them pairs. The state is therefore the last leaf, which may be
//! the root and is left as bytes, and of the leaves before it the largest complete subtrees, one for each bit of their number.

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::Digest;

/// Bytes of a leaf (`CHUNK_LEN` of BLAKE3).
const LEAF: usize = 1024;

/// Most subtrees: one for each bit of the number of leaves in 2^64 bytes.
const SUBTREES: usize = 54;

/// Bytes of a chaining value.
const VALUE: usize = 32;

/// Bytes that come in order, as far as they have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningDigest {
    bytes: u64,
    /// The last leaf; empty only if nothing has come.
    last: Vec<u8>,
    subtrees: Vec<ChainingValue>,
}

/// The subtrees in some bytes, whatever is before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtrees {
    /// Bytes before them, and how many they are made of.
    offset: u64,
    bytes: usize,
    /// Bytes before the first one that has all of its leaves here.
    skipped: usize,
    /// The bytes and the value of each, in order. The last leaf is in none.
    all: Vec<(usize, ChainingValue)>,
}

impl Subtrees {
    /// Those of `bytes`, which have `offset` bytes before them.
    pub fn of(offset: u64, bytes: &[u8]) -> Subtrees {
        let skipped = (offset.next_multiple_of(LEAF as u64) - offset) as usize;
        let mut all = Vec::new();
        let mut at = skipped;
        // The last leaf may be the root, or grow.
        let end = bytes.len().saturating_sub(1);
        while let Some(whole) = end.checked_sub(at).map(|left| left / LEAF).filter(|&whole| whole > 0) {
            let place = offset + at as u64;
            let aligned = if place == 0 { usize::BITS - 1 } else { (place / LEAF as u64).trailing_zeros() };
            let length = LEAF << aligned.min(whole.ilog2());
            let mut hasher = Hasher::new();
            let value = hasher.set_input_offset(place).update(&bytes[at..at + length]).finalize_non_root();
            all.push((length, value));
            at += length;
        }
        Subtrees { offset, bytes: bytes.len(), skipped, all }
    }
}

impl RunningDigest {
    /// Bytes of [`RunningDigest::save`].
    pub const SAVED: usize = size_of::<u64>() + LEAF + SUBTREES * VALUE;

    /// How many bytes have come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// More bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.join(&Subtrees::of(self.bytes, bytes), bytes);
    }

    /// More bytes, whose subtrees are known; if these are of another place or length they are made anew.
    pub fn join(&mut self, subtrees: &Subtrees, bytes: &[u8]) {
        if (subtrees.offset, subtrees.bytes) != (self.bytes, bytes.len()) {
            return self.update(bytes);
        }
        let (head, rest) = bytes.split_at(subtrees.skipped.min(bytes.len()));
        self.last.extend_from_slice(head);
        self.bytes += head.len() as u64;
        if rest.is_empty() {
            return;
        }
        if self.last.len() == LEAF {
            let last = std::mem::take(&mut self.last);
            let offset = self.bytes - LEAF as u64;
            self.push(offset, LEAF, leaf(offset, &last));
        }
        let mut at = 0;
        for (length, value) in &subtrees.all {
            self.push(self.bytes, *length, *value);
            self.bytes += *length as u64;
            at += length;
        }
        self.last.extend_from_slice(&rest[at..]);
        self.bytes += (rest.len() - at) as u64;
    }

    /// A subtree of so many bytes from `offset` on, before which all leaves are in subtrees.
    fn push(&mut self, offset: u64, length: usize, mut value: ChainingValue) {
        let mut number = offset / length as u64;
        while number & 1 == 1
            && let Some(left) = self.subtrees.pop()
        {
            value = merge_subtrees_non_root(&left, &value, Mode::Hash);
            number >>= 1;
        }
        self.subtrees.push(value);
    }

    /// The BLAKE3 of all bytes.
    pub fn digest(&self) -> Digest {
        let Some((first, others)) = self.subtrees.split_first() else {
            return *blake3::hash(&self.last).as_bytes();
        };
        let last = leaf(self.bytes - self.last.len() as u64, &self.last);
        let right =
            others.iter().rev().fold(last, |right, left| merge_subtrees_non_root(left, &right, Mode::Hash));
        *merge_subtrees_root(first, &right, Mode::Hash).as_bytes()
    }

    /// Writes the state to the first [`RunningDigest::SAVED`] bytes of `out`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn save(&self, out: &mut [u8]) {
        let (bytes, rest) = out.split_at_mut(size_of::<u64>());
        bytes.copy_from_slice(&self.bytes.to_le_bytes());
        let (last, rest) = rest.split_at_mut(LEAF);
        last[..self.last.len()].copy_from_slice(&self.last);
        for (to, value) in rest.as_chunks_mut::<VALUE>().0.iter_mut().zip(&self.subtrees) {
            *to = *value;
        }
    }

    /// The state that was saved. Any bytes are a state; zeros are the one before the first byte.
    ///
    /// # Panics
    /// If there are fewer than [`RunningDigest::SAVED`] bytes.
    pub fn load(saved: &[u8]) -> RunningDigest {
        let (bytes, rest) = saved.split_at(size_of::<u64>());
        let bytes = u64::from_le_bytes(bytes.as_chunks().0[0]);
        let last = bytes.saturating_sub(1) % LEAF as u64 + u64::from(bytes > 0);
        let leaves = (bytes - last) / LEAF as u64;
        let (text, values) = rest.split_at(LEAF);
        let values = values.as_chunks::<VALUE>().0.iter().take(leaves.count_ones() as usize);
        RunningDigest { bytes, last: text[..last as usize].to_vec(), subtrees: values.copied().collect() }
    }
}

/// The value of the leaf from byte `offset` on.
fn leaf(offset: u64, bytes: &[u8]) -> ChainingValue {
    Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|n| (n * 7 + n / 251) as u8).collect()
    }

    fn want(bytes: &[u8]) -> Digest {
        *blake3::hash(bytes).as_bytes()
    }

    #[test]
    fn it_is_blake3() {
        let all = bytes(40 * LEAF + 7);
        for length in (0..5).chain(1000..1050).chain(2040..2060).chain((0..=40).map(|leaves| leaves * LEAF)) {
            let mut running = RunningDigest::default();
            running.update(&all[..length]);
            assert_eq!((running.digest(), running.bytes()), (want(&all[..length]), length as u64));
        }
    }

    #[test]
    fn subtrees_of_another_place_are_made_anew() {
        let all = bytes(9 * LEAF);
        let mut running = RunningDigest::default();
        running.update(&all[..LEAF]);
        running.join(&Subtrees::of(2 * LEAF as u64, &all[LEAF..]), &all[LEAF..]);
        assert_eq!(running.digest(), want(&all));
        running = RunningDigest::default();
        running.join(&Subtrees::default(), &all);
        assert_eq!(running.digest(), want(&all));
    }

    #[test]
    fn whatever_was_saved_is_a_state() {
        for byte in [0, 1, 0x7f, 0xff] {
            let running = RunningDigest::load(&[byte; RunningDigest::SAVED]);
            running.digest();
            let mut saved = [0; RunningDigest::SAVED];
            running.save(&mut saved);
            assert_eq!(RunningDigest::load(&saved), running);
        }
        assert_eq!(RunningDigest::load(&[0; RunningDigest::SAVED]), RunningDigest::default());
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(lengths in proptest::collection::vec(0..9000_usize, 0..12)) {
            let all = bytes(lengths.iter().sum());
            let (mut saved, mut at) = ([0; RunningDigest::SAVED], 0);
            for (n, length) in lengths.into_iter().enumerate() {
                let part = &all[at..at + length];
                let mut running = RunningDigest::load(&saved);
                match n % 2 {
                    0 => running.update(part),
                    _ => running.join(&Subtrees::of(at as u64, part), part),
                }
                running.save(&mut saved);
                at += length;
            }
            prop_assert_eq!(RunningDigest::load(&saved).digest(), want(&all));
        }
    }
}
