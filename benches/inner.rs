// SPDX-License-Identifier: BSD-2-Clause
//! The inner loops: what is done for each tape block, directory entry, inode or extent.

use std::hint::black_box;

use capdump::internals::{Extent, merge};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dumpstream::{Encoder, Header, Identity, InodeMap, Place, RecordType, checksum};
use dumpstream::{TP_BSIZE, TapeBlock};
use ufs::{ByteOffset, Ino};
use ufs::{ByteOrder, dir_entries};

/// Bytes of a directory block.
const DIRECTORY: usize = 32768;

fn headers(c: &mut Criterion) {
    let encoder = Encoder::new(&Identity {
        label: b"none".to_vec(),
        level: 0,
        filesys: b"/usr".to_vec(),
        dev: b"/dev/ada0p2".to_vec(),
        host: b"host".to_vec(),
        date: 1_700_000_000,
        ddate: 0,
    });
    let mut header = Header::new(RecordType::Inode, Ino(4711));
    header.count = 512;
    header.addr = [1; 512];
    let place = Place { volume: 1, tapea: TapeBlock(815), firstrec: TapeBlock(0) };
    let mut block = [0; TP_BSIZE];
    let mut group = c.benchmark_group("header");
    group.throughput(Throughput::Bytes(TP_BSIZE as u64));
    group.bench_function("encode", |b| b.iter(|| encoder.encode(black_box(&header), &place, &mut block)));
    group.bench_function("checksum", |b| b.iter(|| checksum::sum(black_box(&block))));
    group.finish();
}

fn directory(c: &mut Criterion) {
    let mut block = Vec::new();
    while block.len() < DIRECTORY {
        // 25 entries of 20 bytes, the last of which takes what is left of the 512
        for n in 0..25u16 {
            let length: u16 = if n == 24 { 32 } else { 20 };
            block.extend(u32::from(n + 3).to_le_bytes());
            block.extend(length.to_le_bytes());
            block.extend([8, 10]);
            block.extend(b"file-00000\0\0");
            block.resize(block.len() + usize::from(length) - 20, 0);
        }
    }
    let mut group = c.benchmark_group("directory");
    group.throughput(Throughput::Bytes(DIRECTORY as u64));
    group.bench_function("scan", |b| {
        b.iter(|| dir_entries(black_box(&block), ByteOrder::Little, false).filter(Result::is_ok).count());
    });
    group.finish();
}

fn map(c: &mut Criterion) {
    let inodes = 1 << 20;
    let mut every_third = InodeMap::new(inodes);
    (1..inodes as u32).step_by(3).for_each(|ino| every_third.insert(Ino(ino)));
    let mut group = c.benchmark_group("map");
    group.throughput(Throughput::Elements(inodes));
    group.bench_function("scan", |b| {
        b.iter(|| black_box(&every_third).iter().map(|ino| u64::from(ino.0)).sum::<u64>())
    });
    group.finish();
}

fn merging(c: &mut Criterion) {
    let extents: Vec<Extent> = (0..256u32)
        .map(|n| Extent { offset: ByteOffset(u64::from(n * 37 % 256) * 16384), at: n * 8, blocks: 8 })
        .collect();
    let limits = merge::Limits { gap: 32 << 10, bytes: usize::MAX };
    let mut group = c.benchmark_group("merge");
    group.throughput(Throughput::Elements(extents.len() as u64));
    group.bench_function("plan", |b| {
        let mut reads = Vec::new();
        b.iter_batched_ref(
            || extents.clone(),
            |list| merge::plan(list, &mut reads, limits),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, headers, directory, map, merging);
criterion_main!(benches);
