// SPDX-License-Identifier: BSD-2-Clause
//! The stream doesn't depend on the number of workers, on the record size or on luck.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capdump_support::canonical::before_end;
use capdump_support::check::{Rules, decode_and_check};
use capdump_support::listing;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What, attribute};
use capdump_support::ufs_writer::spec::{Kind, Spec};

fn geometry() -> Geometry {
    Geometry::new(2, (8192, 1024), 6, 200, 8 << 20)
}

/// Some files over several chunks, with holes and attributes, and many small ones.
fn image(dir: &TempDir) -> (PathBuf, Spec) {
    let g = geometry();
    let mut spec = Spec::default();
    let sub = spec.add(None, "sub", Attrs::perm(0o755), Kind::Dir);
    let file = |content| Kind::Leaf(What::File(content));
    for n in 0..150 {
        let content = Content::full(n * 97, g.bsize, Fill::Pattern(n));
        spec.add(Some(sub), &format!("small{n}"), Attrs::default(), file(content));
    }
    for n in 1..4 {
        let content = Content::full(n * 1_900_000 + 7, g.bsize, Fill::Pattern(1000 + n));
        spec.add(None, &format!("large{n}"), Attrs::default(), file(content));
    }
    let part = |block, blocks| Part { block, blocks, fill: Fill::Pattern(block) };
    let holes = Content { size: 4_000_000, parts: vec![part(1, 5), part(40, 1), part(480, 9)] };
    let attrs = Attrs { ext: attribute(1, b"name", &[7; 9000]), ..Attrs::default() };
    spec.add(None, "holes", attrs, file(holes));
    let path = dir.join("image");
    spec.write(&path, &g);
    (path, spec)
}

fn dump(image: &Path, ntrec: usize, workers: u32) -> Vec<u8> {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    command.args(["-0", "-b", &ntrec.to_string(), "--workers", &workers.to_string()]);
    command.args(["-f", "-"]).arg(image);
    run(&mut command, Duration::from_secs(20)).ok().stdout
}

#[test]
fn records_and_workers_change_nothing_but_the_filler() {
    let dir = TempDir::new("capdump-same");
    let (image, spec) = image(&dir);
    let first = dump(&image, 10, 1);
    let decoded = decode_and_check(std::slice::from_ref(&first), &Rules::new(10)).unwrap();
    let found = listing::differences(&decoded.listing().unwrap(), &spec.listing(&geometry()));
    assert!(found.is_empty(), "{found:#?}");
    for ntrec in [1, 10, 64, 1000] {
        let one = dump(&image, ntrec, 1);
        decode_and_check(std::slice::from_ref(&one), &Rules::new(ntrec)).unwrap();
        assert!(before_end(&one) == before_end(&first), "-b {ntrec}");
        for workers in [2, 3, 8] {
            assert!(dump(&image, ntrec, workers) == one, "-b {ntrec} --workers {workers}");
        }
    }
}

#[test]
fn fifty_runs_are_the_same() {
    let dir = TempDir::new("capdump-same");
    let (image, _) = image(&dir);
    let first = dump(&image, 10, 3);
    for n in 1..50 {
        assert!(dump(&image, 10, 1 + n % 4) == first, "run {n}");
    }
}
