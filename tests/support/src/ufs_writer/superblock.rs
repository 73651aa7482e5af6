// SPDX-License-Identifier: BSD-2-Clause
//! The superblock (`struct fs`, ufs/ffs/fs.h).

use super::bytes::Bytes;
use super::geometry::{Geometry, NDADDR};

/// Bytes of `struct fs`.
const SIZE: usize = 1376;

/// The superblock's bytes; `total` sums up all groups: directories, free blocks, inodes and fragments.
pub fn encode(g: &Geometry, total: [u64; 4]) -> Vec<u8> {
    let mut b = Bytes::new(SIZE, g.big_endian);
    let size = g.fpg * g.ncg;
    let dsize = size - g.dblkno() * g.ncg;
    let shift = |n: u64| u64::from(n.trailing_zeros());
    b.put_all32(&[(8, g.sblkno()), (12, g.cblkno()), (16, g.iblkno()), (20, g.dblkno())]);
    b.put_all32(&[(28, u64::MAX), (44, g.ncg), (48, g.bsize), (52, g.fsize), (56, g.frag())]);
    b.put_all32(&[(60, 8), (72, !(g.bsize - 1)), (76, !(g.fsize - 1))]);
    b.put_all32(&[(80, shift(g.bsize)), (84, shift(g.fsize)), (88, 1), (92, g.fpg / g.frag())]);
    b.put_all32(&[(96, shift(g.frag())), (100, shift(g.fsize / 512))]);
    b.put_all32(&[(104, (SIZE as u64).next_multiple_of(g.fsize)), (116, g.nindir())]);
    b.put_all32(&[(120, g.inopb()), (124, g.fsize / 512), (156, g.cssize()), (160, g.cgsize())]);
    b.put_all32(&[(144, 0x5f00_0001), (148, 0x1234_5678), (184, g.ipg), (188, g.fpg)]);
    b.buf[209] = 1; // fs_clean
    b.buf[211] = 0x80; // FS_FLAGS_UPDATED: the flags are at their new place
    if g.version == 1 {
        old_fields(&mut b, g, size, dsize, total);
    }
    b.put(860, 4, g.bsize);
    b.put_all64(&[(992, g.sblockloc()), (1000, g.sblockloc())]);
    for (n, sum) in total.into_iter().enumerate() {
        b.put(1008 + n * 8, 8, sum);
    }
    b.put_all64(&[(1072, 1_600_000_000), (1080, size), (1088, dsize), (1096, g.dblkno())]);
    b.put_all32(&[(1196, 16384), (1200, 64), (1312, if g.soft_updates { 2 } else { 0 })]);
    b.put_all32(&[(1320, g.max_short_link()), (1324, 2), (1356, 1), (1360, 1)]);
    let n = g.nindir();
    let most = (NDADDR + n + n * n).saturating_add(n.saturating_pow(3)).saturating_mul(g.bsize);
    b.put_all64(&[(1328, most.min(i64::MAX as u64) - 1)]);
    b.put_all64(&[(1336, g.bsize - 1), (1344, g.fsize - 1)]);
    b.put(1372, 4, if g.version == 1 { 0x0001_1954 } else { 0x1954_0119 });
    b.buf
}

/// The fields that only UFS1 has.
fn old_fields(b: &mut Bytes, g: &Geometry, size: u64, dsize: u64, total: [u64; 4]) {
    let sectors = g.fpg * (g.fsize / 512);
    b.put_all32(&[(32, 1_600_000_000), (36, size), (40, dsize), (68, 60), (132, sectors)]);
    b.put_all32(&[(136, 1), (152, g.dblkno()), (168, sectors), (172, sectors), (176, g.ncg)]);
    b.put(180, 4, 1);
    for (n, sum) in total.into_iter().enumerate() {
        b.put(192 + n * 4, 4, sum);
    }
}
