// SPDX-License-Identifier: BSD-2-Clause
//! Pass I finds and reports the same with one process and with several.

use std::fs;
use std::path::Path;
use std::time::Duration;

use capdump_support::canonical::differences;
use capdump_support::program::{TempDir, run, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What};
use capdump_support::ufs_writer::{ROOT, Writer};

const GROUPS: u64 = 10;

/// An image with as many inodes as three processes are worth, with directories in all groups and a few files in each.
fn image(path: &Path, version: u8) -> Geometry {
    let g = Geometry::new(version, (32768, 4096), GROUPS, 40_000, 1 << 20);
    let mut w = Writer::create(path, &g, &Attrs::perm(0o755));
    for n in 0..GROUPS * 3 {
        let dir = w.mkdir(ROOT, format!("dir{n}").as_bytes(), &Attrs::perm(0o755));
        let what = What::File(Content::full(n * 777, 32768, Fill::Pattern(n)));
        w.add(dir, b"file", &Attrs::default(), &what);
    }
    w.orphans(30_000, &Attrs::default());
    w.finish();
    g
}

/// Makes a dump, and gives its messages, without those on time, and itself.
fn dump(dir: &TempDir, workers: &str, image: &Path) -> (i32, Vec<String>, Vec<u8>) {
    let out = dir.join("dump");
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.args(["-0a", "--workers", workers, "-D", "/dev/null", "-f"]).arg(&out).arg(image);
    let ran = run(&mut command, Duration::from_secs(60));
    let timed = ["Date of", "finished", "average", "DUMP: dumped", "seconds"];
    let lines = ran.stderr.lines().filter(|line| !timed.iter().any(|word| line.contains(word)));
    (ran.code(), lines.map(str::to_owned).collect(), fs::read(out).unwrap_or_default())
}

fn assert_same(dir: &TempDir, image: &Path, what: &str) -> Vec<String> {
    let (code, messages, one) = dump(dir, "1", image);
    for workers in ["2", "3", "7"] {
        let (status, said, several) = dump(dir, workers, image);
        assert_eq!((status, &said), (code, &messages), "{what}, {workers} processes");
        let found = differences(&one, &several, &["c_date"]);
        assert!(found.is_empty(), "{what}, {workers} processes: {found:?}");
    }
    messages
}

#[test]
fn sound_images() {
    for version in [1, 2] {
        let dir = TempDir::new("capdump-mappers");
        image(&dir.join("image"), version);
        let messages = assert_same(&dir, &dir.join("image"), "sound");
        assert!(!messages.iter().any(|line| line.contains("error")), "{messages:?}");
    }
}

#[test]
fn what_is_wrong_is_reported_in_its_order() {
    let dir = TempDir::new("capdump-mappers");
    let path = dir.join("image");
    let g = image(&path, 1);
    let whole = fs::read(&path).unwrap();
    let header = |group: u64| ((group * g.fpg + g.cblkno()) * g.fsize) as usize;
    let table = |group: u64| ((group * g.fpg + g.iblkno()) * g.fsize) as usize;
    let mut bad = whole.clone();
    for group in [2, 4, 5, 9] {
        bad[header(group) + 4..][..4].fill(0xa5);
        // Sizes of the first inodes, which no file can have.
        (0..5).for_each(|n| bad[table(group) + n * 128 + 8..][..8].fill(0x7f));
    }
    fs::write(&path, &bad).unwrap();
    assert_same(&dir, &path, "damaged groups");

    for tenths in [3, 6, 9] {
        fs::write(&path, &whole[..whole.len() / 10 * tenths]).unwrap();
        let messages = assert_same(&dir, &path, "cut short");
        assert!(messages.iter().any(|line| line.contains("read error")), "{messages:?}");
    }
}
