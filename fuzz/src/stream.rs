// SPDX-License-Identifier: BSD-2-Clause
//! The decoders of dump streams: a right dump of which some numbers are changed, or any bytes.

use std::sync::LazyLock;

use capdump_support::decode::Dump;
use capdump_support::header::{CHECKSUM, sum};
use capdump_support::target::make;
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Finding, Names, Place, Reader, Sink};
use dumpstream::{Block, Decoded, Encoder, Header, InodeMap, RecordType, decode};
use ufs::Ino;

use crate::input::Input;
use crate::sink::{self, Options};

/// Where `c_checksum` stands in a header.
const C_CHECKSUM: usize = 28;

/// The right dump, with short records.
static DUMP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("capdump-fuzz-stream-{}", std::process::id()));
    let target = make(&path, 0);
    let dumped = sink::dump(&target.image, &Options { ntrec: 1, ..Options::default() });
    dumped.map(|dumped| dumped.volumes.concat()).unwrap_or_else(|error| panic!("{error:?}"))
});

/// Runs an input.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.byte();
    let bytes = if how & 1 == 0 { changed(&mut input, how & 2 == 0) } else { input.rest().to_vec() };
    let (blocks, _) = bytes.as_chunks::<TP_BSIZE>();
    for block in blocks {
        again(block);
    }
    let cut = bytes.len() / 2 / TP_BSIZE * TP_BSIZE;
    let volumes = if how & 4 == 0 { vec![bytes] } else { vec![bytes[..cut].to_vec(), bytes[cut..].to_vec()] };
    read(&volumes, how & 8 != 0);
    // The tests' own decoder, which is to find fault without falling over.
    if let Ok(dump) = Dump::decode(&volumes) {
        _ = dump.paths();
    }
}

/// The right dump, changed; with `summed` its headers add up again.
fn changed(input: &mut Input<'_>, summed: bool) -> Vec<u8> {
    let mut bytes = DUMP.clone();
    while !input.is_empty() {
        let block = input.number(2) as usize % (bytes.len() / TP_BSIZE) * TP_BSIZE;
        let place = block..block + TP_BSIZE;
        let was = sum(&bytes[place.clone()]) == CHECKSUM;
        input.change(&mut bytes, &place, false);
        if was && summed {
            let at = block + C_CHECKSUM;
            bytes[at..at + 4].fill(0);
            let rest = CHECKSUM.wrapping_sub(sum(&bytes[place]));
            bytes[at..at + 4].copy_from_slice(&rest.to_le_bytes());
        }
    }
    bytes
}

/// What is decoded and encoded again says the same.
fn again(block: &[u8; TP_BSIZE]) {
    let Ok(decoded) = decode(block) else { return };
    let mut header = decoded.header.clone();
    if !matches!(header.kind, RecordType::Inode | RecordType::Addr) {
        header.addr = Header::new(RecordType::End, Ino(0)).addr;
    } else {
        header.addr[header.count as usize..].fill(0);
    }
    let mut out = [0xa5; TP_BSIZE];
    Encoder::new(&decoded.identity).encode(&header, &decoded.place, &mut out);
    let back = decode(&out).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((back.place, &back.header), (decoded.place, &header));
    assert_eq!(back.header.blocks_that_follow(), decoded.header.blocks_that_follow());
}

/// What `--check` and `--list` make of it.
fn read(volumes: &[Vec<u8>], gap: bool) {
    let (mut reader, mut told) = (Reader::default(), Told::default());
    for (volume, number) in volumes.iter().zip(1..) {
        reader.begin_volume(number);
        let (blocks, _) = volume.as_chunks::<TP_BSIZE>();
        for (block, n) in blocks.iter().zip(0..) {
            if gap && n == blocks.len() / 2 {
                reader.gap();
                reader.missing(3);
            } else {
                reader.block(block, &mut told);
            }
        }
    }
    let summary = reader.finish(&mut told);
    let blocks: usize = volumes.iter().map(|volume| volume.len() / TP_BSIZE).sum();
    assert!(told.inodes <= blocks as u64 && summary.inodes <= told.inodes);
    assert!(summary.damage <= told.damage, "{summary:?} {}", told.damage);
}

/// Counts what it is told, and asks for the names of all of it.
#[derive(Default)]
struct Told {
    inodes: u64,
    damage: u64,
}

impl Sink for Told {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        self.damage += u64::from(finding.fault.is_damage());
        assert!(!finding.fault.to_string().contains('\n') && !finding.fault.word().is_empty());
        _ = finding.ino.and_then(|ino| names.path_of(ino));
    }

    fn directories(&mut self, names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {
        let all: Vec<(Ino, u32)> = names.all().collect();
        for (_, offset) in all {
            if let Some(path) = names.path(offset) {
                assert!(path.starts_with(b"./"));
            }
        }
    }

    fn inode(&mut self, header: &Decoded, _place: Place, names: &mut Names) {
        self.inodes += 1;
        _ = names.path_of(header.header.inumber);
    }

    fn data(&mut self, _ino: Ino, _is_data: bool, _block: &Block) {}
}
