// SPDX-License-Identifier: BSD-2-Clause
//! The check hash of UFS2 metadata: CRC32C (Castagnoli), as FreeBSD's calculate_crc32c(9) makes it.

/// The polynomial 0x1EDC6F41, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// Goes on from `crc` over `bytes`, with no inversion before or after: a hash starts at `u32::MAX`.
#[allow(clippy::indexing_slicing)] // the table has an entry for each byte
pub(crate) fn update(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, &byte| {
        let [low, ..] = crc.to_le_bytes();
        TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}

/// The hash of `bytes` with its own field of four bytes at `field` taken as zero.
pub(crate) fn check_hash(bytes: &[u8], field: usize) -> u32 {
    let (before, rest) = bytes.split_at_checked(field).unwrap_or((bytes, &[]));
    let (own, after) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    let crc = update(u32::MAX, before);
    let crc = own.iter().fold(crc, |crc, _| update(crc, &[0]));
    update(crc, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32c() {
        // RFC 3720 and the CRC catalogues give 0xe3069283 for these digits, with the final inversion.
        assert_eq!(!update(u32::MAX, b"123456789"), 0xe306_9283);
    }

    #[test]
    fn the_own_field_counts_as_zero() {
        let zeroed = [9, 8, 0, 0, 0, 0, 7];
        let filled = [9, 8, 1, 2, 3, 4, 7];
        assert_eq!(check_hash(&filled, 2), update(u32::MAX, &zeroed));
        assert_ne!(check_hash(&filled, 1), update(u32::MAX, &zeroed));
    }
}
