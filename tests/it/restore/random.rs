// SPDX-License-Identifier: BSD-2-Clause
//! Random choices of files out of dumps of random small trees, in all the ways that caprestore has: what ends with status 0 is as in the source,
//! and nothing else is there.

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::age::Key;
use capdump_support::index;
use capdump_support::makefs::makefs;
use capdump_support::program::{self, TempDir, have, is_root, run, skipped, without_tty};
use capdump_support::tree;

use super::caprestore;
use super::mutated::{Random, seconds};
use crate::mutations::Choose;

pub const LIMIT: Duration = Duration::from_secs(60);

/// Sizes around those of tape blocks, volumes and headers.
const SIZES: [usize; 12] = [0, 0, 1, 100, 1024, 1025, 5000, 16_000, 28_000, 90_000, 524_288, 600_000];

/// A tree, and a dump of it.
pub struct Dumped {
    /// Where all of it is.
    pub dir: TempDir,
    /// Regular files by path, with their contents.
    pub files: BTreeMap<String, Vec<u8>>,
    directories: Vec<String>,
    /// Names of the volumes.
    pub volumes: Vec<String>,
    key: Option<Key>,
    /// By which it was dumped.
    pub options: Vec<String>,
}

impl Dumped {
    /// A file's name.
    pub fn join(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Makes a tree.
    pub fn new(choose: &mut Random) -> Dumped {
        let dir = TempDir::new("caprestore-choices");
        let source = dir.join("source");
        fs::create_dir(&source).unwrap();
        let (mut files, mut directories) = (BTreeMap::new(), vec![String::new()]);
        for number in 0..choose.below(5) {
            let path = format!("{}d{number}", below(&directories, choose));
            fs::create_dir(source.join(&path)).unwrap();
            directories.push(path);
        }
        for number in 0..2 + choose.below(14) {
            let path = format!("{}f{number}", below(&directories, choose));
            let mut data = tree::bytes(choose.below(1 << 20) as u64, SIZES[choose.below(SIZES.len())]);
            let at = source.join(&path);
            match choose.below(8) {
                0 if !files.is_empty() => {
                    let (first, content): (&String, &Vec<u8>) =
                        files.iter().nth(choose.below(files.len())).unwrap();
                    data.clone_from(content);
                    fs::hard_link(source.join(first), &at).unwrap();
                }
                1 => {
                    // Holes within it and at its end.
                    let length = data.len();
                    let (from, to) = (choose.below(length + 1), choose.below(length + 1));
                    data[from.min(to)..from.max(to)].fill(0);
                    data.resize(length + choose.below(3) * 40_000, 0);
                    let holes = fs::File::create(&at).unwrap();
                    holes.set_len(data.len() as u64).unwrap();
                    for (part, bytes) in
                        data.chunks(4096).enumerate().filter(|(_, bytes)| bytes.iter().any(|b| *b != 0))
                    {
                        std::os::unix::fs::FileExt::write_all_at(&holes, bytes, part as u64 * 4096).unwrap();
                    }
                }
                _ => fs::write(&at, &data).unwrap(),
            }
            files.insert(path, data);
        }
        directories.remove(0);
        Dumped { dir, files, directories, volumes: Vec::new(), key: None, options: Vec::new() }
    }

    /// Dumps it in some way.
    fn dump(&mut self, choose: &mut Random) {
        self.options.clear();
        if choose.below(3) == 0 {
            self.options.push("--compress=zstd".to_owned());
        }
        if choose.below(4) == 0 && have("age-keygen") && have("age") {
            let key = Key::new(&self.dir, "key");
            self.options.extend(["--encrypt".to_owned(), key.recipient.clone()]);
            self.key = Some(key);
        }
        // Room for a record that is compressed, and a chunk that is encrypted.
        let sizes = if self.options.is_empty() { ["30", "60", "400"] } else { ["200", "300", "400"] };
        match choose.below(4) {
            0 => self.options.push("-a".to_owned()),
            size => self.options.extend(["-B".to_owned(), sizes[size - 1].to_owned()]),
        }
        let options = self.options.clone();
        self.dump_by(choose, &options.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Dumps it by these options.
    pub fn dump_by(&mut self, choose: &mut Random, options: &[&str]) {
        let size = [(8192, 1024), (4096, 512), (32_768, 4096)][choose.below(3)];
        makefs(&self.dir.join("image"), &self.dir.join("source"), 2, size, &["-M", "16m"]);
        self.options = options.iter().map(|&option| option.to_owned()).collect();
        let names: Vec<String> = (1..=200).map(|n| self.join(&format!("v{n}"))).collect();
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        command.args(["-0", "-f", &names.join(",")]).args(&self.options);
        command.arg("--index").arg(self.dir.join("index")).arg(self.dir.join("image"));
        run(&mut command, LIMIT).ok();
        let index = self.dir.join("index");
        let plain = match &self.key {
            Some(key) => key.decrypt(&index),
            None => fs::read(&index).unwrap(),
        };
        fs::write(self.dir.join("plain"), plain).unwrap();
        self.volumes = names.into_iter().filter(|name| Path::new(name).exists()).collect();
    }

    /// Some names, and the files that they stand for; one that is left out is among neither.
    fn choice(&self, choose: &mut Random) -> (Vec<String>, Option<String>, BTreeSet<String>) {
        let all: Vec<&String> = self.files.keys().chain(&self.directories).collect();
        let names: Vec<String> =
            (0..1 + choose.below(4)).map(|_| all[choose.below(all.len())].clone()).collect();
        let names = if choose.below(5) == 0 { vec![".".to_owned()] } else { names };
        let is_below = |path: &str, above: &str| {
            above == "."
                || path == above
                || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
        };
        let left_out = self
            .directories
            .get(choose.below(6))
            .filter(|directory| !names.iter().any(|name| name != "." && is_below(name, directory)));
        let files = self.files.keys().filter(|path| names.iter().any(|name| is_below(path, name)));
        let files = files.filter(|path| !left_out.is_some_and(|above| is_below(path, above)));
        (names.clone(), left_out.cloned(), files.cloned().collect())
    }

    /// caprestore with the options that the dump needs.
    pub fn caprestore(&self, letter: &str, volumes: &str) -> Command {
        let mut command = caprestore();
        command.args([letter, "-f", volumes]).current_dir(self.dir.path());
        self.key.iter().for_each(|key| _ = command.arg("--identity").arg(&key.file));
        command
    }

    /// Answers what is asked for, volumes in any order; the exit code, and what was printed.
    fn converse(&self, command: &mut Command, commands: &[String], choose: &mut Random) -> (i32, String) {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        let (mut text, mut commands) = (String::new(), commands.iter());
        let (mut buffer, mut volume, mut left) = ([0; 4096], 1, Vec::new());
        loop {
            let length = output.read(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            text += &String::from_utf8_lossy(&buffer[..length]);
            if let Some(at) = text.rfind("Mount tape volume ") {
                let digits = text[at + 18..].split(|letter: char| !letter.is_ascii_digit()).next();
                volume = digits.and_then(|digits| digits.parse().ok()).unwrap_or(volume);
            }
            let answer = if text.ends_with("restore > ") {
                left.clear();
                commands.next().map_or("quit\n".to_owned(), |command| format!("{command}\n"))
            } else if text.ends_with("next volume #: ") {
                if left.is_empty() {
                    left = (1..=self.volumes.len()).collect::<Vec<_>>();
                }
                format!("{}\n", left.swap_remove(choose.below(left.len())))
            } else if text.ends_with(") ") {
                self.volumes.get(volume - 1).map_or("none\n".to_owned(), |name| format!("{name}\n"))
            } else if text.ends_with("[yn] ") {
                "n\n".to_owned()
            } else {
                continue;
            };
            if text.len() > 1 << 20 || input.write_all(answer.as_bytes()).is_err() {
                break;
            }
            text += "\n";
        }
        drop(input);
        let status = program::wait(&mut child, LIMIT).expect("an end");
        (status.code().unwrap_or(-1), text)
    }

    /// Extracts some files in some way, and compares; the errors, and whether all was asked for that is in the index.
    fn extract(&self, choose: &mut Random) -> Result<(), String> {
        let into = self.dir.join("into");
        fs::create_dir(&into).unwrap();
        let (names, left_out, files) = self.choice(choose);
        let all = self.volumes.join(",");
        let how = choose.below(5);
        let asks = how == 1 || how == 2 && choose.below(2) == 0;
        let mut command = self.caprestore(
            if matches!(how, 2 | 3) { "-i" } else { "-x" },
            if asks { &self.volumes[0] } else { &all },
        );
        command.arg("--into").arg(&into);
        if !asks && choose.below(2) == 0 {
            command.arg("--index").arg(self.dir.join("index"));
        }
        if choose.below(3) > 0 {
            command.args(["--jobs", ["1", "2", "3", "4"][choose.below(4)]]);
        }
        if choose.below(6) == 0 {
            command.arg("-v");
        }
        left_out.iter().for_each(|path| _ = command.args(["--exclude", path]));
        let mut commands = Vec::new();
        if how == 4 {
            command.arg("--to-stdout");
        }
        if matches!(how, 2 | 3) {
            // All at once, or one after the other.
            let each = choose.below(2) == 0;
            for name in &names {
                commands.push(format!("add {name}"));
                if each {
                    commands.push("extract".to_owned());
                }
            }
            commands.extend((!each).then(|| "extract".to_owned()));
        } else {
            command.args(&names);
        }
        if how == 4 {
            return self.prints(&mut command, &files);
        }
        let what = format!("{:?} of a dump by {:?}", command.get_args().collect::<Vec<_>>(), self.options);
        let (code, text) = self.converse(&mut command, &commands, choose);
        let text = format!("{what} {commands:?}: {code} {}", text.replace('\n', "|"));
        let found = found(&into);
        for path in &files {
            let Some(data) = found.get(path) else { return Err(format!("{path} is missing: {text}")) };
            if *data != self.files[path] {
                return Err(format!("{path} has {} bytes that differ: {text}", data.len()));
            }
        }
        if let Some(path) = found.keys().find(|path| !files.contains(*path)) {
            return Err(format!("{path} was not asked for: {text}"));
        }
        // What has several names, and is extracted by one of them at a time, becomes several files, which can be in each other's way.
        let each = commands.iter().filter(|command| *command == "extract").count() > 1;
        if each && (code == 0 || text.contains(": File exists")) {
            return Ok(());
        }
        if code != 0 {
            return Err(text);
        }
        let mut command = self.caprestore("-C", &all);
        command.arg("--into").arg(&into).args(&files);
        let compared = run(command.stdin(Stdio::null()), LIMIT);
        if files.is_empty() || compared.code() == 0 {
            Ok(())
        } else {
            Err(format!("-C: {} {text}", compared.stderr))
        }
    }

    /// Prints files one after another, in the order of the dump; those with several names once.
    fn prints(&self, command: &mut Command, files: &BTreeSet<String>) -> Result<(), String> {
        let ran = run(command.stdin(Stdio::null()), LIMIT);
        let mut inodes = BTreeMap::new();
        for line in index::read(&self.dir.join("plain")).1 {
            let path = line.printed.trim_start_matches("./").to_owned();
            if files.contains(&path) {
                inodes.insert(line.ino, path);
            }
        }
        let wanted: Vec<u8> = inodes.values().flat_map(|path| self.files[path].clone()).collect();
        if ran.code() == 0 && ran.stdout == wanted {
            return Ok(());
        }
        let what = format!("{:?} of a dump by {:?}", command.get_args().collect::<Vec<_>>(), self.options);
        Err(format!("{what}: {} {} of {} bytes: {}", ran.code(), ran.stdout.len(), wanted.len(), ran.stderr))
    }
}

/// The beginning of a path in one of these directories.
fn below(directories: &[String], choose: &mut Random) -> String {
    let above = &directories[choose.below(directories.len())];
    if above.is_empty() { String::new() } else { format!("{above}/") }
}

/// Regular files below a folder.
pub fn found(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut paths: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(top).unwrap().display().to_string();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn any_choice_of_files_in_any_way() {
    if !have("makefs") || !is_root() {
        return skipped("a tree of any owner needs makefs(8) and root");
    }
    let end = Instant::now() + seconds();
    let (mut dumps, mut runs, mut wrong) = (0, 0, Vec::new());
    while Instant::now() < end || dumps < 4 {
        dumps += 1;
        let choose = &mut Random::new(dumps);
        let mut dumped = Dumped::new(choose);
        dumped.dump(choose);
        for _ in 0..8 {
            runs += 1;
            wrong.extend(dumped.extract(choose).err().inspect(|what| println!("dump {dumps}: {what}")));
            fs::remove_dir_all(dumped.dir.join("into")).unwrap();
        }
    }
    println!("{runs} choices of files of {dumps} dumps");
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
