// SPDX-License-Identifier: BSD-2-Clause
//! Decrypts a volume that is being read: any part of the payload, chunk by chunk.

use std::fmt;
use std::io;

use agefile::{CHUNK, PayloadKey, SEALED, plain_length};

/// Chunks that are read at once.
const AT_ONCE: usize = 16;

/// What is wrong with the payload: one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPayload {
    /// The chunk with this number is not what was written there.
    Chunk(u64),
    /// The last chunk is missing.
    Cut,
    /// There is more behind the last chunk.
    Behind,
}

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPayload::Chunk(number) => {
                write!(f, "chunk {number} of the encrypted data (from 0) was changed: not decrypted")
            }
            BadPayload::Cut => f.write_str("the encrypted data ends too early"),
            BadPayload::Behind => f.write_str("there is data behind the end of the encrypted data"),
        }
    }
}

impl std::error::Error for BadPayload {}

impl From<BadPayload> for io::Error {
    fn from(bad: BadPayload) -> io::Error {
        let kind = match bad {
            BadPayload::Chunk(_) => io::ErrorKind::InvalidData,
            BadPayload::Cut | BadPayload::Behind => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, bad)
    }
}

/// The payload of a volume.
pub struct Cipher {
    key: PayloadKey,
    /// Where it begins on the medium.
    base: u64,
    /// Bytes that were read and not decrypted yet, and where on the medium they begin.
    raw: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// The number of the chunk behind the last one, once that has been read.
    last: Option<u64>,
    /// The length of the payload, as soon as that is known.
    plain_end: Option<u64>,
    /// What is wrong at the end has been reported.
    told: bool,
    /// Bytes that are read at a time.
    piece: usize,
    /// Each read has room for so many bytes, and no more: a record of a tape.
    record: Option<usize>,
    /// An error that was met behind what was given, and where.
    pending: Option<(u64, io::Error)>,
}

impl Cipher {
    /// The payload behind a header of `base` bytes, of which `ahead` has been read already.
    pub fn new(key: PayloadKey, base: u64, ahead: &[u8]) -> Cipher {
        let mut raw = vec![0; AT_ONCE * SEALED];
        let end = ahead.len();
        raw.resize(raw.len().max(end), 0);
        raw[..end].copy_from_slice(ahead);
        let piece = raw.len();
        let (start, offset, told) = (0, base, false);
        let (last, plain_end, record, pending) = (None, None, None, None);
        Cipher { key, base, raw, start, end, offset, last, plain_end, told, piece, record, pending }
    }

    /// No more is read at a time than so many bytes, or a chunk.
    pub fn set_piece(&mut self, piece: usize) {
        self.piece = piece;
    }

    /// Each read has room for so many bytes: a record of a tape.
    pub fn set_record(&mut self, record: usize) {
        self.record = Some(record);
        self.raw.resize(self.raw.len().max(self.end) + record, 0);
    }

    /// The length of the payload of a file of `size` bytes.
    pub fn length(&self, size: u64) -> u64 {
        plain_length(size.saturating_sub(self.base))
    }

    /// Bytes that `out` has room for at least, so that a chunk fits.
    pub const ROOM: usize = CHUNK;

    /// Decrypts what is from byte `at` of the payload on into `out`; 0 at its end. `fill` reads from a place of the medium.
    ///
    /// Errors: those of `fill`, and [`BadPayload`]: with [`BadPayload::Chunk`] the chunk is passed over.
    pub fn read(
        &mut self,
        at: u64,
        out: &mut [u8],
        mut fill: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (mut number, mut skip) = (at / CHUNK as u64, (at % CHUNK as u64) as usize);
        if let Some((_, error)) = self.pending.take().filter(|(place, _)| *place == at) {
            return Err(error);
        }
        let mut made = 0;
        while out.len() - made >= CHUNK {
            // The last chunk of a pipe cannot be read once more to see that it has no more.
            if self.last.is_some_and(|last| number >= last)
                || self.plain_end.is_some_and(|end| at + made as u64 >= end)
            {
                break;
            }
            // What comes before an error is given first.
            match self.chunk(number, &mut fill) {
                Ok(range) => {
                    let plain = self.raw.get(range).and_then(|plain| plain.get(skip..)).unwrap_or(&[]);
                    out[made..made + plain.len()].copy_from_slice(plain);
                    made += plain.len();
                }
                Err(error) if made > 0 => {
                    self.pending = Some((number * CHUNK as u64, error));
                    break;
                }
                Err(error) => return Err(error),
            }
            (number, skip) = (number + 1, 0);
            // Only what is there without another read.
            if self.end - self.start < SEALED {
                break;
            }
        }
        Ok(made)
    }

