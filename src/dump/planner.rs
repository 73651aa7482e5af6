// SPDX-License-Identifier: BSD-2-Clause
//! The planner: from the superblock through the four passes to the last record, in the sandbox.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::compress::Level;
use crate::dump::console::Console;
use crate::dump::context::Context;
use crate::dump::limits::limit_planner;
use crate::dump::locate;
use crate::dump::mappers::Mappers;
use crate::dump::passes;
use crate::dump::passes::{Criteria, Maps, MarkDirs, MarkFiles, Notice, Select, Stream};
use crate::dump::prepare::{OpenDisk, Started};
use crate::dump::questions::Questions;
use crate::dump::read_errors::ReadErrors;
use crate::dump::requests::Requests;
use crate::dump::selection::find_wanted;
use crate::dump::source::Source;
use crate::dump::stop::Stop;
use crate::dump::volumes::outputs::{Unfit, Volumes};
use crate::dump::volumes::{Filler, Limit, Shape};
use crate::dump::write::places::Indexing;
use crate::dump::write::{SIGNALS, Writing};
use crate::event::{Event, EventQueue, Sig};
use crate::exit;
use crate::exit::Refused;
use crate::job::{ListStyle, estimate};
use crate::monitor::client::Outside;
use crate::operator;
use crate::operator::{Message, Operator, Refusal, Remark, StopMessage, pass_title};
use crate::os::process::set_title;
use crate::os::signals::already_taken;
use crate::sandbox;
use crate::sandbox::Role;
use crate::workers::Slots;
use dumpstream::Encoder;

/// What passes I and II found.
struct Mapped {
    maps: Maps,
    /// Tape blocks of the dump, as dump guesses them, with its three maps.
    tape_blocks: i64,
    /// Damage on the disk has cost something.
    lossy: bool,
}

/// Makes the dump. Returns the exit status; everything has been reported.
pub fn run(started: &Started, disk: &OpenDisk, operator: &RefCell<Operator>, monitor: &Outside) -> u8 {
    let console = Console::new(operator, started.clock);
    let code = match dump(started, disk, &console, monitor) {
        Ok(code) => code,
        Err(stop) => {
            if let Stop::Because(reason) = stop {
                console.say(Remark(format_args!("{reason}")));
            }
            console.say(StopMessage::Aborted);
            exit::ABORTED
        }
    };
    console.show(operator::Event::End { status: code });
    code
}

fn dump(started: &Started, disk: &OpenDisk, console: &Console<'_>, monitor: &Outside) -> Result<u8, Stop> {
    let job = &started.job;
    let questions = &Questions::new(job, console, monitor, &started.tty);
    let requests = &Requests::new(monitor, console, questions);
    let errors = &ReadErrors::new(disk, job.max_read_errors, console, questions);
    let mut queue = EventQueue::new()?;
    // Those that the monitor takes: nohup(1) and a shell's background jobs ignore some of them, and mean it.
    queue.add_signals(&already_taken(&[Sig::Info]))?;
    questions.waits.heed_signals(&mut queue, SIGNALS)?;
    limit_planner(started, disk, &console.operator(), monitor)?;
    enter_sandbox(console)?;

    let mut volumes = Volumes::new(job, console, questions, requests);
    if !job.estimate_only {
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
            Unfit::TapeUnlimited(name) => Refusal::TapeUnlimited(name),
            Unfit::NotRead(name) => Refusal::CannotVerify(name),
        });
        return Ok(exit::STARTUP);
    }

    let (fs, source) = match locate::open(job, disk, console, Source::new(disk, errors)) {
        Ok(found) => found,
        Err(Refused(code)) => return Ok(code),
    };

    errors.watch(source);
    let context = Context { started, disk, console, questions, requests, errors, fs: &fs, source: &source };
    let Some(mapped) = context.map(&mut queue)? else { return Ok(exit::STARTUP) };
    let map_blocks = i64::from(mapped.maps.used.tape_blocks());
    let estimate = estimate(job, mapped.tape_blocks, map_blocks);
    console.say(Message::Estimated { blocks: estimate.blocks, tapes: estimate.tapes });
    console.show(operator::Event::Estimate { blocks: estimate.blocks, tapes: estimate.tapes });
    if job.estimate_only && job.list.is_none() {
        return Ok(exit::DONE);
    }

    // How much of a compressed dump a volume takes only the worker knows who writes it.
    let limit = job.record_limit().filter(|_| job.list.is_none());
    let limit = limit.map_or(Limit::Unlimited, Limit::Records);
    let enlargement = job.compress.map_or(1, Level::enlargement);
    let slots = Slots::new(started.workers.into(), job.ntrec, enlargement);
    let slots = job
        .form()
        .chunk_blocks(job.frame_limit(), slots.record_blocks, slots.chunk_blocks)
        .map_or(slots, |blocks| slots.with_chunks(blocks));
    let shape = Shape { record_blocks: slots.record_blocks, chunk_blocks: slots.chunk_blocks, limit };
    let indexing = started.index.as_ref().map(|_| Indexing::new(mapped.maps.dump.len()));
    let no_access_time = job.rsync_friendly >= 2;
    let stream = Stream::new(Rc::new(mapped.maps), fs.superblock().max_inodes(), no_access_time);
    let stream = stream.with_losses(mapped.lossy);
    let filler = Filler::new(Encoder::new(&started.identity), shape, stream);
    if let Some(style) = job.list {
        return context.list(filler, slots.chunk_blocks, style == ListStyle::Json, &mut queue);
    }
    let parts = (filler, indexing);
    Writing::start(context, volumes, slots, parts, estimate.blocks, &mut queue)?.run()
}

