// SPDX-License-Identifier: BSD-2-Clause
//! Distinguishes a disk that is gone or has failed from one with bad sectors.

use std::ops::Range;

use crate::disk::{Disk, Fault};
use crate::os::disk::{forget, pread};
use ufs::Buffer;

/// Reads that are tried. Bad sectors are near each other: they do not make this many places fail that are spread evenly over the rest
/// of a disk. One that can be read ends the trial, so that a disk with bad sectors is not read much more.
const PLACES: u64 = 16;

/// Bytes of such a read, unless a sector is larger.
const LENGTH: u32 = 4096;

/// Whether nothing more can be read of `disk` after `fault`.
///
/// The system says so (`ENXIO` and `ENODEV`), or `tries` is set, and no trial succeeds: behind the fault or, where so many do not fit there
/// and after a short read, on the whole disk. An image that was cut short is still a disk with bad sectors.
pub fn is_dead(disk: &Disk<'_>, fault: &Fault, tries: bool) -> bool {
    match fault.errno {
        libc::ENXIO | libc::ENODEV => true,
        _ if fault.sector || !tries => false,
        errno => {
            let end = disk.geometry.end.min(disk.geometry.media);
            let failed = fault.block.saturating_mul(disk.geometry.unit.into()).min(end);
            let rest = (errno != 0).then(|| places(failed..end, disk.geometry.sector)).flatten();
            let tried = rest.or_else(|| places(0..end, disk.geometry.sector));
            tried.is_some_and(|places| !places.into_iter().any(|at| answers(disk, at)))
        }
    }
}

/// The byte offsets to try, or none if so many do not fit.
fn places(range: Range<u64>, sector: u32) -> Option<Vec<u64>> {
    let length = u64::from(LENGTH.max(sector));
    let step = (range.end - range.start) / (PLACES + 1);
    if step < length {
        return None;
    }
    Some((1..=PLACES).map(|n| (range.start + n * step) / length * length).collect())
}

fn answers(disk: &Disk<'_>, at: u64) -> bool {
    let mut buffer = Buffer::new(LENGTH.max(disk.geometry.sector) as usize);
    forget(disk.past_cache(), disk.place(at), buffer.len());
    matches!(pread(disk.past_cache(), &mut buffer, disk.place(at)), Ok(got) if got > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_evenly_and_inside() {
        assert_eq!(places(0..16 * 4096, 512), None);
        let tried = places(1 << 20..2 << 20, 512).expect("they fit");
        assert_eq!(tried.len() as u64, PLACES);
        assert!(tried.is_sorted() && tried.iter().all(|at| at % 4096 == 0));
        assert!(tried[0] > 1 << 20 && tried[15] + 4096 <= 2 << 20);
        let large = places(0..1 << 30, 8192).expect("they fit");
        assert!(large.iter().all(|at| at % 8192 == 0));
    }
}
