// SPDX-License-Identifier: BSD-2-Clause
//! capdump backs up UFS file systems in the stream that restore(8) reads.
//!
//! What is on the disk is read by the crate `ufs`, what is on a dump by `dumpstream`. Here are
//!
//! - `passes`     what to dump (passes I and II) and the stream of it (III and IV); pure
//! - `volume`     where tape blocks go: records, size limits, volume headers; pure
//! - `disk`       reading the disk, and what is done when it cannot be read
//! - `partition`  partition tables in front of file systems; pure
//! - `signature`  formats of images that are not UFS; pure
//! - `ring`       chunks, their order and what workers are told; the state machine is pure
//! - `compress`   zstd frames and the table of them; pure
//! - `media`      file, pipe, tape: how records are written
//! - `unpack`     compressed volumes; pure
//! - `dumpdates`  the record of earlier dumps; pure
//! - `fstab`      what fstab(5) says of the operand; pure
//! - `operator`   messages and questions
//! - `sandbox`    the one table of rights
//! - `event`      the event queue's face
//! - `os`         FreeBSD and Linux: the only unsafe code
//! - `proc`       planner and worker
//! - `job`        what is to be done
//! - `cli`        the command line, made into a job

#[cfg(all(feature = "sandbox-probe", not(debug_assertions)))]
compile_error!("the feature sandbox-probe is for tests, never for a release");

pub mod cli;
pub mod compress;
pub mod disk;
pub mod dumpdates;
pub mod event;
pub mod fstab;
pub mod job;
pub mod media;
pub mod operator;
#[allow(unsafe_code)]
pub mod os;
pub mod partition;
pub mod passes;
pub mod proc;
pub mod ring;
pub mod sandbox;
pub mod signature;
pub mod unpack;
pub mod volume;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use cli::Request;
use operator::{Operator, Refusal};
use proc::clock::Clock;
use proc::{exit, listing, monitor, reading as restoring, start};

/// Runs the program from the command line to its exit code.
pub fn run() -> ExitCode {
    // Asking how far the program is must not end it. A dump takes the signal later; until then it does what it does by default.
    let held = os::signals::hold(&[event::Sig::Info]);
    // A file that reaches the limit of its size is then an error of write(2), which is reported.
    os::signals::ignore_file_size();
    let mut args = std::env::args_os();
    let program = cli::program_name(args.next().as_deref());
    let args: Vec<OsString> = args.collect();
    let tape = std::env::var_os("TAPE");
    let words: Vec<OsString> = args.iter().chain(&tape).cloned().collect();
    // A dump's other processes are given what they need and no more; this one keeps them to open what is named.
    let inherited = os::process::Inherited::keep_named(&words);
    let mut operator = Operator::new(program, Box::new(io::stderr()));
    if io::stderr().is_terminal() {
        operator.sum_up();
    }
    match cli::parse(&args, tape.as_deref(), os::time::parse_ctime) {
        Ok(Request::Dump(job)) => {
            _ = held.and_then(os::signals::Held::release);
            dump(*job, operator)
        }
        Ok(Request::Read(reading)) => ExitCode::from(restoring::run(&reading, operator, inherited)),
        Ok(Request::Help) => print(&cli::help(operator::columns()), &mut operator),
        Ok(Request::Print(text)) => print(&text, &mut operator),
        Ok(Request::LastDumps { only_due, dumpdates }) => match clock(&mut operator) {
            Some(clock) => {
                os::time::warm_up();
                let text = listing::listing(&dumpdates, only_due, clock.now(), &mut operator);
                print(&text, &mut operator)
            }
            None => ExitCode::from(exit::STARTUP),
        },
        Err(error) => {
            let text = error.render(operator.program());
            operator.print(&text);
            ExitCode::from(exit::STARTUP)
        }
    }
}

/// Writes a text to standard output.
fn print(text: &str, operator: &mut Operator) -> ExitCode {
    match operator::print_out(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{}: standard output: {}\n", operator.program(), os::errno::strerror(&error));
            operator.print(&text);
            ExitCode::from(exit::STARTUP)
        }
    }
}

/// The clock that the environment asks for; none if it makes no sense, which is told.
fn clock(operator: &mut Operator) -> Option<Clock> {
    match Clock::from_environment(std::env::var("SOURCE_DATE_EPOCH").ok()) {
        Ok(clock) => Some(clock),
        Err(value) => {
            operator.print(&format!(
                "capdump: SOURCE_DATE_EPOCH is {}, should be a number of seconds\n",
                dumpstream::escape::line(&value)
            ));
            None
        }
    }
}

fn dump(job: job::Job, mut operator: Operator) -> ExitCode {
    // Before anything of our own is open.
    let report = match job.progress {
        job::ProgressStyle::Json(descriptor) => match os::tty::inherited(descriptor) {
            Ok(fd) => Some(fd),
            Err(error) => {
                let reason = os::errno::strerror(&error);
                operator.refuse(Refusal::ProgressDescriptor { descriptor, reason: &reason });
                return ExitCode::from(exit::STARTUP);
            }
        },
        _ => None,
    };
    let Some(clock) = clock(&mut operator) else { return ExitCode::from(exit::STARTUP) };
    os::time::warm_up();
    match start::start(job, operator, clock, report) {
        Ok((started, kept)) => ExitCode::from(monitor::run(started, kept)),
        Err(start::Refused(code)) => ExitCode::from(code),
    }
}
