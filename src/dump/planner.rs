// SPDX-License-Identifier: BSD-2-Clause
//! The planner: from the superblock through the four passes to the last record, in the sandbox.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use crate::compress;
use crate::dump::limits::limit_planner;
use crate::dump::locate;
use crate::dump::passes;
use crate::dump::passes::{Criteria, Maps, MarkDirs, MarkFiles, Notice, Select, Stream};
use crate::dump::prepare::{Refused, Started};
use crate::dump::selection::find_wanted;
use crate::dump::source::Source;
use crate::dump::stop::Stop;
use crate::dump::volumes::outputs::{Unfit, Volumes};
use crate::dump::volumes::{Filler, Limit, Shape};
use crate::dump::write::Writing;
use crate::dump::write::places::Indexing;
use crate::event::{Event, EventQueue, Sig};
use crate::exit;
use crate::job::estimate;
use crate::operator;
use crate::operator::{Message, Refusal, Remark, StopMessage, pass_title};
use crate::os::process::set_title;
use crate::os::signals::already_taken;
use crate::sandbox;
use crate::sandbox::Role;
use crate::workers::Slots;
use dumpstream::Encoder;
use ufs::FileSystem;

/// The key of signals in the planner's queue.
pub(super) const SIGNALS: u64 = 0x300;

/// What passes I and II found.
struct Mapped {
    maps: Maps,
    /// Tape blocks of the dump, as dump guesses them, with its three maps.
    tape_blocks: i64,
    /// Damage on the disk has cost something.
    lossy: bool,
}

/// Makes the dump. Returns the exit status; everything has been reported.
pub fn run(started: &Started) -> u8 {
    let code = dump_to_its_end(started);
    started.console.show(operator::Event::End { status: code });
    code
}

fn dump_to_its_end(started: &Started) -> u8 {
    match dump(started) {
        Ok(code) => code,
        Err(stop) => {
            if let Stop::Because(reason) = stop {
                started.console.say(Remark(format_args!("{reason}")));
            }
            started.console.say(StopMessage::Aborted);
            exit::ABORTED
        }
    }
}

fn dump(started: &Started) -> Result<u8, Stop> {
    let console = &started.console;
    let mut queue = EventQueue::new()?;
    // Those that the monitor takes: nohup(1) and a shell's background jobs ignore some of them, and mean it.
    queue.add_signals(&already_taken(&[Sig::Info]))?;
    console.heed_signals(&mut queue, SIGNALS)?;
    enter_sandbox(started)?;

    let mut volumes = Volumes::new(&started.job, console);
    if !started.job.estimate_only {
        volumes.examine()?;
    }
    if started.device
        && let Some(unfit) = volumes.open_ahead()?
    {
        console.operator().refuse(match &unfit {
            Unfit::TooLong { record, most, name } => {
                Refusal::RecordTooLong { name, record: *record, most: *most }
            }
            Unfit::Tape(name) => Refusal::TapeCompressed(name),
            Unfit::NotRead(name) => Refusal::CannotVerify(name),
        });
        return Ok(exit::STARTUP);
    }

    let source =
        Source::new(started.disk.as_fd(), started.uncached(), started.sector, started.media, console);
    let (fs, disk) = match locate::open(started, source) {
        Ok(found) => found,
        Err(Refused(code)) => return Ok(code),
    };

    let Some(mapped) = map(started, &fs, &mut queue)? else { return Ok(exit::STARTUP) };
    let map_blocks = i64::from(mapped.maps.used.tape_blocks());
    let estimate = estimate(&started.job, mapped.tape_blocks, map_blocks);
    console.say(Message::Estimated { blocks: estimate.blocks, tapes: estimate.tapes });
    console.show(operator::Event::Estimate { blocks: estimate.blocks, tapes: estimate.tapes });
    if started.job.estimate_only {
        return Ok(exit::DONE);
    }

    // How much of a compressed dump a volume takes only the worker knows who writes it.
    let limit = started.job.record_limit().map_or(Limit::Unlimited, Limit::Records);
    let slots = Slots::new(started.workers.into(), started.job.ntrec);
    let slots = compress::chunk_blocks(started.job.frame_limit(), slots.record_blocks, slots.chunk_blocks)
        .map_or(slots, |blocks| slots.with_chunks(blocks));
    let shape = Shape { record_blocks: slots.record_blocks, chunk_blocks: slots.chunk_blocks, limit };
    let indexing = started.index.as_ref().map(|_| Indexing::new(mapped.maps.dump.len()));
    let no_access_time = started.job.rsync_friendly >= 2;
    let stream = Stream::new(Rc::new(mapped.maps), fs.superblock().max_inodes(), no_access_time);
    let stream = stream.with_losses(mapped.lossy);
    let filler = Filler::new(Encoder::new(&started.identity), shape, stream);
    Writing::start(started, volumes, &fs, &disk, slots, filler, indexing, estimate.blocks, &mut queue)?.run()
}

