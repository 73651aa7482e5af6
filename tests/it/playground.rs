// SPDX-License-Identifier: BSD-2-Clause
//! A folder to restore into, within this process, and one beside it in which nothing may change: shared by the tests of caprestore and its fuzz
//! targets (fuzz/).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use capdump::internals::inside;
use capdump_support::decode::{Dump, S_IFREG};
use capdump_support::stream_writer::Stream;

use crate::changes::chain;
use crate::mutations::{Choose, change, flip};

/// The folders.
pub struct Playground {
    dir: PathBuf,
    /// Names, and what a change of any kind changes: times, owner, mode, links.
    before: Vec<(PathBuf, [i64; 8])>,
    levels: [Stream; 3],
}

impl Playground {
    /// In a new folder of memory, if there is any.
    ///
    /// Panics if it cannot be made.
    pub fn new(name: &str) -> Playground {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let dir = parent.join(format!("{name}-{}", std::process::id()));
        _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("sentinel/below")).expect("a folder");
        for file in ["file", "below/file", "f"] {
            fs::write(dir.join("sentinel").join(file), "untouched").expect("a file");
        }
        fs::write(dir.join("dump"), b"").expect("a file");
        fs::create_dir(dir.join("into")).expect("a folder");
        let mut levels = chain();
        // Little data, so that there are many runs.
        let inodes = levels.iter_mut().flat_map(|level| &mut level.inodes);
        inodes.for_each(|inode| inode.data.truncate(2 << 10));
        let mut playground = Playground { dir, before: Vec::new(), levels };
        playground.before = playground.watched();
        playground
    }

    /// What must not change.
    fn watched(&self) -> Vec<(PathBuf, [i64; 8])> {
        let mut found = Vec::new();
        let mut add = |path: PathBuf| {
            let meta = fs::symlink_metadata(&path).expect("what is watched");
            let (uid, gid, mode) = (meta.uid().into(), meta.gid().into(), meta.mode().into());
            let times = [meta.ctime(), meta.ctime_nsec(), meta.mtime(), meta.mtime_nsec()];
            let [a, b, c, d] = times;
            found.push((path, [uid, gid, mode, meta.nlink() as i64, a, b, c, d]));
        };
        let watched = self.dir.join("sentinel");
        for name in ["", "file", "f", "below", "below/file"] {
            add(watched.join(name));
        }
        found
    }

    /// Panics if anything beside the target has changed.
    fn check(&self) {
        for (now, before) in self.watched().iter().zip(&self.before) {
            assert!(now == before, "what is watched has changed: {now:?}, before {before:?}");
        }
        let count = fs::read_dir(&self.dir).expect("the folder").count();
        assert!(count == 3, "{count} names beside the target");
        assert!(!Path::new("/tmp/caprestore-must-not-be").exists());
    }

    fn target(&self) -> OwnedFd {
        File::open(self.dir.join("into")).expect("the target").into()
    }

    fn restore(&self, options: &[&str], bytes: &[u8]) -> u8 {
        let mut dump = File::options().read(true).write(true).open(self.dir.join("dump")).expect("the dump");
        dump.set_len(0).and_then(|()| dump.write_all(bytes)).and_then(|()| dump.rewind()).expect("the dump");
        inside::restore(options, dump.into(), self.target()).expect("a restore")
    }

    /// Empties the target.
    pub fn clear(&self) {
        let into = self.dir.join("into");
        if fs::remove_dir_all(&into).is_err() {
            // A directory that lets nobody in, and this is not root.
            let status = std::process::Command::new("chmod").args(["-R", "u+rwx"]).arg(&into).status();
            assert!(status.is_ok() && fs::remove_dir_all(&into).is_ok(), "the target can be emptied");
        }
        fs::create_dir(&into).expect("the target");
    }

    /// Restores a chain that is changed, or extracts a dump that is, and checks; the exit codes.
    pub fn run(&self, choose: &mut impl Choose) -> Vec<u8> {
        let how = choose.below(16);
        let first = choose.below(3);
        let mut codes = Vec::new();
        if how & 1 == 0 {
            let links =
                [("a", "../sentinel"), ("f", "../sentinel/file"), ("link", "../sentinel"), ("b", "sub")];
            for (name, text) in links.iter().take(choose.below(5)) {
                symlink(text, self.dir.join("into").join(name)).expect("a link");
            }
        }
        for (number, level) in self.levels.iter().enumerate() {
            let mut level = level.clone();
            if number >= first {
                (0..=choose.below(4)).for_each(|_| change(&mut level, choose));
            }
            let mut bytes = level.bytes();
            if number >= first && how & 2 == 0 {
                (0..choose.below(4)).for_each(|_| flip(&mut bytes, choose));
            }
            let options: &[&str] = match how >> 2 {
                0 => &["-xf", "dump"],
                1 if number == first => &["-rvf", "dump", "--overwrite"],
                2 => &["-xuf", "dump", "a", "b", "link"],
                _ if how & 1 == 0 => &["-rf", "dump", "--overwrite"],
                _ => &["-rf", "dump"],
            };
            let code = self.restore(options, &bytes);
            if code == 0 && level.ddate == 0 && options[0].contains('x') && options.len() == 2 {
                self.check_whole(&bytes);
            }
            codes.push(code);
            if choose.below(4) == 0 {
                codes.push(self.restore(&["-Rf", "dump"], &bytes));
            }
        }
        self.check();
        self.clear();
        codes
    }

    /// What was restored without an error has all files with their data, if another decoder can make anything of the dump.
    ///
    /// Panics if not.
    fn check_whole(&self, bytes: &[u8]) {
        let Ok(dump) = Dump::one(bytes.to_vec()) else { return };
        let Ok(paths) = dump.paths() else { return };
        for (path, ino) in paths {
            let Some(file) = dump.files.get(&ino).filter(|file| file.kind() == S_IFREG) else { continue };
            let shown = String::from_utf8_lossy(&path).into_owned();
            let at = self.dir.join("into").join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(&path)));
            let is_file = fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_file());
            assert!(is_file, "{shown} is not there, and the status is 0");
            let found = fs::read(&at).expect("what was restored");
            assert!(found == dump.content(file), "{shown} lacks data, and the status is 0");
        }
    }

    /// Has a writer do what is in `bytes`, and checks.
    pub fn write(&self, bytes: &[u8]) {
        inside::write(bytes, self.target());
        self.check();
        self.clear();
    }

    /// Links, directories and files in the target, for operations to find.
    pub fn furnish(&self) {
        let into = self.dir.join("into");
        fs::create_dir_all(into.join("a/a")).expect("a folder");
        fs::write(into.join("a/b"), "data").expect("a file");
        for (name, text) in
            [("b", "../sentinel"), ("c", "../sentinel/file"), ("a/c", "../../sentinel"), ("d", "..")]
        {
            symlink(text, into.join(name)).expect("a link");
        }
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        self.clear();
        _ = fs::remove_dir_all(&self.dir);
    }
}
