// SPDX-License-Identifier: BSD-2-Clause
//! capdump against the streams and messages of FreeBSD's own dump, case by case (`CAPDUMP_GOLDEN` names their folder).

use std::path::Path;

use capdump_support::canonical::{Block, blocks};
use capdump_support::check::{Rules, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::golden::{Case, CaseRun, Golden};
use capdump_support::header::Header;
use capdump_support::listing::{self, Listing};
use capdump_support::messages;

fn capdump() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_capdump"))
}

/// Runs all level 0 and level 1 cases on one volume of the images that `wanted` takes, and compares all.
fn same_as_reference(wanted: impl Fn(&str) -> bool) {
    let Some(golden) = Golden::find() else { return };
    let mut different = Vec::new();
    let cases: Vec<&Case> =
        golden.cases.iter().filter(|c| c.name.starts_with('L') && c.rc == 0 && wanted(c.stem())).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let done = golden.run(case, capdump(), &[]);
        different.extend(golden.differences(case, &done));
        different.extend(rule_broken(case, &done));
    }
    assert!(different.is_empty(), "{different:#?}");
}

/// The stream against the rules of the format, where the reference can't be held to them: zeros for stale fields.
fn rule_broken(case: &Case, done: &CaseRun) -> Option<String> {
    let stream = done.outputs.first()?;
    let b = case.argv.iter().position(|a| a == "-b");
    let ntrec = b.map_or(10, |b| case.argv[b + 1].parse().unwrap());
    let mut rules = Rules::new(ntrec);
    if case.stem().starts_with('w') {
        // These images have inodes of mode 0 and of an undefined type. How many, the reference's streams say.
        let dump = Dump::one(stream.clone()).ok()?;
        let bits = Dump::inodes(&dump.bits);
        rules.may_miss = bits.into_iter().filter(|i| !dump.files.contains_key(i)).take(2).collect();
    }
    let broken = decode_and_check(std::slice::from_ref(stream), &rules).err()?;
    Some(format!("{} {}: {broken}", case.image, case.name))
}

#[test]
fn makefs_ufs1() {
    same_as_reference(|image| image.starts_with("m1_"));
}

#[test]
fn makefs_ufs2() {
    same_as_reference(|image| image.starts_with("m2_"));
}

#[test]
fn written_ufs1() {
    same_as_reference(|image| image.starts_with("w1_"));
}

#[test]
fn written_ufs2() {
    same_as_reference(|image| image.starts_with("w2_"));
}

#[test]
fn empty() {
    same_as_reference(|image| image.starts_with('e'));
}

#[test]
fn many_files() {
    same_as_reference(|image| image == "many2");
}

/// What a stream holds; times, flags and places of data aside, which differ from image to image.
fn held(stream: Vec<u8>) -> Listing {
    let mut listing = Dump::one(stream).unwrap().listing().unwrap();
    for entry in listing.values_mut() {
        (entry.atime, entry.mtime) = (None, None);
        (entry.flags, entry.runs) = (None, None);
    }
    listing
}

#[test]
fn a_big_endian_image_gives_what_its_twin_gives() {
    let Some(golden) = Golden::find() else { return };
    let case = golden.case("be1.img", "fail_be");
    let mut case = case.clone();
    case.outputs.push(golden.case("e1.img", "L0_b10").outputs[0].clone());
    let done = golden.run(&case, capdump(), &[]);
    assert_eq!(done.ran.code(), 0, "{}", done.messages);
    let dump = decode_and_check(&done.outputs, &Rules::new(10)).unwrap();
    assert!(dump.files.len() > 5);
    let big = held(done.outputs[0].clone());
    let twins = golden.cases.iter().filter(|c| c.name == "L0_b10" && c.image.starts_with("m1_"));
    let found: Vec<Vec<String>> = twins
        .filter_map(|c| golden.reference(c, 0))
        .map(|stream| listing::differences(&big, &held(stream)))
        .collect();
    assert!(found.iter().any(Vec::is_empty), "{found:#?}");
}

