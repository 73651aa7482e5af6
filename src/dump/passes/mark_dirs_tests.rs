// SPDX-License-Identifier: BSD-2-Clause
//! Tests that pass II by links and by rounds has the same result, on trees of any shape and with cycles.

use std::sync::atomic::{AtomicU32, Ordering};

use capdump_support::ufs_writer::content::Content;
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, UF_NODUMP, What};
use capdump_support::ufs_writer::{ROOT, Writer};
use proptest::prelude::*;

use crate::dump::passes::{Criteria, Maps, MarkDirs, MarkFiles};
use ufs::FileSystem;

const SINCE: i64 = 1_600_000_000;

/// A directory to be made: under which of those before it, whether it is new, its files (new or not), which other
/// directory it has a second name for, and whether it has nodump.
type Dir = (prop::sample::Index, bool, Vec<bool>, Option<prop::sample::Index>, bool);

fn attrs(new: bool, nodump: bool) -> Attrs {
    let time = (if new { SINCE } else { SINCE - 1 }, 0);
    let flags = if nodump { UF_NODUMP } else { 0 };
    Attrs { mtime: time, ctime: time, flags, ..Attrs::perm(0o755) }
}

fn image(dirs: &[Dir]) -> Vec<u8> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("capdump-pass2-{}-{number}", std::process::id()));
    let mut writer =
        Writer::create(&path, &Geometry::new(2, (4096, 512), 3, 256, 1 << 19), &attrs(false, false));
    let mut made = vec![ROOT];
    for (n, (parent, new, files, again, nodump)) in dirs.iter().enumerate() {
        let dir =
            writer.mkdir(made[parent.index(made.len())], format!("d{n}").as_bytes(), &attrs(*new, *nodump));
        made.push(dir);
        for (m, new) in files.iter().enumerate() {
            let what = What::File(Content::default());
            writer.add(dir, format!("f{m}").as_bytes(), &attrs(*new, false), &what);
        }
        if let Some(other) = again {
            // Not the root: that is always on the dump, so that a directory which holds it is dumped by rounds, for nothing.
            let other = made[other.index(made.len())];
            if other != ROOT {
                writer.link(dir, b"again", other, &What::Fifo);
            }
        }
    }
    writer.finish();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    bytes
}

fn passes(bytes: &[u8], honor_nodump: bool, by_rounds: bool) -> (Maps, i64) {
    let (fs, _) = FileSystem::open(bytes).unwrap();
    let criteria = Criteria { since: SINCE, honor_nodump };
    let mut files = MarkFiles::new(fs.superblock(), criteria);
    while files.step(&fs, &mut |notice| panic!("{notice:?}")).unwrap() {}
    let (mut maps, mut tape_blocks) = (files.maps, files.tape_blocks);
    let mut dirs = MarkDirs::new(criteria);
    dirs.begun = by_rounds;
    while dirs.step(&fs, &mut maps, &mut tape_blocks, &mut |notice| panic!("{notice:?}")).unwrap() {}
    (maps, tape_blocks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]
    #[test]
    fn links_and_rounds_decide_alike(
        dirs in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::bool::weighted(0.1), prop::collection::vec(prop::bool::weighted(0.1), 0..3),
             prop::option::weighted(0.1, any::<prop::sample::Index>()), prop::bool::weighted(0.1)),
            0..60,
        ),
        honor_nodump: bool,
    ) {
        let bytes = image(&dirs);
        let (links, blocks) = passes(&bytes, honor_nodump, false);
        let (rounds, expected) = passes(&bytes, honor_nodump, true);
        prop_assert_eq!(blocks, expected);
        prop_assert_eq!(&links.dump, &rounds.dump);
        prop_assert_eq!(&links.used, &rounds.used);
        // Directories that hold each other and nothing else stay in the map by rounds alone; they are not dumped.
        let mut dumped = (links.dirs, rounds.dirs);
        dumped.0.keep(&links.dump);
        dumped.1.keep(&rounds.dump);
        prop_assert_eq!(dumped.0, dumped.1);
    }
}
