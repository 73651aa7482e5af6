// SPDX-License-Identifier: BSD-2-Clause
//! The process that reads a dump instead of making one: opens everything, enters the sandbox, and loops over the volumes.

mod feed;
mod input;
mod sinks;

use std::ffi::OsStr;
use std::io;

use self::feed::{Enough, Feed};
use self::input::Input;
use self::sinks::{Check, List, Told};
use super::exit;
use crate::job::{Purpose, Reading};
use crate::operator::{Operator, Refusal, Remark, Report};
use crate::os::errno::strerror;
use crate::os::sandbox::Role;
use crate::reading::{Reader, Sink, Summary};
use crate::sandbox::{self, DescriptorKind, Entered};

/// Tape blocks in a record where nobody says it (`NTREC`, protocols/dumprestore.h).
const NTREC: u32 = 10;

/// Reads the dump; gives the exit code: 0, 1 when nothing could be started, 3 when the dump is damaged.
pub fn run(reading: &Reading, mut operator: Operator) -> u8 {
    match start(reading, &mut operator) {
        Ok(inputs) => read(reading, inputs, operator),
        Err(Refused) => exit::STARTUP,
    }
}

/// Nothing was started, and the operator has been told why.
struct Refused;

/// Opens the volumes and enters the sandbox.
fn start(reading: &Reading, operator: &mut Operator) -> Result<Vec<Input>, Refused> {
    let record = reading.ntrec.map(|ntrec| ntrec as usize * 1024);
    let mut inputs = Vec::new();
    for name in &reading.volumes {
        match Input::open(name, record) {
            Ok(input) => inputs.push(input),
            Err(error) => return Err(cannot_open(operator, name, &error)),
        }
    }
    enter(operator, &inputs).map_err(|error| {
        operator.say(Remark(format_args!("{error}")));
        Refused
    })?;
    Ok(inputs)
}

fn cannot_open(operator: &mut Operator, name: &OsStr, error: &io::Error) -> Refused {
    operator.refuse(Refusal::CannotOpen { name, reason: &strerror(error) });
    Refused
}

/// Limits what is held, and enters the sandbox.
fn enter(operator: &mut Operator, inputs: &[Input]) -> Result<(), sandbox::Error> {
    for input in inputs {
        sandbox::limit(input.fd(), DescriptorKind::Volume)?;
    }
    super::limits::standard_streams()?;
    let entered = sandbox::enter(Role::Reader)?;
    sandbox::assert_entered(&entered)?;
    match entered {
        Entered::Full => {}
        Entered::Partial(reason) => {
            operator.say(Remark(format_args!("WARNING: the sandbox is not whole: {reason}")));
        }
        Entered::Unavailable(reason) => {
            operator.say(Remark(format_args!("WARNING: no sandbox: {reason}")));
        }
    }
    Ok(())
}

fn read(reading: &Reading, mut inputs: Vec<Input>, operator: Operator) -> u8 {
    let report = Report::new(Box::new(io::stdout()), reading.json);
    let told = Told::new(operator, report, reading.ntrec.unwrap_or(NTREC));
    match &reading.purpose {
        Purpose::Check => {
            let mut check = Check(told);
            let summary = whole(&mut inputs, &mut check, false);
            check.0.end(&summary)
        }
        Purpose::List => {
            let mut list = List(told);
            let summary = whole(&mut inputs, &mut list, true);
            list.0.end_of_list(&summary)
        }
        Purpose::Emit { .. } => exit::STARTUP,
    }
}

/// Reads all volumes from their beginning.
fn whole<S: Sink + Enough>(inputs: &mut [Input], sink: &mut S, jumps: bool) -> Summary {
    let mut reader = Reader::default();
    for (volume, input) in (1..).zip(inputs) {
        reader.begin_volume(volume);
        Feed::new(&mut reader, sink, jumps).run(input);
    }
    if sink.is_enough() { Summary::default() } else { reader.finish(sink) }
}