/// Enters the sandbox.
fn enter_sandbox(console: &Console<'_>) -> Result<(), Stop> {
    let entered = sandbox::enter(Role::PlannerForking)?;
    sandbox::assert_entered(&entered)?;
    if let Some(lack) = entered.lack() {
        console.say(Remark(format_args!("WARNING: {lack}")));
    }
    Ok(())
}

impl Context<'_> {
    /// Passes I and II. None: a file on the command line does not exist, which has been reported.
    fn map(&self, queue: &mut EventQueue) -> Result<Option<Mapped>, Stop> {
        let (job, fs) = (&self.started.job, self.fs);
        // Without an earlier dump all is wanted, also what says it is from before 1970; FreeBSD's dump leaves that out.
        let since = match self.started.identity.ddate {
            0 => i64::MIN,
            date => date,
        };
        let criteria = Criteria { since, honor_nodump: job.honors_nodump() };
        let mut lossy = false;
        let mut notify = |notice: Notice| {
            lossy |= notice.loss().is_some();
            self.errors.notice(notice);
        };
        self.begin(1, Message::MappingFiles);
        let mut files = MarkFiles::new(fs.superblock(), criteria);
        self.mark_files(queue, &mut files, criteria, &mut notify)?;
        let MarkFiles { mut maps, mut tape_blocks, directory_skipped, .. } = files;
        let names = (&job.selection, self.started.excluded_inodes.as_slice());
        let mount_point = self.disk.mount_point.as_deref();
        let Some(wanted) = find_wanted(names, mount_point, self.console, self.errors, fs, &maps)? else {
            return Ok(None);
        };
        if !wanted.is_everything() {
            let mut select = Select::new(wanted, fs.superblock().max_inodes());
            self.to_the_end(queue, || select.step(fs, &mut maps, &mut tape_blocks, &mut notify))?;
        }
        tape_blocks += 3 * (i64::from(maps.used.tape_blocks()) + 1);

        self.begin(2, Message::MappingDirectories);
        if directory_skipped {
            let mut dirs = MarkDirs::new(criteria);
            self.to_the_end(queue, || dirs.step(fs, &mut maps, &mut tape_blocks, &mut notify))?;
        }
        Ok(Some(Mapped { maps, tape_blocks, lossy }))
    }

    /// Pass I.
    fn mark_files(
        &self,
        queue: &mut EventQueue,
        files: &mut MarkFiles,
        criteria: Criteria,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<(), Stop> {
        let fs = self.fs;
        let mappers =
            Mappers::start(fs.superblock(), self.source, criteria, self.started.workers.into(), queue)?;
        let Some((ours, mut mappers)) = mappers else {
            return self.to_the_end(queue, || files.step(fs, notify));
        };
        let mut events = Vec::new();
        files.share(ours);
        self.to_the_end_with(queue, || files.map_next(fs, notify), &mut |event| mappers.take(event))?;
        while !mappers.have_ended() {
            queue.wait(&mut events, None)?;
            events.iter().for_each(|event| mappers.take(event));
            self.take_signals(&events)?;
        }
        for groups in mappers.merge(files) {
            files.share(groups);
            self.to_the_end(queue, || files.map_next(fs, notify))?;
        }
        files.complete(notify).map_err(|error| self.errors.stop(error))
    }

    fn begin(&self, pass: u8, message: Message<'_>) {
        set_title(&pass_title(&self.disk.name, pass));
        self.console.say(message);
        self.console.show(operator::Event::Pass { pass });
    }

    /// Makes all steps of a pass, and takes the signals that come meanwhile.
    fn to_the_end(
        &self,
        queue: &mut EventQueue,
        step: impl FnMut() -> Result<bool, passes::Error>,
    ) -> Result<(), Stop> {
        self.to_the_end_with(queue, step, &mut |_| {})
    }

    /// The same; other events go to `take`.
    fn to_the_end_with(
        &self,
        queue: &mut EventQueue,
        mut step: impl FnMut() -> Result<bool, passes::Error>,
        take: &mut dyn FnMut(&Event),
    ) -> Result<(), Stop> {
        let mut events = Vec::new();
        while step().map_err(|error| self.errors.stop(error))? {
            queue.wait(&mut events, Some(Duration::ZERO))?;
            events.iter().for_each(&mut *take);
            self.take_signals(&events)?;
        }
        Ok(())
    }

    fn take_signals(&self, events: &[Event]) -> Result<(), Stop> {
        match events.contains(&Event::Readable { key: SIGNALS }) {
            true => self.questions.take_signals(),
            false => Ok(()),
        }
    }
}
