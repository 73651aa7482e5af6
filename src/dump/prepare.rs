// SPDX-License-Identifier: BSD-2-Clause
//! Preparation outside the sandbox: opens everything that the dump needs, without reading the disk.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::disk::Uncached;
use crate::dump::clock::Clock;
use crate::dump::operand;
use crate::dump::operand::Target;
use crate::dumpdates_file;
use crate::dumpdates_file::Record;
use crate::exit;
use crate::exit::Refused;
use crate::identities;
use crate::job::{BadLine, Job, Output, ProgressStyle, inode_list};
use crate::monitor::commands::Commands;
use crate::monitor::index_file::{IndexFile, IndexPlan, Unmade};
use crate::monitor::server::Kept;
use crate::monitor::signer::Signer;
use crate::objects::gather;
use crate::objects::identity::{Role, Table};
use crate::operator::{Bar, Display, Event, FilesMessage, Message, Operator, Refusal, Remark, Report};
use crate::os::errno::strerror;
use crate::os::identity::of_descriptor;
use crate::os::{disk, host, output, process, reaper, standard, time, tty};
use dumpstream::Identity;

/// What a dump was prepared with.
pub struct Prepared {
    /// For the planner.
    pub started: Started,
    /// For the planner: the disk, which no other process but its workers has.
    pub disk: OpenDisk,
    /// For the monitor.
    pub kept: Kept,
    /// For the monitor alone.
    pub signer: Option<Signer>,
    /// For both.
    pub operator: Operator,
}

/// What is to be done, and what was opened for it.
pub struct Started {
    /// What is to be done.
    pub job: Job,
    /// Processes that read the disk.
    pub workers: u8,
    /// The clock.
    pub clock: Clock,
    /// The terminal, or why there is none.
    pub tty: io::Result<OwnedFd>,
    /// Inodes that files of the command line leave out.
    pub excluded_inodes: Vec<u32>,
    /// What all headers say.
    pub identity: Identity,
    /// Where the index is written to.
    pub index: Option<IndexFile>,
    /// Whether standard output is a file that all is appended to.
    pub stdout_appends: bool,
    /// Whether the first output is a device, which is opened before the passes.
    pub device: bool,
}

/// The disk, as it was opened.
pub struct OpenDisk {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// How it is read past the cache.
    uncached: Option<disk::Uncached>,
    /// Its sectors, in bytes.
    pub sector: u32,
    /// Its size in bytes, if that can be known.
    pub media: u64,
    /// Whether the file system is mounted for writing, or this is a snapshot of one.
    pub live: bool,
    /// Whether it is a device: then a file system cannot be larger.
    pub provider: bool,
    /// Its name in messages.
    pub name: OsString,
    /// Whether it is a snapshot of what has this name.
    pub snapshot: bool,
    /// Where it is mounted, or fstab(5) puts it.
    pub mount_point: Option<OsString>,
}

impl OpenDisk {
    fn new(target: Target) -> OpenDisk {
        let Target { fd, sector, media, live, device: provider, disk: name, mount_point, .. } = target;
        let uncached = disk::open_uncached(fd.as_fd());
        let snapshot = target.snapshot.is_some();
        OpenDisk { fd, uncached, sector, media, live, provider, name, snapshot, mount_point }
    }

    /// How it is read past the cache; none if the cache holds it.
    pub fn uncached(&self) -> Option<Uncached<'_>> {
        let uncached = self.uncached.as_ref()?;
        let fd = uncached.fd.as_ref().unwrap_or(&self.fd).as_fd();
        Some(Uncached { fd, unit: uncached.unit, longest: uncached.longest })
    }
}

