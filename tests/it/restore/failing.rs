// SPDX-License-Identifier: BSD-2-Clause
//! A target whose file system fails: any request of the kernel's to it, also those by which it closes and syncs files. All of it is reported,
//! and -R goes on when the reason is gone.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::caprestore::{Place, listing};
use capdump_support::failing_fs::{FailingFs, Fault, KINDS, Kind};
use capdump_support::fuse;
use capdump_support::listing::{self, Listing};
use capdump_support::program::{Ran, run};
use capdump_support::stream_writer::Stream;
use nix::errno::Errno;

use super::caprestore;
use super::mutated::seconds;
use crate::changes::chain;

const LIMIT: Duration = Duration::from_secs(60);
const ERRORS: [Errno; 4] = [Errno::EIO, Errno::ENOSPC, Errno::EDQUOT, Errno::EROFS];
const FOR_EVER: usize = usize::MAX >> 2;

/// What the C library says of an error.
fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (").next().unwrap_or_default().to_owned()
}

/// The chain of all changes of names, with attributes that come and go.
fn levels() -> Vec<Stream> {
    let mut levels = chain();
    for (level, stream) in levels.iter_mut().enumerate() {
        for at in 0..stream.inodes.len() {
            let inode = &stream.inodes[at];
            let is_directory = inode.mode == 0o040_755;
            // Directories lose them, and files get new ones.
            if (is_directory && inode.ino % 3 != level as u32 % 3)
                || inode.mode == 0o100_644 && inode.ino % 5 == 4
            {
                let mut of = Stream::new();
                of.inode(inode.ino, inode.mode, b"").attribute(b"name", format!("{level}").as_bytes());
                stream.inodes[at].attributes = of.inodes.remove(0).attributes;
            }
        }
    }
    levels.to_vec()
}

/// Attributes of users by path.
type Attributes = BTreeMap<PathBuf, Vec<(OsString, Vec<u8>)>>;

fn attributes(top: &Path) -> Attributes {
    let mut found = BTreeMap::new();
    let mut paths = vec![top.to_owned()];
    while let Some(path) = paths.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if meta.is_dir() || meta.is_file() {
            let names = xattr::list(&path).unwrap();
            let of: Vec<_> =
                names.map(|name| (name.clone(), xattr::get(&path, &name).unwrap().unwrap())).collect();
            found.insert(path.strip_prefix(top).unwrap().to_owned(), of);
        }
    }
    found.remove(Path::new("restoresymtable"));
    found
}

/// caprestore with these options, beside the target.
fn caprestore_into(letters: &str, dump: &Path, into: &Path, beside: &Path) -> Command {
    let mut command = caprestore();
    command.arg(format!("-{letters}f")).arg(dump).arg("--into").arg(into).current_dir(beside);
    command
}

fn go(command: &mut Command) -> Ran {
    run(command.stdin(Stdio::null()), LIMIT)
}

/// The dumps, and the tree after each of them.
struct Levels {
    place: Place,
    trees: Vec<(PathBuf, Listing, Attributes)>,
}

impl Levels {
    fn new() -> Levels {
        let place = Place::new();
        let _fs = FailingFs::new(&place.join("whole"), false);
        let into = place.join("whole/into");
        fs::create_dir(&into).unwrap();
        let mut trees = Vec::new();
        for (number, stream) in levels().iter().enumerate() {
            let dump = place.join(&format!("dump{number}"));
            fs::write(&dump, stream.bytes()).unwrap();
            assert_eq!(go(&mut caprestore_into("r", &dump, &into, &place.join(""))).ok().stderr, "");
            trees.push((dump, listing(&into), attributes(&into)));
        }
        Levels { place, trees }
    }

    fn differences(&self, level: usize, into: &Path) -> Vec<String> {
        let (_, tree, wanted) = &self.trees[level];
        let mut out = listing::differences(&listing(into), tree);
        let found = attributes(into);
        out.extend((found != *wanted).then(|| format!("attributes {found:?} and {wanted:?}")));
        out
    }

