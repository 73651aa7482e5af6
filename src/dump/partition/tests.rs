// SPDX-License-Identifier: BSD-2-Clause
//! Tests with hand-made tables and with arbitrary bytes.

use capdump_support::partition_table::{put, put_gpt, put_label, put_mbr};
use proptest::prelude::*;

use crate::dump::partition::*;
use ufs::ByteOrder;

/// The smallest thing that is taken for a file system: a superblock that newfs(8) did not finish, where UFS2 has it.
fn put_ufs(disk: &mut [u8], start: usize) {
    disk[start + 65536 + 1372..][..4].copy_from_slice(&0x1996_0408_u32.to_le_bytes());
}

/// Bytes of a file system's place.
const ROOM: usize = 80 << 10;

fn found(disk: &[u8]) -> (Scheme, Vec<(String, u64, u64)>) {
    let tables = find(disk, disk.len() as u64).unwrap();
    let partitions = tables.partitions.into_iter().map(|p| (p.name, p.start, p.bytes)).collect();
    (tables.scheme, partitions)
}

fn one(name: &str, start: usize, bytes: usize) -> Vec<(String, u64, u64)> {
    vec![(name.to_owned(), start as u64, bytes as u64)]
}

#[test]
fn slices_of_an_mbr() {
    for sector in [512, 4096] {
        let mut disk = vec![0; 1 << 20];
        put_mbr(&mut disk, 0, &[(0x0c, 8, 8), (0xa5, 64, 60)]);
        put_ufs(&mut disk, 64 * sector);
        let bytes = (disk.len() - 64 * sector).min(60 * 4096);
        assert_eq!(found(&disk), (Scheme::Mbr, one("s2", 64 * sector, bytes)), "{sector}");
    }
}

#[test]
fn logical_slices() {
    let mut disk = vec![0; 2 << 20];
    put_mbr(&mut disk, 0, &[(0x0f, 100, 3000)]);
    put_mbr(&mut disk, 100 * 512, &[(0x07, 10, 200), (0x05, 500, 1000)]);
    put_mbr(&mut disk, 600 * 512, &[(0xa5, 16, 400), (0x05, 0, 0)]);
    put_ufs(&mut disk, 616 * 512);
    let (scheme, partitions) = found(&disk);
    assert_eq!((scheme, partitions[0].0.as_str(), partitions[0].1), (Scheme::Mbr, "s6", 616 * 512));
}

#[test]
fn a_chain_that_goes_round_ends() {
    let mut disk = vec![0; 1 << 20];
    put_mbr(&mut disk, 0, &[(0x05, 100, 3000)]);
    put_mbr(&mut disk, 100 * 512, &[(0xa5, 16, 100), (0x05, 200, 100)]);
    put_mbr(&mut disk, 300 * 512, &[(0xa5, 16, 100), (0x05, 200, 100)]);
    assert_eq!(found(&disk), (Scheme::Mbr, vec![]));
}

#[test]
fn partitions_of_a_gpt() {
    for sector in [512, 4096] {
        let mut disk = vec![0; 2 << 20];
        put_mbr(&mut disk, 0, &[(0xee, 1, u32::MAX)]);
        put_gpt(&mut disk, sector, &[(48, 60), (64, 300), (u64::MAX - 1, u64::MAX), (9, 8)]);
        put_ufs(&mut disk, 64 * sector);
        let bytes = (237 * sector).min(disk.len() - 64 * sector);
        assert_eq!(found(&disk), (Scheme::Gpt, one("p2", 64 * sector, bytes)), "{sector}");
    }
}