/// Opens what `job` needs, and says what will be done.
///
/// `report` is where `--progress json` goes.
pub fn start(
    mut job: Job,
    mut operator: Operator,
    clock: Clock,
    report: Option<OwnedFd>,
) -> Result<Prepared, Refused> {
    let has_others = reaper::has_children();
    let to_stdout = matches!(job.output, Output::Stdout) && !job.estimate_only;
    if (to_stdout || job.list.is_some())
        && let Err(error) = standard::check_output()
    {
        let name = OsStr::new("standard output");
        operator.refuse(Refusal::CannotOpen { name, reason: &strerror(&error) });
        return Err(Refused(exit::STARTUP));
    }
    let excluded_inodes = read_inode_lists(&job, &mut operator)?;
    read_recipients(&mut job, &mut operator)?;
    let target = operand::open(&job.operand, job.snapshot, &mut operator);
    let mut target = target.ok_or(Refused(exit::STARTUP))?;
    // An estimate writes nothing.
    let table = match job.estimate_only {
        true if job.list.is_none() => Table::default(),
        true => gather::of_listing((target.fd.as_fd(), target.disk.as_os_str()))
            .map_err(|clash| refuse(&mut operator, &clash.to_string()))?,
        false => {
            let disk = (target.fd.as_fd(), target.disk.as_os_str());
            gather::of_dump(&job, disk, report.as_ref().map(AsFd::as_fd)).map_err(|refused| {
                operator.refuse(Refusal::SameObject(&refused.to_string()));
                Refused(exit::STARTUP)
            })?
        }
    };
    job.partition.iter().for_each(|name| target.add_partition(name));
    let tty = tty::open_tty();
    operator.set_display(display(job.progress, report, tty.as_ref().ok()));
    limit_subset(&mut job, &mut operator, &target);
    let mut identity = identity(&job, clock, &target);
    say_date(&job, &mut operator, &identity);
    let (base, record) = dumpdates_file::open(&job, &target.disk, identity.date, &mut operator)?;
    identity.ddate = if job.rsync_friendly > 0 { 0 } else { base.date };
    announce(&job, &mut operator, clock, &identity, base.level, &target);
    let (commands, index) = make_index(&job, &mut operator)?;
    let discard = |_: &Refused| index.iter().for_each(|index| index.names().discard());
    // Other processes have been forked by now, and the planner forgets it.
    let signer = make_signer(&job, index.as_ref(), &identity, &mut operator).inspect_err(discard)?;
    let table =
        with_opened(table, &job, record.as_ref(), index.as_ref(), &mut operator).inspect_err(discard)?;
    let mut claimed = None;
    if matches!(job.output, Output::Stdout) && !job.estimate_only {
        output::widen(io::stdout().as_fd());
        claimed = gather::claim_standard_output()
            .map_err(|unfit| refuse(&mut operator, &unfit.to_string()))
            .inspect_err(discard)?;
    }
    let held = target.held.take();
    let disk = OpenDisk::new(target);
    let started = Started {
        workers: job.workers(host::processors(), disk.uncached.is_none()),
        clock,
        tty,
        excluded_inodes,
        identity,
        index,
        stdout_appends: output::appends(io::stdout().as_fd()).unwrap_or(false),
        device: is_device(&job.output),
        job,
    };
    let kept = Kept { record, commands, table, has_others, claimed, held };
    Ok(Prepared { started, disk, kept, signer, operator })
}

/// The table for the process that opens outputs, with what was opened or made.
fn with_opened(
    table: Table,
    job: &Job,
    record: Option<&Record>,
    index: Option<&IndexFile>,
    operator: &mut Operator,
) -> Result<Table, Refused> {
    let mut more = Vec::new();
    if let Some(record) = record {
        let object = of_descriptor(record.descriptor()).unwrap_or_default();
        more.push((Role::Dumpdates, job.dumpdates.clone().into_os_string(), object));
    }
    if let Some(index) = index {
        let object = of_descriptor(index.descriptor()).unwrap_or_default();
        more.push((Role::Index, index.names().unfinished.clone().into_os_string(), object));
    }
    gather::for_outputs(table, more).map_err(|refused| refuse(operator, &refused.to_string()))
}

fn refuse(operator: &mut Operator, reason: &str) -> Refused {
    operator.refuse(Refusal::SameObject(reason));
    Refused(exit::STARTUP)
}

