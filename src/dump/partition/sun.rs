// SPDX-License-Identifier: BSD-2-Clause
//! The label of SunOS and Solaris on SPARC (`struct sun_disklabel`: sys/sun_disklabel.h): eight partitions in cylinders.

use crate::dump::partition::sectors::{Place, read};
use ufs::ReadAt;

/// Where the fields are, which are in big-endian order.
const TRACKS: usize = 436;
const SECTORS: usize = 438;
const PARTITIONS: usize = 444;
const MAGIC_AT: usize = 508;
const MAGIC: [u8; 2] = [0xda, 0xbe];

/// The partitions. None: there is no such label.
pub(super) fn places(disk: &(impl ReadAt + ?Sized)) -> Option<Vec<Place>> {
    let label = read(disk, 0, 512)?;
    let sum = label.as_chunks::<2>().0.iter().fold(0, |sum, word| sum ^ u16::from_be_bytes(*word));
    if label.get(MAGIC_AT..MAGIC_AT + 2)? != MAGIC || sum != 0 {
        return None;
    }
    let short = |at: usize| Some(u64::from(u16::from_be_bytes(*label.get(at..)?.first_chunk()?)));
    let per_cylinder = short(TRACKS)? * short(SECTORS)? * 512;
    let mut places = Vec::new();
    for (letter, entry) in ('a'..='h').zip(label.get(PARTITIONS..MAGIC_AT)?.chunks_exact(8)) {
        let word = |at: usize| Some(u64::from(u32::from_be_bytes(*entry.get(at..)?.first_chunk()?)));
        let (cylinder, sectors) = (word(0)?, word(4)?);
        if sectors > 0 {
            let starts = vec![cylinder.saturating_mul(per_cylinder)];
            places.push(Place { name: letter.to_string(), starts, bytes: sectors * 512 });
        }
    }
    Some(places)
}
