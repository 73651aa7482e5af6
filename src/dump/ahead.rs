// SPDX-License-Identifier: BSD-2-Clause
//! Parts of the disk that are read before the planner wants them, many at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::disk::Uncached;
use crate::os::aio::Owned;
use ufs::Buffer;

/// Bytes that are kept or under way at most.
const MOST_BYTES: usize = 8 << 20;

/// How long after it was announced a part is used: a file system in use changes.
const FRESH: Duration = Duration::from_secs(2);

/// A part that was announced so many parts before one that has been used will not be.
const PASSED_OVER: u64 = 64;

/// Buffers that are kept for the next parts.
const SPARE: usize = 32;

/// What was announced.
#[derive(Default)]
pub struct Ahead {
    /// None before the first part; then none if the system cannot have several reads under way.
    reads: Option<Option<Owned>>,
    parts: VecDeque<Part>,
    bytes: usize,
    next_number: u64,
    /// The number of the last part that was used.
    used: u64,
    spare: Vec<Buffer>,
}

struct Part {
    number: u64,
    /// Bytes of the disk that were announced, and all that are read for them.
    wanted: Range<u64>,
    around: Range<u64>,
    since: Instant,
    state: State,
}

enum State {
    UnderWay(u64),
    Read(Buffer),
    Failed,
}

impl Ahead {
    /// Starts to read the `length` bytes of the disk from `place` on, if there is room for them.
    pub fn announce(&mut self, disk: &Uncached<'_>, place: u64, length: usize) {
        let around = disk.around(place, length);
        let whole = usize::try_from(around.end - around.start).unwrap_or(usize::MAX);
        let wanted = place..place.saturating_add(length as u64);
        if whole > disk.longest || self.parts.iter().any(|part| part.holds(&wanted)) {
            return;
        }
        while self.bytes + whole > MOST_BYTES {
            if !self.make_room() {
                return;
            }
        }
        let Some(reads) = self.reads.get_or_insert_with(|| Owned::new().ok()) else { return };
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.set_length(whole);
        let Some(key) = reads.start(disk.fd, buffer, around.start) else { return };
        let (number, since, state) = (self.next_number, Instant::now(), State::UnderWay(key));
        self.next_number += 1;
        self.bytes += whole;
        self.parts.push_back(Part { number, wanted, around, since, state });
    }

    /// Fills `buf` from byte `place` of the disk on, if that was announced. False: it could not be read.
    pub fn take(&mut self, place: u64, buf: &mut [u8]) -> Option<bool> {
        let wanted = place..place.saturating_add(buf.len() as u64);
        let at = self.parts.iter().position(|part| part.holds(&wanted))?;
        while let State::UnderWay(_) = self.parts[at].state {
            self.receive(true);
        }
        let part = &self.parts[at];
        self.used = self.used.max(part.number);
        let State::Read(bytes) = &part.state else {
            self.remove(at);
            return Some(false);
        };
        if part.since.elapsed() > FRESH {
            self.remove(at);
            return None;
        }
        let from = (place - part.around.start) as usize;
        buf.copy_from_slice(&bytes[from..from + buf.len()]);
        if wanted.end >= part.wanted.end {
            self.remove(at);
        }
        Some(true)
    }

    /// Fills `buf` from byte `place` of the disk on; false if that cannot be done.
    pub fn read(&mut self, disk: &Uncached<'_>, place: u64, buf: &mut [u8]) -> bool {
        if let Some(whole) = self.take(place, buf) {
            return whole;
        }
        self.announce(disk, place, buf.len());
        self.take(place, buf) == Some(true)
    }

    /// Gives up what was read of the `length` bytes from `place` on.
    pub fn out_of_date(&mut self, place: u64, length: usize) {
        let end = place.saturating_add(length as u64);
        let overlaps = |part: &Part| part.around.start < end && place < part.around.end;
        while let Some(at) = self.parts.iter().position(overlaps) {
            match self.parts[at].state {
                State::UnderWay(_) => self.receive(true),
                _ => self.remove(at),
            }
        }
    }

    /// Waits for what is under way, and gives up everything. A process must not be forked meanwhile: what its memory has then belongs
    /// to both.
    pub fn give_up(&mut self) {
        self.out_of_date(0, usize::MAX);
        self.spare.clear();
    }

