// SPDX-License-Identifier: BSD-2-Clause
//! The decoder and the comparison against the reference's own dumps.

#![allow(clippy::unwrap_used)]

use capdump_support::canonical::{before_end, differences};
use capdump_support::check::{Rules, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::golden::{Case, Golden};
use capdump_support::listing;
use capdump_support::messages;
use capdump_support::program::TempDir;
use capdump_support::restore;

/// Inodes that the filled images have with mode 0 or an undefined type: they are in the map only.
fn rules(case: &Case) -> Rules {
    let ntrec = |c: &Case| {
        let b = c.argv.iter().position(|a| a == "-b")?;
        c.argv[b + 1].parse().ok()
    };
    Rules { stale_fields: true, ..Rules::new(ntrec(case).unwrap_or(10)) }
}

/// FreeBSD's dump opens one volume too many when a dump ends exactly at a volume's limit.
fn without_empty_last(mut volumes: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if volumes.last().is_some_and(Vec::is_empty) {
        volumes.pop();
    }
    volumes
}

#[test]
fn reference_dumps_keep_the_rules() {
    let Some(golden) = Golden::find() else { return };
    let mut checked = 0;
    for case in golden.cases.iter().filter(|c| c.rc == 0 && !c.outputs.is_empty()) {
        let volumes: Option<Vec<_>> = (0..case.outputs.len()).map(|n| golden.reference(case, n)).collect();
        let Some(volumes) = volumes.filter(|_| !case.name.starts_with("ENOSPC")) else {
            continue;
        };
        let volumes = without_empty_last(volumes);
        let mut rules = rules(case);
        if case.stem().starts_with('w') {
            let dump = Dump::decode(&volumes).unwrap();
            let missing = Dump::inodes(&dump.bits);
            rules.may_miss = missing.into_iter().filter(|i| !dump.files.contains_key(i)).collect();
            assert!(rules.may_miss.len() <= 2, "{} {}: {:?}", case.image, case.name, rules.may_miss);
        }
        let dump = decode_and_check(&volumes, &rules);
        let dump = dump.unwrap_or_else(|e| panic!("{} {}: {e}", case.image, case.name));
        if case.name.starts_with('L') && case.name.contains("L0") && !case.name.contains("h0") {
            assert!(dump.listing().unwrap().len() > 1, "{}", case.image);
        }
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn volumes_hold_what_one_volume_holds() {
    let Some(golden) = Golden::find() else { return };
    for case in golden.cases.iter().filter(|c| c.name.starts_with('B') && c.outputs.len() > 1) {
        let volumes: Vec<_> = (0..case.outputs.len()).map(|n| golden.reference(case, n).unwrap()).collect();
        let volumes = without_empty_last(volumes);
        let many = Dump::decode(&volumes).unwrap();
        let one = golden.reference(golden.case(&case.image, "L0_b10"), 0).unwrap();
        let one = Dump::one(one).unwrap();
        let found = listing::differences(&many.listing().unwrap(), &one.listing().unwrap());
        assert!(found.is_empty(), "{}: {found:#?}", case.image);
        assert_eq!((many.bits, many.clri), (one.bits, one.clri));
    }
}

#[test]
fn the_comparison_sees_a_changed_byte_and_no_stale_field() {
    let Some(golden) = Golden::find() else { return };
    let stream = golden.reference(golden.case("m2_8192_1024.img", "L0_b10"), 0).unwrap();
    assert!(differences(&stream, &stream, &[]).is_empty());
    let mut changed = stream.clone();
    let end = before_end(&stream).len();
    changed[end - 1] ^= 1;
    assert_eq!(differences(&changed, &stream, &[]).len(), 1);
    let other = golden.reference(golden.case("m2_16384_2048.img", "L0_b10"), 0).unwrap();
    assert!(!differences(&other, &stream, &["c_dev"]).is_empty());
    let (one, two) =
        ("  DUMP: a\n  DUMP: finished in 3 seconds, x\n", "  DUMP: a\n  DUMP: finished in less\n");
    assert!(messages::differences(one, two).is_empty());
    assert_eq!(messages::differences(one, "  DUMP: a\n").len(), 1);
}

#[test]
fn restore_makes_of_the_reference_what_the_decoder_sees() {
    let Some(golden) = Golden::find() else { return };
    if !restore::available() {
        return;
    }
    let dir = TempDir::new("capdump-reference");
    for image in ["m1_4096_512.img", "m1_65536_8192.img", "m2_8192_1024.img", "m2_soft.img"] {
        let stream = golden.reference(golden.case(image, "L0_b10"), 0).unwrap();
        let dump = dir.join(image);
        std::fs::write(&dump, &stream).unwrap();
        let into = dir.join(&format!("{image}.d"));
        restore::restore(&dump, &into);
        let mut decoded = Dump::one(stream).unwrap().listing().unwrap();
        // Debian's restore makes a name of 255 bytes into one control character.
        decoded.retain(|path, _| path.split(|&b| b == b'/').all(|name| name.len() < 255));
        let mut restored = restore::listing(&into);
        restored.retain(|path, _| path.last().is_none_or(|b| !b.is_ascii_control()));
        let found = listing::differences(&restored, &decoded);
        assert!(found.is_empty(), "{image}: {found:#?}");
    }
}