/// Makes the file of the index, behind the processes that remove it if it is not finished; they run programs, too.
fn make_index(job: &Job, operator: &mut Operator) -> Result<(Option<Commands>, Option<IndexFile>), Refused> {
    if job.estimate_only {
        return Ok((None, None));
    }
    let mut cannot = |name: &Path, unmade: &Unmade| {
        let reason = &unmade.to_string();
        operator.refuse(Refusal::CannotIndex { name: name.as_os_str(), reason });
        Refused(exit::STARTUP)
    };
    let plan = job
        .index
        .as_deref()
        .map(|name| IndexPlan::new(name, &job.output).map_err(|unmade| cannot(name, &unmade)));
    let plan = plan.transpose()?;
    let programs = matches!(job.output, Output::Command(_) | Output::Remote(_));
    if !programs && !job.notify && job.volume_script.is_none() && plan.is_none() {
        return Ok((None, None));
    }
    let commands = match Commands::start(job, plan.as_ref().map(IndexPlan::names)) {
        Ok(commands) => commands,
        Err(error) => {
            operator.say(Remark(format_args!("the command runner: {}", strerror(&error))));
            return Err(Refused(exit::STARTUP));
        }
    };
    let index = plan.map(|plan| {
        let name = plan.names().name.clone();
        plan.make(&commands).map_err(|unmade| cannot(&name, &unmade))
    });
    Ok((Some(commands), index.transpose()?))
}

/// Reads the key that signs the index.
fn make_signer(
    job: &Job,
    index: Option<&IndexFile>,
    identity: &Identity,
    operator: &mut Operator,
) -> Result<Option<Signer>, Refused> {
    let (Some(file), Some(index)) = (&job.sign, index) else { return Ok(None) };
    let mut refuse = |reason: &dyn fmt::Display| {
        operator.say(Remark(format_args!("{reason}")));
        Refused(exit::STARTUP)
    };
    process::leave_no_core().map_err(|error| refuse(&strerror(&error)))?;
    let key = identities::signing_key(file).map_err(|error| refuse(&error))?;
    Signer::new(key, file, &index.names().name, identity).map(Some).map_err(|unsigned| refuse(&unsigned))
}

fn identity(job: &Job, clock: Clock, target: &Target) -> Identity {
    let friendly = job.rsync_friendly > 0;
    Identity {
        label: job.label.as_bytes().to_vec(),
        level: job.level,
        filesys: filesys(job, target),
        dev: target.dev.as_bytes().to_vec(),
        host: host::hostname().map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        date: if friendly { 0 } else { dated(job, target.snapshot.unwrap_or_else(|| clock.now())) },
        ddate: 0,
    }
}

/// The date of a dump that is made at `now`. One that is recorded has the date that the text in dumpdates is read as, which in the hour
/// that the clocks are set back may be earlier: restore(8) refuses an incremental dump whose base date is not that of the dump before.
fn dated(job: &Job, now: i64) -> i64 {
    if !job.update_dumpdates {
        return now;
    }
    time::parse_ctime(&time::ctime(now)).unwrap_or(now)
}

/// What headers call the file system, or a part of it (as NetBSD's dump does).
fn filesys(job: &Job, target: &Target) -> Vec<u8> {
    let name = target.filesys().as_bytes();
    if job.selection.paths.is_empty() { name.to_vec() } else { [b"a subset of ", name].concat() }
}

/// A part of a file system is dumped in full and not recorded: no incremental dump can build on it (as in NetBSD's dump).
fn limit_subset(job: &mut Job, operator: &mut Operator, target: &Target) {
    if job.selection.paths.is_empty() {
        return;
    }
    if std::mem::take(&mut job.update_dumpdates) {
        operator.say(FilesMessage::IgnoringUpdate);
    }
    if std::mem::take(&mut job.level) > 0 {
        operator.say(FilesMessage::SubsetAtLevel0);
    }
    operator.say(FilesMessage::DumpingSubset(target.mount_point.as_deref().unwrap_or(&target.disk)));
    job.selection.paths.iter().for_each(|path| operator.say(FilesMessage::DumpingPath(path)));
}

