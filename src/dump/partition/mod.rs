// SPDX-License-Identifier: BSD-2-Clause
//! Partition tables in front of file systems: MBR, GPT, BSD and Sun labels.
//!
//! Nothing of a table is believed but for where to look: a partition is listed when a UFS superblock is found in it. How much is
//! looked at is limited, whatever the tables hold.

mod bsd;
mod gpt;
mod mbr;
mod sectors;
mod sun;

use std::fmt;

use sectors::Place;
use ufs::ByteOffset;
use ufs::{self, ReadAt, ReadError, Superblock};

/// Places that are looked at for a file system, at most.
const MOST_PLACES: usize = 512;

/// The kind of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The master boot record of PCs; partitions are `s1`, `s2`, ...
    Mbr,
    /// The GUID partition table; partitions are `p1`, `p2`, ...
    Gpt,
    /// disklabel(8); partitions are `a`, `b`, ...
    Bsd,
    /// The label of SunOS; partitions are `a` to `h`.
    Sun,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Mbr => "an MBR",
            Scheme::Gpt => "a GPT",
            Scheme::Bsd => "a BSD label",
            Scheme::Sun => "a Sun label",
        })
    }
}

/// A partition with a UFS file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name: `p2`, `s1`, `s1a`, `a`.
    pub name: String,
    /// Its first byte on the disk.
    pub start: u64,
    /// Bytes that its table gives it, at most those that the disk has.
    pub bytes: u64,
}

/// What tables a disk has, and what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The outermost table.
    pub scheme: Scheme,
    /// The partitions that hold UFS, in the order of the tables.
    pub partitions: Vec<Partition>,
}

/// A part of a disk, as a disk.
pub struct Part<'a, R: ReadAt + ?Sized> {
    disk: &'a R,
    start: u64,
    end: u64,
}

impl<'a, R: ReadAt + ?Sized> Part<'a, R> {
    /// The bytes of `disk` from `start` on, `bytes` of them.
    pub fn new(disk: &'a R, start: u64, bytes: u64) -> Part<'a, R> {
        Part { disk, start, end: start.saturating_add(bytes) }
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Part<'_, R> {
    fn read_at(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = self.start.saturating_add(offset.0);
        let end = start.saturating_add(buf.len() as u64);
        if end > self.end {
            let reason = "the partition ends before".to_owned();
            return Err(ReadError { offset: ByteOffset(start), reason });
        }
        self.disk.read_at(ByteOffset(start), buf)
    }
}

/// Looks for tables on a disk of `media` bytes. None: there are none.
pub fn find(disk: &(impl ReadAt + ?Sized), media: u64) -> Option<Tables> {
    let mut search = Search { disk, media, left: MOST_PLACES, found: Vec::new() };
    let (scheme, places) = search.tables()?;
    for place in places {
        search.look_at(&place, matches!(scheme, Scheme::Mbr | Scheme::Gpt));
    }
    Some(Tables { scheme, partitions: search.found })
}

/// The search for file systems on a disk.
struct Search<'a, R: ReadAt + ?Sized> {
    disk: &'a R,
    media: u64,
    /// Places that may still be looked at.
    left: usize,
    found: Vec<Partition>,
}

impl<R: ReadAt + ?Sized> Search<'_, R> {
    /// The outermost table, and the places that it names.
    fn tables(&self) -> Option<(Scheme, Vec<Place>)> {
        if let Some(places) = gpt::places(self.disk) {
            return Some((Scheme::Gpt, places));
        }
        if let Some(places) = bsd::places(self.disk, 0, self.media, "") {
            return Some((Scheme::Bsd, places));
        }
        if let Some(places) = sun::places(self.disk) {
            return Some((Scheme::Sun, places));
        }
        mbr::places(self.disk).map(|places| (Scheme::Mbr, places))
    }

    /// Lists a place if it holds UFS, or else what a BSD label in it names, where there can be one: a label has no others in it.
    fn look_at(&mut self, place: &Place, may_have_label: bool) {
        for &start in &place.starts {
            if self.is_ufs(&place.name, start, place.bytes) {
                return;
            }
        }
        for &start in place.starts.iter().filter(|&&start| may_have_label && start > 0) {
            let bytes = place.bytes.min(self.media.saturating_sub(start));
            let Some(inner) = bsd::places(self.disk, start, bytes, &place.name) else { continue };
            for place in inner {
                let _ = place.starts.iter().any(|&start| self.is_ufs(&place.name, start, place.bytes));
            }
            return;
        }
    }

    /// Whether a file system begins there; if so, it is listed.
    fn is_ufs(&mut self, name: &str, start: u64, bytes: u64) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        let bytes = bytes.min(self.media.saturating_sub(start));
        if bytes == 0 {
            return false;
        }
        let ufs = match Superblock::find(&Part::new(self.disk, start, bytes)) {
            // Where a partition begins at the start of the disk, that is where the table was found instead of one.
            Ok(_) => true,
            Err(ufs::Error::Superblock { .. } | ufs::Error::Unfinished { .. }) => true,
            Err(_) => false,
        };
        if ufs && !self.found.iter().any(|found| found.start == start) {
            self.found.push(Partition { name: name.to_owned(), start, bytes });
        }
        ufs
    }
}

#[cfg(test)]
mod tests;
