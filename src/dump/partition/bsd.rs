// SPDX-License-Identifier: BSD-2-Clause
//! The label of disklabel(8) (`struct disklabel`: sys/disk/bsd.h), on a whole disk or in a slice.

use crate::dump::partition::sectors::{Place, SECTORS, read};
use ufs::{ByteOrder, ReadAt};

/// Both magic numbers of a label (`BSD_MAGIC`).
const MAGIC: u32 = 0x8256_4557;

/// Bytes before the partitions, and of each of them.
const HEAD: usize = 148;
const ENTRY: usize = 16;

/// Partitions that a label has, at most (`a` to `z`).
const MOST: usize = 26;

/// The partition that stands for the whole disk or slice (`BSD_PART_RAW`): offsets count from the place that it begins at.
const RAW: usize = 2;

/// Bytes from the start in which a label stands: in the second sector, or at byte 64 or 128 of the first.
const SEARCHED: usize = 8192;

/// The partitions of the label in the `bytes` bytes from `start` on, named with `prefix`. None: there is no label.
pub(super) fn places(
    disk: &(impl ReadAt + ?Sized),
    start: u64,
    bytes: u64,
    prefix: &str,
) -> Option<Vec<Place>> {
    let searched = read(disk, start, SEARCHED.min(usize::try_from(bytes).unwrap_or(SEARCHED)))?;
    (0..searched.len()).step_by(64).find_map(|at| {
        let label = searched.get(at..)?;
        let orders = [ByteOrder::Little, ByteOrder::Big];
        let order = orders.into_iter().find(|&order| u32_at(label, 0, order) == Some(MAGIC))?;
        Some(partitions(label, order, start, prefix).unwrap_or_default())
    })
}

/// The partitions of a label whose checksum is right.
fn partitions(label: &[u8], order: ByteOrder, start: u64, prefix: &str) -> Option<Vec<Place>> {
    let count = usize::from(order.u16(*label.get(138..)?.first_chunk()?));
    let used = label.get(..HEAD + count.min(MOST) * ENTRY)?;
    let sum = used.as_chunks::<2>().0.iter().fold(0, |sum, &word| sum ^ order.u16(word));
    if u32_at(label, 132, order)? != MAGIC || count > MOST || sum != 0 {
        return None;
    }
    let stated = u64::from(u32_at(label, 40, order)?); // d_secsize
    let sector = if SECTORS.contains(&stated) { stated } else { 512 };
    let entry = |number: usize| {
        let at = HEAD + number * ENTRY;
        Some((u64::from(u32_at(used, at, order)?), u64::from(u32_at(used, at + 4, order)?)))
    };
    let (_, base) = entry(RAW).unwrap_or((0, 0));
    let mut places = Vec::new();
    for (number, letter) in ('a'..='z').enumerate().take(count) {
        let (size, offset) = entry(number)?;
        if size == 0 {
            continue;
        }
        // From the start of the slice, or (NetBSD, OpenBSD) from that of the disk.
        let from_slice = start.saturating_add(offset.saturating_sub(base).saturating_mul(sector));
        let from_disk = offset.saturating_mul(sector);
        let starts = vec![from_slice, from_disk, start.saturating_add(from_disk)];
        places.push(Place { name: format!("{prefix}{letter}"), starts, bytes: size.saturating_mul(sector) });
    }
    Some(places)
}

fn u32_at(bytes: &[u8], at: usize, order: ByteOrder) -> Option<u32> {
    Some(order.u32(*bytes.get(at..)?.first_chunk()?))
}
