// SPDX-License-Identifier: BSD-2-Clause
//! The planner's reading of the disk: what cannot be read is told, and comes out as zeros.

use std::cell::Cell;
use std::os::fd::BorrowedFd;

use super::console::{Console, Reader};
use crate::disk::{Disk, Geometry};
use crate::os::disk::pread;
use crate::ufs::{ReadAt, ReadError, Superblock};
use crate::units::ByteOffset;

/// The disk as the planner reads it.
pub struct Source<'a> {
    fd: BorrowedFd<'a>,
    uncached: BorrowedFd<'a>,
    console: &'a Console,
    sector: u32,
    media: u64,
    /// None until the superblock is known: until then a read that fails is an error.
    geometry: Cell<Option<Geometry>>,
}

impl<'a> Source<'a> {
    /// Reads `fd`, a disk of `media` bytes with sectors of `sector` bytes, which workers read by `uncached`.
    pub fn new(
        fd: BorrowedFd<'a>,
        uncached: BorrowedFd<'a>,
        sector: u32,
        media: u64,
        console: &'a Console,
    ) -> Source<'a> {
        Source { fd, uncached, console, sector, media, geometry: Cell::new(None) }
    }

    /// From now on reads as dump does, in the units that the superblock gives.
    pub fn set_superblock(&self, sb: &Superblock) -> Disk<'a> {
        let geometry = Geometry {
            fragment: sb.fsize,
            unit: u32::try_from(sb.dev_bsize()).unwrap_or(u32::MAX),
            end: sb.offset_of(sb.size).0,
            media: self.media,
            sector: self.sector,
        };
        self.geometry.set(Some(geometry));
        self.disk(geometry)
    }

    fn disk(&self, geometry: Geometry) -> Disk<'a> {
        Disk { fd: self.fd, uncached: self.uncached, geometry }
    }

    fn read_or_fail(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        let reason = match pread(self.fd, buf, offset.0) {
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
        disk.will_read(offset, buf.len());
        disk.read(offset, buf, &mut |fault| self.console.fault(Reader::Planner, fault));
        if self.console.is_stopped() {
            return Err(ReadError { offset, reason: "the operator said stop".to_owned() });
        }
        Ok(())
    }

    fn try_read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        let Some(geometry) = self.geometry.get() else { return false };
        let disk = self.disk(geometry);
        disk.will_read(offset, buf.len());
        disk.read_whole(offset, buf)
    }

    fn will_read(&self, offset: ByteOffset, length: usize) {
        if let Some(geometry) = self.geometry.get() {
            self.disk(geometry).will_read(offset, length);
        }
    }
}
