// SPDX-License-Identifier: BSD-2-Clause
//! A thousand dumps of which some process gets a signal at some moment: everything has ended within a second, nothing is left lying about,
//! and success is said, and entered in dumpdates, only of a dump that is whole.

#![cfg(target_os = "linux")]

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

/// Who gets which signal. Processes are numbered in the order in which they were forked, behind the one that was started: the supervisor and
/// the command runner, if there are any, and what they run; the planner, the workers.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Started(Signal),
    /// Stopped, and killed a while later.
    StoppedStarted,
    Other(usize, Signal),
    StoppedOther(usize),
    /// Stopped and left so; the one that was started is killed, or told to end.
    Left(usize, Signal),
}

impl Victim {
    /// Whether the dump may go on after it.
    fn may_be_survived(self) -> bool {
        matches!(self, Victim::Other(..) | Victim::StoppedOther(_))
    }

    /// Whether the process that was started is killed, or its planner, which is stopped: then it may have done all and not end well.
    fn is_sudden(self) -> bool {
        matches!(self, Victim::Started(Signal::SIGKILL) | Victim::StoppedStarted | Victim::Left(..))
    }
}

const VICTIMS: [Victim; 23] = [
    Victim::Started(Signal::SIGTERM),
    Victim::Started(Signal::SIGHUP),
    Victim::Started(Signal::SIGINT),
    Victim::Started(Signal::SIGKILL),
    Victim::Other(0, Signal::SIGKILL),
    Victim::Other(1, Signal::SIGKILL),
    Victim::Other(2, Signal::SIGKILL),
    Victim::Other(3, Signal::SIGKILL),
    Victim::Other(4, Signal::SIGKILL),
    Victim::Other(0, Signal::SIGTERM),
    Victim::Other(1, Signal::SIGHUP),
    Victim::Other(2, Signal::SIGINT),
    Victim::StoppedStarted,
    Victim::StoppedOther(0),
    Victim::StoppedOther(1),
    Victim::StoppedOther(3),
    Victim::Left(0, Signal::SIGKILL),
    Victim::Left(1, Signal::SIGKILL),
    Victim::Left(2, Signal::SIGKILL),
    Victim::Left(3, Signal::SIGKILL),
    Victim::Left(0, Signal::SIGTERM),
    Victim::Left(1, Signal::SIGTERM),
    Victim::Left(2, Signal::SIGTERM),
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
    fn start(image: &Path, output: Output) -> Run {
        let dir = TempDir::new("capdump-kills");
        let (out, two, fifo) = (dir.join("out"), dir.join("two"), dir.join("fifo"));
        let name = |path: &Path| path.display().to_string();
        let mut volumes = vec![out.clone()];
        let mut reader = None;
        let mut command = without_tty(Path::new(env!("CARGO_BIN_EXE_capdump")));
        let dates = dir.join("dumpdates");
        fs::write(&dates, BEFORE).unwrap();
        command.args(["-0u", "--workers", "3", "-D"]).arg(dates);
        // Temporary files, should there be any, are seen there; and processes that have left the session are found by it.
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
            // What sh(1) runs, and what has left the session.
            Output::HeldCommand => {
                command.args(["-a", "-P", "setsid sleep 100 | sleep 100; (sleep 100 &); sleep 100"]);
            }
            Output::Remote => remote(&mut command, &dir, &out),
        }
        command.arg(image).stderr(File::create(dir.join("err")).unwrap());
        Run { child: command.spawn().unwrap(), dir, volumes, _reader: reader }
    }

    /// Sends the signal, if the process is there by now and the dump not over yet.
    fn strike(&self, victim: Victim) {
        let started = self.child.id();
        let other = |n: usize| {
            let mut others = procs::descendants(started);
            others.sort_unstable();
            others.get(n).copied()
        };
        let send = |id: Option<u32>, signal: Signal| {
            // It may have ended meanwhile.
            id.map(|id| kill(Pid::from_raw(id.cast_signed()), signal))
        };
        let pause = || std::thread::sleep(Duration::from_millis(20));
        match victim {
            Victim::Started(signal) => _ = send(Some(started), signal),
            Victim::Other(n, signal) => _ = send(other(n), signal),
            Victim::StoppedStarted => {
                send(Some(started), Signal::SIGSTOP);
                pause();
                send(Some(started), Signal::SIGKILL);
            }
            Victim::StoppedOther(n) => {
                let id = other(n);
                send(id, Signal::SIGSTOP);
                pause();
                send(id, Signal::SIGKILL);
            }
            Victim::Left(n, signal) => {
                // One that was just forked has not said yet that it dies with its parent.
                send(other(n).filter(|id| has_begun(*id)), Signal::SIGSTOP);
                pause();
                send(Some(started), signal);
            }
        }
    }

    /// Processes that are left.
    fn left(&self) -> Vec<u32> {
        let mut left = procs::session(self.child.id());
        left.extend(procs::with_environment(&format!("TMPDIR={}", self.dir.path().display())));
        left
    }

    /// Waits for the end of everything: how long the planner and what was left of the others took.
    fn assert_gone(mut self, what: &str, killed: bool) -> [Duration; 2] {
        let start = Instant::now();
        let messages = || fs::read_to_string(self.dir.join("err")).unwrap();
        let status = program::wait(&mut self.child, LIMIT);
        let status = status.unwrap_or_else(|| panic!("{what}: still there: {}", messages()));
        let planner = start.elapsed();
        let gone = procs::until(LIMIT, || self.left().is_empty());
        if !gone {
            let left = self.left();
            left.iter().for_each(|id| _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL));
            panic!("{what}: {left:?} are left: {}", messages());
        }
        let others = start.elapsed() - planner;
        let said = messages();
        let done = said.contains("DUMP IS DONE");
        // Killed after its last words, it cannot exit well any more; of a planner so killed the monitor says so.
        let last = said.split_once("DUMP IS DONE").map_or("", |(_, last)| last);
        let killed = killed || last.contains("the planner was killed by signal 9");
        assert!(status.success() == done || (done && killed), "{what}: {status:?}: {said}");
        let dates = fs::read_to_string(self.dir.join("dumpdates")).unwrap();
        let entered = dates.starts_with(BEFORE) && dates.lines().count() == 2 && dates.ends_with('\n');
        assert!(if status.success() { entered } else { entered || dates == BEFORE }, "{what}: {dates}");
        // Killed between the entry and its last words, it has entered a dump that is whole.
        if entered {
            let whole: Vec<Vec<u8>> = self.volumes.iter().map(|name| fs::read(name).unwrap()).collect();
            decode_and_check(&whole, &Rules::new(10)).unwrap_or_else(|e| panic!("{what}: {e}: {said}"));
        }
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

