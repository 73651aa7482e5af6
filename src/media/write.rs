// SPDX-License-Identifier: BSD-2-Clause
//! Writes a chunk's records to a medium, and finds its end.

use std::io;
use std::os::fd::BorrowedFd;

use super::Kind;

/// Bytes that a tape's memory is aligned to: a page of the machines we know.
const PAGE: usize = 4096;

/// How a chunk's writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it is on the medium.
    All,
    /// The medium ended after so many whole records.
    End(u32),
    /// Writing failed with this errno after so many whole records.
    Failed(u32, i32),
}

/// The system's side of a medium.
pub trait Writer {
    /// One write(2); a signal does not end it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until a medium that does not block can be written again.
    fn wait(&mut self) -> io::Result<()>;
}

/// A medium's descriptor, for [`write_chunk`].
pub struct Descriptor<'a, W> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// Waits until it can be written.
    pub wait: W,
}

impl<W: FnMut(BorrowedFd<'_>) -> io::Result<()>> Writer for Descriptor<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        crate::os::output::write(self.fd, bytes)
    }

    fn wait(&mut self) -> io::Result<()> {
        (self.wait)(self.fd)
    }
}

/// Writes `bytes`, whole records of `record` bytes each.
///
/// The first write that gives 0, `ENOSPC` or, on a file or tape, less than it was asked to is the end of the medium:
/// nothing is tried again. `page` is memory for a record that does not begin on a page.
pub fn write_chunk(
    out: &mut impl Writer,
    kind: Kind,
    bytes: &[u8],
    record: usize,
    page: &mut Vec<u8>,
) -> Written {
    match kind {
        Kind::Tape => write_records(out, bytes, record, page),
        Kind::File | Kind::Stream => write_whole(out, kind, bytes, record),
    }
}

fn write_whole(out: &mut impl Writer, kind: Kind, bytes: &[u8], record: usize) -> Written {
    let mut done = 0;
    while done < bytes.len() {
        let records = (done / record) as u32;
        match out.write(&bytes[done..]) {
            Ok(0) => return Written::End(records),
            Ok(n) => {
                done += n;
                if kind == Kind::File && done < bytes.len() {
                    return Written::End((done / record) as u32);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Err(error) = out.wait() {
                    return Written::Failed(records, errno(&error));
                }
            }
            Err(error) => return ended(records, &error),
        }
    }
    Written::All
}

fn write_records(out: &mut impl Writer, bytes: &[u8], record: usize, page: &mut Vec<u8>) -> Written {
    for (index, record) in bytes.chunks_exact(record).enumerate() {
        let records = index as u32;
        match out.write(on_a_page(record, page)) {
            Ok(n) if n == record.len() => {}
            // sa(4) gives 0 at early warning; what is short was not written as a record.
            Ok(_) => return Written::End(records),
            Err(error) => return ended(records, &error),
        }
    }
    Written::All
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

fn ended(records: u32, error: &io::Error) -> Written {
    match error.raw_os_error() {
        Some(libc::ENOSPC) => Written::End(records),
        _ => Written::Failed(records, errno(error)),
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A medium that answers each write as it is told.
    struct Told {
        answers: Vec<io::Result<usize>>,
        writes: Vec<usize>,
    }

    impl Told {
        fn new(answers: Vec<io::Result<usize>>) -> Told {
            Told { answers, writes: Vec::new() }
        }
    }

    impl Writer for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.push(bytes.len());
            self.answers.remove(0)
        }

        fn wait(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn errno(code: i32) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(code))
    }

    fn run(kind: Kind, answers: Vec<io::Result<usize>>) -> (Written, Vec<usize>) {
        let mut out = Told::new(answers);
        let bytes = vec![7; 4096];
        let written = write_chunk(&mut out, kind, &bytes, 1024, &mut Vec::new());
        (written, out.writes)
    }

    #[test]
    fn a_file_ends_at_the_first_short_write() {
        assert_eq!(run(Kind::File, vec![Ok(4096)]), (Written::All, vec![4096]));
        assert_eq!(run(Kind::File, vec![Ok(3000)]), (Written::End(2), vec![4096]));
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
