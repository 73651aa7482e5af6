// SPDX-License-Identifier: BSD-2-Clause
//! Passes III and IV: supplies the ring with chunks, and completes the volumes.

mod closing;
mod course;
mod drain;
mod index;
mod ledger;
pub mod places;
mod report;
mod verify;
pub mod written;

use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::dump::context::Context;
use crate::dump::passes::Notice;
use crate::dump::ring::order::{InFlight, Next};
use crate::dump::ring::pool::{Crew, News};
use crate::dump::source::Faults;
use crate::dump::stop::{Reason, Stop, VolumeError};
use crate::dump::volumes::fault::Failure;
use crate::dump::volumes::medium::Medium;
use crate::dump::volumes::outputs::Volumes;
use crate::dump::volumes::{Ended, Filler};
use crate::dump::write::course::Course;
use crate::dump::write::ledger::Ledger;
use crate::dump::write::places::Indexing;
use crate::dump::write::written::Part;
use crate::event::{Event, EventQueue, Sig};
use crate::exit;
use crate::media::patience;
use crate::operator;
use crate::operator::{Attention, MediaMessage, Question, Remark};
use crate::sandbox;
use crate::sandbox::Role;
use crate::workers::{Outcome, Slots, Taken};
use dumpstream::TP_BSIZE;

/// How long workers may take to go when all is done.
const LEAVE: Duration = Duration::from_secs(2);

/// The key of signals in the planner's queue.
pub(super) const SIGNALS: u64 = 0x300;

/// The writing of a dump.
pub struct Writing<'a> {
    context: Context<'a>,
    volumes: Volumes<'a>,
    queue: &'a mut EventQueue,
    crew: Crew,
    filler: Filler,
    ledger: Ledger,
    /// Why the ring stopped writing to this medium.
    stopped: Option<Outcome>,
    course: Course<'a>,
    events: Vec<Event>,
}

/// How a volume ended.
enum VolumeEnd {
    /// The dump is complete.
    Dump,
    /// There is more, for another volume.
    Full,
}

