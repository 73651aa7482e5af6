// SPDX-License-Identifier: BSD-2-Clause
//! Reads the disk as dump does: unreadable sectors are reported and replaced by zeros.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use crate::os::disk::pread;
use ufs::ByteOffset;

/// A read error, as dump reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether it was the reading of a single sector, after a larger read had failed.
    pub sector: bool,
    /// Errno, or 0 for a short read.
    pub errno: i32,
    /// The disk block, counted in [`Geometry::unit`]s.
    pub block: u64,
    /// Bytes requested.
    pub count: u32,
    /// Bytes that came, where it was short.
    pub got: u32,
}

/// In what pieces a disk is read.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Bytes of a fragment (`fs_fsize`): dump reads whole fragments, and reports how much of them it got.
    pub fragment: u32,
    /// Bytes of the unit of block numbers, and of the smallest read (`dev_bsize`).
    pub unit: u32,
    /// Bytes of the file system: nothing is read past its end.
    pub end: u64,
    /// Bytes of the disk or image, which may have been cut short of the file system.
    pub media: u64,
    /// Bytes of the provider's sector; reads are whole sectors.
    pub sector: u32,
    /// Where the file system begins on the disk, in bytes: 0, or the start of its partition. All offsets count from there.
    pub base: u64,
}

impl Geometry {
    /// Whether the disk has all fragments that contain the `length` bytes at `offset`. If not, dump reports that even if the
    /// bytes themselves exist, because it reads whole fragments.
    pub fn is_whole(&self, offset: ByteOffset, length: usize) -> bool {
        let end =
            offset.0.saturating_add(length as u64).checked_next_multiple_of(self.fragment.max(1).into());
        end.is_some_and(|end| end.min(self.end) <= self.media)
    }

    /// Whether the `length` bytes at `offset` are all in the file system and on the disk.
    pub fn contains(&self, offset: ByteOffset, length: usize) -> bool {
        let inside = offset.0.checked_add(length as u64).is_some_and(|end| end <= self.end);
        inside && self.is_whole(offset, length)
    }

    /// Whether one read can return the `length` bytes at `offset`: they are whole sectors, and all of them exist.
    pub fn at_once(&self, offset: ByteOffset, length: usize) -> bool {
        let sector = u64::from(self.sector.max(1));
        let at = self.base.saturating_add(offset.0);
        let whole_sectors = at.is_multiple_of(sector) && (length as u64).is_multiple_of(sector);
        whole_sectors && self.contains(offset, length)
    }
}

/// A disk, snapshot or image, open for reading.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// Its descriptor; the offset in it is not used.
    pub fd: BorrowedFd<'a>,
    /// How it is read past the cache; none if the cache holds it.
    pub uncached: Option<Uncached<'a>>,
    /// How it is read.
    pub geometry: Geometry,
}

/// A disk past the cache, where many reads can be under way beside each other.
#[derive(Clone, Copy, Debug)]
pub struct Uncached<'a> {
    /// The descriptor of it.
    pub fd: BorrowedFd<'a>,
    /// Bytes of its unit: reads begin and end at its multiples.
    pub unit: u32,
    /// Bytes that one request has at most.
    pub longest: usize,
}

impl Uncached<'_> {
    /// The units of the disk that contain the `length` bytes from byte `place` of it on.
    pub fn around(&self, place: u64, length: usize) -> Range<u64> {
        let unit = u64::from(self.unit.max(1));
        let end = place.saturating_add(length as u64);
        place / unit * unit..end.checked_next_multiple_of(unit).unwrap_or(end)
    }
}

