// SPDX-License-Identifier: BSD-2-Clause
//! Runs caprestore, and compares what it made with what our own decoder finds in the dump.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::decode::{Dump, S_IFLNK, S_IFMT};
use crate::listing::{self, Listing};
use crate::program::{Ran, TempDir, is_root, run, without_tty};
use crate::tree;

/// How long it may take.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A socket (`S_IFSOCK`, sys/stat.h), which no restore makes.
const S_IFSOCK: u32 = 0o140_000;

/// caprestore, in a time zone that is known, and without a terminal.
pub fn command(program: &Path) -> Command {
    let mut command = without_tty(program);
    command.env("TZ", "UTC").env_remove("TAPE");
    command
}

/// Runs `command` in the folder `into`, which is made, with this on standard input.
pub fn run_in(command: &mut Command, into: &Path, input: &str) -> Ran {
    fs::create_dir_all(into).expect("a folder to restore into");
    let from = into.with_extension("answers");
    fs::write(&from, input).expect("answers");
    command.current_dir(into).stdin(fs::File::open(&from).expect("answers"));
    run(command, LIMIT)
}

/// What is in a folder, without the state of a chain.
pub fn listing(into: &Path) -> Listing {
    tree::listing(into, &["restoresymtable"])
}

/// What the decoder finds in a dump, as far as a restored tree has it: no sockets, owners only for root.
pub fn wanted(dump: &Dump) -> Listing {
    let mut listing = dump.listing().expect("a tree");
    listing.retain(|_, entry| entry.mode & S_IFMT != S_IFSOCK);
    listing.values_mut().for_each(|entry| entry.runs = None);
    listing
}

/// How what was restored differs from the dump.
pub fn differences(into: &Path, dump: &Dump) -> Vec<String> {
    let (mut found, mut wanted) = (listing(into), wanted(dump));
    // Linux has no modes of symbolic links.
    for entry in found.values_mut().chain(wanted.values_mut()).filter(|entry| entry.mode & S_IFMT == S_IFLNK)
    {
        entry.mode = S_IFLNK;
    }
    if !is_root() {
        for entry in found.values_mut().chain(wanted.values_mut()) {
            (entry.uid, entry.gid) = (0, 0);
            entry.mode &= !0o6000;
        }
    }
    listing::differences(&found, &wanted)
}

/// A folder with a watched folder beside it, which nothing may change.
pub struct Place {
    dir: TempDir,
    before: Listing,
}

impl Place {
    /// A new place.
    pub fn new() -> Place {
        let dir = TempDir::new("caprestore");
        let sentinel = dir.join("sentinel");
        fs::create_dir_all(sentinel.join("below")).expect("a folder");
        fs::write(sentinel.join("file"), "untouched").expect("a file");
        fs::write(sentinel.join("below/file"), "untouched").expect("a file");
        let before = tree::listing(&sentinel, &[]);
        Place { dir, before }
    }

    /// A name in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Checks that the watched folder is as it was, and that there is nothing beside it but what is in `known`.
    ///
    /// Panics if not.
    #[track_caller]
    pub fn check(&self, known: &[&str]) {
        let differences = listing::differences(&tree::listing(&self.join("sentinel"), &[]), &self.before);
        assert_eq!(differences, [""; 0]);
        for entry in fs::read_dir(self.dir.path()).expect("the folder") {
            let name = entry.expect("the folder").file_name().into_string().expect("a name of the test's");
            assert!(name == "sentinel" || known.contains(&name.as_str()), "{name} is new");
        }
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}
