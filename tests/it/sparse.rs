// SPDX-License-Identifier: BSD-2-Clause
//! A file system of 2 TiB with next to nothing in it is dumped in seconds and in little memory.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::listing;
use capdump_support::procs;
use capdump_support::program::{TempDir, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::spec::{Kind, Spec};

#[test]
fn two_tebibytes() {
    let dir = TempDir::new("capdump-sparse");
    let g = Geometry::large(2, (32768, 4096), 2 << 40, 40_000);
    assert!(g.ncg * g.fpg * g.fsize >= 2 << 40);
    let mut spec = Spec::default();
    // Each 512 KiB of the hole are a header of the stream.
    let last = (8 << 30) / g.bsize;
    let part = |block| Part { block, blocks: 2, fill: Fill::Pattern(block) };
    let content = Content { size: (last + 2) * g.bsize, parts: vec![part(0), part(last)] };
    spec.add(None, "file", Attrs::default(), Kind::Leaf(What::File(content)));
    let (image, out) = (dir.join("image"), dir.join("dump"));
    spec.write(&image, &g);
    let maps_kib = 3 * g.ncg * g.ipg / 8 / 1024;
    let most = run_and_weigh(&image, &out);
    if cfg!(target_os = "linux") {
        // With the code of a build for tests, which is in it.
        assert!(most > 0 && most < 72 * 1024 + maps_kib, "{most} KiB, {maps_kib} KiB of maps");
    } else {
        skipped("the memory of processes is read from Linux's /proc");
    }
    let dump = decode_and_check(&[std::fs::read(&out).unwrap()], &Rules::new(64)).unwrap();
    let found = listing::differences(&dump.listing().unwrap(), &spec.listing(&g));
    assert!(found.is_empty(), "{found:#?}");
}

/// Dumps; the most memory that all processes had together, in KiB.
fn run_and_weigh(image: &Path, out: &Path) -> u64 {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0a", "-b", "64", "-f"]).arg(out).arg(image).stdout(Stdio::null());
    let log = out.with_extension("err");
    command.stderr(File::create(&log).unwrap());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let all = procs::session(child.id());
        most = most.max(all.into_iter().map(procs::pss_kib).sum());
        if start.elapsed() > Duration::from_secs(60) {
            procs::kill_group(child.id());
            panic!("not done in a minute: {}", std::fs::read_to_string(&log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{}", std::fs::read_to_string(&log).unwrap());
    most
}
