// SPDX-License-Identifier: BSD-2-Clause
//! Asynchronous reads: io_setup(2) and the like, and linux/aio_abi.h. Reads past the page cache are under way beside each other; the others
//! are made when they are started.

use crate::os::aio::{Ended, Start};
use crate::os::{check, retry};
use libc::{c_long, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// `struct iocb` (linux/aio_abi.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Iocb {
    aio_data: u64,
    /// `aio_key` and `aio_rw_flags`, in an order that depends on that of bytes: both are zeros.
    aio_key_and_rw_flags: [u32; 2],
    aio_lio_opcode: u16,
    aio_reqprio: i16,
    aio_fildes: u32,
    aio_buf: u64,
    aio_nbytes: u64,
    aio_offset: i64,
    aio_reserved2: u64,
    aio_flags: u32,
    aio_resfd: u32,
}

const _: () = assert!(size_of::<Iocb>() == 64);

/// `IOCB_CMD_PREAD`.
const IOCB_CMD_PREAD: u16 = 0;

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct IoEvent {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

/// Ends that one call takes.
const AT_ONCE: usize = 64;

/// The kernel's context of reads that are under way.
pub struct Context {
    id: c_ulong,
    blocks: Vec<Iocb>,
    pointers: Vec<*const Iocb>,
}

impl Context {
    /// For at most `most` reads at a time. Errors: those of io_setup(2).
    pub fn new(most: usize) -> io::Result<Context> {
        let mut id: c_ulong = 0;
        // SAFETY: io_setup writes one aio_context_t (unsigned long) through its second argument, which is 0 as it asks for.
        check(unsafe { libc::syscall(libc::SYS_io_setup, most as c_long, &raw mut id) })?;
        Ok(Context { id, blocks: Vec::new(), pointers: Vec::new() })
    }

    /// Starts the first of `reads`, and says how many.
    ///
    /// # Safety
    /// Each `at` has room for `length` bytes, which nobody touches, moves or frees before the end of that read was reported.
    pub unsafe fn start(&mut self, fd: BorrowedFd<'_>, reads: &[Start]) -> usize {
        self.blocks.clear();
        self.blocks.extend(reads.iter().map(|read| Iocb {
            aio_data: read.key,
            aio_lio_opcode: IOCB_CMD_PREAD,
            aio_fildes: fd.as_raw_fd().cast_unsigned(),
            aio_buf: read.at.expose_provenance() as u64,
            aio_nbytes: read.length as u64,
            // No disk has so many bytes that this is cut off; the read would then fail.
            aio_offset: i64::try_from(read.offset).unwrap_or(i64::MAX),
            ..Iocb::default()
        }));
        self.pointers.clear();
        self.pointers.extend(self.blocks.iter().map(ptr::from_ref));
        let count = self.pointers.len() as c_long;
        let started = retry(|| {
            // SAFETY: io_submit reads `count` pointers and the structures they point to, all of which outlive the call; what the reads
            // write to is as the caller promises.
            check(unsafe { libc::syscall(libc::SYS_io_submit, self.id, count, self.pointers.as_ptr()) })
        });
        started.map_or(0, |started| started as usize)
    }

    /// Takes the ends of reads, and waits for the first if `waits` is set.
    pub fn wait(&mut self, waits: bool, ended: &mut Vec<Ended>) -> io::Result<()> {
        let mut events = [IoEvent::default(); AT_ONCE];
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let until = if waits { ptr::null() } else { &raw const now };
        let got = retry(|| {
            // SAFETY: io_getevents writes at most AT_ONCE events to `events`, and reads `until`, which is null or a timespec; both
            // outlive the call.
            check(unsafe {
                let (least, most) = (c_long::from(waits), AT_ONCE as c_long);
                libc::syscall(libc::SYS_io_getevents, self.id, least, most, events.as_mut_ptr(), until)
            })
        })?;
        ended.extend(events[..got as usize].iter().map(|event| {
            Ended {
                key: event.data,
                result: usize::try_from(event.res).map_err(|_| {
                    io::Error::from_raw_os_error(i32::try_from(-event.res).unwrap_or(libc::EIO))
                }),
            }
        }));
        Ok(())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was made by io_setup. The call waits for what is under way.
        let _ = unsafe { libc::syscall(libc::SYS_io_destroy, self.id) };
    }
}
