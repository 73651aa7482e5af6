// SPDX-License-Identifier: BSD-2-Clause
//! A disk that fails where a test wants it to, or takes its time: one file served through /dev/fuse (Linux's linux/fuse.h).
//!
//! It speaks just enough of the protocol for opening, reading, writing and syncing that one file, without a library. Nothing of the
//! file is cached, and a read reaches the server as it was asked for, in pieces of 1 MiB at most.

mod server;
pub(crate) mod wire;

use std::fs::{self, File};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::program::{is_root, skipped};
use server::{Server, State};

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

/// How fast the file is read, and how much of it at once.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Requests that are served at once; more wait.
    pub threads: usize,
    /// Each read takes so long, whatever else is under way.
    pub latency: Duration,
    /// Bytes per second of all reads together.
    pub rate: Option<u64>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { threads: 1, latency: Duration::ZERO, rate: None }
    }
}

impl Pace {
    /// A disk that serves 256 requests at once, and takes so long for each.
    pub fn latency(latency: Duration) -> Pace {
        Pace { threads: 256, latency, rate: None }
    }
}

/// What was asked of the file: (offset, length) in bytes.
#[derive(Debug, Default)]
pub struct Log {
    /// Reads, in the order in which they came.
    pub reads: Vec<(u64, usize)>,
    /// Reads that are not answered yet.
    pub under_way: usize,
    /// The most reads that were under way at once.
    pub most_under_way: usize,
    /// Writes.
    pub writes: Vec<(u64, usize)>,
    /// How often the file was synced.
    pub syncs: usize,
}

impl Log {
    /// Notes a read; its number, from 0.
    fn begin(&mut self, offset: u64, length: usize) -> usize {
        self.reads.push((offset, length));
        self.under_way += 1;
        self.most_under_way = self.most_under_way.max(self.under_way);
        self.reads.len() - 1
    }
}

/// The mounted file; unmounted when dropped.
pub struct Served {
    dir: PathBuf,
    threads: Vec<JoinHandle<()>>,
    /// What was asked so far.
    pub log: Arc<Mutex<Log>>,
    /// The error of each read from now on; 0: none.
    dead: Arc<AtomicI32>,
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
    /// Serves `backing` as [`Served::path`] on the folder `on`, which is made; one request at a time, and at once.
    ///
    /// Panics if that can't be done.
    pub fn new(on: &Path, backing: &Path, faults: Faults) -> Served {
        Served::paced(on, backing, faults, Pace::default())
    }

    /// The same, at this pace.
    ///
    /// Panics if that can't be done.
    pub fn paced(on: &Path, backing: &Path, faults: Faults, pace: Pace) -> Served {
        fs::create_dir_all(on).expect("a folder to mount on");
        let device = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse to open");
        let fd = device.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("capdump-test"), on, Some("fuse"), flags, Some(options.as_str()))
            .expect("a FUSE file system to mount");
        let file = File::options().read(true).write(true).open(backing).expect("the file");
        let log = Arc::new(Mutex::new(Log::default()));
        let (threads, state, buffers) = (pace.threads, Mutex::new(State::default()), Mutex::default());
        let dead = Arc::new(AtomicI32::new(0));
        let server = Server {
            device,
            file,
            faults,
            pace,
            log: Arc::clone(&log),
            dead: Arc::clone(&dead),
            state,
            buffers,
        };
        let server = Arc::new(server);
        let thread = || {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.run())
        };
        let threads = (0..threads).map(|_| thread()).collect();
        Served { dir: on.to_owned(), threads, log, dead }
    }

    /// Makes each read from now on fail with this error.
    pub fn die(&self, errno: Errno) {
        self.dead.store(errno as i32, Ordering::Relaxed);
    }

    /// Waits until somebody else unmounts it.
    pub fn wait(&mut self) {
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.dir.join("file")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The server ends when the connection does, whoever holds a file on it (`MNT_FORCE`); if it can't be unmounted, it is left, with the
        // mount.
        if umount2(&self.dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).is_ok() {
            self.wait();
        }
    }
}
