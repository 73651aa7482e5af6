// SPDX-License-Identifier: BSD-2-Clause
//! The process that reads a dump: opens everything, enters the sandbox, and processes the volumes.

mod begin;
mod emit;
mod feed;
mod indexed;
mod input;
mod interruptible;
mod layout;
mod record;
mod signals;
mod sinks;
mod watch;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use self::begin::{Begin, begin};
use self::emit::{Emit, EmitError};
use self::feed::{Enough, Feed};
use self::input::Input;
use self::interruptible::Interruptible;
use self::signals::{Shared, Signals};
use self::sinks::{Check, List, Told};
use self::watch::Watch;
use crate::dump::prepare::display;
use crate::exit;
use crate::job::{Purpose, Reading};
use crate::objects::gather;
use crate::objects::identity::{Clash, Entry, Role, Table};
use crate::objects::outputs::{Outputs, UnfitOutput, Unopened};
use crate::operator::{Operator, Refusal, Remark, Results};
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::errno::strerror;
use crate::os::identity::of_descriptor;
use crate::os::process::Inherited;
use crate::os::{output, standard, time};
use crate::sandbox;
use crate::sandbox::DescriptorKind;
use dumpstream::reading::{Fault, Reader, Sink, Summary};

/// Default number of tape blocks in a record (`NTREC`, protocols/dumprestore.h).
const NTREC: u32 = 10;

/// Reads the dump; gives the exit code: 0, 1 when nothing could be started, 3 when the dump is damaged.
pub fn run(reading: &Reading, mut operator: Operator, inherited: Inherited) -> u8 {
    match start(reading, &mut operator, inherited) {
        Ok(opened) => read(reading, opened, operator),
        Err(Refused) => exit::STARTUP,
    }
}

/// Nothing was started, and the reason has been reported.
struct Refused;

/// What was opened.
struct Opened {
    inputs: Vec<Input>,
    index: Option<Input>,
    output: Option<EmitOutput>,
    results: Interruptible<io::Stdout>,
    watch: Watch,
}

/// The output of `--emit`.
struct EmitOutput {
    to: Interruptible<OwnedFd>,
    is_file: bool,
    /// Whether it is standard output.
    is_standard: bool,
    /// Whether what is written goes to the end of the file.
    appends: bool,
}

impl EmitOutput {
    fn of(fd: OwnedFd, is_standard: bool, signals: &Shared) -> io::Result<EmitOutput> {
        let is_file = disk::kind(fd.as_fd())? == Kind::Regular;
        let appends = output::appends(fd.as_fd())?;
        Ok(EmitOutput { to: Interruptible::new(fd, signals), is_file, is_standard, appends })
    }

    fn kind(&self) -> DescriptorKind {
        if self.is_file { DescriptorKind::OutputFile } else { DescriptorKind::Pipe }
    }
}

/// Opens the volumes, the index and the output, and enters the sandbox.
fn start(reading: &Reading, operator: &mut Operator, inherited: Inherited) -> Result<Opened, Refused> {
    let record = reading.ntrec.map(|ntrec| ntrec as usize * 1024);
    let signals = Signals::take().map_err(|error| {
        operator.say(Remark(format_args!("signals: {}", strerror(&error))));
        Refused
    })?;
    operator.set_output(Box::new(Interruptible::new(io::stderr(), &signals)));
    time::warm_up();
    let mut inputs = Vec::new();
    for name in &reading.volumes {
        match Input::open(name, record) {
            Ok(input) => inputs.push(input),
            Err(error) => return Err(cannot_open(operator, name, &error)),
        }
    }
    let index = match &reading.index {
        Some(name) => Some(Input::open(name, None).map_err(|error| cannot_open(operator, name, &error))?),
        None => None,
    };
    let output = match &reading.purpose {
        Purpose::Emit { output: Some(name), .. } => {
            Some(open_output(reading, name, &inputs, operator, &signals)?)
        }
        Purpose::Check if !reading.json => standard_output(reading, &inputs, operator, &signals)?,
        _ => {
            let name = match reading.purpose {
                Purpose::Emit { .. } => OsStr::new("-"),
                _ => OsStr::new("standard output"),
            };
            standard::check_output().map_err(|error| cannot_open(operator, name, &error))?;
            standard_output(reading, &inputs, operator, &signals)?
        }
    };
    let results = Interruptible::new(io::stdout(), &signals);
    let mut opened = Opened { inputs, index, output, results, watch: Watch::new(&signals) };
    opened.watch.set_total(opened.inputs.iter().map(Input::size).sum());
    operator.set_display(display(reading.progress, None, None));
    inherited.close();
    enter(operator, &opened).map_err(|error| {
        operator.say(Remark(format_args!("{error}")));
        Refused
    })?;
    Ok(opened)
}

/// What is read.
fn table(reading: &Reading, inputs: &[Input]) -> Result<Table, Clash> {
    let mut table = Table::default();
    for input in inputs {
        let object = of_descriptor(input.fd()).unwrap_or_default();
        table.add(Entry::read(Role::Input, &input.name, object))?;
    }
    if let Some(name) = &reading.index {
        table.add(Entry::read(Role::IndexRead, name, gather::named(name)))?;
    }
    table.add(gather::messages())?;
    Ok(table)
}

