// SPDX-License-Identifier: BSD-2-Clause
//! Reads of a disk that are under way beside each other, in one thread: aio(4), or io_submit(2) of Linux.

use crate::os::half::aio::Context;
use crate::os::{check, retry};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use ufs::Buffer;

/// Most reads of a batch, and most others, that are under way. FreeBSD's limits (vfs.aio) are 256 for a process, and 1024 for all.
const MOST: usize = 128;
const MOST_OWNED: usize = 256;

/// A read to be started: for the halves.
#[derive(Clone, Copy)]
pub(super) struct Start {
    /// What its end is reported by.
    pub key: u64,
    /// Where it goes.
    pub at: *mut u8,
    /// How many bytes.
    pub length: usize,
    /// From which byte of the disk.
    pub offset: u64,
}

/// A read that has ended: for the halves.
pub(super) struct Ended {
    pub key: u64,
    pub result: io::Result<usize>,
}

/// One read of a batch: from byte `offset` of the disk into the bytes of `memory` from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which memory.
    pub memory: usize,
    /// The first byte of it that is read into.
    pub start: usize,
    /// Bytes.
    pub length: usize,
    /// Byte of the disk.
    pub offset: u64,
}

/// Batches of reads into memory that is lent for as long as they take.
#[derive(Default)]
pub struct Batch {
    /// None before the first batch; then none if the system has nothing of the kind.
    context: Option<Option<Context>>,
    starts: Vec<Start>,
    ended: Vec<Ended>,
}

impl Batch {
    /// Makes all reads, and reports the result of each by its number among `requests`, in any order. Where the system cannot have
    /// several under way they are made one after the other.
    ///
    /// # Panics
    /// If a request is not inside the memory that it names, as slices do.
    pub fn read(
        &mut self,
        fd: BorrowedFd<'_>,
        memory: &mut [&mut [u8]],
        requests: &[Request],
        report: &mut dyn FnMut(usize, io::Result<usize>),
    ) {
        let bases: Vec<_> = memory.iter_mut().map(|bytes| (bytes.as_mut_ptr(), bytes.len())).collect();
        self.starts.clear();
        self.starts.extend(requests.iter().zip(0..).map(|(request, key)| {
            let (base, there) = bases[request.memory];
            let end = request.start.checked_add(request.length).filter(|&end| end <= there);
            assert!(end.is_some(), "a read past its memory: {request:?}");
            let at = base.wrapping_add(request.start);
            Start { key, at, length: request.length, offset: request.offset }
        }));
        let context = match requests {
            [_, _, ..] => self.context.get_or_insert_with(|| Context::new(MOST).ok()).as_mut(),
            _ => None,
        };
        let Some(context) = context else {
            for (index, start) in self.starts.iter().enumerate() {
                // SAFETY: `at` and `length` are inside a slice of `memory`, as was checked above, which is borrowed for writing.
                report(index, unsafe { read_now(fd, start) });
            }
            return;
        };
        let (mut next, mut under_way) = (0, 0);
        while next < self.starts.len() || under_way > 0 {
            let more = &self.starts[next..self.starts.len().min(next + MOST - under_way)];
            // SAFETY: each goes to bytes inside a slice of `memory`, as was checked above; the slices are borrowed for writing, and
            // not touched or given back before all that were started have ended.
            let started = if more.is_empty() { 0 } else { unsafe { context.start(fd, more) } };
            next += started;
            under_way += started;
            if under_way == 0 {
                // SAFETY: as above, and nothing is under way.
                report(next, unsafe { read_now(fd, &self.starts[next]) });
                next += 1;
                continue;
            }
            wait(context, true, &mut self.ended);
            under_way -= self.ended.len();
            for Ended { key, result } in self.ended.drain(..) {
                report(key as usize, result);
            }
        }
    }
}

/// Reads into buffers of their own.
pub struct Owned {
    context: Context,
    buffers: HashMap<u64, Buffer>,
    next_key: u64,
    ended: Vec<Ended>,
}

impl Owned {
    /// Errors: the system has nothing of the kind, or no more of it.
    pub fn new() -> io::Result<Owned> {
        let (context, buffers) = (Context::new(MOST_OWNED)?, HashMap::new());
        Ok(Owned { context, buffers, next_key: 0, ended: Vec::new() })
    }

    /// Starts to fill `buffer` from byte `offset` of the disk. Gives the key that its end is reported by, or none if no more reads can be
    /// started.
    pub fn start(&mut self, fd: BorrowedFd<'_>, mut buffer: Buffer, offset: u64) -> Option<u64> {
        if self.buffers.len() >= MOST_OWNED {
            return None;
        }
        let key = self.next_key;
        let start = Start { key, at: buffer.as_mut_ptr(), length: buffer.len(), offset };
        // SAFETY: the buffer's memory is not moved, touched or freed before the read has ended: until then it is in `buffers`, which
        // `drop` empties only by waiting.
        if unsafe { self.context.start(fd, &[start]) } == 0 {
            return None;
        }
        self.next_key += 1;
        self.buffers.insert(key, buffer);
        Some(key)
    }