    /// Restores a level while this fails; whether it was reported, and completes it. Errors: what is wrong about that.
    fn fails(
        &self,
        fs: &FailingFs,
        level: usize,
        into: &Path,
        fault: Fault,
        jobs: usize,
    ) -> Result<bool, String> {
        let (dump, ..) = &self.trees[level];
        let beside = self.place.join("");
        let run = |letter: &str| {
            go(caprestore_into(letter, dump, into, &beside).args(["--jobs", &jobs.to_string()]))
        };
        fs.fail(Some(fault));
        let ran = run("r");
        let failed = fs.failed();
        fs.fail(None);
        let what =
            format!("level {level}, {jobs} jobs, {fault:?}, {failed} failed: {} {}", ran.code(), ran.stderr);
        if ran.code() == 0 {
            let differences = self.differences(level, into);
            return if differences.is_empty() && ran.stderr.is_empty() {
                Ok(false)
            } else {
                Err(format!("{what}{differences:?}"))
            };
        }
        // What is said of data that was kept is of the kernel's choice.
        let is_told = [fault.errno, Errno::EIO].map(text).iter().any(|text| ran.stderr.contains(text));
        if failed == 0 || ran.code() != 1 || !is_named(&ran.stderr, into) || !is_told {
            return Err(what);
        }
        let is_known = ["restoresymtable", "restoresymtable.new"].iter().any(|name| into.join(name).exists());
        let mut again = run(if is_known { "R" } else { "r" });
        // The kernel can have data of files that it could not write when they were closed, and says so until they are replaced.
        let mut tries = if fs.keeps_writes() { 4 } else { 0 };
        while again.code() != 0 && tries > 0 {
            again = run(if is_known { "R" } else { "r" });
            tries -= 1;
        }
        let differences = self.differences(level, into);
        if again.code() != 0 || !differences.is_empty() {
            return Err(format!("{what}then {} {}{differences:?}", again.code(), again.stderr));
        }
        Ok(true)
    }
}

/// Whether a message names a path or the target.
fn is_named(stderr: &str, into: &Path) -> bool {
    let names = ["./", ".: ", &format!("{}: ", into.display())];
    stderr.lines().any(|line| names.iter().any(|name| line.contains(name)))
}

/// Requests of each kind that each level takes.
fn counts(levels: &Levels, keeps_writes: bool) -> Vec<Vec<(Kind, usize)>> {
    let fs = FailingFs::new(&levels.place.join("counted"), keeps_writes);
    let into = levels.place.join("counted/into");
    fs::create_dir(&into).unwrap();
    let count = |(dump, ..): &(PathBuf, Listing, Attributes)| {
        fs.fail(None);
        go(&mut caprestore_into("r", dump, &into, &levels.place.join(""))).ok();
        KINDS.into_iter().map(|kind| (kind, fs.count(kind))).filter(|(_, count)| *count > 0).collect()
    };
    levels.trees.iter().map(count).collect()
}

#[test]
fn any_request_of_a_chain_fails() {
    if !fuse::available() {
        return;
    }
    let end = Instant::now() + seconds() * 2;
    let levels = Levels::new();
    let (mut runs, mut failed, mut wrong) = (0, 0, Vec::new());
    let counts = [false, true].map(|keeps_writes| counts(&levels, keeps_writes));
    while Instant::now() < end || runs < 12 {
        let keeps_writes = runs % 2 == 1;
        let on = levels.place.join("mount");
        let fs = FailingFs::new(&on, keeps_writes);
        let into = on.join("into");
        fs::create_dir(&into).unwrap();
        for (level, kinds) in counts[usize::from(keeps_writes)].iter().enumerate() {
            let (kind, count) = kinds[(runs / 2 + level * 5) % kinds.len()];
            let errors = if kind == Kind::SetAttribute { &ERRORS[..1] } else { &ERRORS };
            let fault = Fault {
                kind: Some(kind),
                from: runs.wrapping_mul(61) % count + 1,
                times: if runs / 4 % 2 == 0 { 1 } else { FOR_EVER },
                errno: errors[(runs / 2 + runs / kinds.len()) % errors.len()],
            };
            match levels.fails(&fs, level, &into, fault, runs % 3 + 1) {
                Ok(has_failed) => failed += usize::from(has_failed),
                Err(what) => {
                    wrong.push(format!("{what}, writes kept: {keeps_writes}"));
                    break;
                }
            }
        }
        runs += 1;
    }
    println!("{runs} chains with requests that fail, {failed} levels ended by that");
    assert!(wrong.is_empty(), "{} of {runs}: {}", wrong.len(), wrong[..wrong.len().min(200)].join("\n"));
    assert!(failed > runs / 2);
}

