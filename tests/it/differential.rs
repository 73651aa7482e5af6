// SPDX-License-Identifier: BSD-2-Clause
//! Each damaged image is dumped in every way that there is: with 1 and 8 workers, to a file, a pipe and a remote tape, compressed, verified,
//! indexed. The stream, the exit status and what is reported of the image are the same.
//!
//! `CAPDUMP_SWEEP_SECONDS` says how long the sweep goes on; without it, 10. `CAPDUMP_SWEEP_SEED`, a number, has other bytes damaged than usual.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use capdump_support::program::{Ran, TempDir, have, run, skipped, without_tty};
use capdump_support::target::{VARIANTS, make};
use capdump_support::{peer, zstd};

const LIMIT: Duration = Duration::from_secs(20);

/// Bytes of a dump that is compared. A damaged size can make a file of terabytes, all hole, whose headers alone fill the memory.
const MOST: u64 = 64 << 20;

/// The ways; the first is what the others are compared with.
const WAYS: [&str; 7] = ["1 worker", "8 workers", "pipe", "remote", "compressed", "verified", "indexed"];

/// A number that the environment gives.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// Whether the dump is too large to be compared. The estimate does not say: it counts no headers of holes.
fn is_large(dir: &TempDir, image: &Path) -> bool {
    let out = dir.join("out");
    let mut command = without_tty(Path::new("sh"));
    command.args(["-c", &format!("ulimit -f {}; exec \"$@\"", MOST / 512), "sh"]);
    command.args([env!("CARGO_BIN_EXE_capdump"), "-0a", "--batch", "--workers", "1", "-f"]).arg(&out);
    let ran = run(command.arg(image), LIMIT);
    let length = fs::metadata(&out).map_or(0, |file| file.len());
    let _ = fs::remove_file(&out);
    !ran.status.success() && length >= MOST
}

/// What a dump came to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    code: i32,
    /// Without what differs by the way: the output's name, times, what only one of them reports.
    said: Vec<String>,
    /// Of a dump that was given up, nothing is compared.
    stream: Option<Vec<u8>>,
}

/// Dumps the image in a way.
fn dump(dir: &TempDir, image: &Path, way: &str) -> Outcome {
    let out = dir.join("out");
    let _ = fs::remove_file(&out);
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    command.args(["-0a", "--batch", "--strict", "--workers", if way == "8 workers" { "8" } else { "1" }]);
    match way {
        "pipe" => drop(command.args(["-f", "-"])),
        "remote" => remote(&mut command, dir, &out),
        "compressed" => drop(command.args(["--compress", "zstd:1", "-f"]).arg(&out)),
        "verified" => drop(command.args(["--verify", "-f"]).arg(&out)),
        "indexed" => drop(command.arg("--index").arg(dir.join("index")).arg("-f").arg(&out)),
        _ => drop(command.arg("-f").arg(&out)),
    }
    let ran = run(command.arg(image), LIMIT);
    let done = matches!(ran.code(), 0 | 4);
    let stream = done.then(|| match way {
        "pipe" => ran.stdout.clone(),
        "compressed" => zstd::unpack(&fs::read(&out).unwrap()),
        _ => fs::read(&out).unwrap(),
    });
    Outcome { code: ran.code(), said: about_the_image(&ran), stream }
}

/// What was reported of the image.
fn about_the_image(ran: &Ran) -> Vec<String> {
    let other = |line: &&str| {
        let of_the_way = [
            "Dumping ",
            "Closing ",
            "DUMP: ",
            "finished in ",
            "compressed ",
            "verif",
            "index ",
            "Connection ",
        ];
        let line = line.strip_prefix("  DUMP: ").unwrap_or(line);
        !of_the_way.iter().any(|start| line.starts_with(start)) && !line.contains("estimated ")
    };
    ran.stderr.lines().filter(other).map(str::to_owned).collect()
}

/// A real rmt behind a shell.
fn remote(command: &mut Command, dir: &TempDir, out: &Path) {
    let shell = peer::script(&dir.join("rsh"), "for last; do :; done; exec \"$last\"");
    command
        .env("RSH", shell)
        .env("RMT", "/usr/sbin/rmt-tar")
        .arg("-f")
        .arg(format!("host:{}", out.display()));
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

#[test]
fn all_ways_give_the_same_dump_of_a_damaged_image() {
    if !zstd::available() {
        return;
    }
    let rmt = Path::new("/usr/sbin/rmt-tar").exists();
    if !rmt {
        skipped("there is no rmt-tar");
    }
    assert!(have("sh"));
    let dir = TempDir::new("capdump-differential");
    let image = dir.join("image");
    let targets: Vec<_> = (0..VARIANTS.len()).map(|variant| make(&dir.join("made"), variant)).collect();
    let mut random = Random(0x9E37_79B9_0000_0001 ^ number("CAPDUMP_SWEEP_SEED").unwrap_or(0));
    let end = Instant::now() + Duration::from_secs(number("CAPDUMP_SWEEP_SECONDS").unwrap_or(10));
    let (mut cases, mut dumped, mut large) = (0, 0, 0);
    while Instant::now() < end || dumped < 3 {
        let variant = (cases + large) % VARIANTS.len();
        let target = &targets[variant];
        let mut bytes = target.image.clone();
        let places: Vec<_> = [target.superblock.clone(), target.root.clone()]
            .into_iter()
            .chain(target.groups.iter().chain(&target.inodes).chain(&target.directories).cloned())
            .chain(target.indirect.iter().chain(&target.attributes).cloned())
            .collect();
        let mut what = VARIANTS[variant].to_owned();
        for _ in 0..=random.below(3) {
            let place = places[random.below(places.len())].clone();
            let at = place.start + random.below(place.len());
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
            what += &format!(", byte {at} = {:#x}", bytes[at]);
        }
        fs::write(&image, &bytes).unwrap();
        if is_large(&dir, &image) {
            large += 1;
            continue;
        }
        let first = dump(&dir, &image, WAYS[0]);
        for way in &WAYS[1..] {
            if *way == "remote" && !rmt {
                continue;
            }
            let other = dump(&dir, &image, way);
            // What was reported first: it says why a stream differs.
            assert_eq!((first.code, &first.said), (other.code, &other.said), "{what}: {way}");
            let same = first.stream == other.stream;
            assert!(same, "{what}: {way}: another stream than {}", WAYS[0]);
        }
        cases += 1;
        dumped += usize::from(first.stream.is_some());
    }
    println!("{cases} images, {dumped} of them dumped; {large} more were too large to compare");
}
