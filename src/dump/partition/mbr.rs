// SPDX-License-Identifier: BSD-2-Clause
//! The master boot record: four slices, and a chain of further slices in an extended one.

use crate::dump::partition::sectors::{Place, SECTORS, le16, le32, read};
use ufs::ReadAt;

/// The four entries, of 16 bytes each (`DOSPARTOFF`, sys/disk/mbr.h), and the magic number behind them.
const ENTRIES: usize = 446;
const ENTRY: usize = 16;
const MAGIC: u16 = 0xaa55;

/// Types of entries that hold a chain of further ones, and that of a GPT.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
const GPT: u8 = 0xee;

/// Logical slices that are followed, at most.
const MOST_LOGICAL: usize = 64;

/// An entry in use: type, first sector, number of sectors.
type Entry = (u8, u32, u32);

/// The slices. None: it is not a master boot record.
pub(super) fn places(disk: &(impl ReadAt + ?Sized)) -> Option<Vec<Place>> {
    let entries = entries(&read(disk, 0, 512)?)?;
    let mut places = Vec::new();
    for (number, &(kind, start, count)) in (1..).zip(&entries) {
        if count == 0 || kind == 0 || kind == GPT {
            continue;
        }
        places.push(place(number, start.into(), count));
    }
    let extended = entries.iter().find(|(kind, ..)| EXTENDED.contains(kind));
    if let Some(&(_, start, _)) = extended {
        logical(disk, start.into(), &mut places);
    }
    Some(places)
}

fn place(number: usize, start: u64, count: u32) -> Place {
    let starts = SECTORS.map(|sector| start.saturating_mul(sector)).to_vec();
    // More than there is, where sectors have 512 bytes: a place ends with its disk at the latest.
    Place { name: format!("s{number}"), starts, bytes: u64::from(count).saturating_mul(4096) }
}

/// Follows the chain of an extended slice: each record has one slice, and where the next record is.
fn logical(disk: &(impl ReadAt + ?Sized), first: u64, places: &mut Vec<Place>) {
    let mut at = first;
    for number in 5..5 + MOST_LOGICAL {
        let record = SECTORS.iter().find_map(|sector| entries(&read(disk, at.checked_mul(*sector)?, 512)?));
        let Some(record) = record else { return };
        if let Some(&(kind, start, count)) =
            record.first().filter(|(kind, _, count)| *kind != 0 && *count > 0)
            && !EXTENDED.contains(&kind)
        {
            places.push(place(number, at.saturating_add(start.into()), count));
        }
        match record.get(1) {
            Some(&(kind, next, _)) if EXTENDED.contains(&kind) && next > 0 => at = first + u64::from(next),
            _ => return,
        }
    }
}

/// The four entries of a record; none if it is not one. A boot sector of FAT has the same magic number, but no such entries.
fn entries(record: &[u8]) -> Option<Vec<Entry>> {
    if le16(record, 510)? != MAGIC {
        return None;
    }
    let mut entries = Vec::new();
    for raw in record.get(ENTRIES..510)?.chunks_exact(ENTRY) {
        let &[status, _, _, _, kind, ..] = raw else { return None };
        if status & 0x7f != 0 {
            return None;
        }
        entries.push((kind, le32(raw, 8)?, le32(raw, 12)?));
    }
    entries.iter().any(|(kind, _, count)| *kind != 0 && *count > 0).then_some(entries)
}
