// SPDX-License-Identifier: BSD-2-Clause
//! Dumps on several volumes against the reference: those cut by `-B` byte for byte, those cut by end of medium by what
//! they hold, since FreeBSD's dump is wrong there.

use std::path::Path;

use capdump_support::canonical::differences;
use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::golden::{Case, Golden};
use capdump_support::listing;
use capdump_support::messages;
use capdump_support::program::{is_root, skipped};

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

fn ntrec(case: &Case) -> usize {
    let b = case.argv.iter().position(|a| a == "-b").unwrap();
    case.argv[b + 1].parse().unwrap()
}

/// Inodes of mode 0 or an undefined type, of which the filled images have two.
fn missing(volumes: &[Vec<u8>]) -> Vec<u32> {
    let dump = Dump::decode(volumes).unwrap();
    let bits = Dump::inodes(&dump.bits);
    bits.into_iter().filter(|i| !dump.files.contains_key(i)).take(2).collect()
}

#[test]
fn volumes_by_a_size_limit_are_the_reference_s() {
    let Some(golden) = Golden::find() else { return };
    let cases: Vec<_> = golden.cases.iter().filter(|c| c.name.starts_with('B')).collect();
    assert!(cases.len() > 6);
    for case in cases {
        let done = golden.run(case, capdump(), &[]);
        // When the dump ends at the limit, FreeBSD's opens one more volume and leaves it empty.
        let ends_at_limit = case.outputs.last().is_some_and(|o| o.size == 0);
        let mut found: Vec<String> = golden.differences(case, &done);
        if ends_at_limit {
            found.retain(|d| !d.contains(": message ") && !d.contains("is not a dump"));
        }
        assert!(found.is_empty(), "{found:#?}");
        let mut volumes = done.outputs.clone();
        volumes.retain(|v| !v.is_empty());
        let may_miss = missing(&volumes);
        decode_and_check(&volumes, &Rules { may_miss, ..Rules::new(ntrec(case)) }).unwrap();
    }
}

#[test]
fn volumes_by_end_of_medium_hold_the_same_files() {
    let Some(golden) = Golden::find() else { return };
    if !is_root() {
        return skipped("mounting a small tmpfs needs root");
    }
    let cases: Vec<_> = golden.cases.iter().filter(|c| c.name.starts_with("ENOSPC")).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let done = golden.run(case, capdump(), &[]);
        assert_eq!(done.ran.code(), 0, "{}", done.messages);
        let may_miss = missing(&done.outputs);
        let volumes = Volumes::EndOfMedium;
        let rules = Rules { may_miss, volumes, ..Rules::new(ntrec(case)) };
        let many = decode_and_check(&done.outputs, &rules).unwrap();
        let one = golden.reference(golden.case(&case.image, "L0_b10"), 0).unwrap();
        let one = Dump::one(one).unwrap().listing().unwrap();
        let found = listing::differences(&many.listing().unwrap(), &one);
        assert!(found.is_empty(), "{}: {found:#?}", case.image);
        // The first volume has nothing of FreeBSD's mistakes yet, up to its last blocks.
        let kept = golden.reference(case, 0).unwrap();
        assert!(differences(&done.outputs[0], &kept, &["c_host"]).is_empty(), "{}", case.image);
        let found = messages::differences(&done.messages, &golden.text(case, "err"));
        assert!(found.is_empty(), "{found:#?}");
    }
}