    fn receive(&mut self, waits: bool) {
        let Ahead { reads: Some(Some(reads)), parts, spare, .. } = self else { return };
        reads.ended(waits, &mut |key, buffer, result| {
            let under_way = |part: &&mut Part| matches!(part.state, State::UnderWay(of) if of == key);
            let Some(part) = parts.iter_mut().find(under_way) else { return };
            let got = result.map_or(0, |got| got as u64);
            part.state = if part.around.start + got >= part.wanted.end {
                State::Read(buffer)
            } else {
                spare.push(buffer);
                State::Failed
            };
        });
    }

    /// Removes a part that will not be used, if there is one.
    fn make_room(&mut self) -> bool {
        self.receive(false);
        let used = self.used;
        let useless = self.parts.iter().position(|part| {
            let late = part.number + PASSED_OVER < used || part.since.elapsed() > FRESH;
            late && !matches!(part.state, State::UnderWay(_))
        });
        useless.is_some_and(|at| {
            self.remove(at);
            true
        })
    }

    fn remove(&mut self, at: usize) {
        let Some(part) = self.parts.remove(at) else { return };
        self.bytes -= (part.around.end - part.around.start) as usize;
        if let State::Read(buffer) = part.state
            && self.spare.len() < SPARE
        {
            self.spare.push(buffer);
        }
    }
}

impl Part {
    fn holds(&self, bytes: &Range<u64>) -> bool {
        self.wanted.start <= bytes.start && bytes.end <= self.wanted.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    const LENGTH: u64 = 1 << 22;

    fn file() -> std::fs::File {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("capdump-ahead-{}-{number}", std::process::id()));
        let bytes: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    fn is_right(place: u64, buf: &[u8]) -> bool {
        buf.iter().zip(place..).all(|(&byte, at)| u64::from(byte) == at % 251)
    }

    #[test]
    fn what_was_announced_is_there_once() {
        let file = file();
        let disk = Uncached { fd: file.as_fd(), unit: 512, longest: 1 << 20 };
        let mut ahead = Ahead::default();
        let mut buf = [0; 300];
        assert!(ahead.take(0, &mut buf) != Some(true));
        for n in 0..100 {
            ahead.announce(&disk, n * 1000, 600);
        }
        for n in 0..100 {
            for half in [0, 300] {
                assert!(ahead.take(n * 1000 + half, &mut buf) == Some(true), "{n}");
                assert!(is_right(n * 1000 + half, &buf));
            }
            assert!(ahead.take(n * 1000 + 300, &mut buf) != Some(true), "it was used");
        }
        assert_eq!((ahead.bytes, ahead.parts.len()), (0, 0));
    }

    #[test]
    fn what_is_past_the_end_is_not_there() {
        let file = file();
        let disk = Uncached { fd: file.as_fd(), unit: 4096, longest: 1 << 20 };
        let mut ahead = Ahead::default();
        ahead.announce(&disk, LENGTH - 100, 100);
        ahead.announce(&disk, LENGTH - 100, 101);
        ahead.announce(&disk, LENGTH + 8192, 10);
        let mut buf = [0; 101];
        assert!(ahead.take(LENGTH - 100, &mut buf) != Some(true));
        assert!(
            ahead.take(LENGTH - 100, &mut buf[..100]) == Some(true) && is_right(LENGTH - 100, &buf[..100])
        );
        assert!(ahead.take(LENGTH + 8192, &mut buf[..10]) != Some(true));
    }

    #[test]
    fn there_is_a_limit_and_what_was_passed_over_makes_room() {
        let file = file();
        let disk = Uncached { fd: file.as_fd(), unit: 1, longest: 1 << 20 };
        let mut ahead = Ahead::default();
        let part = MOST_BYTES / 100;
        for n in 0..120 {
            ahead.announce(&disk, n * 30_000, part);
        }
        assert!(ahead.bytes <= MOST_BYTES && ahead.parts.len() == 100);
        ahead.announce(&disk, 0, disk.longest + 1);
        let mut buf = vec![0; part];
        assert!(ahead.take(90 * 30_000, &mut buf) == Some(true) && is_right(90 * 30_000, &buf));
        for n in 100..120 {
            ahead.announce(&disk, n * 30_000, part);
        }
        assert!(ahead.take(0, &mut buf) != Some(true), "it was passed over");
        assert!(ahead.take(110 * 30_000, &mut buf) == Some(true) && is_right(110 * 30_000, &buf));
        ahead.out_of_date(95 * 30_000 + 5, 10);
        assert!(ahead.take(95 * 30_000, &mut buf) != Some(true));
        ahead.give_up();
        assert_eq!((ahead.bytes, ahead.parts.len()), (0, 0));
    }
}