/// Whether a process has come further than its fork: it has narrowed its sandbox to its own role, which is the third filter, or has a child,
/// or is another program.
fn has_begun(id: u32) -> bool {
    let own = Path::new(env!("CARGO_BIN_EXE_capdump"));
    procs::status(id, "Seccomp_filters")
        .and_then(|count| count.parse().ok())
        .is_some_and(|count: u32| count > 2)
        || !procs::descendants(id).is_empty()
        || fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|program| program != own)
}

/// Runs `count` dumps, the first of them number `first`.
fn at_moments(first: usize, count: usize) {
    let dir = TempDir::new("capdump-kills");
    let image = dir.join("image");
    small::one_file(&image, 2 << 20);
    let [whole, _] = Run::start(&image, Output::File).assert_gone("undisturbed", false);
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
    let run = Run::start(image, output);
    std::thread::sleep(moment);
    run.strike(victim);
    let what = format!("{n}: {output:?}, {victim:?} after {moment:?}");
    // A process that was not there yet got no signal, and some go on after theirs: a dump that would wait for ever is then ended.
    let waits = matches!(output, Output::HeldFifo | Output::LonelyFifo | Output::HeldCommand);
    if waits && victim.may_be_survived() {
        std::thread::sleep(Duration::from_millis(150));
        run.strike(Victim::Started(Signal::SIGTERM));
    }
    let [planner, others] = run.assert_gone(&what, victim.is_sudden());
    let may_go_on = !waits && victim.may_be_survived();
    let took = if may_go_on { others } else { planner + others };
    (took > SECOND).then_some(took)
}

// In parts, so that they can run beside each other.
macro_rules! parts {
    ($($name:ident: $part:literal,)*) => {
        $(#[test]
        fn $name() {
            at_moments($part * 125, 125);
        })*
    };
}

parts! {
    at_moments_1: 0,
    at_moments_2: 1,
    at_moments_3: 2,
    at_moments_4: 3,
    at_moments_5: 4,
    at_moments_6: 5,
    at_moments_7: 6,
    at_moments_8: 7,
}