    /// Decrypts a chunk in place, and gives where it is. It stays there until the next one is asked for.
    fn chunk(
        &mut self,
        number: u64,
        fill: &mut impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    ) -> io::Result<std::ops::Range<usize>> {
        let wanted = self.base + number * SEALED as u64;
        self.go_to(wanted);
        // One byte more, which tells whether this is the last one.
        self.fill_up(SEALED + 1, fill)?;
        let there = self.end - self.start;
        let at_end = there <= SEALED;
        if there == 0 {
            return self.at_the_end(number, BadPayload::Cut);
        }
        let length = there.min(SEALED);
        let chunk = &mut self.raw[self.start..self.start + length];
        // That it is the last one is known before it is opened, unless something was appended.
        let is_last = match (self.key.open(number, at_end, chunk).is_some(), at_end) {
            (true, at_end) => at_end,
            (false, false) if self.key.open(number, true, chunk).is_some() => {
                return self.at_the_end(number, BadPayload::Behind);
            }
            (false, true) if length == SEALED && self.key.open(number, false, chunk).is_some() => {
                return self.at_the_end(number, BadPayload::Cut);
            }
            (false, true) if length < SEALED => return self.at_the_end(number, BadPayload::Cut),
            (false, _) => {
                self.consume(length);
                return Err(BadPayload::Chunk(number).into());
            }
        };
        let range = self.start..self.start + length - agefile::TAG;
        self.consume(length);
        if is_last {
            self.last = Some(number + 1);
            self.plain_end = Some(number * CHUNK as u64 + range.len() as u64);
        }
        Ok(range)
    }

