// SPDX-License-Identifier: BSD-2-Clause
//! The process that reads a dump: opens everything, enters the sandbox, and processes the volumes.

pub mod begin;
mod emit;
pub mod feed;
mod indexed;
pub mod input;
mod interruptible;
mod layout;
mod open;
mod pace;
mod packed;
mod plain;
mod record;
mod signals;
mod sinks;
pub mod stream;
mod told;
mod volumes;
mod watch;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use self::emit::{Emit, EmitError};
use self::open::{Opened, Refused, start};
use self::sinks::{Check, List};
use self::told::Told;
use self::volumes::whole;
use crate::exit;
use crate::job::{Purpose, Reading};
use crate::operator::{Operator, Remark, Results};
use crate::os::errno::strerror;
use crate::os::process::Inherited;
use crate::os::time;

/// Default number of tape blocks in a record (`NTREC`, protocols/dumprestore.h).
const NTREC: u32 = 10;

/// Reads the dump; gives the exit code: 0, 1 when nothing could be started, 3 when the dump is damaged.
pub fn run(reading: &Reading, mut operator: Operator, inherited: Inherited) -> u8 {
    match start(reading, &mut operator, inherited) {
        Ok(opened) => read(reading, opened, operator),
        Err(Refused) => exit::STARTUP,
    }
}

fn read(reading: &Reading, opened: Opened, operator: Operator) -> u8 {
    let Opened { mut inputs, mut index, output, results, watch } = opened;
    let report = Results::new(Box::new(results), reading.json, time::date_hm);
    let told = Told::new(operator, report, reading.ntrec.unwrap_or(NTREC), watch);
    match &reading.purpose {
        Purpose::Check => {
            let mut check = Check(told);
            match whole(reading, &mut inputs, &mut check, false) {
                Ok(summary) => check.0.end(&summary),
                Err(code) => code,
            }
        }
        Purpose::List if index.is_some() => indexed::list(index.as_mut(), told),
        Purpose::List => {
            let mut list = List(told);
            match whole(reading, &mut inputs, &mut list, true) {
                Ok(summary) => list.0.end_of_list(&summary),
                Err(code) => code,
            }
        }
        Purpose::Emit { paths, output: name } => {
            let Some(output) = output else { return exit::STARTUP };
            let paths = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
            let mut emit = Emit::new(told, paths, reading.ntrec.unwrap_or(NTREC), output);
            let read = match &mut index {
                Some(index) => indexed::emit(reading, &mut inputs, index, &mut emit),
                None => whole(reading, &mut inputs, &mut emit, true).map(drop),
            };
            match read {
                Ok(()) => end_of_emit(emit, name.as_deref().unwrap_or(OsStr::new("standard output"))),
                Err(code) => code,
            }
        }
    }
}

/// Ends the smaller dump, which goes to `output`; gives the exit code.
fn end_of_emit(mut emit: Emit, output: &OsStr) -> u8 {
    if let Some(code) = emit.told.interrupted() {
        return code;
    }
    emit.tell_verdicts();
    match emit.finish() {
        Ok((mut told, blocks, damaged)) => {
            told.say_speed();
            told.say(Remark(format_args!("{blocks} tape blocks written")));
            if damaged { exit::ABORTED } else { exit::DONE }
        }
        Err((mut told, EmitError::NotFound(path))) => {
            let path = String::from_utf8_lossy(&path).into_owned();
            told.say(Remark(format_args!("{path}: not on the dump")));
            exit::STARTUP
        }
        Err((mut told, EmitError::NoDirectories)) => {
            told.say(Remark(format_args!("the dump contains no directories in which to find the paths")));
            exit::ABORTED
        }
        Err((mut told, EmitError::Output(error))) => {
            if let Some(code) = told.interrupted() {
                return code;
            }
            told.say(Remark(format_args!("{}: {}", output.display(), strerror(&error))));
            exit::ABORTED
        }
    }
}
