// SPDX-License-Identifier: BSD-2-Clause
//! Random trees in random file systems: what a dump holds is what was written, place by place.

use std::path::Path;
use std::time::Duration;

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::listing;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, SF_SNAPSHOT, What, attribute};
use capdump_support::ufs_writer::spec::{Kind, Node, Spec};
use proptest::collection::vec;
use proptest::prelude::*;

/// Block and fragment sizes.
fn geometry() -> impl Strategy<Value = Geometry> {
    let sizes = (12_u32..=16).prop_flat_map(|b| (Just(1 << b), (b - 3..=b).prop_map(|f| 1_u64 << f)));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (sizes, flags, 3_u64..=8, 48_u64..200).prop_map(|((bsize, fsize), flags, ncg, ipg)| {
        let version = if flags.0 { 1 } else { 2 };
        // Room for the largest tree, and groups no larger than a block of 4096 bytes can describe.
        let group = (24_000 * fsize).min(64 << 20);
        let mut g = Geometry::new(version, (bsize, fsize), ncg, ipg, group);
        (g.big_endian, g.soft_updates) = (flags.1, flags.2);
        g
    })
}

fn time() -> impl Strategy<Value = (i64, i32)> {
    (-2_000_000_000_i64..2_000_000_000, 0..1_000_000_000_i32)
}

fn attrs() -> impl Strategy<Value = Attrs> {
    let ids = (any::<u16>(), any::<u32>(), any::<u32>());
    let content = prop_oneof![3 => 0_usize..40, 1 => 0_usize..3000];
    let one = (1_u8..=2, 1_usize..=255, content, any::<u8>());
    let one = one.prop_map(|(n, name, content, byte)| attribute(n, &vec![b'a'; name], &vec![byte; content]));
    let ext = prop_oneof![4 => Just(Vec::new()), 1 => vec(one, 1..=2).prop_map(|list| list.concat())];
    let flags = prop_oneof![6 => Just(0), 1 => Just(1), 1 => any::<u32>(), 1 => Just(SF_SNAPSHOT)];
    (ids, time(), time(), time(), flags, ext).prop_map(|(ids, atime, mtime, birth, flags, ext)| Attrs {
        perm: ids.0 & 0o7777,
        uid: ids.1,
        gid: ids.2,
        atime,
        mtime,
        ctime: mtime,
        birthtime: birth,
        flags,
        ext,
    })
}

/// Runs of blocks with gaps: (gap, blocks, how filled).
fn content() -> impl Strategy<Value = (Vec<(u64, u64)>, u64)> {
    let gap = prop_oneof![4 => Just(0_u64), 3 => 1_u64..30, 1 => 500_u64..3000, 1 => 70_000_u64..300_000];
    (vec((gap, 1_u64..14), 0..4), 0_u64..70_000)
}

#[derive(Clone, Debug)]
enum Seed {
    Dir,
    File(Vec<(u64, u64)>, u64),
    Link(usize),
    Same,
    Fifo,
    Socket,
    Char(u32),
    Block(u32),
}

fn node() -> impl Strategy<Value = Seed> {
    prop_oneof![
        3 => Just(Seed::Dir),
        6 => content().prop_map(|(parts, tail)| Seed::File(parts, tail)),
        2 => (1_usize..1000).prop_map(Seed::Link),
        2 => Just(Seed::Same),
        1 => Just(Seed::Fifo),
        1 => Just(Seed::Socket),
        1 => any::<u32>().prop_map(Seed::Char),
        1 => any::<u32>().prop_map(Seed::Block),
    ]
}

