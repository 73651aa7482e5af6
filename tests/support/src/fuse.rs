// SPDX-License-Identifier: BSD-2-Clause
//! A disk that fails where a test wants it to: one file served through /dev/fuse (Linux's linux/fuse.h).
//!
//! It speaks just enough of the protocol for opening, reading, writing and syncing that one file, without a library.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::program::{is_root, skipped};

/// Bytes of a request or an answer, at most.
const LARGEST: usize = (1 << 20) + 4096;
/// The file's node; the folder's is 1.
const FILE: u64 = 2;

/// Where the file fails; offsets in bytes.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A read that touches one of these fails with `EIO`.
    pub read_eio: Vec<Range<u64>>,
    /// From the read of this number on (the first is 0), each read fails with the error: a disk that was pulled.
    pub read_error_from: Option<(usize, Errno)>,
    /// A read that begins before one of these and goes past it ends there.
    pub read_short: Vec<u64>,
    /// A read that brings this byte brings it with a bit flipped.
    pub read_flip: Option<u64>,
    /// Each read takes so long.
    pub read_delay: Duration,
    /// A write that begins at or after the offset fails with the error.
    pub write_error: Option<(u64, Errno)>,
    /// A write that begins before this and goes past it ends there.
    pub write_short: Option<u64>,
    /// A write that goes past the offset fails with the error, until the file is opened for the second time: a bad medium, that is
    /// changed then.
    pub write_error_once: Option<(u64, Errno)>,
    /// A write that begins at or after this takes nothing, and is no error.
    pub write_zero: Option<u64>,
    /// The first write that goes past this is broken off by a signal (`EINTR`) before it has taken anything.
    pub write_interrupted: Option<u64>,
    /// The first sync fails with the error; later ones do not.
    pub sync_error_once: Option<Errno>,
}

impl Faults {
    /// A medium that takes so many bytes, and is full then.
    pub fn room(bytes: u64) -> Faults {
        Faults { write_short: Some(bytes), write_error: Some((bytes, Errno::ENOSPC)), ..Faults::default() }
    }
}

/// What was asked of the file: (offset, length) in bytes.
#[derive(Debug, Default)]
pub struct Log {
    /// Reads.
    pub reads: Vec<(u64, usize)>,
    /// Writes.
    pub writes: Vec<(u64, usize)>,
    /// How often the file was synced.
    pub syncs: usize,
}

/// The mounted file; unmounted when dropped.
pub struct Served {
    dir: PathBuf,
    thread: Option<JoinHandle<()>>,
    /// What was asked so far.
    pub log: Arc<Mutex<Log>>,
}

/// Whether files can be served here: /dev/fuse is there, and this runs as root.
pub fn available() -> bool {
    let there = Path::new("/dev/fuse").exists();
    if !there {
        skipped("/dev/fuse is not there");
    } else if !is_root() {
        skipped("mounting a file system that fails needs root");
    }
    there && is_root()
}

