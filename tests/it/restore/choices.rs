// SPDX-License-Identifier: BSD-2-Clause
//! Selections of random trees, from volumes in any order, as an operator answers: what was chosen comes, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::caprestore::Place;
use capdump_support::makefs::makefs;
use capdump_support::program::{have, run, skipped, without_tty};
use capdump_support::tree;

use super::caprestore;
use super::mutated::seconds;

/// Trees that are tried at least.
const TREES: u64 = 16;

/// Answers to one program: who asks for ever does not end.
const MOST_ANSWERS: usize = 400;

/// A row of numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// The operator: volumes in this order, over and over again, and commands of `-i`.
struct Operator<'a> {
    names: &'a [String],
    order: Vec<usize>,
    commands: Vec<String>,
}

impl Operator<'_> {
    /// What is answered to what was printed since the last answer; none if that is no question.
    fn answer(&mut self, printed: &str) -> Option<String> {
        if printed.ends_with("Specify next volume #: ") {
            self.order.rotate_left(1);
            Some(self.order[self.order.len() - 1].to_string())
        } else if printed.ends_with(") ") && printed.contains("otherwise enter tape name") {
            let (_, number) = printed.rsplit_once("Mount tape volume ")?;
            let number: usize = number.split_whitespace().next()?.parse().ok()?;
            Some(self.names.get(number - 1).map_or("none", String::as_str).to_owned())
        } else if printed.ends_with("[yn] ") {
            Some("n".to_owned())
        } else if printed.ends_with("> ") && !self.commands.is_empty() {
            Some(self.commands.remove(0))
        } else {
            None
        }
    }

    /// Runs the program to its end. Gives all that it printed, if its status is 0.
    fn run(mut self, command: &mut Command, into: &Path) -> Result<(), String> {
        let (mut from, to) = std::io::pipe().unwrap();
        fs::create_dir_all(into).unwrap();
        command.current_dir(into).stdin(Stdio::piped()).stdout(to.try_clone().unwrap()).stderr(to);
        let mut child = command.spawn().unwrap();
        // Else the pipe never ends.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut stdin = child.stdin.take().unwrap();
        let (mut printed, mut seen, mut answers) = (String::new(), 0, 0);
        let mut room = [0; 4096];
        loop {
            let got = from.read(&mut room).unwrap();
            if got == 0 || answers > MOST_ANSWERS {
                break;
            }
            printed.push_str(&String::from_utf8_lossy(&room[..got]));
            if let Some(answer) = self.answer(&printed[seen..]) {
                (seen, answers) = (printed.len(), answers + 1);
                _ = stdin.write_all(format!("{answer}\n").as_bytes());
            }
        }
        drop((stdin, from));
        match child.wait().unwrap().code() {
            Some(0) => Ok(()),
            code => Err(format!(
                "{code:?} after {answers} answers: {}",
                &printed[printed.len().saturating_sub(2000)..]
            )),
        }
    }
}

/// The files below a folder, and what is in them.
fn files(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![String::new()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(top.join(&dir)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{dir}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => todo.push(format!("{path}/")),
                false => _ = found.insert(path, fs::read(entry.path()).unwrap()),
            }
        }
    }
    found
}

/// A tree of a few files, some with further names, in a few directories.
fn grow(top: &Path, random: &mut Random) {
    let dirs = ["", "d0/", "d0/s/", "d1/", "d2/"];
    dirs.iter().for_each(|dir| fs::create_dir_all(top.join(dir)).unwrap());
    let lengths = [0, 1, 511, 1024, 1025, 9000, 12_288, 40_000, 98_305, 200_000];
    for n in 0..2 + random.below(12) {
        let path = format!("{}f{n}", random.one(&dirs));
        let length = random.one(&lengths);
        match random.below(4) {
            0 if length > 9000 => {
                tree::file_with_holes(&top.join(&path), length as u64, &[length as u64 / 2])
            }
            _ => tree::file(&top.join(&path), &tree::bytes(n as u64, length)),
        }
        if random.below(5) == 0 {
            fs::hard_link(top.join(&path), top.join(format!("{}l{n}", random.one(&dirs)))).unwrap();
        }
    }
}

