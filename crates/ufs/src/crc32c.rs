// SPDX-License-Identifier: BSD-2-Clause
//! The check hash of UFS2 metadata: CRC32C (Castagnoli), as computed by FreeBSD's calculate_crc32c(9).

/// The polynomial 0x1EDC6F41, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What each byte does to the hash: in the first table as the last byte of all, in the others with 1 to 7 bytes behind it.
///
/// Eight bytes at a time take a tenth of the time that single ones do, so that hashing every inode costs little.
static TABLES: [[u32; 256]; 8] = tables();

#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut which = 1;
    while which < 8 {
        byte = 0;
        while byte < 256 {
            let before = tables[which - 1][byte];
            tables[which][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        which += 1;
    }
    tables
}

/// Goes on from `crc` over `bytes`, with no inversion before or after: a hash starts at `u32::MAX`.
#[allow(clippy::indexing_slicing)] // each table has an entry for each byte
pub(crate) fn update(crc: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let crc = eights.iter().fold(crc, |crc, &[b0, b1, b2, b3, b4, b5, b6, b7]| {
        let [c0, c1, c2, c3] = crc.to_le_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
        t7[usize::from(b0 ^ c0)]
            ^ t6[usize::from(b1 ^ c1)]
            ^ t5[usize::from(b2 ^ c2)]
            ^ t4[usize::from(b3 ^ c3)]
            ^ t3[usize::from(b4)]
            ^ t2[usize::from(b5)]
            ^ t1[usize::from(b6)]
            ^ t0[usize::from(b7)]
    });
    rest.iter().fold(crc, |crc, &byte| {
        let [low, ..] = crc.to_le_bytes();
        TABLES[0][usize::from(low ^ byte)] ^ (crc >> 8)
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
    fn eight_bytes_at_once_are_eight_single_ones() {
        let bytes: Vec<u8> = (0..=255).map(|n: u8| n.wrapping_mul(73) ^ 0x5a).collect();
        for length in [0, 1, 7, 8, 9, 64, 255] {
            let single = bytes[..length].chunks(1).fold(17, update);
            assert_eq!(update(17, &bytes[..length]), single, "{length}");
        }
    }

    #[test]
    fn the_own_field_counts_as_zero() {
        let zeroed = [9, 8, 0, 0, 0, 0, 7];
        let filled = [9, 8, 1, 2, 3, 4, 7];
        assert_eq!(check_hash(&filled, 2), update(u32::MAX, &zeroed));
        assert_ne!(check_hash(&filled, 1), update(u32::MAX, &zeroed));
    }
}