/// Limits what the planner holds, and enters the sandbox.
fn enter_sandbox(started: &Started) -> Result<(), Stop> {
    let console = &started.console;
    limit_planner(started)?;
    let entered = sandbox::enter(Role::PlannerForking)?;
    sandbox::assert_entered(&entered)?;
    if let Some(lack) = entered.lack() {
        console.say(Remark(format_args!("WARNING: {lack}")));
    }
    Ok(())
}

/// Passes I and II. None: a file on the command line does not exist, which has been reported.
fn map(
    started: &Started,
    fs: &FileSystem<Source<'_>>,
    queue: &mut EventQueue,
) -> Result<Option<Mapped>, Stop> {
    let console = &started.console;
    let job = &started.job;
    // Without an earlier dump all is wanted, also what says it is from before 1970; FreeBSD's dump leaves that out.
    let since = match started.identity.ddate {
        0 => i64::MIN,
        date => date,
    };
    let criteria = Criteria { since, honor_nodump: job.honors_nodump() };
    let mut lossy = false;
    let mut notify = |notice: Notice| {
        lossy |= notice.loss().is_some();
        console.notice(notice);
    };
    set_title(&pass_title(&started.disk_name, 1));
    console.say(Message::MappingFiles);
    console.show(operator::Event::Pass { pass: 1 });
    let mut files = MarkFiles::new(fs.superblock(), criteria);
    while files.step(fs, &mut notify).map_err(|error| stopped(started, error))? {
        look_at_signals(started, queue)?;
    }
    let MarkFiles { mut maps, mut tape_blocks, directory_skipped, .. } = files;
    let Some(wanted) = find_wanted(started, fs, &maps)? else { return Ok(None) };
    if !wanted.is_everything() {
        let mut select = Select::new(wanted, fs.superblock().max_inodes());
        while select
            .step(fs, &mut maps, &mut tape_blocks, &mut notify)
            .map_err(|error| stopped(started, error))?
        {
            look_at_signals(started, queue)?;
        }
    }
    tape_blocks += 3 * (i64::from(maps.used.tape_blocks()) + 1);

    set_title(&pass_title(&started.disk_name, 2));
    console.say(Message::MappingDirectories);
    console.show(operator::Event::Pass { pass: 2 });
    if directory_skipped {
        let mut dirs = MarkDirs::new(criteria);
        while dirs
            .step(fs, &mut maps, &mut tape_blocks, &mut notify)
            .map_err(|error| stopped(started, error))?
        {
            look_at_signals(started, queue)?;
        }
    }
    Ok(Some(Mapped { maps, tape_blocks, lossy }))
}

/// Why a pass stopped; nothing more to report if the operator chose to abort.
pub(super) fn stopped(started: &Started, error: passes::Error) -> Stop {
    if started.console.is_stopped() { Stop::Told } else { error.into() }
}

/// Takes the signals that came meanwhile.
fn look_at_signals(started: &Started, queue: &mut EventQueue) -> Result<(), Stop> {
    let mut events = Vec::new();
    queue.wait(&mut events, Some(Duration::ZERO))?;
    if events.contains(&Event::Readable { key: SIGNALS }) { started.console.take_signals() } else { Ok(()) }
}
