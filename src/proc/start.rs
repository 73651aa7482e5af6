// SPDX-License-Identifier: BSD-2-Clause
//! Before the sandbox: everything is opened that the dump will need, and nothing of the disk is looked at.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::clock::Clock;
use super::console::Console;
use crate::format::Identity;
use crate::job::{Job, Output, Since};
use crate::media;
use crate::operator::{MediaMessage, Message, Operator, Question, Refusal, Remark, StopMessage};
use crate::os::errno::strerror;
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
    let disk_name = job.operand.clone();
    let disk = match open_disk(&disk_name, &mut operator) {
        Some(disk) => disk,
        None => return Err(Refused(super::exit::STARTUP)),
    };
    let sector = disk::sector_size(disk.as_fd()).unwrap_or(512);
    let media = disk::media_size(disk.as_fd()).unwrap_or(u64::MAX);
    let console = Console::new(operator, tty::open_tty(), job.notify, disk_name.clone());
    let identity = identity(&job, clock, &disk_name);
    announce(&job, &console, &identity, &disk_name);
    let medium = if job.estimate_only { None } else { Some(open_output(&job, &console)?) };
    Ok(Started { job, console, clock, disk, sector, media, disk_name, identity, medium })
}

fn open_disk(name: &OsStr, operator: &mut Operator) -> Option<OwnedFd> {
    let opened = disk::open_disk(Path::new(name));
    match opened.map(|fd| (disk::kind(fd.as_fd()), fd)) {
        Err(error) => {
            operator.refuse(Refusal::CannotOpen { name, reason: &strerror(&error) });
            None
        }
        Ok((Err(error), _)) => {
            operator.refuse(Refusal::CannotStat { name, reason: &strerror(&error) });
            None
        }
        Ok((Ok(disk::Kind::Directory), _)) => {
            operator.refuse(Refusal::UnknownFileSystem(name));
            None
        }
        Ok((Ok(_), fd)) => Some(fd),
    }
}

fn identity(job: &Job, clock: Clock, disk_name: &OsStr) -> Identity {
    let friendly = job.rsync_friendly > 0;
    let since = match job.since {
        Since::Date(date) => date,
        Since::Dumpdates => 0,
    };
    Identity {
        label: b"none".to_vec(),
        level: job.level,
        filesys: b"an unlisted file system".to_vec(),
        dev: disk_name.as_bytes().to_vec(),
        host: host::hostname().map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        date: if friendly { 0 } else { clock.now() },
        ddate: if friendly { 0 } else { since },
    }
}

fn announce(job: &Job, console: &Console, identity: &Identity, disk_name: &OsStr) {
    let date = |seconds: i64| (seconds != 0).then(|| time::ctime(seconds));
    let this = date(identity.date);
    console.say(Message::DateOfThis { level: job.level, date: this.as_deref() });
    let last = date(identity.ddate);
    let level = if matches!(job.since, Since::Date(_)) { None } else { Some(0) };
    console.say(Message::DateOfLast { level, date: last.as_deref() });
    console.say(Message::Dumping {
        snapshot: false,
        disk: disk_name,
        mount_point: None,
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
