// SPDX-License-Identifier: BSD-2-Clause
//! `--encrypt` of all images, to all outputs and in all modes: age(1) and zstd(1) make the dump of it that `--compress` alone makes, and
//! caprestore the same tree.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::age::{self, Key};
use capdump_support::caprestore::{self, run_in};
use capdump_support::check::{Rules, Volumes, decode_and_check};
use capdump_support::decode::Dump;
use capdump_support::golden::{Case, CaseRun, Golden};
use capdump_support::listing::{self, Listing};
use capdump_support::peer;
use capdump_support::program::{Ran, TempDir, is_root, run, skipped, without_tty};
use capdump_support::ufs_writer::content::{Content, Fill, Part};
use capdump_support::ufs_writer::geometry::Geometry;
use capdump_support::ufs_writer::inode::{Attrs, What, attribute};
use capdump_support::ufs_writer::spec::{Kind, Spec};
use capdump_support::zstd;

use crate::compress::{LIMIT, list};

fn capdump() -> Command {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("TZ", "UTC").env("SOURCE_DATE_EPOCH", "1700000000");
    command
}

fn can_run() -> bool {
    age::available() && zstd::available()
}

/// What age(1) and zstd(1) make of a volume.
fn opened(key: &Key, dir: &TempDir, volume: &[u8]) -> Vec<u8> {
    let file = dir.join("volume.age");
    fs::write(&file, volume).unwrap();
    zstd::unpack(&key.decrypt(&file))
}

/// Messages but for what encryption changes in them: lengths, and so rates.
fn messages(run: &CaseRun) -> Vec<&str> {
    let lines = run.messages.lines();
    lines.filter(|line| !line.contains("compressed to ") && !line.contains("finished in ")).collect()
}

/// Modes that change nothing of the dump.
const MODES: [&[&str]; 6] = [
    &["--verify"],
    &["--workers", "1"],
    &["--compress", "zstd:9"],
    &["--workers", "5", "--compress", "zstd:3"],
    &["--index", "index"],
    &[],
];

/// All cases of the reference on one volume: levels, records, standard output, dates, read errors, both versions and byte orders.
#[test]
fn cases_of_the_reference() {
    if !can_run() {
        return;
    }
    let Some(golden) = Golden::find() else { return };
    let dir = TempDir::new("capdump-sealed-images");
    let key = Key::new(&dir, "key");
    let mut count = 0;
    let one_volume = |case: &&Case| !case.name.starts_with('B') && !case.name.starts_with("ENOSPC");
    for (case, mode) in golden.cases.iter().filter(one_volume).zip(MODES.iter().cycle()) {
        let mut case = case.clone();
        if case.outputs.is_empty() && case.argv.iter().any(|arg| arg == "OUT/out") {
            // FreeBSD's dump fails there.
            case.outputs.push(golden.case("e1.img", "L0_b10").outputs[0].clone());
        }
        let is_stdout = case.outputs.iter().any(|output| output.name == "stdout");
        let is_estimate = case.outputs.is_empty();
        let mode = if is_estimate || is_stdout && mode.contains(&"--verify") { &[][..] } else { mode };
        let plain = golden.run(&case, capdump().get_program().as_ref(), &["--compress", "zstd:1"]);
        let sealed = golden.run(
            &case,
            capdump().get_program().as_ref(),
            &[&["--encrypt", &key.recipient], mode].concat(),
        );
        let what = format!("{} {} {mode:?}", case.image, case.name);
        assert_eq!(sealed.ran.code(), plain.ran.code(), "{what}: {}", sealed.messages);
        if mode.iter().all(|option| !["--verify", "--index"].contains(option)) {
            assert_eq!(messages(&sealed), messages(&plain), "{what}");
        }
        for (sealed, plain) in sealed.outputs.iter().zip(&plain.outputs) {
            // What ends early with a status that says so has no end.
            if case.name == "short_read" && case.image == "trunc2.img" {
                continue;
            }
            assert!(!plain.is_empty() && opened(&key, &dir, sealed) == zstd::unpack(plain), "{what}");
            count += 1;
        }
    }
    assert!(count > 150, "{count} dumps");
}

