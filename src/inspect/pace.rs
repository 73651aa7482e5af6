// SPDX-License-Identifier: BSD-2-Clause
//! How much of a seekable volume is read at a time. Pure.
//!
//! What lies between headers is skipped, so a read has two costs: that of the call, which is that of copying 5 KB out of the cache, and
//! that of the bytes. If the next headers are near, a large read includes many of them. If they are far apart, a read of one header is
//! cheaper. If the volume is not in the cache, each read waits for the disk, and a few large reads wait less often.

use std::time::Duration;

/// Bytes of a header (`TP_BSIZE`, protocols/dumprestore.h).
const HEADER: u64 = 1024;

/// Bytes from one header to the next, on average, up to which large pieces are read.
const NEAR: u64 = 4096;

/// The most that one distance counts, so that one large file among small ones does not change the average for long.
const FAR: u64 = 16 << 10;

/// Distances that the average is of, about.
const RECENT: u64 = 8;

/// Bytes that are read where many headers are near.
const MANY: usize = 64 << 10;

/// Bytes that are read at once from a disk.
const FROM_DISK: usize = 256 << 10;

/// A read that needs no disk takes less than this, and less than one nanosecond more for each three bytes.
const WITHOUT_DISK: Duration = Duration::from_micros(30);

/// Points for a read that took longer; one that did not takes a point away. The process may have lost the processor during a read, so
/// that one is not enough, and a disk may read ahead, so that large reads go on for some.
const SLOW: u8 = 3;
const MOST: u8 = 2 * SLOW;

/// What the reads so far were like.
#[derive(Debug, Default)]
pub struct Pace {
    /// Bytes from one header to the next, on average.
    average: u64,
    /// Points for reads that waited for the disk.
    waits: u8,
}

impl Pace {
    /// The next header comes so many bytes after the end of the last one.
    pub fn jumped(&mut self, bytes: u64) {
        let distance = bytes.saturating_add(HEADER).min(FAR);
        self.average = (self.average * (RECENT - 1) + distance) / RECENT;
    }

    /// A read of so many bytes took so long.
    pub fn took(&mut self, bytes: usize, time: Duration) {
        let waited = time >= WITHOUT_DISK + Duration::from_nanos(bytes as u64 / 3);
        self.waits = if waited { (self.waits + SLOW).min(MOST) } else { self.waits.saturating_sub(1) };
    }

    /// Bytes to be read next, if a header is all that is known to be there.
    pub fn piece(&self) -> usize {
        match (self.waits, self.average) {
            _ if self.waits > SLOW => FROM_DISK,
            (_, ..=NEAR) => MANY,
            _ => HEADER as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_headers_are_read_together() {
        let mut pace = Pace::default();
        assert_eq!(pace.piece(), MANY);
        (0..50).for_each(|_| pace.jumped(1024));
        assert_eq!(pace.piece(), MANY);
        (0..50).for_each(|_| pace.jumped(10 << 10));
        assert_eq!(pace.piece(), 1024);
        pace.jumped(u64::MAX);
        (0..20).for_each(|_| pace.jumped(0));
        assert_eq!(pace.piece(), MANY);
    }

    #[test]
    fn a_disk_is_read_in_large_pieces() {
        let mut pace = Pace::default();
        (0..50).for_each(|_| pace.jumped(10 << 10));
        let slow = Duration::from_micros(70);
        pace.took(1024, slow);
        assert_eq!(pace.piece(), 1024);
        pace.took(1024, slow);
        assert_eq!(pace.piece(), FROM_DISK);
        // As fast as a cache.
        (0..3).for_each(|_| pace.took(FROM_DISK, slow));
        assert_eq!(pace.piece(), 1024);
    }
}