#[test]
fn a_header_full_of_data_and_attributes() {
    let Some(golden) = Golden::find() else { return };
    let mut case = golden.case("x511.img", "fail_assert").clone();
    case.outputs.truncate(1);
    let done = golden.run(&case, capdump(), &[]);
    assert_eq!(done.ran.code(), 0, "{}", done.messages);
    let dump = decode_and_check(&done.outputs, &Rules::new(10)).unwrap();
    let with: Vec<_> = dump.files.values().filter(|f| f.extsize > 0).collect();
    let [file] = with.as_slice() else { panic!("{} files with attributes", with.len()) };
    assert_eq!(file.announced, file.data_blocks() + 1);
    // An attribute begins with its own length (struct extattr, sys/extattr.h).
    let length = u32::from_le_bytes(file.ext[..4].try_into().unwrap()) as usize;
    assert!(length >= 8 && length <= file.extsize, "{length}");
    let headers = blocks(&done.outputs[0]);
    let full = headers.iter().filter_map(|b| Header::parse(b.1)).filter(|h| h.count() == 512);
    assert_eq!(full.count(), 1, "511 blocks of data and one of attributes share a header");
    assert!(headers.iter().all(|b| b.0 != Block::Bad));
}

/// Messages up to where the reference's workers and ours may have read ahead by a different amount.
/// The reference does not say before the passes that the image is short.
fn without_got(text: &str) -> String {
    let cut = |l: &str| l.split(", got=").next().unwrap_or(l).to_owned() + "\n";
    text.lines().filter(|line| !line.contains("WARNING: the file system has ")).map(cut).collect()
}

#[test]
fn a_short_image_is_reported_and_filled_with_zeros() {
    let Some(golden) = Golden::find() else { return };
    let case = golden.case("trunc2b.img", "short_read");
    let done = golden.run(case, capdump(), &[]);
    assert!(
        done.messages.contains("WARNING: the file system has 8388608 bytes, but only"),
        "{}",
        done.messages
    );
    assert_eq!(done.ran.code(), 0, "{}", done.messages);
    let expected = without_got(&golden.text(case, "err"));
    // What is lost is named at the end, which the reference does not do.
    let (ours, lost) = done.messages.split_once("  DUMP: errors have cost some of the data:\n").unwrap();
    assert_eq!(messages::differences(&without_got(ours), &expected), [""; 0]);
    assert!(lost.contains("inode"), "{lost}");
    assert_filled(&done.outputs[0], &golden.reference(case, 0).unwrap());
}

#[test]
fn after_32_read_errors_without_a_terminal_the_dump_is_aborted() {
    let Some(golden) = Golden::find() else { return };
    let case = golden.case("trunc2.img", "short_read");
    let done = golden.run(case, capdump(), &[]);
    assert_eq!(done.ran.code(), 3, "{}", done.messages);
    let expected = without_got(&golden.text(case, "err"));
    assert_eq!(messages::differences(&without_got(&done.messages), &expected), [""; 0]);
    assert!(!done.messages.contains("DUMP IS DONE"));
    let length = done.outputs[0].len().min(case.outputs[0].size as usize);
    assert!(length > 0);
    assert_filled(&done.outputs[0][..length], &golden.reference(case, 0).unwrap()[..length]);
}

/// All headers are the reference's; a block of data is, too, or it is zeros where the image has no bytes.
fn assert_filled(ours: &[u8], reference: &[u8]) {
    assert_eq!(ours.len(), reference.len());
    let zeros = |block: &[u8]| block.iter().all(|&b| b == 0);
    let mut filled = 0;
    for (n, (a, b)) in blocks(ours).into_iter().zip(blocks(reference)).enumerate() {
        assert_eq!(a.0, b.0, "block {n}");
        if a.0 == Block::Data && a.1 != b.1 {
            // The reference leaves what its cache had of the block's sectors.
            assert!(zeros(a.1) || zeros(b.1), "block {n}");
        }
        filled += usize::from(a.0 == Block::Data && zeros(a.1));
    }
    assert!(filled > 0);
}