/// A file's parts. The last block that a file has is its last, as the file system keeps it.
fn make(parts: &[(u64, u64)], tail: u64, n: usize, g: &Geometry) -> Content {
    let mut content = Content::default();
    let most = 12 + g.nindir() + g.nindir().pow(2);
    let mut next = 0;
    for &(gap, blocks) in parts {
        // The longest holes are for small blocks only: each 512 KiB are a header of the stream.
        let gap = if gap > 3000 { gap * 4096 / g.bsize } else { gap };
        let block = (next + gap).min(most).max(next);
        next = block + blocks;
        content.parts.push(Part { block, blocks, fill: Fill::Pattern(n as u64 * 31 + block) });
    }
    // Between 1 byte and a whole block of the last one is in use.
    content.size = if next == 0 { 0 } else { (next - 1) * g.bsize + 1 + tail % g.bsize };
    content
}

fn spec(g: &Geometry, root: Attrs, seeds: Vec<(Seed, Attrs, usize, usize)>) -> Spec {
    let mut spec = Spec { root: Attrs { flags: 0, ..root }, nodes: Vec::new() };
    let (mut dirs, mut leaves): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (n, (seed, mut attrs, at, length)) in seeds.into_iter().enumerate() {
        let parent = (at % (dirs.len() + 1)).checked_sub(1).map(|d| dirs[d]);
        let mut name = format!("{n}-").into_bytes();
        name.resize(length.max(name.len()), b'x');
        let leaf = match seed {
            Seed::Dir => None,
            Seed::Same if leaves.is_empty() => Some(What::Fifo),
            Seed::Same => {
                let kind = Kind::Same(leaves[at % leaves.len()]);
                spec.nodes.push(Node { parent, name, attrs: Attrs::default(), kind });
                continue;
            }
            Seed::File(parts, tail) => Some(What::File(make(&parts, tail, n, g))),
            Seed::Link(length) => Some(What::Link(vec![b'l'; length])),
            Seed::Fifo => Some(What::Fifo),
            Seed::Socket => Some(What::Socket),
            Seed::Char(rdev) => Some(What::Char(rdev)),
            Seed::Block(rdev) => Some(What::Block(rdev)),
        };
        if g.version == 1 {
            attrs.ext.clear();
        }
        if !matches!(leaf, Some(What::File(_))) {
            attrs.flags &= !SF_SNAPSHOT;
        }
        let list = if leaf.is_some() { &mut leaves } else { &mut dirs };
        list.push(spec.nodes.len());
        let kind = leaf.map_or(Kind::Dir, Kind::Leaf);
        spec.nodes.push(Node { parent, name, attrs, kind });
    }
    for node in &mut spec.nodes {
        // A snapshot's attributes are no part of the promise.
        if node.attrs.flags & SF_SNAPSHOT != 0 {
            node.attrs.ext.clear();
        }
    }
    spec
}

fn whole() -> impl Strategy<Value = (Geometry, Spec)> {
    let seeds = vec((node(), attrs(), any::<usize>(), 1_usize..=255), 1..40);
    (geometry(), attrs(), seeds).prop_map(|(g, mut root, seeds)| {
        if g.version == 1 {
            root.ext.clear();
        }
        let spec = spec(&g, root, seeds);
        (g, spec)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_dump_holds_what_was_written((g, spec) in whole(), ntrec in 1_usize..=200, workers in 1_u32..=4) {
        let dir = TempDir::new("capdump-property");
        let (image, out) = (dir.join("image"), dir.join("dump"));
        spec.write(&image, &g);
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0a", "-b", &ntrec.to_string(), "--workers", &workers.to_string()]);
        command.arg("-f").arg(&out).arg(&image);
        let ran = run(&mut command, Duration::from_secs(20));
        prop_assert_eq!(ran.code(), 0, "{}", ran.stderr);
        let stream = std::fs::read(&out).unwrap();
        let dump = decode_and_check(&[stream], &Rules::new(ntrec)).map_err(TestCaseError::fail)?;
        let held = dump.listing().map_err(TestCaseError::fail)?;
        let found = listing::differences(&held, &spec.listing(&g));
        prop_assert!(found.is_empty(), "{found:#?}");
    }
}
