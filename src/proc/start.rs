// SPDX-License-Identifier: BSD-2-Clause
//! Before the sandbox: everything is opened that the dump will need, and nothing of the disk is looked at.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use super::clock::Clock;
use super::console::Console;
use super::history::{self, Record};
use super::operand::{self, Target};
use super::outside::Outside;
use crate::format::Identity;
use crate::job::{Job, Output};
use crate::operator::{Message, Operator, Remark};
use crate::os::output::Access;
use crate::os::{disk, host, output, time, tty};

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
    /// A descriptor of it past the cache.
    pub uncached: Option<OwnedFd>,
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
    /// Where the dump is entered when it is done; none without `-u`.
    pub record: Option<Record>,
    /// Whether the first output is a device, which is opened before the passes.
    pub device: bool,
}

impl Started {
    /// The descriptor that workers read by.
    pub fn uncached(&self) -> BorrowedFd<'_> {
        self.uncached.as_ref().unwrap_or(&self.disk).as_fd()
    }
}

/// Why nothing was started; the operator has been told.
pub struct Refused(pub u8);

/// Opens what `job` needs, and says what will be done.
pub fn start(job: Job, mut operator: Operator, clock: Clock) -> Result<Started, Refused> {
    let target = operand::open(&job.operand, job.snapshot, &mut operator);
    let target = target.ok_or(Refused(super::exit::STARTUP))?;
    let mut console = Console::new(operator, tty::open_tty(), job.notify, target.disk.clone());
    let mut identity = identity(&job, clock, &target);
    say_date(&job, &console, &identity);
    let (base, record) = history::open(&job, &target.disk, identity.date, &console)?;
    identity.ddate = if job.rsync_friendly > 0 { 0 } else { base.date };
    announce(&job, &console, &identity, base.level, &target);
    if !job.estimate_only && (job.notify || !matches!(job.output, Output::Stdout)) {
        let access = if job.verify { Access::WriteAndRead } else { Access::Write };
        match Outside::start(&job.output, access) {
            Ok(outside) => console.set_outside(outside),
            Err(error) => {
                console.say(Remark(format_args!("the monitor: {error}")));
                return Err(Refused(super::exit::STARTUP));
            }
        }
    }
    if matches!(job.output, Output::Stdout) {
        output::widen(io::stdout().as_fd());
    }
    let device = is_device(&job.output);
    let Target { fd, sector, media, device: provider, disk: disk_name, .. } = target;
    let uncached = disk::open_uncached(fd.as_fd());
    Ok(Started {
        job,
        console,
        clock,
        disk: fd,
        uncached,
        sector,
        media,
        provider,
        disk_name,
        identity,
        record,
        device,
    })
}

fn identity(job: &Job, clock: Clock, target: &Target) -> Identity {
    let friendly = job.rsync_friendly > 0;
    Identity {
        label: b"none".to_vec(),
        level: job.level,
        filesys: target.filesys().as_bytes().to_vec(),
        dev: target.dev.as_bytes().to_vec(),
        host: host::hostname().map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        date: if friendly { 0 } else { target.snapshot.unwrap_or_else(|| clock.now()) },
        ddate: 0,
    }
}

fn say_date(job: &Job, console: &Console, identity: &Identity) {
    let date = (identity.date != 0).then(|| time::ctime(identity.date));
    console.say(Message::DateOfThis { level: job.level, date: date.as_deref() });
}

fn announce(job: &Job, console: &Console, identity: &Identity, level: Option<i32>, target: &Target) {
    let date = (identity.ddate != 0).then(|| time::ctime(identity.ddate));
    console.say(Message::DateOfLast { level, date: date.as_deref() });
    console.say(Message::Dumping {
        snapshot: target.snapshot.is_some(),
        disk: &target.disk,
        mount_point: target.mount_point.as_deref(),
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
