// SPDX-License-Identifier: BSD-2-Clause
//! Counts the calls by which a program changes a file system, stops it at one of them, or has it fail (`operations.c`, a preload library).

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::procs;
use crate::program::{self, TempDir, run};

/// Bytes of a number in the log, and where those are that it begins with: calls, the process that waits, whether it may go on.
const NUMBER: usize = 8;

/// The library.
#[derive(Debug)]
pub struct Operations {
    dir: TempDir,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Nothing: they are counted.
    Count,
    /// The process waits before the call of this number, from 1.
    Stop(usize),
    /// So many calls from this one on fail with this error.
    Fail(usize, usize, i32),
}

/// A program that is watched.
#[derive(Debug)]
pub struct Watched(PathBuf);

impl Operations {
    /// Builds it.
    ///
    /// Panics if there is no compiler.
    pub fn new() -> Operations {
        let dir = TempDir::new("capdump-operations");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operations.c");
        let mut cc = program::command(Path::new("cc"));
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(dir.join("operations.so")).arg(source);
        run(&mut cc, Duration::from_secs(60)).ok();
        Operations { dir }
    }

    /// Has `command` watched when it is run, for changes to the file system that `on` is in. `calls` has the letters of those that count
    /// (see `operations.c`), all if it is empty.
    ///
    /// Panics if `on` is not there.
    pub fn watch(&self, command: &mut Command, on: &Path, calls: &str, act: Act) -> Watched {
        let log = self.dir.join("log");
        // A new one: processes that are ending may have the old one yet.
        _ = fs::remove_file(&log);
        command.env("LD_PRELOAD", self.dir.join("operations.so")).env("OPS_LOG", &log);
        command.env("OPS_DEV", fs::metadata(on).expect("the target").dev().to_string());
        command.env("OPS_CALL", calls);
        let (nth, times, errno) = match act {
            Act::Count => (usize::MAX >> 2, 1, 0),
            Act::Stop(nth) => (nth, 1, 0),
            Act::Fail(nth, times, errno) => (nth, times, errno),
        };
        command.env("OPS_NTH", nth.to_string()).env("OPS_TIMES", times.to_string());
        command.env("OPS_ERRNO", errno.to_string());
        Watched(log)
    }
}

impl Default for Operations {
    fn default() -> Operations {
        Operations::new()
    }
}

impl Watched {
    fn number(&self, at: usize) -> usize {
        let mut word = [0; NUMBER];
        // There is no log before the program has begun.
        let read = File::open(&self.0).and_then(|log| log.read_exact_at(&mut word, (at * NUMBER) as u64));
        read.map_or(0, |()| usize::from_ne_bytes(word))
    }

    /// Calls so far.
    pub fn count(&self) -> usize {
        self.number(0)
    }

    /// The kinds of the calls, in their order.
    pub fn kinds(&self) -> String {
        let bytes = fs::read(&self.0).expect("the log");
        let kinds = bytes.get(3 * NUMBER..).unwrap_or(&[]);
        String::from_utf8_lossy(&kinds[..self.count().min(kinds.len())]).into_owned()
    }

    /// The process that waits, when there is one; none if `ended` says first that all is over.
    ///
    /// Panics after 20 seconds.
    pub fn stopped(&self, mut ended: impl FnMut() -> bool) -> Option<u32> {
        let mut id = 0;
        let came = procs::until(Duration::from_secs(20), || {
            let over = ended();
            id = self.number(1) as u32;
            over || id != 0
        });
        assert!(came, "neither stopped nor ended");
        (id != 0).then_some(id)
    }

    /// Lets the process that waits go on.
    pub fn go_on(&self) {
        let log = File::options().write(true).open(&self.0).expect("the log");
        log.write_all_at(&[1], 2 * NUMBER as u64).expect("the log");
    }
}
