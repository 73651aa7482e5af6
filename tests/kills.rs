// SPDX-License-Identifier: BSD-2-Clause
//! A hundred dumps of which some process gets a signal at some moment: everything is gone within a second, and success is said only of
//! a dump that is whole.

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

/// Where the dump goes.
#[derive(Clone, Copy, Debug)]
enum Output {
    File,
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

const OUTPUTS: [Output; 7] = [
    Output::File,
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
}

const VICTIMS: [Victim; 7] = [
    Victim::Planner(Signal::SIGTERM),
    Victim::Planner(Signal::SIGHUP),
    Victim::Planner(Signal::SIGKILL),
    Victim::Child(0),
    Victim::Child(1),
    Victim::Child(2),
    Victim::Child(3),
];

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
        command.args(["-0", "--workers", "3"]);
        match output {
            Output::File => drop(command.args(["-a", "-f"]).arg(&out)),
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
            Output::HeldCommand if matches!(victim, Victim::Child(0)) => {
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
        let (id, signal) = match victim {
            Victim::Planner(signal) => (Some(planner), signal),
            Victim::Child(n) => (children(planner).get(n).copied(), Signal::SIGKILL),
        };
        if let Some(id) = id {
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(id.cast_signed()), signal);
        }
    }

    /// Waits for the end of everything; how long that took.
    fn assert_gone(mut self, what: &str, may_go_on: bool, killed: bool) -> Duration {
        let start = Instant::now();
        let limit = if may_go_on { LIMIT } else { SECOND };
        let messages = || fs::read_to_string(self.dir.join("err")).unwrap();
        let status = program::wait(&mut self.child, limit);
        let status = status.unwrap_or_else(|| panic!("{what}: still there: {}", messages()));
        let leader = self.child.id();
        let gone = procs::until(SECOND, || procs::session(leader).is_empty());
        if !gone {
            let left = procs::session(leader);
            procs::kill_group(leader);
            panic!("{what}: {left:?} are left: {}", messages());
        }
        let took = start.elapsed();
        let said = messages();
        let done = said.contains("DUMP IS DONE");
        // Killed after its last words, it cannot exit well any more.
        assert!(status.success() == done || (done && killed), "{what}: {status:?}: {said}");
        if status.success() {
            let whole: Vec<Vec<u8>> = self.volumes.iter().map(|name| fs::read(name).unwrap()).collect();
            decode_and_check(&whole, &Rules::new(10)).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        took
    }
}

/// A real rmt behind a shell that stays, as ssh does.
fn remote(command: &mut Command, dir: &TempDir, out: &Path) {
    let shell = peer::script(&dir.join("rsh"), "for last; do :; done; \"$last\"; exit $?");
    let rmt = if Path::new("/usr/sbin/rmt-tar").exists() { "/usr/sbin/rmt-tar" } else { "/etc/rmt" };
    command.env("RSH", shell).env("RMT", rmt);
    command.args(["-a", "-f"]).arg(format!("host:{}", out.display()));
}

/// The planner's children, oldest first: the monitor, then the workers.
fn children(planner: u32) -> Vec<u32> {
    let mut found = procs::descendants(planner);
    found.retain(|id| procs::status(*id, "PPid") == Some(planner.to_string()));
    found.sort_unstable();
    found
}

#[test]
fn at_a_hundred_moments() {
    let dir = TempDir::new("capdump-kills");
    let image = dir.join("image");
    small::one_file(&image, 2 << 20);
    let start = Instant::now();
    let whole = Run::start(&image, Output::File, VICTIMS[0]).assert_gone("undisturbed", true, false);
    let usual = whole.min(Duration::from_millis(400)).as_micros() as u64;
    let mut random = Random(0x9E37_79B9_0000_0001 ^ u64::from(std::process::id()));
    let mut longest = Duration::ZERO;
    for n in 0..105 {
        let output = OUTPUTS[n % OUTPUTS.len()];
        let victim = VICTIMS[n / OUTPUTS.len() % VICTIMS.len()];
        let moment = Duration::from_micros(random.below(usual * 5 / 4));
        let run = Run::start(&image, output, victim);
        std::thread::sleep(moment);
        run.strike(victim);
        let what = format!("{n}: {output:?}, {victim:?} after {moment:?}");
        // A child that was not there yet was not killed: a dump that would wait for ever is then ended.
        let waits = matches!(output, Output::HeldFifo | Output::LonelyFifo | Output::HeldCommand);
        if waits && matches!(victim, Victim::Child(_)) {
            std::thread::sleep(Duration::from_millis(150));
            run.strike(Victim::Planner(Signal::SIGTERM));
        }
        let may_go_on = !waits && matches!(victim, Victim::Child(_));
        let killed = matches!(victim, Victim::Planner(Signal::SIGKILL));
        longest = longest.max(run.assert_gone(&what, may_go_on, killed));
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}, the longest {longest:?}", start.elapsed());
}
