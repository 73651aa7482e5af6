// SPDX-License-Identifier: BSD-2-Clause
//! The process that reads a dump: opens everything, enters the sandbox, and processes the volumes.

pub mod begin;
pub mod cipher;
mod diff;
mod emit;
pub mod feed;
pub mod indexed;
pub mod input;
pub mod inside;
mod interruptible;
mod inventory;
mod layout;
pub mod open;
mod pace;
mod packed;
mod plain;
mod raw;
mod record;
mod sample;
mod signals;
mod signed;
pub mod sinks;
pub mod stream;
pub mod told;
pub mod volumes;
mod watch;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use self::emit::{Emit, EmitError};
use self::open::{Opened, Refused, start};
use self::sinks::Check;
use self::told::Told;
use self::volumes::whole;
use crate::exit;
use crate::job::{Purpose, Reading};
use crate::operator::{List, Operator, Remark, Results};
use crate::os::errno::strerror;
use crate::os::process::Inherited;
use crate::os::time;
use dumpstream::escape;

/// Default number of tape blocks in a record (`NTREC`, protocols/dumprestore.h).
pub const NTREC: u32 = 10;

/// Reads the dump; gives the exit code: 0, 1 when nothing could be started, 3 when the dump is damaged.
pub fn run(reading: &Reading, mut operator: Operator, inherited: Inherited) -> u8 {
    match start(reading, &mut operator, inherited) {
        Ok(opened) => read(reading, opened, operator),
        Err(Refused) => exit::STARTUP,
    }
}

fn read(reading: &Reading, opened: Opened, operator: Operator) -> u8 {
    let Opened { mut inputs, mut index, verifier, output, results, watch } = opened;
    let report = Results::new(results, reading.json, time::date_hm);
    let mut told = Told::new(operator, report, reading.ntrec.unwrap_or(NTREC), watch);
    if let (Some(verifier), Some(index)) = (&verifier, &mut index) {
        match verifier.verify(index) {
            Ok(comment) if !reading.json => {
                let comment = comment.map(|comment| format!(": {}", escape::line(&comment)));
                let name = index.name.display();
                told.say(Remark(format_args!(
                    "{name}: the signature is good{}",
                    comment.unwrap_or_default()
                )));
            }
            Ok(_) => {}
            Err(reason) => return refuse(told, &reason),
        }
    }
    match &reading.purpose {
        Purpose::Check => {
            if let (Some(sample), Some(index)) = (reading.sample, index.as_mut()) {
                return sample::check(reading, &mut inputs, index, sample, told);
            }
            let read = index.as_mut().map(|index| indexed::digests(index, |_| ())).transpose();
            let (head, digests) = match read {
                Ok(digests) => digests.unzip(),
                Err(reason) => return refuse(told, &reason),
            };
            for (input, volume) in inputs.iter_mut().zip(head.iter().flat_map(|head| &head.volumes)) {
                input.compare_with(*volume);
            }
            let date = head.map(|head| head.date);
            let mut check = Check::new(told, digests);
            match whole(reading, &mut inputs, &mut check, false) {
                Ok(_) if date.is_some() && check.date != date => {
                    let name = reading.index.clone().unwrap_or_default();
                    refuse(check.told, &format_args!("{}: an index of another dump", name.display()))
                }
                Ok(mut summary) => {
                    check.end_content();
                    if date.is_some() {
                        check.told.contents_are_checked();
                    }
                    summary.damage += check.changed;
                    check.told.end(&summary)
                }
                Err(code) => code,
            }
        }
        // It is caprestore's to say what becomes of them.
        Purpose::Chain { .. } => exit::STARTUP,
        Purpose::Diff { first } => diff::diff(reading, &mut inputs, *first, told),
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

/// Nothing can be said of the dump, for this reason; gives the exit code.
fn refuse(mut told: Told, reason: &dyn fmt::Display) -> u8 {
    told.say(Remark(format_args!("{reason}")));
    _ = told.flush();
    exit::STARTUP
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