impl<'a> Disk<'a> {
    /// The descriptor that goes past the cache, if there is one.
    pub fn past_cache(&self) -> BorrowedFd<'a> {
        self.uncached.map_or(self.fd, |uncached| uncached.fd)
    }

    /// Fills `buf` from byte `offset`. What is past the end of the file system, and what cannot be read, is zeros.
    pub fn read(&self, offset: ByteOffset, buf: &mut [u8], tell: &mut dyn FnMut(Fault)) {
        let inside = self.geometry.end.saturating_sub(offset.0);
        let length = usize::try_from(inside).unwrap_or(usize::MAX).min(buf.len());
        let (wanted, past) = buf.split_at_mut(length);
        past.fill(0);
        let whole = self.geometry.is_whole(offset, wanted.len());
        if !whole || self.read_sectors(offset.0, wanted).ok() != Some(wanted.len()) {
            self.read_carefully(offset.0, wanted, tell);
        }
    }

    /// Fills `buf` with one read of whole sectors; returns false and reports nothing if that is not possible or returns less.
    pub fn read_whole(&self, offset: ByteOffset, buf: &mut [u8]) -> bool {
        self.geometry.at_once(offset, buf.len())
            && matches!(pread(self.fd, buf, self.place(offset.0)), Ok(got) if got == buf.len())
    }

    /// The byte of the disk that is byte `offset` of the file system.
    pub fn place(&self, offset: u64) -> u64 {
        self.geometry.base.saturating_add(offset)
    }

    /// Reads in fragments and then in sectors; `buf` had not come with one read.
    ///
    /// Errors are reported as dump does: first the read of `buf.len()` bytes, with what the failing part of it got,
    /// then each sector.
    pub fn read_carefully(&self, offset: u64, buf: &mut [u8], tell: &mut dyn FnMut(Fault)) {
        let unit = u64::from(self.geometry.unit);
        let Err(failed) = self.read_fragments(offset, buf) else { return };
        let block = offset / unit;
        let count = u32::try_from(buf.len()).unwrap_or(u32::MAX);
        tell(fault(false, block, count, &failed));
        buf.fill(0);
        for (index, sector) in buf.chunks_mut(self.geometry.unit as usize).enumerate() {
            let at = offset + index as u64 * unit;
            let wanted = sector.len();
            let result = self.read_sectors(at, sector);
            if !matches!(result, Ok(got) if got == wanted) {
                sector.fill(0);
                tell(fault(true, block + index as u64, wanted as u32, &result));
            }
        }
    }

    /// Reads whole fragments, as dump does for what begins or ends inside one.
    ///
    /// Errors: what the first read that did not come in full gave.
    fn read_fragments(&self, offset: u64, buf: &mut [u8]) -> Result<(), io::Result<usize>> {
        let fragment = self.geometry.fragment as usize;
        let base = (offset % fragment as u64) as usize;
        if base == 0 && buf.len().is_multiple_of(fragment) {
            return in_full(self.read_sectors(offset, buf), buf.len());
        }
        let mut whole = vec![0; fragment];
        let mut done = 0;
        if base != 0 {
            in_full(self.read_sectors(offset - base as u64, &mut whole), fragment)?;
            done = (fragment - base).min(buf.len());
            buf[..done].copy_from_slice(&whole[base..base + done]);
        }
        let middle = (buf.len() - done) / fragment * fragment;
        if middle > 0 {
            in_full(self.read_sectors(offset + done as u64, &mut buf[done..done + middle]), middle)?;
            done += middle;
        }
        if done < buf.len() {
            let rest = buf.len() - done;
            in_full(self.read_sectors(offset + done as u64, &mut whole), fragment)?;
            buf[done..].copy_from_slice(&whole[..rest]);
        }
        Ok(())
    }

    /// One read, made of whole sectors of the provider. It does not go past the end of a partition.
    fn read_sectors(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = buf;
        if self.geometry.base > 0 {
            let left = self.geometry.media.saturating_sub(offset);
            let inside = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
            buf = &mut buf[..inside];
        }
        let offset = self.place(offset);
        let sector = u64::from(self.geometry.sector.max(1));
        let base = (offset % sector) as usize;
        if base == 0 && (buf.len() as u64).is_multiple_of(sector) {
            return pread(self.fd, buf, offset);
        }
        let length = (base + buf.len()).next_multiple_of(sector as usize);
        let mut whole = vec![0; length];
        let got = pread(self.fd, &mut whole, offset - base as u64)?;
        let usable = got.saturating_sub(base).min(buf.len());
        buf[..usable].copy_from_slice(&whole[base..base + usable]);
        Ok(usable)
    }
}

fn in_full(result: io::Result<usize>, wanted: usize) -> Result<(), io::Result<usize>> {
    match result {
        Ok(got) if got == wanted => Ok(()),
        other => Err(other),
    }
}

fn fault(sector: bool, block: u64, count: u32, result: &io::Result<usize>) -> Fault {
    match result {
        Ok(got) => Fault { sector, errno: 0, block, count, got: u32::try_from(*got).unwrap_or(u32::MAX) },
        Err(error) => Fault { sector, errno: error.raw_os_error().unwrap_or(0), block, count, got: 0 },
    }
}
