// SPDX-License-Identifier: BSD-2-Clause
//! Collects the objects of a job for the table of identities: by name, before anything is opened for writing or created.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::job::{Job, Names, Output, Since};
use crate::objects::identity::{Clash, Entry, Role, Table};
use crate::objects::outputs::{Unfit, UnfitOutput, is_missing_device};
use crate::os::identity;
use crate::os::identity::{Object, of_descriptor};
use crate::os::output;
use signing::Form;

/// Volumes of a prefix that are looked for before the dump; each is looked at again when it is opened.
const LOOKED_FOR: u32 = 999;

/// Why a dump must not be written as the command line has it: one line.
pub enum Refused {
    /// Two objects of the job are one.
    Clash(Clash),
    /// An output must not be written.
    Output(UnfitOutput),
}

impl From<Clash> for Refused {
    fn from(clash: Clash) -> Refused {
        Refused::Clash(clash)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An index has its own words for it.
            Refused::Clash(Clash { written: (Role::Index, index), other: (Role::Output, _), .. })
            | Refused::Clash(Clash { written: (Role::Output, _), other: (Role::Index, index), .. }) => {
                write!(f, "Cannot write an index to {}: it is an output of the dump", index.display())
            }
            Refused::Clash(clash) => clash.fmt(f),
            Refused::Output(unfit) => unfit.fmt(f),
        }
    }
}

/// What `job` reads and writes, its outputs too. `disk` is what is dumped, and its name; `progress` is where that is reported to.
///
/// Errors: something that is written is another object of the job, or an output is a device that does not exist.
pub fn of_dump(
    job: &Job,
    disk: (BorrowedFd<'_>, &OsStr),
    progress: Option<BorrowedFd<'_>>,
) -> Result<Table, Refused> {
    let mut table = Table::default();
    let (fd, name) = disk;
    table.add(Entry::read(Role::Disk, name, of_descriptor(fd).unwrap_or_default()))?;
    // With a snapshot, the disk below it.
    table.add(Entry::read(Role::Disk, name, named(name)))?;
    for path in &job.selection.exclude_files {
        table.add(Entry::read(Role::InodeList, path.as_os_str(), named(path.as_os_str())))?;
    }
    for path in &job.recipients_files {
        table.add(Entry::read(Role::Keys, path.as_os_str(), named(path.as_os_str())))?;
    }
    if let Some(fd) = progress {
        let object = of_descriptor(fd).unwrap_or_default();
        table.add(Entry::written(Role::Progress, OsStr::new("--progress-fd"), object))?;
    }
    table.add(messages())?;
    if uses_dumpdates(job) {
        let name = job.dumpdates.as_os_str();
        let object = named(name);
        table.add(Entry {
            role: Role::Dumpdates,
            name: name.into(),
            writes: job.update_dumpdates,
            object,
        })?;
    }
    if let Some(name) = &job.index {
        table.add(Entry::written(Role::Index, name.as_os_str(), named(name.as_os_str())))?;
    }
    if let (Some(index), Some(key)) = (&job.index, &job.sign) {
        table.add(Entry::read(Role::Keys, key.as_os_str(), named(key.as_os_str())))?;
        for form in [Form::Minisign, Form::Signify] {
            let mut name = index.as_os_str().to_owned();
            name.push(form.suffix());
            table.add(Entry::written(Role::Signature, &name, named(&name)))?;
        }
    }
    add_outputs(&mut table, &job.output)?;
    Ok(table)
}

/// What a listing reads, which does not go to standard output.
///
/// Errors: standard output is the disk.
pub fn of_listing((fd, name): (BorrowedFd<'_>, &OsStr)) -> Result<Table, Clash> {
    let mut table = Table::default();
    table.add(Entry::read(Role::Disk, name, of_descriptor(fd).unwrap_or_default()))?;
    table.add(Entry::read(Role::Disk, name, named(name)))?;
    table.check(&standard_output())?;
    Ok(table)
}

/// Whether the dumpdates file is read, or made.
fn uses_dumpdates(job: &Job) -> bool {
    job.update_dumpdates || (job.since == Since::Dumpdates && job.rsync_friendly == 0)
}

/// Where messages go.
pub fn messages() -> Entry {
    let object = of_descriptor(io::stderr().as_fd()).unwrap_or_default();
    Entry::written(Role::Messages, OsStr::new("standard error"), object)
}

/// Standard output, that a dump or a listing goes to.
pub fn standard_output() -> Entry {
    let object = of_descriptor(io::stdout().as_fd()).unwrap_or_default();
    Entry::written(Role::Output, OsStr::new("standard output"), object)
}

fn add_outputs(table: &mut Table, output: &Output) -> Result<(), Refused> {
    match output {
        Output::Stdout => table.add(standard_output())?,
        Output::Names(Names::List(list)) => {
            let others = table.clone();
            for name in list {
                if is_missing_device(name) {
                    return Err(Refused::Output(UnfitOutput { name: name.clone(), why: Unfit::NoDevice }));
                }
                let entry = Entry::written(Role::Output, name, named(name));
                // A file that does not exist may be named twice: the dump may not need the second name.
                if entry.object.is_absent() { others.check(&entry)? } else { table.add(entry)? }
            }
        }
        Output::Names(numbered) => {
            let names = (1..=LOOKED_FOR).map(|volume| numbered.of(volume));
            for name in names.filter(|name| Path::new(name).symlink_metadata().is_ok()) {
                // Most of them will not be needed, so that they may be alike.
                table.check(&Entry::written(Role::Output, &name, named(&name)))?;
            }
        }
        Output::Command(_) | Output::Remote(_) => {}
    }
    Ok(())
}

/// The object of that name. What cannot be examined cannot be opened, and that says why.
pub fn named(name: &OsStr) -> Object {
    identity::of_path(Path::new(name)).unwrap_or_default()
}

/// Takes standard output for the dump alone, a file or a block device. Gives what holds the latter until it is dropped.
///
/// A regular file is locked like one that is opened by name, so that two dumps cannot write to it concurrently. The lock ends when
/// the last descriptor of it is closed, the caller's too.
///
/// Errors: another has it.
pub fn claim_standard_output() -> Result<Option<OwnedFd>, UnfitOutput> {
    let stdout = io::stdout();
    let unfit = |why| UnfitOutput { name: "standard output".into(), why };
    output::lock(stdout.as_fd()).map_err(|_| unfit(Unfit::Locked))?;
    output::claim(stdout.as_fd()).or_else(|error| match error.raw_os_error() {
        Some(libc::EBUSY) => Err(unfit(Unfit::InUse)),
        // Without /proc it cannot be asked.
        _ => Ok(None),
    })
}

/// The names of the objects that a dump is kept in while it is written, as the process that opens outputs needs them.
pub fn for_outputs(table: Table, more: Vec<(Role, OsString, Object)>) -> Result<Table, Refused> {
    let mut table = table.without(Role::Output);
    for (role, name, object) in more {
        table.add(Entry::written(role, &name, object))?;
    }
    Ok(table)
}
