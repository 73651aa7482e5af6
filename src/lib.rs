// SPDX-License-Identifier: BSD-2-Clause
//! capdump backs up UFS file systems in the format read by restore(8). ARCHITECTURE.md describes the modules.
//!
//! The crate `ufs` reads the disk, and the crate `dumpstream` reads and writes dumps. This library exports [`run`], [`restore`], and the
//! internals used by fuzz targets and tests.

#[cfg(all(feature = "sandbox-probe", not(debug_assertions)))]
compile_error!("the feature sandbox-probe is for tests, never for a release");

mod cli;
mod compress;
mod disk;
mod dump;
mod dumpdates;
mod dumpdates_file;
mod encrypt;
mod event;
mod exit;
mod fstab;
mod getopt;
mod identities;
mod inspect;
mod job;
mod media;
mod monitor;
mod objects;
mod operator;
#[allow(unsafe_code)]
mod os;
mod restore;
mod sandbox;
mod workers;

/// What fuzz targets, benchmarks and tests look at from outside: no interface.
#[doc(hidden)]
pub mod internals {
    pub use crate::cli::{Request, command, parse};
    pub use crate::compress::Form;
    pub use crate::compress::unpacker::{Unpacker, WINDOW_LOG};
    pub use crate::dump::passes::{Criteria, Maps, MarkDirs, MarkFiles, Notice, Stream};
    pub use crate::dump::ring::order::{Next, Order};
    pub use crate::dump::volumes::{Chunk, Ended, Filler, Limit, Shape, What};
    pub use crate::dump::write::places::Indexing;
    pub use crate::fstab::Fstab;
    pub use crate::inspect::cipher::Cipher;
    pub use crate::inspect::inside::check;
    pub use crate::os::time::{ctime, parse_ctime};
    pub use crate::restore::cli::command as restore_command;
    pub use crate::restore::inside;
    pub use crate::workers::extent::EXTENT_BYTES;
    pub use crate::workers::protocol::FRAME_BYTES;
    pub use crate::workers::{Extent, FromWorker, Slots, ToWorker};

    /// Modules whose items would have names without meaning here.
    pub mod dumpdates {
        pub use crate::dumpdates::{Dumpdates, Entry, change, check_name, last_dumps};
    }
    /// As above.
    pub mod job {
        pub use crate::job::{Limit, estimate};
    }
    /// As above.
    pub mod merge {
        pub use crate::workers::merge::*;
    }
    /// As above.
    pub mod protocol {
        pub use crate::monitor::protocol::{Reply, Request};
    }
    /// As above.
    pub mod rmt {
        pub use crate::media::rmt::{Answers, Replies, Reply};
    }
    /// As above.
    pub mod unpacker {
        pub use crate::compress::unpacker::*;
    }
    /// As above.
    pub mod passes {
        pub use crate::dump::passes::*;
    }
}

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use cli::Request;
use dump::clock::{Clock, NotSeconds};
use dump::{last_dumps, prepare};
use operator::{Operator, Refusal};

/// What both programs begin with.
struct Start {
    /// The command line without the program's name.
    args: Vec<OsString>,
    /// The environment's `TAPE`.
    tape: Option<OsString>,
    /// A program's other processes are given what they need and no more; this one keeps these to open what is named.
    inherited: os::process::Inherited,
    operator: Operator,
}

impl Start {
    fn new() -> Start {
        // A file that reaches the limit of its size is then an error of write(2), which is reported.
        os::signals::ignore_file_size();
        let mut args = std::env::args_os();
        let program = cli::program_name(args.next().as_deref());
        let args: Vec<OsString> = args.collect();
        let tape = std::env::var_os("TAPE");
        let words: Vec<OsString> = args.iter().chain(&tape).cloned().collect();
        let inherited = os::process::Inherited::keep_named(&words);
        Start { args, tape, inherited, operator: Operator::new(program, Box::new(io::stderr())) }
    }
}

/// Runs the program from the command line to its exit code.
pub fn run() -> ExitCode {
    // Asking how far the program is must not end it. A dump takes the signal later; until then it does what it does by default.
    let held = os::signals::hold(&[event::Sig::Info]);
    let Start { args, tape, inherited, mut operator } = Start::new();
    if io::stderr().is_terminal() {
        operator.sum_up();
    }
    match cli::parse(&args, tape.as_deref(), os::time::parse_ctime) {
        Ok(Request::Dump(job)) => {
            _ = held.and_then(os::signals::Held::release);
            dump(*job, operator)
        }
        Ok(Request::Read(reading)) => ExitCode::from(match &reading.purpose {
            job::Purpose::Chain { levels } => restore::check(&reading, levels, operator, inherited),
            _ => inspect::run(&reading, operator, inherited),
        }),
        Ok(Request::Help) => print(&cli::help(operator::columns()), &mut operator),
        Ok(Request::Print(text)) => print(text, &mut operator),
        Ok(Request::LastDumps { only_due, dumpdates }) => match clock(&mut operator) {
            Some(clock) => {
                os::time::warm_up();
                let text = last_dumps::listing(&dumpdates, only_due, clock.now(), &mut operator);
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

/// Runs caprestore from the command line to its exit code.
pub fn restore() -> ExitCode {
    let Start { args, tape, inherited, mut operator } = Start::new();
    match restore::cli::parse(&args, tape.as_deref()) {
        Ok(restore::cli::Request::Restore(job)) => {
            os::time::warm_up();
            ExitCode::from(restore::run(&job, operator, inherited))
        }
        Ok(restore::cli::Request::Help) => print(&restore::cli::help(operator::columns()), &mut operator),
        Ok(restore::cli::Request::Version) => print(&restore::cli::version(), &mut operator),
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

/// The clock selected by the environment; none if its value is invalid, which is reported.
fn clock(operator: &mut Operator) -> Option<Clock> {
    match Clock::from_environment(std::env::var("SOURCE_DATE_EPOCH").ok()) {
        Ok(clock) => Some(clock),
        Err(NotSeconds(value)) => {
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
    match prepare::start(job, operator, clock, report) {
        Ok(prepared) => ExitCode::from(dump::run::run(prepared)),
        Err(exit::Refused(code)) => ExitCode::from(code),
    }
}
