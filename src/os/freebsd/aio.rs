// SPDX-License-Identifier: BSD-2-Clause
//! Asynchronous reads: aio(4), with their ends in a kqueue. On disks they are requests of their own, on files the kernel's processes make
//! them.

use crate::os::aio::{Ended, Start};
use crate::os::check;
use crate::os::freebsd::event::limited_kqueue;
use nix::errno::Errno;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Ends that one call takes.
const AT_ONCE: usize = 64;

/// Reads that are under way.
pub struct Context {
    kqueue: Kqueue,
    /// The kernel knows a read by the address of its block, which stays until aio_return(2).
    blocks: Box<[Block]>,
    free: Vec<usize>,
}

struct Block {
    aiocb: libc::aiocb,
    key: u64,
}

impl Context {
    /// For at most `most` reads at a time. Errors: those of kqueue(2) and cap_rights_limit(2).
    pub fn new(most: usize) -> io::Result<Context> {
        let kqueue = limited_kqueue()?;
        // SAFETY: an aiocb is integers and pointers, for all of which zeros are a value.
        let empty = || Block { aiocb: unsafe { std::mem::zeroed() }, key: 0 };
        let blocks = std::iter::repeat_with(empty).take(most).collect();
        Ok(Context { kqueue, blocks, free: (0..most).collect() })
    }

    /// Starts the first of `reads`, and says how many.
    ///
    /// # Safety
    /// Each `at` has room for `length` bytes, which nobody touches, moves or frees before the end of that read was reported.
    pub unsafe fn start(&mut self, fd: BorrowedFd<'_>, reads: &[Start]) -> usize {
        let queue = self.kqueue.as_fd().as_raw_fd();
        for (started, read) in reads.iter().enumerate() {
            let Some(&index) = self.free.last() else { return started };
            let block = &mut self.blocks[index];
            block.key = read.key;
            let aiocb = &mut block.aiocb;
            // SAFETY: as in `new`.
            *aiocb = unsafe { std::mem::zeroed() };
            aiocb.aio_fildes = fd.as_raw_fd();
            aiocb.aio_buf = read.at.cast();
            aiocb.aio_nbytes = read.length;
            // No disk has so many bytes that this is cut off; the read would then fail.
            aiocb.aio_offset = libc::off_t::try_from(read.offset).unwrap_or(libc::off_t::MAX);
            aiocb.aio_sigevent.sigev_notify = libc::SIGEV_KEVENT;
            // `#define sigev_notify_kqueue sigev_signo` (sys/signal.h)
            aiocb.aio_sigevent.sigev_signo = queue;
            aiocb.aio_sigevent.sigev_value.sival_ptr = std::ptr::without_provenance_mut(index);
            // SAFETY: the block stays where it is, and is not changed, until aio_return has ended it; what the read writes to is as
            // the caller promises.
            if check(unsafe { libc::aio_read(&raw mut *aiocb) }).is_err() {
                return started;
            }
            self.free.pop();
        }
        reads.len()
    }

    /// Takes the ends of reads, and waits for the first if `waits` is set.
    pub fn wait(&mut self, waits: bool, ended: &mut Vec<Ended>) -> io::Result<()> {
        let none = KEvent::new(0, EventFilter::EVFILT_AIO, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut events = [none; AT_ONCE];
        let until = (!waits).then_some(libc::timespec { tv_sec: 0, tv_nsec: 0 });
        let got = loop {
            match self.kqueue.kevent(&[], &mut events, until) {
                Err(Errno::EINTR) => {}
                other => break other?,
            }
        };
        for event in &events[..got] {
            let index = event.udata().cast_unsigned();
            let Some(block) = self.blocks.get_mut(index) else { continue };
            // SAFETY: the kqueue has reported the end of this block's read; aio_return takes it off the kernel's list.
            let result = check(unsafe { libc::aio_return(&raw mut block.aiocb) });
            ended.push(Ended { key: block.key, result: result.map(|got| got as usize) });
            self.free.push(index);
        }
        Ok(())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut ended = Vec::new();
        while self.free.len() < self.blocks.len() {
            if self.wait(true, &mut ended).is_err() {
                std::process::abort();
            }
        }
    }
}