    /// Nothing can be decrypted from here on, for this reason, which is given once.
    fn at_the_end(&mut self, number: u64, bad: BadPayload) -> io::Result<std::ops::Range<usize>> {
        self.last = Some(number);
        if std::mem::replace(&mut self.told, true) {
            return Ok(0..0);
        }
        Err(bad.into())
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Goes on at this place of the medium; a pipe is always there.
    fn go_to(&mut self, wanted: u64) {
        match wanted.checked_sub(self.offset).and_then(|ahead| usize::try_from(ahead).ok()) {
            Some(ahead) if ahead <= self.end - self.start => self.consume(ahead),
            _ => (self.start, self.end, self.offset) = (0, 0, wanted),
        }
    }

    /// Reads until there are `least` bytes, or the medium ends.
    fn fill_up(
        &mut self,
        least: usize,
        fill: &mut impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    ) -> io::Result<()> {
        while self.end - self.start < least {
            if self.raw.len() - self.start < least || self.raw.len() - self.end < self.record.unwrap_or(0) {
                self.raw.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let at = self.offset + (self.end - self.start) as u64;
            let missing = least - (self.end - self.start);
            let room = &mut self.raw[self.end..];
            let length = room.len().min(self.record.unwrap_or(self.piece.max(missing)));
            let got = fill(&mut room[..length], at)?;
            self.end += got;
            if got == 0 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agefile::sealed_length;

    const BASE: u64 = 100;

    fn file(length: usize) -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> = (0..length).map(|n| (n / 3) as u8).collect();
        let mut sealed = vec![0; sealed_length(length as u64) as usize];
        PayloadKey::from_bytes([1; 32]).seal(0, true, &plain, &mut sealed);
        ([&vec![9; BASE as usize][..], &sealed].concat(), plain)
    }

    fn cipher() -> Cipher {
        Cipher::new(PayloadKey::from_bytes([1; 32]), BASE, &[])
    }

    /// All from `at` on, read from a file that gives at most `piece` bytes at once; errors are passed over.
    fn all(file: &[u8], at: u64, piece: usize) -> (Vec<u8>, Vec<String>) {
        let (mut cipher, mut out, mut at, mut errors) = (cipher(), Vec::new(), at, Vec::new());
        let mut room = vec![0; 3 * CHUNK];
        loop {
            let read = cipher.read(at, &mut room, |into, offset| {
                let rest = &file[file.len().min(offset as usize)..];
                let n = rest.len().min(into.len()).min(piece);
                into[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            });
            match read {
                Ok(0) => return (out, errors),
                Ok(n) => {
                    out.extend_from_slice(&room[..n]);
                    at += n as u64;
                }
                Err(error) => {
                    errors.push(error.to_string());
                    if error.kind() == io::ErrorKind::UnexpectedEof {
                        return (out, errors);
                    }
                    at = (at / CHUNK as u64 + 1) * CHUNK as u64;
                }
            }
        }
    }

    #[test]
    fn any_part_is_decrypted() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 40 * CHUNK, 40 * CHUNK + 5] {
            let (file, plain) = file(length);
            assert_eq!(cipher().length(file.len() as u64), length as u64);
            for at in [0, 1, length / 2, length - 1] {
                for piece in [usize::MAX, 70_000, 4096] {
                    let (out, errors) = all(&file, at as u64, piece);
                    assert!(out == plain[at..] && errors.is_empty(), "{length} {at} {piece} {errors:?}");
                }
            }
        }
    }

    #[test]
    fn a_tape_is_read_by_records() {
        for (length, record) in
            [(5 * CHUNK + 7, 10_240), (CHUNK, 700), (3 * CHUNK, 100_000), (40 * CHUNK + 1, 65_536)]
        {
            let (file, plain) = file(length);
            for ahead in [0, 50, 70_000] {
                let ahead = &file[BASE as usize..file.len().min(BASE as usize + ahead)];
                let mut cipher = Cipher::new(PayloadKey::from_bytes([1; 32]), BASE, ahead);
                cipher.set_record(1 << 17);
                let mut records = file[BASE as usize + ahead.len()..].chunks(record);
                let (mut out, mut room) = (Vec::new(), vec![0; 3 * CHUNK]);
                // The end can be asked for once more.
                for _ in 0..2 {
                    while let got @ 1.. = cipher
                        .read(out.len() as u64, &mut room, |into, _| {
                            assert_eq!(into.len(), 1 << 17);
                            let next = records.next().unwrap_or_default();
                            into[..next.len()].copy_from_slice(next);
                            Ok(next.len())
                        })
                        .unwrap()
                    {
                        out.extend_from_slice(&room[..got]);
                    }
                }
                assert!(out == plain, "{length} {record}");
            }
        }
    }

    #[test]
    fn changes_are_found() {
        let (good, plain) = file(5 * CHUNK + 7);
        let mut bad = good.clone();
        bad[BASE as usize + 2 * SEALED + 5] ^= 1;
        let (out, errors) = all(&bad, 0, usize::MAX);
        assert!(out == [&plain[..2 * CHUNK], &plain[3 * CHUNK..]].concat());
        assert_eq!(errors, ["chunk 2 of the encrypted data (from 0) was changed: not decrypted"]);
        let start = BASE as usize;
        let swapped = [
            &good[..start],
            &good[start + SEALED..start + 2 * SEALED],
            &good[start..start + SEALED],
            &good[start + 2 * SEALED..],
        ];
        assert_eq!(all(&swapped.concat(), 0, usize::MAX).1.len(), 2);
        let doubled = [&good[..start + SEALED], &good[start..]].concat();
        assert!(all(&doubled, 0, usize::MAX).1.len() >= 5);
        for cut in [good.len() - 1, start + 5 * SEALED, start + 3 * SEALED + 9, start] {
            let (_, errors) = all(&good[..cut], 0, usize::MAX);
            assert_eq!(errors, ["the encrypted data ends too early"], "{cut}");
        }
        let (_, errors) = all(&[&good[..], b"x"].concat(), 0, usize::MAX);
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn a_pipe_ends_after_its_last_chunk() {
        for length in [1, 29, CHUNK, 3 * CHUNK, 20 * CHUNK, 20 * CHUNK + 1] {
            let (file, plain) = file(length);
            let payload = &file[BASE as usize..];
            for (ahead, piece) in [(0, 1000), (16, 65_536), (9999, 1 << 20), (1 << 20, 1 << 20)] {
                let (ahead, mut rest) = payload.split_at(payload.len().min(ahead));
                let mut cipher = Cipher::new(PayloadKey::from_bytes([1; 32]), BASE, ahead);
                let (mut out, mut room) = (Vec::new(), vec![0; 3 * CHUNK]);
                // Once more after the end, too.
                for _ in 0..100 {
                    let read = cipher.read(out.len() as u64, &mut room, |into, _| {
                        let part = rest.split_off(..rest.len().min(into.len()).min(piece)).unwrap();
                        into[..part.len()].copy_from_slice(part);
                        Ok(part.len())
                    });
                    out.extend_from_slice(&room[..read.unwrap_or_else(|error| panic!("{length}: {error}"))]);
                }
                assert!(out == plain, "{length} {}", out.len());
            }
        }
    }
}
