// SPDX-License-Identifier: BSD-2-Clause
//! Opens the volumes, the index and the output, and enters the sandbox.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use crate::dump::limits;
use crate::dump::prepare::display;
use crate::identities;
use crate::inspect::input::Input;
use crate::inspect::interruptible::Interruptible;
use crate::inspect::signals::{Shared, Signals};
use crate::inspect::signed::Verifier;
use crate::inspect::watch::Watch;
use crate::job::{Purpose, Reading};
use crate::objects::gather;
use crate::objects::identity::{Clash, Entry, Role, Table};
use crate::objects::outputs::{Outputs, UnfitOutput, Unopened};
use crate::operator::{Operator, Refusal, Remark};
use crate::os::disk;
use crate::os::disk::Kind;
use crate::os::errno::strerror;
use crate::os::identity::of_descriptor;
use crate::os::process::Inherited;
use crate::os::{output, standard, time};
use crate::sandbox;
use crate::sandbox::DescriptorKind;
use agefile::Identity;

/// Nothing was started, and the reason has been reported.
pub struct Refused;

/// What was opened.
pub struct Opened {
    pub inputs: Vec<Input>,
    pub index: Option<Input>,
    pub verifier: Option<Verifier>,
    pub output: Option<EmitOutput>,
    pub results: Box<dyn io::Write>,
    pub watch: Watch,
}

/// The output of `--emit`.
pub struct EmitOutput {
    pub to: Interruptible<OwnedFd>,
    pub is_file: bool,
    /// Whether it is standard output.
    is_standard: bool,
    /// Whether what is written goes to the end of the file.
    pub appends: bool,
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
pub fn start(reading: &Reading, operator: &mut Operator, inherited: Inherited) -> Result<Opened, Refused> {
    let record = reading.ntrec.map(|ntrec| ntrec as usize * 1024);
    let identities: Rc<[Identity]> = match identities::identities(&reading.identities) {
        Ok(identities) => identities.into(),
        Err(error) => {
            operator.say(Remark(format_args!("{error}")));
            return Err(Refused);
        }
    };
    let verifier = match (&reading.verify_key, &reading.index) {
        (Some(key), Some(index)) => Some(Verifier::new(key, Path::new(index)).map_err(|reason| {
            operator.say(Remark(format_args!("{reason}")));
            Refused
        })?),
        _ => None,
    };
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
    let mut index = index;
    inputs.iter_mut().chain(&mut index).for_each(|input| input.set_identities(Rc::clone(&identities)));
    let output = match &reading.purpose {
        Purpose::Emit { output: Some(name), .. } => {
            Some(open_output(reading, name, &inputs, operator, &signals)?)
        }
        Purpose::Check | Purpose::Chain { .. } if !reading.json => {
            standard_output(reading, &inputs, operator, &signals)?
        }
        _ => {
            let name = match reading.purpose {
                Purpose::Emit { .. } => OsStr::new("-"),
                _ => OsStr::new("standard output"),
            };
            standard::check_output().map_err(|error| cannot_open(operator, name, &error))?;
            standard_output(reading, &inputs, operator, &signals)?
        }
    };
    let results = Box::new(Interruptible::new(io::stdout(), &signals));
    let mut opened = Opened { inputs, index, verifier, output, results, watch: Watch::new(&signals) };
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
    for name in &reading.identities {
        table.add(Entry::read(Role::Keys, name, gather::named(name)))?;
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
    limits::standard_streams(stdout)?;
    let entered = sandbox::enter(sandbox::Role::Reader)?;
    sandbox::assert_entered(&entered)?;
    if let Some(lack) = entered.lack() {
        operator.say(Remark(format_args!("WARNING: {lack}")));
    }
    Ok(())
}