impl<'a> Writing<'a> {
    /// Forks the workers.
    pub fn start(
        context: Context<'a>,
        volumes: Volumes<'a>,
        slots: Slots,
        (filler, indexing): (Filler, Option<Indexing>),
        estimate: i64,
        queue: &'a mut EventQueue,
    ) -> Result<Writing<'a>, Stop> {
        let Context { started, disk, console, fs, source, .. } = context;
        fs.disk().stop_reading_ahead();
        let form = (started.job.form(), started.job.compress);
        let digests = Taken { of_chunks: started.job.verify, of_volumes: indexing.is_some() };
        let crew = Crew::start(slots, form, digests, source, queue)?;
        sandbox::enter(Role::Planner)?;
        context.questions.waits.watch(crew.children());
        let estimate = u64::try_from(estimate).unwrap_or(0);
        Ok(Writing {
            context,
            volumes,
            queue,
            crew,
            filler,
            ledger: Ledger::new(&started.job, indexing),
            stopped: None,
            course: Course::new(console, started.clock, &disk.name, estimate),
            events: Vec::new(),
        })
    }

    /// Writes the dump. Gives the exit code.
    ///
    /// Errors: the dump is aborted; no worker is left.
    pub fn run(mut self) -> Result<u8, Stop> {
        let result = self.write();
        let patience = if result.is_ok() { LEAVE } else { Duration::ZERO };
        self.context.questions.waits.watch(Vec::new());
        self.crew.dismiss(self.queue, patience)?;
        result?;
        let lossy = self.context.errors.tell_losses();
        Ok(if self.context.started.job.strict && lossy { exit::UNREADABLE } else { exit::DONE })
    }

    /// Writes one volume after the other.
    fn write(&mut self) -> Result<(), Stop> {
        let mut in_step = false;
        loop {
            // A volume that fails is written again from here.
            let checkpoint = self.filler.clone();
            let mark = self.ledger.mark(&self.context.errors.losses());
            match self.write_volume(in_step) {
                Ok(VolumeEnd::Dump) => return Ok(()),
                Ok(VolumeEnd::Full) => {
                    self.ledger.end_volume();
                    let volume = self.filler.volume() + 1;
                    self.change(volume, false)?;
                }
                Err(VolumeError::Stop(stop)) => return Err(stop),
                Err(VolumeError::Failed(failure)) => {
                    self.ask_to_rewrite(failure)?;
                    self.filler = checkpoint;
                    self.ledger.roll_back(mark, &mut self.context.errors.losses());
                    in_step = true;
                }
            }
        }
    }

    fn change(&mut self, volume: u32, quiet: bool) -> Result<(), Stop> {
        self.course.leave_out(|| self.volumes.change(volume, quiet))
    }

    /// Reports a failed volume, and asks whether to rewrite it.
    fn ask_to_rewrite(&mut self, failure: Failure) -> Result<(), Stop> {
        let Failure { fault, medium } = failure;
        let console = self.context.console;
        let volume = self.filler.volume();
        if self.volumes.is_stdout() {
            console.say(MediaMessage::WriteErrorOn(OsStr::new("standard output")));
            console.say(Remark(format_args!("{fault}")));
            console.say(MediaMessage::CannotRecover);
            return Err(Stop::Told);
        }
        console.say(MediaMessage::WriteErrorInVolume { blocks: self.ledger.on_volume, volume });
        console.say(Remark(format_args!("{}: {fault}", self.volumes.name(volume).display())));
        self.context.questions.broadcast(Attention::WriteError);
        if !self.context.questions.ask(Question::Restart)? {
            return Err(Stop::Told);
        }
        console.say(MediaMessage::ClosingVolume);
        console.say(MediaMessage::WillBeRewritten);
        if let Some(medium) = medium {
            self.volumes.give_up(medium)?;
        }
        // With a name still to come dump does not ask: the volume goes to its own name again.
        self.change(volume + 1, true)
    }

    fn write_volume(&mut self, in_step: bool) -> Result<VolumeEnd, VolumeError> {
        let inode = self.filler.begin_volume();
        let volume = self.filler.volume();
        let medium = self.volumes.open(volume, in_step)?;
        self.context.console.show(operator::Event::Volume { volume, output: &medium.name });
        self.stopped = None;
        let header = self.new_header(&medium)?;
        self.ledger.begin_volume(volume, header.as_ref().map(|header| header.len() as u64));
        let job = &self.context.started.job;
        let limit = job.frame_limit().and_then(NonZeroU64::new);
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, limit, medium.can_be_cut())?;
        self.wait_until_ready()?;
        if let Err(error) = medium.cut_old_tail(self.context.started.stdout_appends) {
            self.crew.release_medium()?;
            self.wait_until_ready()?;
            return Err(VolumeError::from(error).with(medium));
        }
        self.crew.start_writing(0)?;
        if let Some(header) = header {
            self.crew.assign_bytes(&header, false)?;
        }
        if volume > 1 {
            self.context.console.say(MediaMessage::VolumeBegins { volume, inode: inode.0.into() });
        }
        let ended = self.fill_volume()?;
        let mut outcome = self.stopped.take();
        if let Some(outcome) = outcome {
            self.filler.give_back(self.crew.take_back(outcome));
        }
        if !matches!(outcome, Some(Outcome::Failed { .. }))
            && let Some(end) = self.ledger.end(self.context.started.job.form())?
        {
            outcome = self.write_end(&medium, &end)?.or(outcome);
        }
        self.crew.release_medium()?;
        self.wait_until_ready()?;
        self.ledger.wrote_part(outcome.map_or(0, |outcome| self.crew.taken(outcome)));
        if !matches!(outcome, Some(Outcome::Failed { .. })) {
            self.note_digest()?;
        }
        match outcome {
            None | Some(Outcome::Written(_) | Outcome::Checked { .. }) => self.close(medium, ended),
            Some(Outcome::Limit) => self.close_full(medium),
            Some(Outcome::EndOfMedium { .. }) => self.end_of_medium(medium),
            Some(Outcome::Failed { errno, .. }) => self.failed(medium, errno),
        }
    }

    /// The header of an encrypted volume, whose key the workers get; a new one for each volume.
    fn new_header(&mut self, medium: &Medium) -> Result<Option<Vec<u8>>, Stop> {
        let recipients = &self.context.started.job.encrypt;
        if recipients.is_empty() {
            return Ok(None);
        }
        let (header, key) = agefile::create(recipients, &[]).map_err(|_| Reason::NoRandomness)?;
        self.crew.take_key(&key, header.len() as u64, medium.start())?;
        Ok(Some(header))
    }

    /// Fills chunks until the volume or the dump ends, or the ring stops; then nothing is under way any more.
    fn fill_volume(&mut self) -> Result<Ended, Stop> {
        let mut ended = Ended::Full;
        loop {
            while ended == Ended::Full && self.stopped.is_none() && self.crew.has_room() {
                ended = self.fill_chunk()?;
            }
            if self.stopped.is_some() || (ended != Ended::Full && self.crew.is_idle()) {
                return Ok(ended);
            }
            self.handle_events()?;
        }
    }

    /// Ends a compressed volume with the table of its frames, and what pads it. Gives the outcome if that could not be written: then the
    /// volume is not whole.
    fn write_end(&mut self, medium: &Medium, end: &[u8]) -> Result<Option<Outcome>, Stop> {
        // On a full file part of a frame may stand there, or the room that was kept.
        medium.go_behind(self.ledger.bytes)?;
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, None, false)?;
        self.wait_until_ready()?;
        self.crew.start_writing(self.ledger.bytes)?;
        let mut rest = end;
        while self.stopped.is_none() && !(rest.is_empty() && self.crew.is_idle()) {
            if !rest.is_empty() && self.crew.has_room() {
                rest = self.crew.assign_bytes(rest, self.ledger.head.is_some())?;
            } else {
                self.handle_events()?;
            }
        }
        let outcome = self.stopped.take();
        if let Some(outcome) = outcome {
            // Nothing of it belongs to the dump.
            self.crew.take_back(outcome);
        }
        Ok(outcome.map(|outcome| match outcome {
            Outcome::Failed { errno, .. } => Outcome::Failed { records: 0, errno },
            _ => Outcome::Failed { records: 0, errno: libc::ENOSPC },
        }))
    }

    fn fill_chunk(&mut self) -> Result<Ended, Stop> {
        let (buffer, mut chunk) = self.crew.next_chunk();
        chunk.notices.clear();
        let ended = self
            .filler
            .fill(self.context.fs, buffer, &mut chunk)
            .map_err(|error| self.context.errors.stop(error))?;
        if self.context.errors.is_stopped() {
            return Err(Stop::Told);
        }
        // The pass is reported immediately; damage to a file is reported with the file.
        chunk.notices.retain(|(_, notice)| {
            let pass = match notice {
                Notice::DumpingDirectories => 3,
                Notice::DumpingFiles => 4,
                _ => return true,
            };
            self.context.errors.notice(notice.clone());
            self.course.begin_pass(pass);
            false
        });
        self.crew.assign(chunk)?;
        Ok(ended)
    }

    fn wait_until_ready(&mut self) -> Result<(), Stop> {
        while !self.crew.is_ready() {
            self.handle_events()?;
        }
        Ok(())
    }

    /// Waits until something happens, and takes it.
    fn handle_events(&mut self) -> Result<(), Stop> {
        self.handle_events_within(None)
    }

    fn handle_events_within(&mut self, timeout: Option<Duration>) -> Result<(), Stop> {
        let mut events = std::mem::take(&mut self.events);
        self.queue.wait(&mut events, timeout)?;
        for event in &events {
            self.handle(*event)?;
        }
        self.events = events;
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Readable { key: SIGNALS } => self.context.questions.take_signals(),
            Event::Readable { key } => match self.crew.socket_of(key) {
                Some(worker) => self.receive(worker),
                None => Ok(()),
            },
            Event::ChildExited { key, status } => match self.crew.child_of(key) {
                Some(worker) => Err(crate::dump::ring::pool::Broken::Ended(worker, status).into()),
                None => Ok(()),
            },
            Event::Signal(Sig::Info) if !self.course.request() => Ok(()),
            Event::Signal(Sig::Info) if self.course.is_reading_back() => {
                self.show_verifying(true);
                Ok(())
            }
            Event::Signal(Sig::Info) => {
                self.course.ask();
                self.tell_progress();
                Ok(())
            }
            Event::Signal(_) | Event::Writable { .. } | Event::Timer { .. } => Ok(()),
        }
    }

    /// Takes one frame; when there are more, the queue says so again.
    fn receive(&mut self, worker: u32) -> Result<(), Stop> {
        match self.crew.receive(worker)? {
            Some(News::Done) => self.settle(),
            Some(News::Silent) => self.ask_to_wait(),
            Some(News::Ready | News::Fault) | None => Ok(()),
        }
    }

    /// The remote tape does not answer.
    fn ask_to_wait(&mut self) -> Result<(), Stop> {
        self.course.leave_out(|| self.context.questions.ask_to_wait(patience::record()))
    }

    fn settle(&mut self) -> Result<(), Stop> {
        while self.stopped.is_none() {
            match self.crew.settle() {
                None => break,
                Some(Next::Written(InFlight { sequence, mut chunk, faults, first_record, .. }, placed)) => {
                    self.tell_notices(first_record, std::mem::take(&mut chunk.notices));
                    self.course.start(self.filler.volume(), self.context.started.job.ntrec);
                    self.note_losses(&chunk, first_record, &faults);
                    self.tell_faults(&faults)?;
                    self.note_indexed(sequence, &chunk);
                    self.ledger.wrote(chunk.blocks, &placed);
                    self.note_written(&chunk, placed);
                    self.crew.recycle(chunk);
                    self.tell_progress();
                }
                Some(Next::Checked(sequence, bytes, digest)) => self.checked(sequence, bytes, digest)?,
                Some(Next::Stopped(outcome)) => {
                    let blocks = self.crew.taken(outcome);
                    self.note_stopped(outcome, blocks);
                    let told = self.crew.take_notices(blocks);
                    let first_record = self.crew.stopped_in().map_or(0, |chunk| chunk.first_record);
                    self.tell_notices(first_record, told);
                    self.course.start(self.filler.volume(), self.context.started.job.ntrec);
                    if let Some((oldest, faults)) = self.crew.faults_of_oldest(blocks) {
                        self.note_losses(&oldest.chunk, oldest.first_record, &faults);
                        self.tell_faults(&faults)?;
                    }
                    self.stopped = Some(outcome);
                }
            }
        }
        Ok(())
    }

    /// Notes the `blocks` tape blocks of the chunk that the medium ended in that are on it.
    fn note_stopped(&mut self, outcome: Outcome, blocks: u32) {
        let Outcome::EndOfMedium { digest, .. } = outcome else { return };
        self.note_indexed_part(blocks);
        if let (Some(verification), Some(stopped)) =
            (self.ledger.verification.as_mut().filter(|_| blocks > 0), self.crew.stopped_in())
        {
            verification.wrote(Part::new(&stopped.chunk, blocks, blocks * TP_BSIZE as u32, digest));
        }
    }
}