/// Extracts into a folder of `fs` while this fails; what it printed, and how many requests have failed.
fn extract(
    place: &Place,
    dump: &Path,
    fault: Fault,
    keeps_writes: bool,
) -> (Ran, usize, BTreeMap<PathBuf, Vec<u8>>) {
    let on = place.join("mount");
    let fs = FailingFs::new(&on, keeps_writes);
    let into = on.join("into");
    fs::create_dir(&into).unwrap();
    fs.fail(Some(fault));
    let mut command = caprestore_into("x", dump, &into, &place.join(""));
    let answers = place.join("answers");
    fs::write(&answers, "1\ny\n").unwrap();
    let ran = run(command.stdin(fs::File::open(&answers).unwrap()), LIMIT);
    let failed = fs.failed();
    fs.fail(None);
    let mut files = BTreeMap::new();
    let mut paths = vec![into.clone()];
    while let Some(path) = paths.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if meta.is_file() {
            files.insert(path.strip_prefix(&into).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    (ran, failed, files)
}

/// A dump of three files: the first, the last, and one of many tape blocks.
fn three() -> Stream {
    let mut stream = Stream::new();
    stream.directory(
        2,
        2,
        &[(b"first", 4, 8), (b"large", 5, 8), (b"last", 6, 8), (b"link", 7, 10), (b"fifo", 8, 1)],
    );
    stream.file(4, b"first").file(5, &[5; 300 << 10]).file(6, b"last").attribute(b"name", b"value");
    stream.inode(7, 0o120_777, b"text").inode(8, 0o010_600, b"");
    stream
}

#[test]
fn files_that_cannot_be_closed_are_named() {
    if !fuse::available() {
        return;
    }
    let place = Place::new();
    let dump = place.join("dump");
    fs::write(&dump, three().bytes()).unwrap();
    // Each file is closed once.
    for (from, name, ino) in [(1, "first", 4), (2, "large", 5), (3, "last", 6)] {
        for errno in ERRORS {
            let fault = Fault { kind: Some(Kind::Flush), from, times: 1, errno };
            let (ran, failed, _) = extract(&place, &dump, fault, false);
            assert_eq!((ran.code(), failed), (1, 1), "{name}: {}", ran.stderr);
            let wanted =
                format!("write error extracting inode {ino}, name ./{name}\nwrite: {}\n", text(errno));
            assert!(ran.stderr.contains(&wanted), "{}", ran.stderr);
        }
    }
}

#[test]
fn data_that_is_lost_after_it_was_written_is_reported() {
    if !fuse::available() {
        return;
    }
    let place = Place::new();
    let dump = place.join("dump");
    fs::write(&dump, three().bytes()).unwrap();
    for from in 1..=3 {
        let fault = Fault { kind: Some(Kind::Write), from, times: 1, errno: Errno::EIO };
        let (ran, failed, _) = extract(&place, &dump, fault, true);
        assert_eq!((ran.code(), failed), (1, 1), "{from}: {}", ran.stderr);
        assert!(ran.stderr.contains("./") && ran.stderr.contains("Input/output error\n"), "{}", ran.stderr);
    }
}

#[test]
fn any_request_of_an_extraction_fails() {
    if !fuse::available() {
        return;
    }
    let place = Place::new();
    let dump = place.join("dump");
    let stream = three();
    fs::write(&dump, stream.bytes()).unwrap();
    let wanted: BTreeMap<PathBuf, Vec<u8>> = ["first", "large", "last"]
        .into_iter()
        .zip(&stream.inodes[1..])
        .map(|(name, inode)| (PathBuf::from(name), inode.data.clone()))
        .collect();
    let mut wrong = Vec::new();
    for (keeps_writes, times) in [(false, 1), (true, 1), (false, FOR_EVER), (true, FOR_EVER)] {
        for kind in KINDS {
            for from in [1, 2, 3, 5, 8, 13] {
                let fault = Fault { kind: Some(kind), from, times, errno: Errno::EIO };
                let (ran, failed, files) = extract(&place, &dump, fault, keeps_writes);
                if failed == 0 {
                    assert_eq!((ran.code(), files == wanted), (0, true), "{fault:?}: {}", ran.stderr);
                    break;
                }
                let is_named = is_named(&ran.stderr, &place.join("mount/into"));
                let is_told = ran.code() == 1 && is_named && ran.stderr.contains("Input/output error");
                let is_whole = ran.code() == 0 && files == wanted;
                if !is_told && !is_whole {
                    wrong.push(format!(
                        "{fault:?}, writes kept: {keeps_writes}: {} {}",
                        ran.code(),
                        ran.stderr
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong.join("\n"));
}
