// SPDX-License-Identifier: BSD-2-Clause
//! A whole image, small and right, of which some numbers are changed: through all four passes to a sink.
//!
//! A dump that comes to its end keeps every rule of the format, whatever was on the disk.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use capdump::internals::Limit;
use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::target::{SINCE, Target, VARIANTS, make};

use crate::input::Input;
use crate::sink::{Dumped, Options, dump};

/// Tape blocks after which a dump is given up: some 8 MiB.
const MOST_BLOCKS: u64 = 8192;

/// Inputs that the largest one may name.
const MOST_CHANGES: usize = 64;

/// The right images.
static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("capdump-fuzz-{}", std::process::id()));
    (0..VARIANTS.len()).map(|variant| make(&path, variant)).collect()
});

thread_local! {
    /// One image of each kind, that is changed and put right again.
    static IMAGES: RefCell<Vec<Vec<u8>>> = RefCell::new(TARGETS.iter().map(|t| t.image.clone()).collect());
}

/// The image of an input, and what is asked of its dump.
pub fn decode(data: &[u8], image: &mut [u8], target: &Target) -> Options {
    let mut input = Input::new(data);
    let _variant = input.byte();
    let options = options(&mut input);
    for _ in 0..MOST_CHANGES {
        if input.is_empty() {
            break;
        }
        let place = place(&mut input, target);
        input.change(image, &place, target.geometry.big_endian);
    }
    options
}

fn options(input: &mut Input<'_>) -> Options {
    let flags = input.byte();
    let ntrec = 1 + u32::from(input.byte() % 40);
    Options {
        since: (flags & 1 != 0).then_some(SINCE),
        honor_nodump: flags & 2 != 0,
        no_access_time: flags & 4 != 0,
        ntrec,
        limit: if flags & 8 != 0 { Limit::Records(2 + u64::from(input.byte())) } else { Limit::Unlimited },
        ends: if flags & 16 != 0 { vec![input.byte().into(), input.byte().into()] } else { Vec::new() },
        most_blocks: MOST_BLOCKS,
        poison: if flags & 32 != 0 { 0xa5 } else { 0 },
    }
}

/// Where the next change is.
fn place(input: &mut Input<'_>, target: &Target) -> Range<usize> {
    let which = input.byte();
    let one_of = |list: &[Range<usize>], n: u8| list.get(usize::from(n) % list.len().max(1)).cloned();
    let found = match which & 7 {
        0 => Some(target.superblock.clone()),
        1 => one_of(&target.groups, which >> 3),
        2 | 3 => one_of(&target.inodes, which >> 3),
        4 => one_of(&target.directories, which >> 3),
        5 => one_of(&target.indirect, which >> 3),
        6 => one_of(&target.attributes, which >> 3),
        _ => None,
    };
    // Anything: a piece of 64 KiB, which is as far as a change reaches.
    let piece = usize::from(which >> 3) << 16;
    found.unwrap_or_else(|| {
        let start = piece % target.image.len();
        start..target.image.len().min(start + (1 << 16))
    })
}

/// Runs an input.
pub fn run(data: &[u8]) {
    let variant = usize::from(data.first().copied().unwrap_or(0)) % VARIANTS.len();
    let target = &TARGETS[variant];
    IMAGES.with_borrow_mut(|images| {
        let image = &mut images[variant];
        let options = decode(data, image, target);
        if let Ok(dumped) = dump(image, &options) {
            check(&options, &dumped);
        }
        image.copy_from_slice(&target.image);
    });
}

/// Panics if the dump does not keep the rules.
fn check(options: &Options, dumped: &Dumped) {
    if !dumped.whole {
        return;
    }
    let limited = options.limit != Limit::Unlimited;
    if limited && !options.ends.is_empty() {
        // Two ways of numbering in one dump: whether it can be read is all that is asked.
        Dump::decode(&dumped.volumes).unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let rules = Rules {
        volumes: if limited { Volumes::SizeLimit } else { Volumes::EndOfMedium },
        may_miss: dumped.may_miss.clone(),
        ..Rules::new(options.ntrec as usize)
    };
    decode_and_check(&dumped.volumes, &rules).unwrap_or_else(|error| panic!("{error}"));
}
