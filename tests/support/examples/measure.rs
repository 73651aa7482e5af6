// SPDX-License-Identifier: BSD-2-Clause
//! Measures commands in turn: `measure [--runs N] [--before CMD] NAME CMD [NAME CMD]...`, each CMD for sh(1).
//!
//! All are run once in each round, so that what else the machine does hits all of them alike. For each one a line with tabs:
//! name, median seconds, median user and system seconds, median of seconds over those of the first command in the same round,
//! the same of the processor's seconds, and the least seconds over the least of the first command.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What one run took, in seconds.
#[derive(Clone, Copy)]
struct Run {
    wall: f64,
    cpu: f64,
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let runs = option(&mut args, "--runs").map_or(5, |n| n.parse().expect("a number of runs"));
    let before = option(&mut args, "--before");
    let commands: Vec<(&str, &str)> = args.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    assert!(
        !commands.is_empty() && args.len().is_multiple_of(2),
        "measure [--runs N] [--before CMD] NAME CMD..."
    );
    let mut rounds = vec![Vec::new(); commands.len()];
    for _ in 0..runs {
        for (taken, (name, command)) in rounds.iter_mut().zip(&commands) {
            if let Some(before) = &before {
                run("before", before);
            }
            taken.push(run(name, command));
        }
    }
    for (index, (name, _)) in commands.iter().enumerate() {
        let over = |of: fn(&Run) -> f64| {
            median(rounds[index].iter().zip(&rounds[0]).map(|(run, first)| of(run) / of(first).max(1e-6)))
        };
        let wall = median(rounds[index].iter().map(|run| run.wall));
        let cpu = median(rounds[index].iter().map(|run| run.cpu));
        let fastest = least(&rounds[index]) / least(&rounds[0]).max(1e-6);
        let (walls, cpus) = (over(|run| run.wall), over(|run| run.cpu));
        let line = format!("{name}\t{wall:.4}\t{cpu:.4}\t{walls:.3}\t{cpus:.3}\t{fastest:.3}\n");
        std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).expect("somebody who reads");
    }
}

/// Takes `--name value` from the front of the arguments.
fn option(args: &mut Vec<String>, name: &str) -> Option<String> {
    if args.len() < 2 || args[0] != name {
        return None;
    }
    args.remove(0);
    Some(args.remove(0))
}

fn run(name: &str, command: &str) -> Run {
    let before = children();
    let start = Instant::now();
    let status = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).status().expect("sh");
    let wall = start.elapsed().as_secs_f64();
    assert!(status.success(), "{name}: {command}: {status}");
    Run { wall, cpu: children() - before }
}

/// Seconds of the processor that children took that have been waited for.
fn children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

fn least(runs: &[Run]) -> f64 {
    runs.iter().map(|run| run.wall).fold(f64::INFINITY, f64::min)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