/// Opens the output of `--emit`.
fn open_output(
    reading: &Reading,
    name: &OsStr,
    inputs: &[Input],
    operator: &mut Operator,
    signals: &Shared,
) -> Result<EmitOutput, Refused> {
    let table = table(reading, inputs).map_err(|clash| refuse(operator, &clash.to_string()))?;
    let fd = match Outputs::new(&table).open(1, name, output::Access::Write) {
        Ok(fd) => fd,
        Err(Unopened::System(error)) => return Err(cannot_open(operator, name, &error)),
        Err(Unopened::Unfit(why)) => {
            let unfit = UnfitOutput { name: name.to_owned(), why };
            return Err(refuse(operator, &unfit.to_string()));
        }
    };
    EmitOutput::of(fd, false, signals).map_err(|error| cannot_open(operator, name, &error))
}

/// Standard output, for `--emit`; what else goes there is no input either.
fn standard_output(
    reading: &Reading,
    inputs: &[Input],
    operator: &mut Operator,
    signals: &Shared,
) -> Result<Option<EmitOutput>, Refused> {
    let is_emit = matches!(reading.purpose, Purpose::Emit { .. });
    let mut table = table(reading, inputs).map_err(|clash| refuse(operator, &clash.to_string()))?;
    if !is_emit {
        // A report may go where messages go.
        table = table.without(Role::Messages);
    }
    table.check(&gather::standard_output()).map_err(|clash| refuse(operator, &clash.to_string()))?;
    if !is_emit {
        return Ok(None);
    }
    let claimed = gather::claim_standard_output().map_err(|unfit| refuse(operator, &unfit.to_string()))?;
    // It is held to the end of the process.
    std::mem::forget(claimed);
    let output = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| EmitOutput::of(fd, true, signals));
    output.map(Some).map_err(|error| cannot_open(operator, OsStr::new("-"), &error))
}

fn refuse(operator: &mut Operator, reason: &str) -> Refused {
    operator.refuse(Refusal::SameObject(reason));
    Refused
}

fn cannot_open(operator: &mut Operator, name: &OsStr, error: &io::Error) -> Refused {
    operator.refuse(Refusal::CannotOpen { name, reason: &strerror(error) });
    Refused
}

/// Limits what is held, and enters the sandbox.
fn enter(operator: &mut Operator, opened: &Opened) -> Result<(), sandbox::Error> {
    for input in opened.inputs.iter().chain(&opened.index) {
        sandbox::limit(input.fd(), DescriptorKind::Volume)?;
    }
    // The other descriptor of the same output has no more rights.
    let mut stdout = DescriptorKind::Stdio;
    if let Some(out) = &opened.output {
        sandbox::limit(out.to.as_fd(), out.kind())?;
        stdout = if out.is_standard { out.kind() } else { stdout };
    }
    if let Some(terminal) = operator.display().terminal() {
        sandbox::limit(terminal, DescriptorKind::Terminal)?;
    }
    crate::dump::limits::standard_streams(stdout)?;
    let entered = sandbox::enter(sandbox::Role::Reader)?;
    sandbox::assert_entered(&entered)?;
    if let Some(lack) = entered.lack() {
        operator.say(Remark(format_args!("WARNING: {lack}")));
    }
    Ok(())
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

/// Reads all volumes from their beginning.
///
/// Errors: the exit code, if one of them is not a dump, which is reported.
fn whole<S: Sink + Enough>(
    reading: &Reading,
    inputs: &mut [Input],
    sink: &mut S,
    jumps: bool,
) -> Result<Summary, u8> {
    let mut reader = Reader::default();
    reader.set_limit(reading.volume_blocks);
    for (volume, input) in (1..).zip(inputs) {
        if sink.is_enough() {
            break;
        }
        reader.begin_volume(volume);
        sink.told().begin_volume(volume);
        start_volume(reading, volume, input, &mut reader, sink)?;
        Feed::new(&mut reader, sink, jumps).windows(reading.window_log).run(input);
    }
    if let Some(code) = sink.told().interrupted() {
        return Err(code);
    }
    let summary = if sink.is_enough() { Summary::default() } else { reader.finish(sink) };
    // The wait for room for what was found last.
    sink.told().interrupted().map_or(Ok(summary), Err)
}

/// Looks at the beginning of a volume.
///
/// Errors: the exit code, if it is not a dump, which is reported.
fn start_volume<S: Sink + Enough>(
    reading: &Reading,
    volume: u32,
    input: &mut Input,
    reader: &mut Reader,
    sink: &mut S,
) -> Result<(), u8> {
    let begun = begin(input, reading.window_log, |input| sink.told().ready(input));
    let name = input.name.display().to_string();
    let told = sink.told();
    match begun {
        Begin::Dump { amanda: false } => {}
        Begin::Dump { amanda: true } => {
            told.say(Remark(format_args!("note: {name}: the 32 KB header of Amanda is skipped")));
        }
        // FreeBSD's dump opens one volume more when the dump ends where a volume does.
        Begin::Empty if reader.was_over() => {
            told.say(Remark(format_args!("note: {name}: empty, after the end of the dump")));
        }
        Begin::Empty => reader.report(sink, Fault::Empty),
        Begin::Other(other) => {
            told.say(Remark(format_args!("{name}: {other}")));
            return Err(if volume == 1 { exit::STARTUP } else { exit::ABORTED });
        }
    }
    Ok(())
}
