// SPDX-License-Identifier: BSD-2-Clause
//! Writes a compressed chunk completely or not at all, and reserves space after it for the table that ends the volume.

use std::ops::Range;

use crate::media::Kind;
use crate::media::stream::write_stream;
use crate::media::write::write_chunk;
use crate::media::writer::{Writer, Written, errno_of, write_whole};

/// Zeros are written in pieces of so many bytes.
const ZEROS: [u8; 4096] = [0; 4096];

/// Writes `frame`, and zeros behind it up to `room.end`, of which those before `room.start` are there from the chunk before; both
/// are bytes from the end of the frame. What is written next goes there too.
///
/// The table of a full medium goes where zeros were, which takes no more of it: so a chunk is on the medium only when its zeros are.
/// When the medium ended, or writing failed, none of the chunk counts.
pub fn write_frame(out: &mut impl Writer, kind: Kind, frame: &[u8], room: Range<u64>) -> Written {
    match write_bytes(out, kind, frame) {
        Written::All => keep_room(out, room),
        other => other,
    }
}

/// Writes `bytes`, all of them.
pub fn write_bytes(out: &mut impl Writer, kind: Kind, bytes: &[u8]) -> Written {
    match kind {
        Kind::File => write_whole(out, kind, bytes, bytes.len()),
        // What is on it cannot be cut off, so it has no end that a volume could end with.
        Kind::Stream => match write_stream(out, bytes, bytes.len().max(1), 0) {
            Written::End(_) => Written::Failed(0, libc::ENOSPC),
            other => other,
        },
        Kind::Tape | Kind::Remote | Kind::RemoteInStep => Written::Failed(0, libc::EINVAL),
    }
}

/// Writes an encrypted volume to a tape: the whole records of `bytes`. How many bytes are left behind them goes with what is written next.
///
/// What is on a tape cannot be cut off, so it has no end that a volume could end with.
pub fn write_sealed(
    out: &mut impl Writer,
    kind: Kind,
    bytes: &[u8],
    record: usize,
    page: &mut Vec<u8>,
) -> Written {
    let whole = bytes.len() / record * record;
    if whole == 0 {
        return Written::All;
    }
    match write_chunk(out, kind, &bytes[..whole], record, 0, page) {
        Written::All => Written::All,
        Written::End(_) => Written::Failed(0, libc::ENOSPC),
        Written::Failed(_, errno) => Written::Failed(0, errno),
    }
}

fn keep_room(out: &mut impl Writer, room: Range<u64>) -> Written {
    if room.is_empty() {
        return Written::All;
    }
    let moved = |by: u64| i64::try_from(by).unwrap_or(i64::MAX);
    if let Err(error) = out.skip(moved(room.start)) {
        return Written::Failed(0, errno_of(&error));
    }
    let mut left = room.end - room.start;
    while left > 0 {
        let piece = &ZEROS[..ZEROS.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        match write_whole(out, Kind::File, piece, piece.len()) {
            Written::All => left -= piece.len() as u64,
            other => return other,
        }
    }
    match out.skip(-moved(room.end)) {
        Ok(()) => Written::All,
        Err(error) => Written::Failed(0, errno_of(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::media::Until;

    /// A file that takes so many bytes.
    #[derive(Default)]
    struct Small {
        bytes: Vec<u8>,
        at: usize,
        room: usize,
    }

    impl Writer for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room.saturating_sub(self.at));
            if n == 0 {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            self.bytes.resize(self.bytes.len().max(self.at + n), 0);
            self.bytes[self.at..self.at + n].copy_from_slice(&bytes[..n]);
            self.at += n;
            Ok(n)
        }

        fn wait(&mut self, _until: Until) -> io::Result<()> {
            Ok(())
        }

        fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn at_end(&mut self) -> bool {
            true
        }

        fn skip(&mut self, bytes: i64) -> io::Result<()> {
            self.at = self.at.checked_add_signed(bytes as isize).ok_or(io::ErrorKind::InvalidInput)?;
            Ok(())
        }
    }

    #[test]
    fn room_is_kept_behind_each_chunk() {
        let mut out = Small { room: 10_000, ..Small::default() };
        assert_eq!(write_frame(&mut out, Kind::File, &[1; 100], 0..29), Written::All);
        assert_eq!((out.at, out.bytes.len()), (100, 129));
        // Longer than what is kept, so all of it is anew; then shorter, so that most of it is there.
        assert_eq!(write_frame(&mut out, Kind::File, &[2; 5000], 0..41), Written::All);
        assert_eq!((out.at, out.bytes.len()), (5100, 5141));
        assert_eq!(write_frame(&mut out, Kind::File, &[3; 10], 31..53), Written::All);
        assert_eq!((out.at, out.bytes.len()), (5110, 5163));
        assert!(out.bytes[5100..5110] == [3; 10] && out.bytes[5110..] == [0; 53]);
    }

    #[test]
    fn a_tape_gets_whole_records() {
        let written = |kind, bytes: usize, room| {
            let mut out = Small { room, ..Small::default() };
            (write_sealed(&mut out, kind, &vec![1; bytes], 1024, &mut Vec::new()), out.at)
        };
        assert_eq!(written(Kind::Tape, 1023, 0), (Written::All, 0));
        assert_eq!(written(Kind::Tape, 3 * 1024 + 1023, 9000), (Written::All, 3 * 1024));
        assert_eq!(written(Kind::Tape, 3 * 1024, 2048), (Written::Failed(0, libc::ENOSPC), 2048));
    }

    #[test]
    fn a_chunk_whose_room_is_not_there_does_not_count() {
        let mut out = Small { room: 120, ..Small::default() };
        assert_eq!(write_frame(&mut out, Kind::File, &[1; 100], 0..29), Written::End(0));
        let mut out = Small { room: 99, ..Small::default() };
        assert_eq!(write_frame(&mut out, Kind::File, &[1; 100], 0..29), Written::End(0));
        let mut out = Small { room: 99, ..Small::default() };
        assert_eq!(write_bytes(&mut out, Kind::Stream, &[1; 100]), Written::Failed(0, libc::ENOSPC));
        assert_eq!(write_bytes(&mut out, Kind::Tape, &[1; 100]), Written::Failed(0, libc::EINVAL));
    }
}