    /// Reports the reads that have ended; waits until there is one if there is none, and `waits` is set.
    pub fn ended(&mut self, waits: bool, report: &mut dyn FnMut(u64, Buffer, io::Result<usize>)) {
        if self.buffers.is_empty() {
            return;
        }
        wait(&mut self.context, waits, &mut self.ended);
        for Ended { key, result } in self.ended.drain(..) {
            if let Some(buffer) = self.buffers.remove(&key) {
                report(key, buffer, result);
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        while !self.buffers.is_empty() {
            self.ended(true, &mut |_, _, _| {});
        }
    }
}

/// Waits for the end of reads. If that fails nobody knows when the kernel stops writing to their memory, so the process ends here.
fn wait(context: &mut Context, waits: bool, ended: &mut Vec<Ended>) {
    ended.clear();
    if context.wait(waits, ended).is_err() {
        std::process::abort();
    }
}

/// One read that is waited for.
///
/// # Safety
/// The memory of `start` can be written, and nothing else refers to it.
unsafe fn read_now(fd: BorrowedFd<'_>, start: &Start) -> io::Result<usize> {
    let offset = libc::off_t::try_from(start.offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    retry(|| {
        // SAFETY: `at` has room for `length` bytes, as the caller promises.
        let got = check(unsafe { libc::pread(fd.as_raw_fd(), start.at.cast(), start.length, offset) })?;
        Ok(got as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, OwnedFd};

    /// A file in which the byte at each place is that place, modulo 251.
    fn numbers(length: usize) -> OwnedFd {
        let name = format!("capdump-aio-{}-{length}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.into()
    }

    #[test]
    fn a_batch_is_read_to_its_places() {
        let file = numbers(1 << 20);
        for count in [0, 1, 2, MOST, 3 * MOST + 7] {
            let (mut here, mut there) = (vec![0; 512 * count], Buffer::new(1024 * count));
            let requests: Vec<_> = (0..2 * count)
                .map(|n| Request {
                    memory: n % 2,
                    start: n / 2 * (512 << (n % 2)),
                    length: 512 << (n % 2),
                    offset: (n as u64 * 7919) % (1 << 19),
                })
                .collect();
            let mut batch = Batch::default();
            for _ in 0..2 {
                let mut ended = vec![0; requests.len()];
                batch.read(file.as_fd(), &mut [&mut here, &mut there], &requests, &mut |n, result| {
                    assert_eq!(result.unwrap(), requests[n].length);
                    ended[n] += 1;
                });
                assert!(ended.iter().all(|&times| times == 1));
                for request in &requests {
                    let memory: &[u8] = if request.memory == 0 { &here } else { &there };
                    for (n, byte) in memory[request.start..][..request.length].iter().enumerate() {
                        assert_eq!(usize::from(*byte), (request.offset as usize + n) % 251);
                    }
                }
                here.fill(0);
            }
        }
    }

    #[test]
    fn each_read_has_its_own_result() {
        let file = numbers(1000);
        let mut memory = [0; 40];
        let at = |start, offset| Request { memory: 0, start, length: 10, offset };
        let requests = [at(0, 0), at(10, 995), at(20, 1000), at(30, 20)];
        let mut results = [0; 4];
        Batch::default().read(file.as_fd(), &mut [&mut memory], &requests, &mut |n, result| {
            results[n] = result.unwrap();
        });
        assert_eq!(results, [10, 5, 0, 10]);
        let (_, closed) = std::io::pipe().unwrap();
        let mut failed = 0;
        Batch::default().read(closed.as_fd(), &mut [&mut memory], &requests, &mut |_, result| {
            failed += usize::from(result.is_err());
        });
        assert_eq!(failed, 4);
    }

    #[test]
    #[should_panic(expected = "a read past its memory")]
    fn a_read_past_its_memory_is_refused() {
        let request = Request { memory: 0, start: 5, length: 6, offset: 0 };
        Batch::default().read(numbers(10).as_fd(), &mut [&mut [0; 10]], &[request], &mut |_, _| {});
    }

    #[test]
    fn buffers_come_back_filled() {
        let file = numbers(1 << 17);
        let mut reads = Owned::new().unwrap();
        let mut wanted = HashMap::new();
        for n in 0..MOST_OWNED as u64 {
            let key = reads.start(file.as_fd(), Buffer::new(100), n * 300).unwrap();
            assert_eq!(wanted.insert(key, n * 300), None);
        }
        assert_eq!(
            reads.start(file.as_fd(), Buffer::new(100), 0),
            None,
            "there are no more than {MOST_OWNED}"
        );
        while !wanted.is_empty() {
            let mut ended = Vec::new();
            reads.ended(true, &mut |key, buffer, result| ended.push((key, buffer, result)));
            for (key, buffer, result) in ended {
                assert_eq!(result.unwrap(), 100);
                assert_eq!(u64::from(buffer[1]), (wanted.remove(&key).unwrap() + 1) % 251);
            }
        }
        reads.ended(true, &mut |_, _, _| panic!("nothing is under way"));
        assert!(reads.start(file.as_fd(), Buffer::new(1 << 16), 0).is_some(), "and is dropped under way");
    }
}
