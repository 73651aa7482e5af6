// SPDX-License-Identifier: BSD-2-Clause
//! caprestore is stopped at a change of the target, and some or all of its processes are killed: what goes on with -R has the same tree as
//! what was not disturbed.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use capdump_support::caprestore::{Place, listing, run_in};
use capdump_support::listing::{self, Listing};
use capdump_support::operations::{Act, Operations};
use capdump_support::procs;
use capdump_support::program::{self, is_root, skipped};
use capdump_support::stream_writer::Stream;
use nix::sys::signal::Signal;

use super::caprestore;
use super::mutated::seconds;
use crate::changes::chain;

const LIMIT: Duration = Duration::from_secs(20);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    All,
    Monitor,
    Reader,
    Writer,
}

const VICTIMS: [Victim; 4] = [Victim::All, Victim::Monitor, Victim::Reader, Victim::Writer];

/// The command that restores.
pub fn restore(letter: &str, dump: &Path, into: &Path) -> Command {
    let mut command = caprestore();
    command.arg(format!("-{letter}f")).arg(dump).args(["--jobs", "1"]).current_dir(into);
    command
}

/// The same with several writers.
pub fn restore_by_several(letter: &str, dump: &Path, into: &Path) -> Command {
    let mut command = restore(letter, dump, into);
    command.args(["--jobs", "3"]);
    command
}

/// Whether a process has a file open.
fn holds(id: u32, file: &Path) -> bool {
    let fds = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    fds.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|name| name == file)
}

/// Kills those of a program's processes that are meant; `writer` is the one that waits.
fn kill(child: &Child, writer: u32, dump: &Path, victim: Victim) {
    let all = procs::session(child.id());
    assert!(all.len() >= 3, "monitor, reader and writers");
    let killed = match victim {
        Victim::All => all,
        Victim::Monitor => vec![child.id()],
        Victim::Reader => all.into_iter().filter(|&id| id != child.id() && holds(id, dump)).collect(),
        Victim::Writer => vec![writer],
    };
    assert!(!killed.is_empty());
    for id in killed {
        // The death of one can be that of another.
        _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id as i32), Signal::SIGKILL);
    }
}

/// The levels, and the tree after each of them.
pub struct Chain {
    /// Where it is.
    pub place: Place,
    /// Counts changes.
    pub operations: Operations,
    /// The dumps, and the tree after each of them.
    pub levels: Vec<(String, Listing)>,
    /// Changes of the target that each level takes.
    pub counts: Vec<usize>,
}

impl Chain {
    /// Restores it once.
    pub fn new(streams: &[Stream]) -> Chain {
        let (place, operations) = (Place::new(), Operations::new());
        let into = place.join("whole");
        fs::create_dir(&into).unwrap();
        let (mut levels, mut counts) = (Vec::new(), Vec::new());
        for (number, stream) in streams.iter().enumerate() {
            let name = format!("dump{number}");
            fs::write(place.join(&name), stream.bytes()).unwrap();
            let mut command = restore("r", &place.join(&name), &into);
            let watched = operations.watch(&mut command, &into, "", Act::Count);
            assert_eq!(run_in(&mut command, &into, "").ok().stderr, "");
            counts.push(watched.count());
            levels.push((name, listing(&into)));
        }
        Chain { place, operations, levels, counts }
    }

    /// Runs caprestore and kills it at this change; whether it came to that.
    fn interrupted(&self, letter: &str, dump: &Path, into: &Path, at: usize, victim: Victim) -> bool {
        let mut command = match at % 2 {
            0 => restore(letter, dump, into),
            _ => restore_by_several(letter, dump, into),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let watched = self.operations.watch(&mut command, into, "", Act::Stop(at));
        let mut child = command.spawn().unwrap();
        let stopped = watched.stopped(|| child.try_wait().unwrap().is_some());
        if let Some(writer) = stopped {
            kill(&child, writer, dump, victim);
            watched.go_on();
        }
        let status = program::wait(&mut child, LIMIT).expect("an end");
        assert!(procs::until(LIMIT, || procs::session(child.id()).is_empty()), "{victim:?}: some are left");
        assert_eq!(status.success(), stopped.is_none(), "{victim:?} at {at}");
        stopped.is_some()
    }

    /// Brings a level that was interrupted to its end.
    pub fn resumed(&self, dump: &Path, into: &Path, what: &str) {
        let is_known = ["restoresymtable", "restoresymtable.new"].iter().any(|name| into.join(name).exists());
        let ran = run_in(&mut restore(if is_known { "R" } else { "r" }, dump, into), into, "");
        assert_eq!(ran.code(), 0, "{what}: {}", ran.stderr);
    }

    /// Restores the chain, each level of it interrupted, the one that goes on, too. How often.
    fn attempt(&self, at: usize, victim: Victim) -> usize {
        let into = self.place.join("into");
        fs::create_dir(&into).unwrap();
        let mut interrupted = 0;
        for ((name, wanted), count) in self.levels.iter().zip(&self.counts) {
            let dump = self.place.join(name);
            let at = at % count + 1;
            let what = format!("{name}: {victim:?} at {at} of {count}");
            assert!(self.interrupted("r", &dump, &into, at, victim), "{what}");
            interrupted += 1;
            if into.join("restoresymtable").exists() && at.is_multiple_of(3) {
                interrupted += usize::from(self.interrupted("R", &dump, &into, at / 2 + 1, victim));
            }
            self.resumed(&dump, &into, &what);
            let differences = listing::differences(&listing(&into), wanted);
            assert_eq!(differences, [""; 0], "{what}");
            let beside = ["restoresymtable.new", "restoresymtable.d"].map(|name| into.join(name).exists());
            assert_eq!(beside, [false; 2], "{what}");
        }
        self.place.check(&["dump0", "dump1", "dump2", "into", "into.answers", "whole", "whole.answers"]);
        fs::remove_dir_all(&into).unwrap();
        interrupted
    }
}

#[test]
fn killed_at_any_change() {
    if !is_root() {
        return skipped("owners need root");
    }
    let end = Instant::now() + seconds();
    let chain = Chain::new(&chain());
    let most = *chain.counts.iter().max().unwrap();
    let (mut runs, mut attempts) = (0, 0);
    // All of them once, far from each other so that a short sweep is one of everything.
    while (Instant::now() < end || attempts < 8) && attempts < most {
        runs += chain.attempt(attempts * 61 % most, VICTIMS[attempts % 4]);
        attempts += 1;
    }
    println!("{runs} restores interrupted, at {attempts} of {most} changes");
}
