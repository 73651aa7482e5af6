// SPDX-License-Identifier: BSD-2-Clause
//! Whole dumps within this process (see `sink`): all four passes, the volumes, and what reads them back, without a system call between.
//!
//! `make miri` makes some of them too, so that what is pure is run whole by an interpreter that sees undefined behaviour.

use std::collections::BTreeMap;

use crate::sink::{Dumped, Options, dump};
use capdump::internals::Limit;
use capdump::internals::passes::Notice;
use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::listing::Listing;
use capdump_support::target::{SINCE, VARIANTS, make};
use dumpstream::TP_BSIZE;
use dumpstream::reading::{Finding, Names, Place, Reader, Sink};
use dumpstream::{Block, Decoded, InodeMap};
use ufs::Ino;

const NTREC: u32 = 3;
/// The variants that are dumped: an interpreter takes minutes for each, and has time for both versions and byte orders.
const VARIANTS_HERE: &[usize] = if cfg!(miri) { &[0, 3] } else { &[0, 1, 2, 3, 4] };

/// How the dump is spread over media.
fn ways() -> Vec<(Options, Volumes)> {
    let one = Options { ntrec: NTREC, honor_nodump: true, ..Options::default() };
    let limited = Options { limit: Limit::Records(9), ..one.clone() };
    let ended = Options { ends: vec![4, 0, 7, 1], ..one.clone() };
    vec![(one, Volumes::SizeLimit), (limited, Volumes::SizeLimit), (ended, Volumes::EndOfMedium)]
}

/// What `--check` would call damage, and the names and inodes that it found.
#[derive(Debug, Default, PartialEq)]
struct Told {
    damage: Vec<String>,
    names: BTreeMap<Vec<u8>, u32>,
    inodes: usize,
}

impl Sink for Told {
    fn finding(&mut self, finding: Finding, _names: &mut Names) {
        // What the nodump flag leaves out still has its name, which is told but is no damage.
        if finding.fault.is_damage() {
            self.damage.push(finding.fault.to_string());
        }
    }

    fn directories(&mut self, names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {
        let all: Vec<(Ino, u32)> = names.all().collect();
        for (ino, offset) in all {
            let path = names.path(offset).unwrap();
            self.names.insert(path.strip_prefix(b".").unwrap().to_vec(), ino.0);
        }
    }

    fn inode(&mut self, _header: &Decoded, _place: Place, _names: &mut Names) {
        self.inodes += 1;
    }

    fn data(&mut self, _ino: Ino, _is_data: bool, _block: &Block) {}
}

fn read_back(volumes: &[Vec<u8>]) -> Told {
    let (mut reader, mut told) = (Reader::default(), Told::default());
    for (volume, number) in volumes.iter().zip(1..) {
        reader.begin_volume(number);
        volume.as_chunks::<TP_BSIZE>().0.iter().for_each(|block| reader.block(block, &mut told));
    }
    reader.finish(&mut told);
    told
}

/// What the tests' own decoder makes of the volumes is the same, by the rules of the format.
fn assert_decoded(dumped: &Dumped, volumes: Volumes, told: &Told) -> Result<Listing, String> {
    let rules = Rules { volumes, ..Rules::new(NTREC as usize) };
    let decoded = decode_and_check(&dumped.volumes, &rules)?;
    assert_eq!(told.inodes, decoded.files.len());
    // Names of what is not on the dump are in its directories too.
    let names = told.names.iter().filter(|(_, ino)| decoded.files.contains_key(ino));
    let mut paths = decoded.paths()?;
    paths.remove(&b""[..]);
    assert_eq!(names.map(|(path, ino)| (path.clone(), *ino)).collect::<BTreeMap<_, _>>(), paths);
    decoded.listing()
}

/// Every way of dumping a variant holds the same, and the reader has nothing to say of it.
fn every_way(variant: usize, since: Option<i64>) {
    let name = format!("capdump-whole-{}-{variant}-{}", std::process::id(), since.is_some());
    let target = make(&std::env::temp_dir().join(name), variant);
    let mut first: Option<(Told, Listing)> = None;
    for (options, volumes) in ways() {
        let what = format!("{}, {since:?}, {volumes:?}, {:?}", VARIANTS[variant], options.limit);
        let options = Options { since, ..options };
        let dumped = dump(&target.image, &options).unwrap_or_else(|refused| panic!("{what}: {refused}"));
        let several = options.limit != Limit::Unlimited || !options.ends.is_empty();
        let passes = matches!(dumped.notices[..], [Notice::DumpingDirectories, Notice::DumpingFiles]);
        assert!(dumped.whole && passes, "{what}: {:?}", dumped.notices);
        assert_eq!(dumped.volumes.len() > 1, several, "{what}");
        let told = read_back(&dumped.volumes);
        assert!(told.damage.is_empty() && told.inodes > 3, "{what}: {:?}", told.damage);
        // That decoder is made to be plain, and an interpreter takes half an hour for it.
        let listing = match cfg!(miri) {
            true => Listing::new(),
            false => {
                assert_decoded(&dumped, volumes, &told).unwrap_or_else(|error| panic!("{what}: {error}"))
            }
        };
        let got = (told, listing);
        match &first {
            Some(first) => assert_eq!(first, &got, "{what}"),
            None => first = Some(got),
        }
    }
}

#[test]
fn full_dumps() {
    VARIANTS_HERE.iter().for_each(|&variant| every_way(variant, None));
}

#[test]
fn increments() {
    VARIANTS_HERE.iter().for_each(|&variant| every_way(variant, Some(SINCE)));
}
