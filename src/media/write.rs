// SPDX-License-Identifier: BSD-2-Clause
//! Writes the records of a chunk to a medium, and detects its end.

use crate::media::Kind;
use crate::media::remote::RemoteTape;
use crate::media::stream::write_stream;
use crate::media::writer::{Writer, Written, ended, write_whole};

/// Bytes that a tape's memory is aligned to: a page of the machines we know.
const PAGE: usize = 4096;

/// Records that a remote tape is sent before they are answered for: enough to fill the time of an answer, few enough to be
/// taken back.
const RECORDS_AHEAD: u32 = 16;

/// Writes `bytes`, whole records of `record` bytes each, of which a reader does not need the last `padding`.
///
/// The first write that gives 0 or `ENOSPC`, or on a tape less than it was asked to, is the end of the medium: nothing is tried
/// again. `page` is memory for a record that does not begin on a page.
pub fn write_chunk(
    out: &mut impl Writer,
    kind: Kind,
    bytes: &[u8],
    record: usize,
    padding: usize,
    page: &mut Vec<u8>,
) -> Written {
    match kind {
        Kind::Tape => write_records(out, bytes, record, page),
        Kind::File => write_whole(out, kind, bytes, record),
        Kind::Stream => write_stream(out, bytes, record, padding),
        Kind::Remote => write_remote(out, bytes, record, RECORDS_AHEAD),
        Kind::RemoteInStep => write_remote(out, bytes, record, 1),
    }
}

fn write_records(out: &mut impl Writer, bytes: &[u8], record: usize, page: &mut Vec<u8>) -> Written {
    for (index, record) in bytes.chunks_exact(record).enumerate() {
        let records = index as u32;
        match out.write(on_a_page(record, page)) {
            Ok(n) if n == record.len() => {}
            // sa(4) gives 0 at early warning.
            Ok(0) => return Written::End(records),
            // What is short was not written as a record; the drive knows whether that was the end of the tape.
            Ok(_) if out.at_end() => return Written::End(records),
            Ok(_) => return Written::Failed(records, libc::EIO),
            Err(error) => return ended(records, &error),
        }
    }
    Written::All
}

/// Sends records to a remote tape, up to `ahead` of them before they are answered for. All are answered for at the end.
fn write_remote(out: &mut impl Writer, bytes: &[u8], record: usize, ahead: u32) -> Written {
    let mut tape = RemoteTape::new(out, record);
    match tape.write(bytes, ahead).and_then(|lost| tape.finish().map(|()| lost)) {
        Ok(lost) => tape.written(lost),
        Err(errno) => tape.failed(errno),
    }
}

/// `record`, or its copy that begins on a page.
fn on_a_page<'a>(record: &'a [u8], page: &'a mut Vec<u8>) -> &'a [u8] {
    if (record.as_ptr() as usize).is_multiple_of(PAGE) {
        return record;
    }
    page.resize(record.len() + PAGE, 0);
    let start = page.as_ptr().align_offset(PAGE);
    page[start..start + record.len()].copy_from_slice(record);
    &page[start..start + record.len()]
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::media::Until;

    /// A medium with a given result for each write.
    struct Told {
        answers: Vec<io::Result<usize>>,
        writes: Vec<usize>,
        end: bool,
    }

    impl Told {
        fn new(answers: Vec<io::Result<usize>>) -> Told {
            Told { answers, writes: Vec::new(), end: true }
        }
    }

    impl Writer for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.push(bytes.len());
            self.answers.remove(0)
        }

        fn wait(&mut self, _until: Until) -> io::Result<()> {
            Ok(())
        }

        fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn at_end(&mut self) -> bool {
            self.end
        }

        fn skip(&mut self, _bytes: i64) -> io::Result<()> {
            Ok(())
        }
    }

    fn errno(code: i32) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(code))
    }

    fn run(kind: Kind, answers: Vec<io::Result<usize>>) -> (Written, Vec<usize>) {
        let mut out = Told::new(answers);
        let bytes = vec![7; 4096];
        let written = write_chunk(&mut out, kind, &bytes, 1024, 0, &mut Vec::new());
        (written, out.writes)
    }

    #[test]
    fn a_file_ends_where_it_takes_no_more() {
        assert_eq!(run(Kind::File, vec![Ok(4096)]), (Written::All, vec![4096]));
        let full = vec![Ok(3000), errno(libc::ENOSPC)];
        assert_eq!(run(Kind::File, full), (Written::End(2), vec![4096, 1096]));
        let failed = vec![Ok(3000), errno(libc::EIO)];
        assert_eq!(run(Kind::File, failed).0, Written::Failed(2, libc::EIO));
        assert_eq!(run(Kind::File, vec![Ok(3000), Ok(1096)]).0, Written::Failed(2, libc::EIO));
        assert_eq!(run(Kind::File, vec![errno(libc::ENOSPC)]), (Written::End(0), vec![4096]));
        assert_eq!(run(Kind::File, vec![errno(libc::EIO)]), (Written::Failed(0, libc::EIO), vec![4096]));
    }

    #[test]
    fn a_pipe_takes_what_it_can_and_is_waited_for() {
        let answers = vec![Ok(1500), errno(libc::EAGAIN), Ok(2596)];
        assert_eq!(run(Kind::Stream, answers), (Written::All, vec![4096, 2596, 2596]));
        assert_eq!(run(Kind::Stream, vec![Ok(1500), errno(libc::EPIPE)]).0, Written::Failed(1, libc::EPIPE));
    }

    #[test]
    fn a_tape_gets_one_write_a_record_and_no_second_try() {
        let full = || Ok(1024);
        assert_eq!(run(Kind::Tape, vec![full(), full(), full(), full()]), (Written::All, vec![1024; 4]));
        assert_eq!(run(Kind::Tape, vec![full(), Ok(0)]), (Written::End(1), vec![1024; 2]));
        assert_eq!(run(Kind::Tape, vec![full(), Ok(512)]), (Written::End(1), vec![1024; 2]));
        assert_eq!(run(Kind::Tape, vec![full(), full(), errno(libc::EIO)]).0, Written::Failed(2, libc::EIO));
    }

    #[test]
    fn a_short_record_is_an_error_unless_the_tape_is_at_its_end() {
        let mut out = Told::new(vec![Ok(512)]);
        out.end = false;
        let written = write_chunk(&mut out, Kind::Tape, &[0; 2048], 1024, 0, &mut Vec::new());
        assert_eq!(written, Written::Failed(0, libc::EIO));
    }

    #[test]
    fn a_tapes_memory_begins_on_a_page() {
        let bytes = vec![9; 3 * PAGE];
        let mut page = Vec::new();
        for start in [0, 1, 1024, 4095] {
            let record = on_a_page(&bytes[start..start + 2048], &mut page);
            assert!((record.as_ptr() as usize).is_multiple_of(PAGE));
            assert!(record.len() == 2048 && record.iter().all(|&byte| byte == 9));
        }
    }
}