/// Reads the files of inode numbers.
fn read_inode_lists(job: &Job, operator: &mut Operator) -> Result<Vec<u32>, Refused> {
    let mut inodes = Vec::new();
    for path in &job.selection.exclude_files {
        let name = path.as_os_str();
        let refused = match std::fs::read(path).map(|bytes| inode_list(&bytes)) {
            Ok(Ok(list)) => {
                inodes.extend(list);
                continue;
            }
            Ok(Err(BadLine { line, text })) => {
                operator.refuse(Refusal::BadInodeList { name, line, text: &text });
                Refused(exit::STARTUP)
            }
            Err(error) => {
                operator.refuse(Refusal::CannotOpen { name, reason: &strerror(&error) });
                Refused(exit::STARTUP)
            }
        };
        return Err(refused);
    }
    Ok(inodes)
}

/// Reads the files of recipients.
fn read_recipients(job: &mut Job, operator: &mut Operator) -> Result<(), Refused> {
    let recipients = identities::recipients(&job.recipients_files).map_err(|error| {
        operator.say(Remark(format_args!("{error}")));
        Refused(exit::STARTUP)
    })?;
    job.encrypt.extend(recipients);
    if job.form().chunk_blocks(job.frame_limit(), job.ntrec, job.ntrec).is_some() {
        return Ok(());
    }
    operator.say(Remark(format_args!("a volume is too small for an encrypted record of {} KB", job.ntrec)));
    Err(Refused(exit::STARTUP))
}

fn say_date(job: &Job, operator: &mut Operator, identity: &Identity) {
    let date = (identity.date != 0).then(|| time::ctime(identity.date));
    operator.say(Message::DateOfThis { level: job.level, date: date.as_deref() });
}

fn announce(
    job: &Job,
    operator: &mut Operator,
    clock: Clock,
    identity: &Identity,
    level: Option<i32>,
    target: &Target,
) {
    let date = (identity.ddate != 0).then(|| time::ctime(identity.ddate));
    operator.say(Message::DateOfLast { level, date: date.as_deref() });
    operator.say(Message::Dumping {
        snapshot: target.snapshot.is_some(),
        disk: &target.disk,
        mount_point: target.mount_point.as_deref(),
        output: &job.output.name(),
        host: job.output.host().as_deref(),
    });
    let start = Event::Start {
        level: job.level,
        disk: &target.disk,
        output: &job.output.name(),
        date: identity.date,
        base: identity.ddate,
    };
    operator.show(start, clock.now());
}

/// How progress is shown. A bar needs a terminal, and by default one that can move its cursor.
pub fn display(style: ProgressStyle, report: Option<OwnedFd>, tty: Option<&OwnedFd>) -> Display {
    let dumb = || std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let stderr = io::stderr();
    let terminal = match style {
        ProgressStyle::None => return Display::Nothing,
        ProgressStyle::Json(_) => {
            return report.map_or(Display::Nothing, |fd| Display::Report(Report::new(fd)));
        }
        ProgressStyle::Plain => None,
        ProgressStyle::Fitting if dumb() => None,
        _ if stderr.is_terminal() => stderr.as_fd().try_clone_to_owned().ok(),
        ProgressStyle::Bar => tty.and_then(|tty| tty.try_clone().ok()),
        ProgressStyle::Fitting => None,
    };
    terminal.map_or(Display::Lines, |terminal| Display::Bar(Bar::new(terminal)))
}

/// Whether the first output is a character device of this machine.
fn is_device(output: &Output) -> bool {
    use std::os::unix::fs::FileTypeExt;
    match output {
        Output::Names(names) => {
            std::fs::metadata(names.of(1)).is_ok_and(|meta| meta.file_type().is_char_device())
        }
        _ => false,
    }
}