/// An image, and what a dump of it has.
struct Source {
    image: PathBuf,
    plain: Vec<u8>,
}

impl Source {
    fn new(image: PathBuf) -> Source {
        let mut command = capdump();
        command.args(["-0", "--compress", "zstd:1", "-f", "-"]).arg(&image);
        let plain = zstd::unpack(&run(&mut command, LIMIT).ok().stdout);
        Source { image, plain }
    }

    fn dump(&self, key: &Key, options: &[&str]) -> Ran {
        run(capdump().args(["-0", "--encrypt", &key.recipient]).args(options).arg(&self.image), LIMIT)
    }

    fn held(&self) -> Listing {
        Dump::one(self.plain.clone()).unwrap().listing().unwrap()
    }

    /// One volume, wherever it goes to.
    fn to_all_outputs(&self, key: &Key, dir: &TempDir) {
        let (out, piped) = (dir.join("out"), dir.join("piped"));
        let same = |volume: &[u8], what| {
            assert!(opened(key, dir, volume) == self.plain, "{} {what}", self.image.display());
        };
        self.dump(key, &["-a", "--verify", "-f", out.to_str().unwrap()]).ok();
        same(&fs::read(&out).unwrap(), "file");
        self.dump(key, &["-a", "-P", &format!("cat >{}", piped.display())]).ok();
        same(&fs::read(&piped).unwrap(), "command");
        same(&self.dump(key, &["-f", "-"]).ok().stdout, "standard output");
        if Path::new("/usr/sbin/rmt-tar").exists() {
            let shell = peer::script(&dir.join("rsh"), "for last; do :; done; exec \"$last\"");
            let tape = dir.join("tape");
            let mut command = capdump();
            command.env("RSH", shell).env("RMT", "/usr/sbin/rmt-tar").args(["-0", "-B", "1000000"]);
            command.args(["--encrypt", &key.recipient, "-f", &format!("far:{}", tape.display())]);
            run(command.arg(&self.image), LIMIT).ok();
            same(&fs::read(&tape).unwrap(), "remote tape");
        }
    }

    /// Volumes of limited size hold the same; their limits are in other places than those of a dump that is compressed only.
    fn on_volumes(&self, key: &Key, dir: &TempDir, rules: &Rules) {
        for (limit, ntrec, more) in
            [("100", 10, &["--verify"][..]), ("333", 20, &[]), ("1000", 64, &["--workers", "4"])]
        {
            // Enough names: each of the smallest volumes has 64 KB of the dump, and each of the others 4 times as much.
            if limit == "100" && self.plain.len() > 300 << 16 {
                continue;
            }
            let names: Vec<PathBuf> = (0..400).map(|n| dir.join(&format!("v{n}"))).collect();
            let options = ["-B", limit, "-b", &ntrec.to_string(), "-f", &list(&names)];
            self.dump(key, &[&options, more].concat()).ok();
            let names: Vec<PathBuf> = names.into_iter().filter(|name| name.exists()).collect();
            let volumes: Vec<Vec<u8>> = names.iter().map(|name| zstd::unpack(&key.decrypt(name))).collect();
            let rules = Rules { volumes: Volumes::EndOfMedium, ntrec, ..rules.clone() };
            let decoded = decode_and_check(&volumes, &rules).unwrap();
            let found = listing::differences(&decoded.listing().unwrap(), &self.held());
            assert!(found.is_empty(), "{} -B {limit}: {found:#?}", self.image.display());
            self.restores(key, dir, &names);
            names.iter().for_each(|name| fs::remove_file(name).unwrap());
        }
    }