impl Served {
    /// Serves `backing` as [`Served::path`] on the folder `on`, which is made.
    ///
    /// Panics if that can't be done.
    pub fn new(on: &Path, backing: &Path, faults: Faults) -> Served {
        fs::create_dir_all(on).expect("a folder to mount on");
        let device = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse to open");
        let fd = device.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("capdump-test"), on, Some("fuse"), flags, Some(options.as_str()))
            .expect("a FUSE file system to mount");
        let file = File::options().read(true).write(true).open(backing).expect("the file");
        let log = Arc::new(Mutex::new(Log::default()));
        let server = Server { device, file, faults, opens: 0, log: Arc::clone(&log) };
        Served { dir: on.to_owned(), thread: Some(std::thread::spawn(|| server.run())), log }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.dir.join("file")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The server ends when it is unmounted; if it can't be, it is left, with the mount.
        if umount2(&self.dir, MntFlags::MNT_DETACH).is_ok() {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

struct Server {
    device: File,
    file: File,
    faults: Faults,
    /// How often the file was opened.
    opens: usize,
    log: Arc<Mutex<Log>>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn words(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|w| w.to_ne_bytes()).collect()
}

impl Server {
    fn run(mut self) {
        let mut buf = vec![0; LARGEST];
        loop {
            match self.device.read(&mut buf) {
                Ok(n) => self.request(&buf[..n]),
                Err(e) if e.raw_os_error() == Some(Errno::ENODEV as i32) => return,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if e.raw_os_error() == Some(Errno::ENOENT as i32) => {}
                Err(_) => return,
            }
        }
    }

    /// Answers one request (`struct fuse_in_header`, 40 bytes, then its arguments).
    fn request(&mut self, bytes: &[u8]) {
        let (code, unique, node) = (u32_at(bytes, 4), u64_at(bytes, 8), u64_at(bytes, 16));
        let args = &bytes[40..];
        let answer = match code {
            1 => self.lookup(args),
            2 | 36 | 42 => return, // forget, interrupt, batch forget: no answer
            3 | 4 => self.attributes(code, node, args),
            14 => {
                self.opens += 1;
                Ok(Self::opened())
            }
            27 => Ok(Self::opened()),
            15 => self.read(u64_at(args, 8), u32_at(args, 16) as usize),
            16 => self.write(u64_at(args, 8), &args[40..40 + u32_at(args, 16) as usize]),
            20 => self.sync(),
            18 | 25 | 29 | 34 | 38 => Ok(Vec::new()), // release, flush, access, destroy
            26 => Ok(Self::init()),
            28 => Ok(Vec::new()), // nothing is listed
            _ => Err(Errno::ENOSYS),
        };
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(errno) => (-(errno as i32), Vec::new()),
        };
        let head = words(&[16 + body.len() as u32, error.cast_unsigned()]);
        // An answer that nobody waits for any more is refused; so be it.
        let _ = self.device.write(&[&head, &unique.to_ne_bytes()[..], &body].concat());
    }

    /// `struct fuse_open_out`: direct I/O.
    fn opened() -> Vec<u8> {
        [&words(&[0; 2]), &words(&[1, 0])[..]].concat()
    }

    /// `struct fuse_init_out` of version 7.31: writes of 1 MiB (`FUSE_BIG_WRITES`, `FUSE_MAX_PAGES`).
    fn init() -> Vec<u8> {
        let mut out = words(&[7, 31, 0, 1 << 5 | 1 << 22, 0, 1 << 20, 1, 256]);
        out.resize(64, 0);
        out
    }

    fn lookup(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name != b"file\0" {
            return Err(Errno::ENOENT);
        }
        let head = [FILE, 0, 0, 0, 0].iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>();
        Ok([head, self.attr(FILE)?].concat())
    }

    fn attributes(&mut self, code: u32, node: u64, args: &[u8]) -> Result<Vec<u8>, Errno> {
        const FATTR_SIZE: u32 = 1 << 3;
        if code == 4 && node == FILE && u32_at(args, 0) & FATTR_SIZE != 0 {
            self.file.set_len(u64_at(args, 16)).map_err(|_| Errno::EIO)?;
        }
        Ok([vec![0; 16], self.attr(node)?].concat())
    }

    /// `struct fuse_attr`, 88 bytes.
    fn attr(&self, node: u64) -> Result<Vec<u8>, Errno> {
        let size = self.file.metadata().map_err(|_| Errno::EIO)?.len();
        let (mode, size) = if node == FILE { (0o100_644, size) } else { (0o040_755, 0) };
        let head = [node, size, size.div_ceil(512), 0, 0, 0];
        let head = head.iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>();
        Ok([head, words(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0])].concat())
    }

    fn read(&mut self, offset: u64, mut length: usize) -> Result<Vec<u8>, Errno> {
        let number = {
            let mut log = self.log.lock().expect("no panic");
            log.reads.push((offset, length));
            log.reads.len() - 1
        };
        sleep(self.faults.read_delay);
        if let Some((_, errno)) = self.faults.read_error_from.filter(|from| number >= from.0) {
            return Err(errno);
        }
        let end = offset + length as u64;
        if self.faults.read_eio.iter().any(|r| r.start < end && offset < r.end) {
            return Err(Errno::EIO);
        }
        for &cut in &self.faults.read_short {
            if offset < cut && cut < offset + length as u64 {
                length = (cut - offset) as usize;
            }
        }
        let mut out = vec![0; length];
        let mut got = 0;
        while got < length {
            match self.file.read_at(&mut out[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(_) => return Err(Errno::EIO),
            }
        }
        out.truncate(got);
        let flipped = self
            .faults
            .read_flip
            .and_then(|at| at.checked_sub(offset))
            .and_then(|at| out.get_mut(at as usize));
        flipped.into_iter().for_each(|byte| *byte ^= 1 << (offset % 8));
        Ok(out)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<Vec<u8>, Errno> {
        self.log.lock().expect("no panic").writes.push((offset, data.len()));
        let end = offset + data.len() as u64;
        if let Some((_, errno)) = self.faults.write_error_once.filter(|f| self.opens < 2 && end > f.0) {
            return Err(errno);
        }
        if self.faults.write_interrupted.is_some_and(|at| end > at) {
            self.faults.write_interrupted = None;
            return Err(Errno::EINTR);
        }
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

    fn sync(&mut self) -> Result<Vec<u8>, Errno> {
        self.log.lock().expect("no panic").syncs += 1;
        if let Some(errno) = self.faults.sync_error_once.take() {
            return Err(errno);
        }
        self.file.sync_all().map_err(|_| Errno::EIO)?;
        Ok(Vec::new())
    }
}
