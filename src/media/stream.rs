// SPDX-License-Identifier: BSD-2-Clause
//! Writes a chunk to a pipe, a socket or a device, and detects that the reader of a pipe exits before it has read the chunk.

use crate::media::Kind;
use crate::media::writer::{Writer, Written, ended, errno_of, write_whole};

/// Writes `bytes`, records of `record` bytes each, of which a reader does not need the last `padding`.
///
/// Where the kernel counts bytes as written that a reader has left in a pipe ([`Writer::tail_bytes`]), the last bytes that a reader needs are
/// written separately: this fails when the reader has exited before, and ends when it has read them.
pub fn write_stream(out: &mut impl Writer, bytes: &[u8], record: usize, padding: usize) -> Written {
    let needed = bytes.len().saturating_sub(padding);
    let tail = match out.tail_bytes() {
        Ok(tail) => tail.min(needed),
        Err(error) => return Written::Failed(0, errno_of(&error)),
    };
    if tail == 0 {
        return write_whole(out, Kind::Stream, bytes, record);
    }
    let (head, rest) = bytes.split_at(needed - tail);
    match write_whole(out, Kind::Stream, head, record) {
        Written::All => {}
        other => return other,
    }
    let (tail, padding) = rest.split_at(tail);
    if let Err(error) = out.write_tail(tail) {
        return ended((head.len() / record) as u32, &error);
    }
    let records = (needed / record) as u32;
    match write_whole(out, Kind::Stream, padding, record) {
        // The reader has all that it needs.
        Written::All | Written::Failed(_, libc::EPIPE) => Written::All,
        Written::End(_) => Written::End(records),
        Written::Failed(_, errno) => Written::Failed(records, errno),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::media::Until;

    /// A pipe whose reader takes so many bytes and exits; what is written meanwhile counts as written.
    struct Pipe {
        reader: usize,
        writes: Vec<usize>,
    }

    impl Writer for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.reader == 0 {
                return Err(io::Error::from_raw_os_error(libc::EPIPE));
            }
            self.reader = self.reader.saturating_sub(bytes.len());
            self.writes.push(bytes.len());
            Ok(bytes.len())
        }

        fn tail_bytes(&self) -> io::Result<usize> {
            Ok(512)
        }

        fn write_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
            let takes_all = self.reader >= bytes.len();
            self.write(bytes)?;
            if takes_all { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPIPE)) }
        }

        fn wait(&mut self, _until: Until) -> io::Result<()> {
            Ok(())
        }

        fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn at_end(&mut self) -> bool {
            false
        }

        fn skip(&mut self, _bytes: i64) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(reader: usize, padding: usize) -> (Written, Vec<usize>) {
        let mut out = Pipe { reader, writes: Vec::new() };
        (write_stream(&mut out, &[7; 8192], 2048, padding), out.writes)
    }

    #[test]
    fn the_end_of_what_is_needed_is_written_separately() {
        assert_eq!(written(8192, 0), (Written::All, vec![7680, 512]));
        assert_eq!(written(8192, 1024), (Written::All, vec![6656, 512, 1024]));
        assert_eq!(written(7168, 1024), (Written::All, vec![6656, 512]), "padding need not be read");
        assert_eq!(written(300, 7892), (Written::All, vec![300]), "less than a tail");
    }

    #[test]
    fn a_reader_that_exits_before_the_end_is_detected() {
        let broken = |records| Written::Failed(records, libc::EPIPE);
        assert_eq!(written(8191, 0).0, broken(3));
        assert_eq!(written(7680, 0).0, broken(3));
        assert_eq!(written(1, 0).0, broken(3));
        assert_eq!(written(7167, 1024).0, broken(3));
        assert_eq!(written(0, 0).0, broken(0));
    }
}
