// SPDX-License-Identifier: BSD-2-Clause
//! How the planner reads the disk: unreadable data is reported and replaced by zeros.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::os::fd::{AsFd, BorrowedFd};

use crate::disk::{Disk, Fault, Geometry, Uncached};
use crate::dump::ahead::Ahead;
use crate::dump::losses::Losses;
use crate::dump::prepare::OpenDisk;
use crate::os::disk::pread;
use ufs::{ByteOffset, Ino};
use ufs::{Part, ReadAt, ReadError, Superblock};

/// What becomes of data that cannot be read.
pub trait Faults {
    /// Reports what the planner could not read.
    fn report(&self, fault: Fault);
    /// What has been lost so far; what is lost now is added.
    fn losses(&self) -> RefMut<'_, Losses>;
    /// Whether the operator chose to abort because of read errors: nothing more is to be read.
    fn is_stopped(&self) -> bool;
}

/// The disk as the planner reads it.
pub struct Source<'a> {
    fd: BorrowedFd<'a>,
    uncached: Option<Uncached<'a>>,
    ahead: RefCell<Ahead>,
    faults: &'a dyn Faults,
    sector: u32,
    /// The offset of the file system, and the number of bytes available from there.
    base: Cell<u64>,
    media: Cell<u64>,
    /// None until the superblock is known: until then a read that fails is an error.
    geometry: Cell<Option<Geometry>>,
    superblock: OnceCell<Superblock>,
    /// What is being read, where that is neither inodes nor a group's header.
    reading: Cell<Option<Ino>>,
}

impl<'a> Source<'a> {
    /// Reads `disk`, whose size is known. `faults` takes what cannot be read.
    pub fn new(disk: &'a OpenDisk, faults: &'a dyn Faults) -> Source<'a> {
        let (geometry, superblock, reading) = (Cell::new(None), OnceCell::new(), Cell::new(None));
        let (base, media) = (Cell::new(0), Cell::new(disk.media));
        let (fd, uncached, sector) = (disk.fd.as_fd(), disk.uncached(), disk.sector);
        let ahead = RefCell::default();
        Source { fd, uncached, ahead, faults, sector, base, media, geometry, superblock, reading }
    }

    /// Available bytes, of the disk or of the partition.
    pub fn media(&self) -> u64 {
        self.media.get()
    }

    /// From now on reads the `bytes` bytes from `start` on only, as if they were a disk.
    pub fn restrict(&self, start: u64, bytes: u64) {
        self.base.set(start);
        self.media.set(bytes);
    }

    /// From now on reads as dump does, in the units that the superblock gives.
    pub fn set_superblock(&self, sb: &Superblock) -> Disk<'a> {
        let geometry = Geometry {
            fragment: sb.fsize,
            unit: u32::try_from(sb.dev_bsize()).unwrap_or(u32::MAX),
            end: sb.offset_of(sb.size).0,
            media: self.media.get(),
            sector: self.sector,
            base: self.base.get(),
        };
        self.geometry.set(Some(geometry));
        // It is set once.
        let _ = self.superblock.set(sb.clone());
        self.disk(geometry)
    }

    fn disk(&self, geometry: Geometry) -> Disk<'a> {
        Disk { fd: self.fd, uncached: self.uncached, geometry }
    }

    /// Notes what is lost with a sector that could not be read.
    fn note_loss(&self, fault: Fault) {
        let (true, Some(sb)) = (fault.sector, self.superblock.get()) else { return };
        let offset = ByteOffset(fault.block.saturating_mul(sb.dev_bsize()));
        let mut losses = self.faults.losses();
        match (sb.part_at(offset, fault.count), self.reading.get()) {
            (Part::Group(cg), _) => losses.group(cg),
            (Part::Inodes(first, last), _) => losses.inodes(first, last),
            (Part::Data, Some(ino)) => losses.part(ino),
            (Part::Data, None) => losses.other(),
        }
    }

    /// Fills `buf` as [`ReadAt::read_at`] does; read errors are reported only to `tell`.
    pub fn read_telling(&self, offset: ByteOffset, buf: &mut [u8], tell: &mut dyn FnMut(Fault)) {
        if let Some(geometry) = self.geometry.get() {
            let disk = self.disk(geometry);
            if !self.read_uncached(&disk, offset, buf) {
                disk.read(offset, buf, tell);
            }
        }
    }

    /// Fills `buf` past the cache, in one read at most; false if that cannot be done, or there is a cache: then nothing is reported. A block
    /// device without readahead would be read page by page through its cache.
    fn read_uncached(&self, disk: &Disk<'_>, offset: ByteOffset, buf: &mut [u8]) -> bool {
        let Some(uncached) = &disk.uncached else { return false };
        let place = disk.place(offset.0);
        disk.geometry.contains(offset, buf.len()) && self.ahead.borrow_mut().read(uncached, place, buf)
    }

    /// Waits for what is read ahead, and gives it up: see [`Ahead::give_up`].
    pub fn stop_reading_ahead(&self) {
        self.ahead.borrow_mut().give_up();
    }

    fn read_or_fail(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.0.saturating_add(buf.len() as u64);
        let read = match self.base.get() {
            base if base > 0 && end > self.media.get() => Ok(0),
            base => pread(self.fd, buf, base.saturating_add(offset.0)),
        };
        let reason = match read {
            Ok(got) if got == buf.len() => return Ok(()),
            Ok(got) => format!("{} bytes wanted, {got} there", buf.len()),
            Err(error) => error.to_string(),
        };
        Err(ReadError { offset, reason })
    }
}

impl ReadAt for Source<'_> {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        let Some(geometry) = self.geometry.get() else {
            return self.read_or_fail(offset, buf);
        };
        let disk = self.disk(geometry);
        if self.read_uncached(&disk, offset, buf) {
            return Ok(());
        }
        disk.read(offset, buf, &mut |fault| {
            self.faults.report(fault);
            self.note_loss(fault);
        });
        if self.faults.is_stopped() {
            return Err(ReadError { offset, reason: "the operator said stop".to_owned() });
        }
        Ok(())
    }

    fn read_quietly(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        let mut whole = true;
        self.read_telling(offset, buf, &mut |_| whole = false);
        whole
    }

    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        let Some(geometry) = self.geometry.get() else { return false };
        let disk = self.disk(geometry);
        self.read_uncached(&disk, offset, buf) || disk.read_whole(offset, buf)
    }

    fn will_read(&self, offset: ByteOffset, length: usize) {
        if let (Some(uncached), Some(geometry)) = (&self.uncached, self.geometry.get())
            && geometry.contains(offset, length)
        {
            let place = self.disk(geometry).place(offset.0);
            self.ahead.borrow_mut().announce(uncached, place, length);
        }
    }

    fn out_of_date(&self, offset: ByteOffset, length: usize) {
        if let Some(geometry) = self.geometry.get() {
            let place = self.disk(geometry).place(offset.0);
            self.ahead.borrow_mut().out_of_date(place, length);
        }
    }

    fn reading(&self, ino: Ino) {
        self.reading.set(Some(ino));
    }
}
