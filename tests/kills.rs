// SPDX-License-Identifier: BSD-2-Clause
//! Five hundred dumps of which some process gets a signal at some moment: everything has ended within a second, nothing is left lying about,
//! and success is said, and entered in dumpdates, only of a dump that is whole.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use capdump_support::check::{Rules, decode_and_check};
use capdump_support::program::{self, TempDir, without_tty};
use capdump_support::{peer, procs, small};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(20);
/// A kind of end is too slow when this many in a row take longer than a second.
const TRIES: usize = 5;

/// Where the dump goes.
#[derive(Clone, Copy, Debug)]
enum Output {
    File,
    /// A file, and an index beside it.
    Indexed,
    TwoVolumes,
    /// A FIFO that is open for reading and never read.
    HeldFifo,
    /// A FIFO that nobody opens.
    LonelyFifo,
    Command,
    /// A command that does not read.
    HeldCommand,
    Remote,
}

const OUTPUTS: [Output; 8] = [
    Output::File,
    Output::Indexed,
    Output::TwoVolumes,
    Output::HeldFifo,
    Output::LonelyFifo,
    Output::Command,
    Output::HeldCommand,
    Output::Remote,
];

/// Who gets which signal.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Planner(Signal),
    /// A child of the planner: a worker, or the monitor, which is the first.
    Child(usize),
    /// Stopped, and killed a while later.
    StoppedPlanner,
    /// A child that is stopped, and killed a while later.
    StoppedChild(usize),
}

impl Victim {
    fn is_child(self) -> bool {
        matches!(self, Victim::Child(_) | Victim::StoppedChild(_))
    }

    fn is_monitor(self) -> bool {
        matches!(self, Victim::Child(0) | Victim::StoppedChild(0))
    }
}

const VICTIMS: [Victim; 11] = [
    Victim::Planner(Signal::SIGTERM),
    Victim::Planner(Signal::SIGHUP),
    Victim::Planner(Signal::SIGKILL),
    Victim::Child(0),
    Victim::Child(1),
    Victim::Child(2),
    Victim::Child(3),
    Victim::StoppedPlanner,
    Victim::StoppedChild(0),
    Victim::StoppedChild(1),
    Victim::StoppedChild(3),
];

/// What a dumpdates file holds before: an older dump of another disk.
const BEFORE: &str = "/dev/ada0p9                                           0 Tue Nov 14 22:13:20 2023\n";

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }
}

/// One dump.
struct Run {
    dir: TempDir,
    child: Child,
    volumes: Vec<PathBuf>,
    /// Held open to the end.
    _reader: Option<File>,
}

impl Run {
    fn start(image: &Path, output: Output, victim: Victim) -> Run {
        let dir = TempDir::new("capdump-kills");
        let (out, two, fifo) = (dir.join("out"), dir.join("two"), dir.join("fifo"));
        let name = |path: &Path| path.display().to_string();
        let mut volumes = vec![out.clone()];
        let mut reader = None;
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        let dates = dir.join("dumpdates");
        fs::write(&dates, BEFORE).unwrap();
        command.args(["-0u", "--workers", "3", "-D"]).arg(dates);
        // Temporary files, should there be any, are seen there.
        command.env("TMPDIR", dir.path());
        match output {
            Output::File => drop(command.args(["-a", "-f"]).arg(&out)),
            Output::Indexed => {
                command.args(["-a", "-f"]).arg(&out).arg("--index").arg(dir.join("index"));
            }
            Output::TwoVolumes => {
                command.args(["-B", "1500", "-f"]).arg(format!("{},{}", name(&out), name(&two)));
                volumes.push(two);
            }
            Output::HeldFifo | Output::LonelyFifo => {
                mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
                command.args(["-a", "-f"]).arg(&fifo);
                // Opened for reading and writing it is open at once.
                let held = matches!(output, Output::HeldFifo);
                reader = held.then(|| File::options().read(true).write(true).open(&fifo).unwrap());
            }
            Output::Command => drop(command.args(["-a", "-P"]).arg(format!("cat >{}", name(&out)))),
            // Only the monitor can kill what the command itself started.
            Output::HeldCommand if victim.is_monitor() => {
                command.args(["-a", "-P", "exec sleep 100"]);
            }
            Output::HeldCommand => drop(command.args(["-a", "-P", "sleep 100 | sleep 100; sleep 100"])),
            Output::Remote => remote(&mut command, &dir, &out),
        }
        command.arg(image).stderr(File::create(dir.join("err")).unwrap());
        Run { child: command.spawn().unwrap(), dir, volumes, _reader: reader }
    }

    /// Sends the signal, if the process is there by now and the dump not over yet.
    fn strike(&self, victim: Victim) {
        let planner = self.child.id();
        let child = |n: usize| children(planner).get(n).copied();
        let (id, signal) = match victim {
            Victim::Planner(signal) => (Some(planner), signal),
            Victim::StoppedPlanner => (Some(planner), Signal::SIGSTOP),
            Victim::Child(n) => (child(n), Signal::SIGKILL),
            Victim::StoppedChild(n) => (child(n), Signal::SIGSTOP),
        };
        let Some(id) = id else { return };
        let id = Pid::from_raw(id.cast_signed());
        // It may have ended meanwhile.
        let _ = kill(id, signal);
        if signal == Signal::SIGSTOP {
            std::thread::sleep(Duration::from_millis(20));
            let _ = kill(id, Signal::SIGKILL);
        }
    }

