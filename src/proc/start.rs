// SPDX-License-Identifier: BSD-2-Clause
//! Before the sandbox: everything is opened that the dump will need, and nothing of the disk is looked at.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::clock::Clock;
use super::console::Console;
use super::outside::Outside;
use crate::format::Identity;
use crate::job::{Job, Output, Since};
use crate::operator::{Message, Operator, Refusal, Remark};
use crate::os::errno::strerror;
use crate::os::{disk, host, time, tty};

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
    /// Whether the first output is a device, which is opened before the passes.
    pub device: bool,
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
    let mut console = Console::new(operator, tty::open_tty(), job.notify, disk_name.clone());
    let identity = identity(&job, clock, &disk_name);
    announce(&job, &console, &identity, &disk_name);
    if !job.estimate_only && (job.notify || !matches!(job.output, Output::Stdout)) {
        match Outside::start(&job.output) {
            Ok(outside) => console.set_outside(outside),
            Err(error) => {
                console.say(Remark(format_args!("the monitor: {error}")));
                return Err(Refused(super::exit::STARTUP));
            }
        }
    }
    let device = is_device(&job.output);
    Ok(Started { job, console, clock, disk, sector, media, disk_name, identity, device })
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

/// Whether the first output is a character device of this machine.
fn is_device(output: &Output) -> bool {
    use std::os::unix::fs::FileTypeExt;
    match output {
        Output::Names(names) => names
            .first()
            .and_then(|name| std::fs::metadata(name).ok())
            .is_some_and(|meta| meta.file_type().is_char_device()),
        _ => false,
    }
}