    fn restores(&self, key: &Key, dir: &TempDir, names: &[PathBuf]) {
        if !is_root() {
            return;
        }
        let into = dir.join("into");
        let mut command = caprestore::command(Path::new(env!("CARGO_BIN_EXE_caprestore")));
        let ran = run_in(command.args(["-rf", &list(names), "--identity"]).arg(&key.file), &into, "").ok();
        let found = caprestore::differences(&into, &Dump::one(self.plain.clone()).unwrap());
        assert!(found.is_empty(), "{}: {found:#?}\n{}", self.image.display(), ran.stderr);
        fs::remove_dir_all(&into).unwrap();
    }
}

#[test]
fn images_of_the_reference() {
    if !can_run() {
        return;
    }
    let Some(golden) = Golden::find() else { return };
    let dir = TempDir::new("capdump-sealed-images");
    let key = Key::new(&dir, "key");
    let mut images: Vec<&str> = golden.cases.iter().map(|case| case.image.as_str()).collect();
    images.dedup();
    assert!(images.len() > 20);
    for image in images {
        // Read errors: as cases of the reference.
        if image.starts_with("trunc") {
            continue;
        }
        let source = Source::new(golden.image(image));
        source.to_all_outputs(&key, &dir);
        // These have inodes that are in the map and not dumped.
        let bits = Dump::one(source.plain.clone()).unwrap();
        let missing = Dump::inodes(&bits.bits).into_iter().filter(|inode| !bits.files.contains_key(inode));
        let rules = Rules { may_miss: missing.collect(), ..Rules::new(10) };
        source.on_volumes(&key, &dir, &rules);
    }
    if !is_root() {
        skipped("owners need root");
    }
}

/// Files of all sizes, links, attributes and holes.
fn generated(dir: &TempDir, geometry: &Geometry, name: &str) -> PathBuf {
    let mut spec = Spec::default();
    let file = |content| Kind::Leaf(What::File(content));
    let sub = spec.add(None, "sub", Attrs::perm(0o755), Kind::Dir);
    for n in 0..60 {
        let content = Content::full(n * 331, geometry.bsize, Fill::Pattern(n));
        spec.add(Some(sub), &format!("small{n}"), Attrs::default(), file(content));
    }
    let large = Content::full(1_900_007, geometry.bsize, Fill::Pattern(1000));
    spec.add(None, "large", Attrs::default(), file(large));
    let part = |block, blocks| Part { block, blocks, fill: Fill::Pattern(block) };
    let attrs = match geometry.version {
        1 => Attrs::default(),
        _ => Attrs { ext: attribute(1, b"name", &[7; 9000]), ..Attrs::default() },
    };
    let holes = Content { size: 500 * geometry.bsize, parts: vec![part(1, 5), part(40, 1), part(480, 9)] };
    spec.add(None, "holes", attrs, file(holes));
    let path = dir.join(name);
    spec.write(&path, geometry);
    path
}

#[test]
fn both_versions_and_byte_orders() {
    if !can_run() {
        return;
    }
    let dir = TempDir::new("capdump-sealed-images");
    let key = Key::new(&dir, "key");
    for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
        let geometry = Geometry { big_endian, ..Geometry::new(version, (8192, 1024), 2, 200, 8 << 20) };
        let image = generated(&dir, &geometry, &format!("image{version}{big_endian}"));
        let source = Source::new(image);
        source.to_all_outputs(&key, &dir);
        source.on_volumes(&key, &dir, &Rules::new(10));
        let increment = |options: &[&str]| {
            let mut command = capdump();
            command.args(["-1", "-T", "Tue Nov 14 22:13:15 2023"]).args(options).args(["-f", "-"]);
            run(command.arg(&source.image), LIMIT).ok().stdout
        };
        let sealed = opened(&key, &dir, &increment(&["--encrypt", &key.recipient]));
        assert!(sealed == zstd::unpack(&increment(&["--compress", "zstd:1"])));
    }
}
