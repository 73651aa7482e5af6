// SPDX-License-Identifier: BSD-2-Clause
//! Random small trees, dumped to one volume or several of which tape blocks are then missing or doubled, or whole volumes: what ends with
//! status 0 has restored every file as it was, and --check has status 0 only where that is so.

#![allow(clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use capdump_support::program::{have, is_root, run, skipped, without_tty};

use super::mutated::{Random, seconds};
use super::random::{Dumped, LIMIT, found};
use crate::mutations::Choose;

const BLOCK: usize = 1024;

/// Damages a volume, or the list of volumes, in some way; which one.
fn damage(volumes: &mut Vec<Vec<u8>>, choose: &mut Random) -> String {
    let (number, other) = (choose.below(volumes.len()), choose.below(volumes.len()));
    let volume = &mut volumes[number];
    let blocks = volume.len() / BLOCK;
    let count = [1, 1, 1, 2, 3, 10, 40][choose.below(7)].min(blocks);
    let from = choose.below(blocks - count + 1) * BLOCK;
    let to = from + count * BLOCK;
    match choose.below(16) {
        0 => {
            volumes.swap(number, other);
            format!("volumes {number} and {other} swapped")
        }
        1 => {
            volumes.remove(number);
            format!("volume {number} missing")
        }
        2 => {
            let again = volume.clone();
            volumes.insert(number, again);
            format!("volume {number} twice")
        }
        3..8 => {
            volume.drain(from..to);
            format!("{count} blocks missing from byte {from} of volume {number}")
        }
        _ => {
            let again = volume[from..to].to_vec();
            volume.splice(to..to, again);
            format!("{count} blocks doubled at byte {to} of volume {number}")
        }
    }
}

/// Checks and restores a dump; whether both have status 0. Errors: what is wrong about that.
fn restored(dumped: &Dumped, names: &[String], what: &str) -> Result<[bool; 2], String> {
    let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
    let checked = run(command.arg("--check").args(names), LIMIT);
    let into = dumped.dir.join("into");
    fs::create_dir(&into).unwrap();
    let mut command = dumped.caprestore("-x", &names.join(","));
    let answers = dumped.dir.join("answers");
    fs::write(&answers, "1\n").unwrap();
    let ran = run(command.arg("--into").arg(&into).stdin(fs::File::open(answers).unwrap()), LIMIT);
    let found = found(&into);
    fs::remove_dir_all(&into).unwrap();
    let wrong: Vec<&String> = dumped
        .files
        .iter()
        .filter(|(path, data)| found.get(*path) != Some(data))
        .map(|(path, _)| path)
        .collect();
    // --check says that of a part.
    let is_whole = checked.code() == 0 && !checked.stderr.contains("not all volumes were specified");
    if (is_whole || ran.code() == 0) && !wrong.is_empty() {
        return Err(format!(
            "{what}: {wrong:?} are wrong, --check {}: {}, -x {}: {}",
            checked.code(),
            checked.stderr,
            ran.code(),
            ran.stderr
        ));
    }
    Ok([checked.code() == 0, ran.code() == 0])
}

#[test]
fn missing_and_doubled_tape_blocks_are_noticed() {
    if !have("makefs") || !is_root() {
        return skipped("a tree of any owner needs makefs(8) and root");
    }
    let end = Instant::now() + seconds();
    let (mut dumps, mut runs, mut good, mut wrong) = (0, 0, [0, 0], Vec::new());
    while Instant::now() < end || dumps < 4 {
        dumps += 1;
        let choose = &mut Random::new(dumps);
        let mut dumped = Dumped::new(choose);
        let options = [&["-a"][..], &["-B", "30"], &["-B", "60"], &["-B", "60", "-b", "1"], &["-B", "400"]];
        let options = options[choose.below(options.len())];
        dumped.dump_by(choose, options);
        let whole: Vec<Vec<u8>> = dumped.volumes.iter().map(|name| fs::read(name).unwrap()).collect();
        for _ in 0..8 {
            let mut volumes = whole.clone();
            let what = damage(&mut volumes, choose);
            let what = format!("dump {dumps} by {:?} in {} volumes, {what}", dumped.options, whole.len());
            let names: Vec<String> =
                (0..volumes.len()).map(|n| dumped.join(&format!("damaged{n}"))).collect();
            names.iter().zip(&volumes).for_each(|(name, volume)| fs::write(name, volume).unwrap());
            if names.is_empty() {
                continue;
            }
            runs += 1;
            match restored(&dumped, &names, &what) {
                Ok(codes) => good.iter_mut().zip(codes).for_each(|(good, is_0)| *good += usize::from(is_0)),
                Err(what) => wrong.push(what),
            }
        }
    }
    println!("{runs} damaged dumps: --check has status 0 for {}, -x for {}", good[0], good[1]);
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