#[test]
fn labels_on_disks_and_in_slices() {
    for (order, at, sector) in
        [(ByteOrder::Little, 512, 512), (ByteOrder::Big, 128, 512), (ByteOrder::Little, 4096, 4096)]
    {
        let mut disk = vec![0; 2 << 20];
        put_label(&mut disk, at, sector, order == ByteOrder::Big, &[(160, 32), (0, 0), (400, 0), (160, 200)]);
        let start = 200 * sector as usize;
        put_ufs(&mut disk, start);
        let bytes = (160 * sector as usize).min(disk.len() - start);
        assert_eq!(found(&disk), (Scheme::Bsd, one("d", start, bytes)));
    }
    // Offsets count from the slice, from the disk, or from where the third partition begins.
    for base in [0, 63, 1000] {
        let mut disk = vec![0; 1 << 20];
        put_mbr(&mut disk, 0, &[(0xa5, 63, 1000)]);
        put_label(&mut disk, 64 * 512, 512, false, &[(320, base + 16), (0, 0), (1000, base)]);
        put_ufs(&mut disk, 79 * 512);
        assert_eq!(found(&disk), (Scheme::Mbr, one("s1a", 79 * 512, 320 * 512)), "{base}");
    }
}

#[test]
fn a_label_with_a_wrong_sum_names_nothing() {
    let mut disk = vec![0; 1 << 20];
    put_label(&mut disk, 512, 512, false, &[(320, 16)]);
    put_ufs(&mut disk, 16 * 512);
    assert_eq!(found(&disk).1.len(), 1);
    disk[512 + 92] ^= 1;
    assert_eq!(found(&disk), (Scheme::Bsd, vec![]));
}

#[test]
fn partitions_of_a_sun_label() {
    let mut disk = vec![0; 1 << 20];
    put(&mut disk, 436, &2_u16.to_be_bytes());
    put(&mut disk, 438, &10_u16.to_be_bytes());
    put(&mut disk, 444 + 8 * 6, &3_u32.to_be_bytes());
    put(&mut disk, 448 + 8 * 6, &400_u32.to_be_bytes());
    put(&mut disk, 508, &[0xda, 0xbe]);
    let sum = disk[..512].chunks_exact(2).fold([0, 0], |sum, word| [sum[0] ^ word[0], sum[1] ^ word[1]]);
    put(&mut disk, 510, &sum);
    put_ufs(&mut disk, 60 * 512);
    assert_eq!(found(&disk), (Scheme::Sun, one("g", 60 * 512, 400 * 512)));
}

#[test]
fn what_is_no_table() {
    for disk in [vec![], vec![0; 100], vec![0; 512], vec![0; 1 << 20], vec![0x55; 1 << 20]] {
        assert_eq!(find(&disk, disk.len() as u64), None);
    }
    // The boot sector of a FAT file system has the magic number of an MBR.
    let mut disk = vec![0x20; 8192];
    put(&mut disk, 510, &[0x55, 0xaa]);
    assert_eq!(find(&disk, 8192), None);
}

#[test]
fn a_part_ends_where_it_ends() {
    let disk: Vec<u8> = (0..100).collect();
    let part = Part::new(&disk, 10, 20);
    let mut two = [0; 2];
    part.read_at(ByteOffset(18), &mut two).unwrap();
    assert_eq!(two, [28, 29]);
    for offset in [19, 20, 90, u64::MAX] {
        assert!(part.read_at(ByteOffset(offset), &mut two).is_err(), "{offset}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]
    #[test]
    fn any_tables_come_to_an_end(
        changes in prop::collection::vec((0..4096_usize, any::<u8>()), 0..200),
        which in 0..4,
    ) {
        let mut disk = vec![0; 4 * ROOM];
        match which {
            0 => put_mbr(&mut disk, 0, &[(0x05, 1, 3000), (0xa5, 2, 100), (0x05, 3, 9), (0xa5, 8, 100)]),
            1 => put_gpt(&mut disk, 512, &[(48, 60), (64, 300)]),
            2 => put_label(&mut disk, 512, 512, false, &[(160, 32), (0, 0), (400, 0)]),
            _ => {}
        }
        for (at, byte) in changes {
            disk[at] ^= byte;
        }
        let tables = find(&disk, disk.len() as u64);
        for partition in tables.iter().flat_map(|tables| &tables.partitions) {
            prop_assert!(partition.start + partition.bytes <= disk.len() as u64);
        }
    }
}
