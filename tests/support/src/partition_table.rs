// SPDX-License-Identifier: BSD-2-Clause
//! Partition tables, made by hand.

/// Writes bytes at this byte.
pub fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// An MBR, or a table of an extended partition, at this byte, with entries: type, first sector, number of sectors.
pub fn put_mbr(disk: &mut [u8], at: usize, entries: &[(u8, u32, u32)]) {
    for (n, &(kind, start, count)) in entries.iter().enumerate() {
        let entry = at + 446 + 16 * n;
        disk[entry + 4] = kind;
        put(disk, entry + 8, &start.to_le_bytes());
        put(disk, entry + 12, &count.to_le_bytes());
    }
    put(disk, at + 510, &[0x55, 0xaa]);
}

/// A BSD label at this byte, with partitions (size, offset), in sectors of `sector` bytes; of a big-endian machine or not.
pub fn put_label(disk: &mut [u8], at: usize, sector: u32, big: bool, partitions: &[(u32, u32)]) {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    put(disk, at, &number(0x8256_4557));
    put(disk, at + 132, &number(0x8256_4557));
    put(disk, at + 40, &number(sector));
    let count = partitions.len() as u16;
    put(disk, at + 138, &if big { count.to_be_bytes() } else { count.to_le_bytes() });
    for (n, &(size, offset)) in partitions.iter().enumerate() {
        put(disk, at + 148 + 16 * n, &number(size));
        put(disk, at + 152 + 16 * n, &number(offset));
    }
    let words = disk[at..at + 148 + 16 * partitions.len()].chunks_exact(2);
    let sum = words.fold([0, 0], |sum, word| [sum[0] ^ word[0], sum[1] ^ word[1]]);
    put(disk, at + 136, &sum);
}

/// A GPT with partitions (first sector, last sector), in sectors of so many bytes.
pub fn put_gpt(disk: &mut [u8], sector: usize, partitions: &[(u64, u64)]) {
    put(disk, sector, b"EFI PART");
    put(disk, sector + 72, &2_u64.to_le_bytes());
    put(disk, sector + 80, &128_u32.to_le_bytes());
    put(disk, sector + 84, &128_u32.to_le_bytes());
    for (n, &(first, last)) in partitions.iter().enumerate() {
        let entry = 2 * sector + 128 * n;
        disk[entry] = 1;
        put(disk, entry + 32, &first.to_le_bytes());
        put(disk, entry + 40, &last.to_le_bytes());
    }
}
