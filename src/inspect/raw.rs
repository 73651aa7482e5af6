// SPDX-License-Identifier: BSD-2-Clause
//! The digest of a volume that is read, made of its bytes as they are on the medium, and compared with an index. Pure.

use dumpstream::RunningDigest;
use dumpstream::index::Volume;

/// What was read of a volume.
pub struct Raw {
    wanted: Volume,
    digest: RunningDigest,
    /// Bytes of the medium before the dump.
    front: u64,
    /// Something was not read.
    is_lost: bool,
    /// There was more than wanted.
    is_longer: bool,
}

impl Raw {
    /// Nothing yet of a volume that was written so.
    pub fn new(wanted: Volume) -> Raw {
        Raw { wanted, digest: RunningDigest::default(), front: 0, is_lost: false, is_longer: false }
    }

    /// The dump begins behind `front` bytes, and so many of its bytes were read already.
    pub fn begin(&mut self, front: u64, bytes: &[u8]) {
        *self = Raw { front, ..Raw::new(self.wanted) };
        self.saw(front, bytes);
    }

    /// The place of the medium that has not been read yet.
    pub fn next(&self) -> u64 {
        self.front + self.digest.bytes()
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        if self.is_lost { 0 } else { self.wanted.bytes - self.digest.bytes() }
    }

    /// Bytes from place `at` of the medium on, which may have been read before.
    pub fn saw(&mut self, at: u64, bytes: &[u8]) {
        let Some(known) = self.next().checked_sub(at) else {
            self.is_lost |= !bytes.is_empty();
            return;
        };
        let new = usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default();
        let (new, more) = new.split_at(usize::try_from(self.left()).unwrap_or(usize::MAX).min(new.len()));
        self.digest.update(new);
        self.is_longer |= !more.is_empty();
    }

    /// Whether the volume is as it was written; there `may_be_more` behind it on a disk.
    pub fn is_as_written(&self, may_be_more: bool) -> bool {
        let is_whole = !self.is_lost && self.digest.bytes() == self.wanted.bytes;
        is_whole && (may_be_more || !self.is_longer) && self.digest.digest() == self.wanted.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(bytes: &[u8]) -> Raw {
        Raw::new(Volume { bytes: bytes.len() as u64, digest: *blake3::hash(bytes).as_bytes() })
    }

    #[test]
    fn all_bytes_count_once() {
        let all: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        let mut whole = raw(&all);
        [0..3000, 2000..4000, 100..200, 4000..5000].into_iter().for_each(|part| {
            whole.saw(part.start as u64, &all[part]);
        });
        assert!(whole.is_as_written(false));
        whole.saw(5000, b"more");
        assert!(!whole.is_as_written(false) && whole.is_as_written(true));
        let mut short = raw(&all);
        short.saw(0, &all[..4999]);
        assert!(!short.is_as_written(true));
        let mut gap = raw(&all);
        gap.saw(0, &all[..1000]);
        gap.saw(1001, &all[1001..]);
        assert!(!gap.is_as_written(true) && gap.left() == 0);
        let mut other = raw(&all);
        other.saw(0, &[b"front".as_slice(), &all[..2000]].concat());
        other.begin(5, &all[..2000]);
        other.saw(2005, &all[2000..]);
        assert!(other.is_as_written(false));
    }
}
