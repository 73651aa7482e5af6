// SPDX-License-Identifier: BSD-2-Clause
//! A file system in memory that fails where a test wants it to, served through /dev/fuse (Linux's linux/fuse.h), to restore into.
//!
//! It has files, directories, links, FIFOs, devices and extended attributes. The kernel caches no name and no attribute, so that each use
//! of one is a request that can fail.

mod nodes;
mod server;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use server::Server;

/// Kinds of requests, with their numbers (`enum fuse_opcode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `FUSE_LOOKUP`.
    Lookup = 1,
    /// `FUSE_GETATTR`.
    GetAttributes = 3,
    /// `FUSE_SETATTR`.
    SetAttributes = 4,
    /// `FUSE_SYMLINK`.
    Symlink = 6,
    /// `FUSE_MKNOD`.
    Node = 8,
    /// `FUSE_MKDIR`.
    MakeDirectory = 9,
    /// `FUSE_UNLINK`.
    Unlink = 10,
    /// `FUSE_RMDIR`.
    RemoveDirectory = 11,
    /// `FUSE_RENAME`.
    Rename = 12,
    /// `FUSE_LINK`.
    Link = 13,
    /// `FUSE_OPEN`.
    Open = 14,
    /// `FUSE_READ`.
    Read = 15,
    /// `FUSE_WRITE`.
    Write = 16,
    /// `FUSE_FSYNC`.
    Sync = 20,
    /// `FUSE_SETXATTR`.
    SetAttribute = 21,
    /// `FUSE_GETXATTR`.
    GetAttribute = 22,
    /// `FUSE_LISTXATTR`.
    ListAttributes = 23,
    /// `FUSE_REMOVEXATTR`.
    RemoveAttribute = 24,
    /// `FUSE_FLUSH`: close(2).
    Flush = 25,
    /// `FUSE_OPENDIR`.
    OpenDirectory = 27,
    /// `FUSE_READDIR`.
    ReadDirectory = 28,
    /// `FUSE_FSYNCDIR`.
    SyncDirectory = 30,
    /// `FUSE_CREATE`.
    Create = 35,
}

/// All of them.
pub const KINDS: [Kind; 23] = [
    Kind::Lookup,
    Kind::GetAttributes,
    Kind::SetAttributes,
    Kind::Symlink,
    Kind::Node,
    Kind::MakeDirectory,
    Kind::Unlink,
    Kind::RemoveDirectory,
    Kind::Rename,
    Kind::Link,
    Kind::Open,
    Kind::Read,
    Kind::Write,
    Kind::Sync,
    Kind::SetAttribute,
    Kind::GetAttribute,
    Kind::ListAttributes,
    Kind::RemoveAttribute,
    Kind::Flush,
    Kind::OpenDirectory,
    Kind::ReadDirectory,
    Kind::SyncDirectory,
    Kind::Create,
];

/// Which requests fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Of this kind only; of any if none.
    pub kind: Option<Kind>,
    /// From this one on, from 1.
    pub from: usize,
    /// So many of them.
    pub times: usize,
    /// With this error.
    pub errno: Errno,
}

/// What has been asked, and what fails.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    fault: Option<Fault>,
    /// Requests of each kind since the fault was set, and what failed of them.
    counts: Vec<usize>,
    failed: usize,
}

impl Plan {
    /// Notes a request; the error that it fails with.
    fn next(&mut self, kind: Kind) -> Option<Errno> {
        self.counts.resize(64, 0);
        self.counts[kind as usize] += 1;
        let fault = self.fault.filter(|fault| fault.kind.is_none_or(|only| only == kind))?;
        let number = match fault.kind {
            Some(kind) => self.counts[kind as usize],
            None => self.counts.iter().sum(),
        };
        let fails = number >= fault.from && number - fault.from < fault.times;
        self.failed += usize::from(fails);
        fails.then_some(fault.errno)
    }
}

/// The mounted file system; unmounted when dropped.
pub struct FailingFs {
    on: PathBuf,
    keeps_writes: bool,
    plan: Arc<Mutex<Plan>>,
    thread: Option<JoinHandle<()>>,
}

impl FailingFs {
    /// Mounts an empty one on the folder `on`, which is made. With `keeps_writes`, data is kept by the kernel until the file is closed or
    /// synced (`FUSE_WRITEBACK_CACHE`), so that no write(2) fails.
    ///
    /// Panics if that can't be done: see [`crate::fuse::available`].
    pub fn new(on: &Path, keeps_writes: bool) -> FailingFs {
        fs::create_dir_all(on).expect("a folder to mount on");
        let device = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse to open");
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
            device.as_raw_fd()
        );
        let flags = MsFlags::MS_NODEV;
        mount(Some("capdump-test"), on, Some("fuse"), flags, Some(options.as_str()))
            .expect("a FUSE file system to mount");
        let plan = Arc::new(Mutex::new(Plan::default()));
        let mut server = Server::new(device, Arc::clone(&plan), keeps_writes);
        let thread = Some(std::thread::spawn(move || server.run()));
        FailingFs { on: on.to_owned(), keeps_writes, plan, thread }
    }

    /// Whether data is kept by the kernel.
    pub fn keeps_writes(&self) -> bool {
        self.keeps_writes
    }

    /// Has these requests fail from now on; none if there is none. Counts begin anew.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.plan.lock().expect("no panic") = Plan { fault, ..Plan::default() };
    }

    /// Requests of a kind since a fault was set or taken away.
    pub fn count(&self, kind: Kind) -> usize {
        self.plan.lock().expect("no panic").counts.get(kind as usize).copied().unwrap_or(0)
    }

    /// How many requests have failed.
    pub fn failed(&self) -> usize {
        self.plan.lock().expect("no panic").failed
    }
}

impl Drop for FailingFs {
    fn drop(&mut self) {
        // As in `fuse`.
        if umount2(&self.on, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).is_ok() {
            self.thread.take().into_iter().for_each(|thread| _ = thread.join());
        }
    }
}