    /// Waits for the end of everything: how long the planner and what was left of the others took.
    fn assert_gone(mut self, what: &str, killed: bool) -> [Duration; 2] {
        let start = Instant::now();
        let messages = || fs::read_to_string(self.dir.join("err")).unwrap();
        let status = program::wait(&mut self.child, LIMIT);
        let status = status.unwrap_or_else(|| panic!("{what}: still there: {}", messages()));
        let planner = start.elapsed();
        let leader = self.child.id();
        let gone = procs::until(LIMIT, || procs::session(leader).is_empty());
        if !gone {
            let left = procs::session(leader);
            procs::kill_group(leader);
            panic!("{what}: {left:?} are left: {}", messages());
        }
        let others = start.elapsed() - planner;
        let said = messages();
        let done = said.contains("DUMP IS DONE");
        // Killed after its last words, it cannot exit well any more.
        assert!(status.success() == done || (done && killed), "{what}: {status:?}: {said}");
        if status.success() {
            let whole: Vec<Vec<u8>> = self.volumes.iter().map(|name| fs::read(name).unwrap()).collect();
            decode_and_check(&whole, &Rules::new(10)).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        let dates = fs::read_to_string(self.dir.join("dumpdates")).unwrap();
        // Killed between the entry and its last words, it has entered a dump that is whole.
        let entered = dates.starts_with(BEFORE) && dates.lines().count() == 2 && dates.ends_with('\n');
        assert!(if status.success() { entered } else { entered || dates == BEFORE }, "{what}: {dates}");
        assert!(!entered || done || killed || said.contains("average throughput"), "{what}: {said}");
        let known = ["dumpdates", "err", "fifo", "index", "out", "rsh", "two"];
        let mut left = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let strange = left.find(|name| !known.iter().any(|known| name == known));
        assert_eq!(strange, None, "{what}");
        [planner, others]
    }
}

/// A real rmt behind a shell that stays, as ssh does.
fn remote(command: &mut Command, dir: &TempDir, out: &Path) {
    let shell = peer::script(&dir.join("rsh"), "for last; do :; done; \"$last\"; exit $?");
    let rmt = if Path::new("/usr/sbin/rmt-tar").exists() { "/usr/sbin/rmt-tar" } else { "/etc/rmt" };
    command.env("RSH", shell).env("RMT", rmt);
    command.args(["-a", "-f"]).arg(format!("host:{}", out.display()));
}

/// The planner's children, oldest first: what removes an index, if there is one; the monitor, then the workers.
fn children(planner: u32) -> Vec<u32> {
    let mut found = procs::descendants(planner);
    found.retain(|id| procs::status(*id, "PPid") == Some(planner.to_string()));
    found.sort_unstable();
    found
}

/// Runs `count` dumps, the first of them number `first`.
fn at_moments(first: usize, count: usize) {
    let dir = TempDir::new("capdump-kills");
    let image = dir.join("image");
    small::one_file(&image, 2 << 20);
    let [whole, _] = Run::start(&image, Output::File, VICTIMS[0]).assert_gone("undisturbed", false);
    let usual = whole.min(Duration::from_millis(400)).as_micros() as u64;
    let mut random = Random(0x9E37_79B9_0000_0001 ^ u64::from(std::process::id()));
    for n in first..first + count {
        let output = OUTPUTS[n % OUTPUTS.len()];
        let victim = VICTIMS[n % VICTIMS.len()];
        let mut moment = || Duration::from_micros(random.below(usual * 5 / 4));
        // Beside other work one may take long by chance; what takes long by itself does so every time.
        let mut slow = Vec::new();
        while slow.len() < TRIES {
            let Some(took) = strike_once(&image, n, (output, victim), moment()) else { break };
            slow.push(took);
        }
        assert!(slow.len() < TRIES, "{n}: {output:?}, {victim:?}: {slow:?}");
    }
}

/// One dump that gets its signal at that moment; how long the end took, if it was longer than a second.
fn strike_once(
    image: &Path,
    n: usize,
    (output, victim): (Output, Victim),
    moment: Duration,
) -> Option<Duration> {
    let run = Run::start(image, output, victim);
    std::thread::sleep(moment);
    run.strike(victim);
    let what = format!("{n}: {output:?}, {victim:?} after {moment:?}");
    // A child that was not there yet was not killed: a dump that would wait for ever is then ended.
    let waits = matches!(output, Output::HeldFifo | Output::LonelyFifo | Output::HeldCommand);
    if waits && victim.is_child() {
        std::thread::sleep(Duration::from_millis(150));
        run.strike(Victim::Planner(Signal::SIGTERM));
    }
    let killed = matches!(victim, Victim::Planner(Signal::SIGKILL) | Victim::StoppedPlanner);
    let [planner, others] = run.assert_gone(&what, killed);
    // A dump whose child was not there yet goes on.
    let may_go_on = !waits && victim.is_child();
    let took = if may_go_on { others } else { planner + others };
    (took > SECOND).then_some(took)
}

// In parts, so that they can run beside each other.
#[test]
fn at_moments_1() {
    at_moments(0, 125);
}

#[test]
fn at_moments_2() {
    at_moments(125, 125);
}

#[test]
fn at_moments_3() {
    at_moments(250, 125);
}

#[test]
fn at_moments_4() {
    at_moments(375, 125);
}
