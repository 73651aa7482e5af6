// SPDX-License-Identifier: BSD-2-Clause
//! Answers what the kernel asks of the served file, with as many threads as may be under way at once.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_timerslack;

use super::wire::{self, FILE, REQUEST, u32_at, u64_at, words};
use super::{Faults, Log, Pace};

/// What all threads share.
pub(super) struct Server {
    /// /dev/fuse, mounted.
    pub device: File,
    pub file: File,
    pub faults: Faults,
    pub pace: Pace,
    pub log: Arc<Mutex<Log>>,
    /// The error of each read; 0: none.
    pub dead: Arc<AtomicI32>,
    pub state: Mutex<State>,
    /// Memory for answers. There are few: what was used last is still in the processor's cache.
    pub buffers: Mutex<Vec<Vec<u8>>>,
}

/// What has happened so far.
#[derive(Default)]
pub(super) struct State {
    /// How often the file was opened.
    opens: usize,
    /// Whether the write was broken off that is to be, and the sync has failed.
    interrupted: bool,
    sync_failed: bool,
    /// Until when the reads that have begun take all of the rate.
    busy: Option<Instant>,
}

impl Server {
    /// One of the threads; ends when the file system is unmounted.
    pub fn run(&self) {
        // The system may wake a thread 50 microseconds late, or what is set here.
        let _ = set_timerslack(1000);
        let mut buf = vec![0; REQUEST];
        loop {
            match (&self.device).read(&mut buf) {
                Ok(n) => self.request(&buf[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // The request was taken back.
                Err(e) if e.raw_os_error() == Some(Errno::ENOENT as i32) => {}
                Err(_) => return,
            }
        }
    }

    /// Answers one request (`struct fuse_in_header`, 40 bytes, then its arguments).
    fn request(&self, bytes: &[u8]) {
        let (code, unique, node) = (u32_at(bytes, 4), u64_at(bytes, 8), u64_at(bytes, 16));
        let args = &bytes[40..];
        let answer = match code {
            1 => self.lookup(args),
            2 | 36 | 42 => return, // forget, interrupt, batch forget: no answer
            3 | 4 => self.attributes(code, node, args),
            14 => {
                self.state.lock().expect("no panic").opens += 1;
                Ok(wire::opened())
            }
            27 => Ok(wire::opened()),
            15 => return self.read(unique, u64_at(args, 8), u32_at(args, 16) as usize),
            16 => self.write(u64_at(args, 8), &args[40..40 + u32_at(args, 16) as usize]),
            20 => self.sync(),
            18 | 25 | 29 | 34 | 38 => Ok(Vec::new()), // release, flush, access, destroy
            26 => Ok(wire::init()),
            28 => Ok(Vec::new()), // nothing is listed
            _ => Err(Errno::ENOSYS),
        };
        self.answer(unique, answer.as_deref().map_err(|errno| *errno));
    }

    fn answer(&self, unique: u64, answer: Result<&[u8], Errno>) {
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(errno) => (-(errno as i32), &[][..]),
        };
        let head = wire::header(body.len(), error, unique);
        // An answer that nobody waits for any more is refused; so be it.
        let _ = (&self.device).write_vectored(&[IoSlice::new(&head), IoSlice::new(body)]);
    }

    fn lookup(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name != b"file\0" {
            return Err(Errno::ENOENT);
        }
        Ok([wire::entry(), wire::attributes(FILE, self.size()?)].concat())
    }

    fn attributes(&self, code: u32, node: u64, args: &[u8]) -> Result<Vec<u8>, Errno> {
        const FATTR_SIZE: u32 = 1 << 3;
        if code == 4 && node == FILE && u32_at(args, 0) & FATTR_SIZE != 0 {
            self.file.set_len(u64_at(args, 16)).map_err(|_| Errno::EIO)?;
        }
        Ok([vec![0; 16], wire::attributes(node, self.size()?)].concat())
    }

    fn size(&self) -> Result<u64, Errno> {
        Ok(self.file.metadata().map_err(|_| Errno::EIO)?.len())
    }

    fn read(&self, unique: u64, offset: u64, length: usize) {
        let number = self.log.lock().expect("no panic").begin(offset, length);
        self.wait(length);
        let buffer = self.buffers.lock().expect("no panic").pop();
        let mut buffer = buffer.unwrap_or_default();
        buffer.resize(buffer.len().max(length), 0);
        let got = self.fill(number, offset, &mut buffer[..length]);
        self.log.lock().expect("no panic").under_way -= 1;
        self.answer(unique, got.map(|got| &buffer[..got]));
        self.buffers.lock().expect("no panic").push(buffer);
    }

    /// Waits as long as a disk of this pace takes for a read: those that are under way at once wait at once, and share the rate.
    fn wait(&self, length: usize) {
        let now = Instant::now();
        let mut done = now + self.pace.latency;
        if let Some(rate) = self.pace.rate {
            let mut state = self.state.lock().expect("no panic");
            done = done.max(state.busy.unwrap_or(now)) + Duration::from_secs_f64(length as f64 / rate as f64);
            state.busy = Some(done);
        }
        if done > now {
            sleep(done - now);
        }
    }

    /// What the read of this number brings, and how much.
    fn fill(&self, number: usize, offset: u64, mut out: &mut [u8]) -> Result<usize, Errno> {
        match self.dead.load(Ordering::Relaxed) {
            0 => {}
            errno => return Err(Errno::from_raw(errno)),
        }
        if let Some((_, errno)) = self.faults.read_error_from.filter(|from| number >= from.0) {
            return Err(errno);
        }
        let end = offset + out.len() as u64;
        if self.faults.read_eio.iter().any(|r| r.start < end && offset < r.end) {
            return Err(Errno::EIO);
        }
        for &cut in &self.faults.read_short {
            if offset < cut && cut < offset + out.len() as u64 {
                out = &mut out[..(cut - offset) as usize];
            }
        }
        let mut got = 0;
        while got < out.len() {
            match self.file.read_at(&mut out[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(_) => return Err(Errno::EIO),
            }
        }
        let flipped = self
            .faults
            .read_flip
            .and_then(|at| at.checked_sub(offset))
            .and_then(|at| out[..got].get_mut(at as usize));
        flipped.into_iter().for_each(|byte| *byte ^= 1 << (offset % 8));
        Ok(got)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<Vec<u8>, Errno> {
        self.log.lock().expect("no panic").writes.push((offset, data.len()));
        let end = offset + data.len() as u64;
        let mut state = self.state.lock().expect("no panic");
        if let Some((_, errno)) = self.faults.write_error_once.filter(|f| state.opens < 2 && end > f.0) {
            return Err(errno);
        }
        if self.faults.write_interrupted.is_some_and(|at| end > at && !state.interrupted) {
            state.interrupted = true;
            return Err(Errno::EINTR);
        }
        drop(state);
        if self.faults.write_zero.is_some_and(|at| offset >= at) {
            return Ok(words(&[0, 0]));
        }
        if let Some((_, errno)) = self.faults.write_error.filter(|f| offset >= f.0) {
            return Err(errno);
        }
        let room = self.faults.write_short.filter(|&cut| offset < cut);
        let room = room.map_or(data.len(), |cut| data.len().min((cut - offset) as usize));
        self.file.write_all_at(&data[..room], offset).map_err(|_| Errno::EIO)?;
        Ok(words(&[room as u32, 0]))
    }

    fn sync(&self) -> Result<Vec<u8>, Errno> {
        self.log.lock().expect("no panic").syncs += 1;
        let mut state = self.state.lock().expect("no panic");
        if let Some(errno) = self.faults.sync_error_once.filter(|_| !state.sync_failed) {
            state.sync_failed = true;
            return Err(errno);
        }
        drop(state);
        self.file.sync_all().map_err(|_| Errno::EIO)?;
        Ok(Vec::new())
    }
}
