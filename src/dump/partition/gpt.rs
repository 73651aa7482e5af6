// SPDX-License-Identifier: BSD-2-Clause
//! The GUID partition table (`struct gpt_hdr`, `struct gpt_ent`: sys/disk/gpt.h).

use crate::dump::partition::sectors::{Place, SECTORS, le32, le64, read};
use ufs::ReadAt;

/// What the header, in the second sector, begins with.
const SIGNATURE: &[u8; 8] = b"EFI PART";

/// Entries that are looked at, and bytes of one, at most.
const MOST_ENTRIES: u32 = 256;
const MOST_BYTES: u32 = 4096;

/// The partitions. None: there is no such table.
pub(super) fn places(disk: &(impl ReadAt + ?Sized)) -> Option<Vec<Place>> {
    SECTORS.iter().find_map(|&sector| {
        let header = read(disk, sector, 92).filter(|header| header.starts_with(SIGNATURE))?;
        Some(entries(disk, sector, &header).unwrap_or_default())
    })
}

fn entries(disk: &(impl ReadAt + ?Sized), sector: u64, header: &[u8]) -> Option<Vec<Place>> {
    let at = le64(header, 72)?.checked_mul(sector)?;
    let (count, bytes) = (le32(header, 80)?.min(MOST_ENTRIES), le32(header, 84)?);
    if !(128..=MOST_BYTES).contains(&bytes) {
        return None;
    }
    let table = read(disk, at, usize::try_from(count.checked_mul(bytes)?).ok()?)?;
    let mut places = Vec::new();
    for (number, entry) in (1..).zip(table.chunks_exact(usize::try_from(bytes).ok()?)) {
        let (first, last) = (le64(entry, 32)?, le64(entry, 40)?);
        let unused = entry.iter().take(16).all(|&byte| byte == 0);
        let range = first.checked_mul(sector).zip(last.checked_sub(first).and_then(|n| n.checked_add(1)));
        if let (false, Some((start, sectors))) = (unused, range) {
            let bytes = sectors.saturating_mul(sector);
            places.push(Place { name: format!("p{number}"), starts: vec![start], bytes });
        }
    }
    Some(places)
}