/// Checks a way to extract what was chosen.
fn check(place: &Place, what: &str, chosen: &[String], ended: Result<(), String>) {
    let (found, source) = (files(&place.join("into")), files(&place.join("source")));
    let is_chosen =
        |path: &String| chosen.iter().any(|one| path == one || path.starts_with(&format!("{one}/")));
    let wanted: BTreeMap<_, _> = source.into_iter().filter(|(path, _)| is_chosen(path)).collect();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "{what}");
    assert!(found == wanted, "{what}: contents");
    // Names of one file that come one after the other are in each other's way, as in restore(8).
    let is_in_way = |printed: &String| what.starts_with("-i") && printed.contains(": File exists");
    if let Some(printed) = ended.err().filter(|printed| !is_in_way(printed)) {
        panic!("{what}: {printed}");
    }
    fs::remove_dir_all(place.join("into")).unwrap();
}

#[test]
fn what_is_chosen_comes_from_volumes_in_any_order() {
    if !have("makefs") {
        return skipped("makefs(8) is not there");
    }
    let end = Instant::now() + seconds() / 2;
    for seed in (0..).take_while(|seed| *seed < TREES || Instant::now() < end) {
        let mut random = Random((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let place = Place::new();
        grow(&place.join("source"), &mut random);
        let kind = 1 + random.below(2) as u8;
        let sizes = random.one(&[(4096, 512), (8192, 1024), (32_768, 4096)]);
        // Without a size it makes some that are too small.
        makefs(&place.join("image"), &place.join("source"), kind, sizes, &["-M", "16m"]);
        let options =
            random.one(&[&["-a"][..], &["-B", "30"], &["-B", "100"], &["-B", "100", "--compress=zstd"]]);
        let names: Vec<String> =
            (1..=80).map(|n| place.join(&format!("v{n}")).display().to_string()).collect();
        let mut dump = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        dump.args(["-0", "-f", &names.join(",")]).args(options).arg("--index").arg(place.join("index"));
        run(dump.arg(place.join("image")), Duration::from_secs(60)).ok();
        let names: Vec<String> = names.into_iter().filter(|name| Path::new(name).exists()).collect();
        let all: Vec<String> = files(&place.join("source")).into_keys().chain(["d1".to_owned()]).collect();
        let mut chosen: Vec<String> = all.into_iter().filter(|_| random.below(4) == 0).collect();
        chosen.truncate(6);
        chosen.push("d2".to_owned());
        let mut order: Vec<usize> = (1..=names.len()).collect();
        (1..order.len()).for_each(|at| order.swap(at, random.below(at + 1)));
        let operator = |commands: Vec<String>| Operator { names: &names, order: order.clone(), commands };
        let jobs = (1 + random.below(3)).to_string();

        let what = format!("seed {seed}, {options:?}, {order:?}, {chosen:?}");
        let mut command = caprestore();
        let ended = operator(Vec::new())
            .run(command.args(["--jobs", &jobs, "-xf", &names[0]]).args(&chosen), &place.join("into"));
        check(&place, &format!("-x, {what}"), &chosen, ended);
        // In two steps, the second of which has directories only, or nothing to read.
        let (first, second) = chosen.split_at(chosen.len() / 2);
        for is_indexed in [false, true] {
            let mut commands: Vec<String> = Vec::new();
            for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
                commands.extend([format!("add {}", part.join(" ")), "extract".to_owned()]);
            }
            commands.push("quit".to_owned());
            let mut command = caprestore();
            if is_indexed {
                command.arg("--index").arg(place.join("index"));
            }
            let ended = operator(commands)
                .run(command.args(["--jobs", &jobs, "-if", &names[0]]), &place.join("into"));
            check(&place, &format!("-i, index {is_indexed}, {what}"), &chosen, ended);
        }
    }
}
