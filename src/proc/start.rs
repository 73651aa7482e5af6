// SPDX-License-Identifier: BSD-2-Clause
//! Before the sandbox: everything is opened that the dump will need, and nothing of the disk is looked at.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::clock::Clock;
use super::console::Console;
use super::operand::{self, Target};
use crate::format::Identity;
use crate::job::{Job, Output, Since};
use crate::media;
use crate::operator::{MediaMessage, Message, Operator, Question, Remark, StopMessage};
use crate::os::{disk, host, output, tape, time, tty};

/// A medium that has been opened.
pub struct Medium {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// How it is written to.
    pub kind: media::Kind,
    /// Its name in messages.
    pub name: OsString,
    /// Whether it is a regular file, to be cut to the dump's length and synced.
    pub regular: bool,
    /// Whether it is standard output: one volume, and no way back.
    pub stdout: bool,
}

/// Everything that was opened.
pub struct Started {
    /// What is to be done.
    pub job: Job,
    /// The way to the operator.
    pub console: Console,
    /// The clock.
    pub clock: Clock,
    /// The disk.
    pub disk: OwnedFd,
    /// Its sectors, in bytes.
    pub sector: u32,
    /// Its size in bytes, if that can be known.
    pub media: u64,
    /// Whether it is a device: then a file system cannot be larger.
    pub provider: bool,
    /// Its name in messages.
    pub disk_name: OsString,
    /// What all headers say.
    pub identity: Identity,
    /// The output; none for an estimate.
    pub medium: Option<Medium>,
}

/// Why nothing was started; the operator has been told.
pub struct Refused(pub u8);

/// Opens what `job` needs, and says what will be done.
pub fn start(job: Job, mut operator: Operator, clock: Clock) -> Result<Started, Refused> {
    let target = operand::open(&job.operand, job.snapshot, &mut operator);
    let target = target.ok_or(Refused(super::exit::STARTUP))?;
    let console = Console::new(operator, tty::open_tty(), job.notify, target.disk.clone());
    let identity = identity(&job, clock, &target);
    announce(&job, &console, &identity, &target);
    let medium = if job.estimate_only { None } else { Some(open_output(&job, &console)?) };
    let Target { fd: disk, sector, media, device: provider, disk: disk_name, .. } = target;
    Ok(Started { job, console, clock, disk, sector, media, provider, disk_name, identity, medium })
}

fn identity(job: &Job, clock: Clock, target: &Target) -> Identity {
    let friendly = job.rsync_friendly > 0;
    let since = match job.since {
        Since::Date(date) => date,
        Since::Dumpdates => 0,
    };
    Identity {
        label: b"none".to_vec(),
        level: job.level,
        filesys: target.filesys().as_bytes().to_vec(),
        dev: target.dev.as_bytes().to_vec(),
        host: host::hostname().map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        date: if friendly { 0 } else { target.snapshot.unwrap_or_else(|| clock.now()) },
        ddate: if friendly { 0 } else { since },
    }
}

fn announce(job: &Job, console: &Console, identity: &Identity, target: &Target) {
    let date = |seconds: i64| (seconds != 0).then(|| time::ctime(seconds));
    let this = date(identity.date);
    console.say(Message::DateOfThis { level: job.level, date: this.as_deref() });
    let last = date(identity.ddate);
    let level = if matches!(job.since, Since::Date(_)) { None } else { Some(0) };
    console.say(Message::DateOfLast { level, date: last.as_deref() });
    console.say(Message::Dumping {
        snapshot: target.snapshot.is_some(),
        disk: &target.disk,
        mount_point: target.mount_point.as_deref(),
        output: &job.output.name(),
        host: job.output.host().as_deref(),
    });
}

fn open_output(job: &Job, console: &Console) -> Result<Medium, Refused> {
    let Output::Names(names) = &job.output else {
        return stdout(console);
    };
    let name = names.first().cloned().unwrap_or_default();
    loop {
        match open_medium(&name) {
            Ok(medium) => return Ok(medium),
            Err(_) => {
                console.say(MediaMessage::CannotOpenOutput(&name));
                if !matches!(console.ask(Question::RetryOpen), Ok(true)) {
                    console.say(StopMessage::Aborted);
                    return Err(Refused(super::exit::ABORTED));
                }
            }
        }
    }
}

fn stdout(console: &Console) -> Result<Medium, Refused> {
    let medium = std::io::stdout().as_fd().try_clone_to_owned().and_then(|fd| {
        let regular = disk::kind(fd.as_fd())? == disk::Kind::Regular;
        Ok(Medium { fd, kind: media::Kind::Stream, name: "standard output".into(), regular, stdout: true })
    });
    medium.map_err(|error| {
        console.say(MediaMessage::WriteErrorOn(OsStr::new("standard output")));
        console.say(Remark(format_args!("{error}")));
        Refused(super::exit::ABORTED)
    })
}

fn open_medium(name: &OsStr) -> io::Result<Medium> {
    let fd = output::open_output(Path::new(name), output::Access::Write)?;
    let kind = disk::kind(fd.as_fd())?;
    let regular = kind == disk::Kind::Regular;
    let kind = match kind {
        disk::Kind::Regular => media::Kind::File,
        disk::Kind::Character if tape::is_tape(fd.as_fd()) => media::Kind::Tape,
        _ => media::Kind::Stream,
    };
    Ok(Medium { fd, kind, name: name.to_owned(), regular, stdout: false })
}
