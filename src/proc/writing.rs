// SPDX-License-Identifier: BSD-2-Clause
//! Passes III and IV: keeps the ring busy, and sees the volumes through.

mod index;
mod telling;
mod unread;
mod verifying;

use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::time::Duration;

use super::Stop;
use super::crew::{Crew, News};
use super::indexing::Indexing;
use super::medium::Medium;
use super::patience;
use super::planner::{SIGNALS, reason, stopped};
use super::source::Source;
use super::start::Started;
use super::verify::{Part, Verification};
use super::volumes::{Failure, Volumes};
use crate::compress::{Entry, SeekTable};
use crate::disk::Disk;
use crate::event::{Event, EventQueue, Sig};
use crate::media::Kind;
use crate::operator::{
    self, Attention, MediaMessage, Message, Progress, Question, Remark, StopMessage, Sums, pass_title,
};
use crate::os::process::set_title;
use crate::os::time;
use crate::passes::Notice;
use crate::ring::order::{InFlight, Next};
use crate::ring::{Outcome, Slots};
use crate::sandbox::{self, Role};
use crate::ufs::FileSystem;
use crate::units::TP_BSIZE;
use crate::volume::{Ended, Filler};

/// How long workers may take to go when all is done.
const LEAVE: Duration = Duration::from_secs(2);

/// The writing of a dump.
pub struct Writing<'a, 'd> {
    started: &'a Started,
    volumes: Volumes<'a>,
    fs: &'a FileSystem<Source<'d>>,
    queue: &'a mut EventQueue,
    crew: Crew,
    filler: Filler,
    /// Tape blocks that are on media.
    written: u64,
    /// Tape blocks that are on this medium.
    on_volume: u64,
    /// Bytes of this medium that are written, and with compression its frames.
    bytes: u64,
    frames: SeekTable,
    /// With `--verify`, what is to be read back.
    verification: Option<Verification>,
    /// With `--index`, what it will say.
    indexing: Option<Indexing>,
    /// Bytes on media before this one.
    bytes_before: u64,
    /// Why the ring stopped writing to this medium.
    stopped: Option<Outcome>,
    /// Whether dump would have looked at the clock: it does after each record.
    clock_started: bool,
    progress: Progress,
    /// SIGINFO came: the next line of progress is wanted, however it is shown.
    asked: bool,
    /// While a volume is read back, since when, and how many bytes it has.
    reading_back: Option<Progress>,
    /// Tape blocks expected.
    estimate: u64,
    /// The pass that chunks are filled from.
    pass: u8,
    /// When the process's title was last set, seconds since 1970: dump sets it after each record, here once a second does.
    titled: i64,
    events: Vec<Event>,
}

/// How a volume ended.
enum VolumeEnd {
    /// The dump is complete.
    Dump,
    /// There is more, for another volume.
    Full,
    /// It has to be written again.
    Failed(Failure),
}

impl<'a, 'd> Writing<'a, 'd> {
    /// Forks the workers.
    #[expect(clippy::too_many_arguments, reason = "called once, with what the passes left")]
    pub fn start(
        started: &'a Started,
        volumes: Volumes<'a>,
        fs: &'a FileSystem<Source<'d>>,
        disk: &Disk<'_>,
        slots: Slots,
        filler: Filler,
        indexing: Option<Indexing>,
        estimate: i64,
        queue: &'a mut EventQueue,
    ) -> Result<Writing<'a, 'd>, Stop> {
        let crew = Crew::start(slots, started.job.compress, started.job.verify, disk, queue)?;
        sandbox::enter(Role::Planner).map_err(Stop::because)?;
        started.console.watch(crew.children());
        let estimate = u64::try_from(estimate).unwrap_or(0);
        let progress = Progress::new(started.clock.now(), estimate);
        Ok(Writing {
            started,
            volumes,
            fs,
            queue,
            crew,
            filler,
            written: 0,
            on_volume: 0,
            bytes: 0,
            frames: SeekTable::default(),
            verification: started.job.verify.then(|| Verification::new(started.job.ntrec)),
            indexing,
            bytes_before: 0,
            stopped: None,
            clock_started: false,
            progress,
            asked: false,
            reading_back: None,
            estimate,
            pass: 3,
            titled: 0,
            events: Vec::new(),
        })
    }

    /// Writes the dump. Gives the exit code.
    ///
    /// Errors: the dump is given up; no worker is left.
    pub fn run(mut self) -> Result<u8, Stop> {
        let result = self.write();
        let patience = if result.is_ok() { LEAVE } else { Duration::ZERO };
        self.started.console.watch(Vec::new());
        self.crew.dismiss(self.queue, patience)?;
        result.map(|()| self.started.tell_losses())
    }

    /// Writes one volume after the other.
    fn write(&mut self) -> Result<(), Stop> {
        let mut in_step = false;
        loop {
            // A volume that fails is written again from here.
            let losses = self.started.console.losses().clone();
            let checkpoint = (self.filler.clone(), self.written);
            let mark = self.indexing.as_ref().map(Indexing::mark);
            match self.write_volume(in_step)? {
                VolumeEnd::Dump => return Ok(()),
                VolumeEnd::Full => {
                    self.bytes_before += self.bytes;
                    let volume = self.filler.volume() + 1;
                    self.change(volume, false)?;
                }
                VolumeEnd::Failed(failure) => {
                    self.ask_to_rewrite(failure)?;
                    (self.filler, self.written) = checkpoint;
                    if let (Some(indexing), Some(mark)) = (&mut self.indexing, mark) {
                        indexing.go_back(mark);
                    }
                    *self.started.console.losses() = losses;
                    in_step = true;
                }
            }
        }
    }

    fn change(&mut self, volume: u32, quiet: bool) -> Result<(), Stop> {
        let asked = self.started.clock.now();
        self.volumes.change(volume, quiet)?;
        self.progress.leave_out(self.started.clock.now() - asked);
        Ok(())
    }

    /// Tells of a failed volume, and asks whether to write it again.
    fn ask_to_rewrite(&mut self, failure: Failure) -> Result<(), Stop> {
        let Failure { reason, medium } = failure;
        let console = &self.started.console;
        let volume = self.filler.volume();
        if self.volumes.is_stdout() {
            console.say(MediaMessage::WriteErrorOn(OsStr::new("standard output")));
            console.say(Remark(format_args!("{reason}")));
            console.say(MediaMessage::CannotRecover);
            return Err(Stop::Told);
        }
        console.say(MediaMessage::WriteErrorInVolume { blocks: self.on_volume, volume });
        console.say(Remark(format_args!("{}: {reason}", self.volumes.name(volume).display())));
        console.broadcast(Attention::WriteError);
        if !console.ask(Question::Restart)? {
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

    fn write_volume(&mut self, in_step: bool) -> Result<VolumeEnd, Stop> {
        let inode = self.filler.begin_volume();
        let volume = self.filler.volume();
        let medium = self.volumes.open(volume, in_step)?;
        self.started.console.show(operator::Event::Volume { volume, output: &medium.name });
        (self.on_volume, self.bytes, self.stopped) = (0, 0, None);
        self.frames.clear();
        if let Some(verification) = &mut self.verification {
            verification.begin_volume(volume);
        }
        self.indexing.iter_mut().for_each(Indexing::begin_volume);
        let job = &self.started.job;
        let limit = job.compress.and(job.byte_limit()).and_then(NonZeroU64::new);
        let keep_room = job.compress.is_some() && medium.can_be_cut();
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, limit, keep_room)?;
        self.wait_until_ready()?;
        if let Err(error) = medium.cut_old_tail(self.started.stdout_appends) {
            self.crew.release_medium()?;
            self.wait_until_ready()?;
            return Ok(VolumeEnd::Failed(Failure { reason: error.to_string(), medium: Some(medium) }));
        }
        self.crew.start_writing()?;
        if volume > 1 {
            self.started.console.say(MediaMessage::VolumeBegins { volume, inode: inode.0.into() });
        }
        let ended = self.fill_volume()?;
        let mut outcome = self.stopped.take();
        if let Some(outcome) = outcome {
            self.filler.give_back(self.crew.take_back(outcome));
        }
        if !matches!(outcome, Some(Outcome::Failed { .. })) && !self.frames.entries().is_empty() {
            outcome = self.write_table(&medium)?.or(outcome);
        }
        self.crew.release_medium()?;
        self.wait_until_ready()?;
        match outcome {
            None | Some(Outcome::Written(_) | Outcome::Checked { .. }) => self.close(medium, ended),
            Some(Outcome::Limit) => self.close_full(medium),
            Some(Outcome::EndOfMedium { records, .. }) => self.end_of_medium(medium, records),
            Some(Outcome::Failed { records, errno }) => {
                self.count_records(records);
                self.failed(medium, errno)
            }
        }
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

    /// Ends a compressed volume with the table of its frames. Gives the outcome if that could not be written: then the volume is
    /// not whole.
    fn write_table(&mut self, medium: &Medium) -> Result<Option<Outcome>, Stop> {
        // On a full file part of a frame may stand there, or the room that was kept.
        medium.go_behind(self.bytes)?;
        let table = self.frames.encode().ok_or_else(|| Stop::because("too many frames for one volume"))?;
        self.crew.take_medium(medium.fd.as_fd(), medium.kind, None, false)?;
        self.wait_until_ready()?;
        self.crew.start_writing()?;
        let mut rest = &table[..];
        while self.stopped.is_none() && !(rest.is_empty() && self.crew.is_idle()) {
            if !rest.is_empty() && self.crew.has_room() {
                rest = self.crew.assign_bytes(rest)?;
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

    /// Closes a medium that is full; there is more to come.
    fn close_full(&mut self, mut medium: Medium) -> Result<VolumeEnd, Stop> {
        medium.unload = self.volumes.is_to_be_unloaded();
        if self.on_volume == 0 {
            return Err(Stop::because(format_args!("{} takes not even one chunk", medium.name.display())));
        }
        if let Err(reason) = self.secure(&medium)? {
            return self.name_failure(reason, medium);
        }
        match self.volumes.close_safe(medium)? {
            Ok(()) => Ok(VolumeEnd::Full),
            Err(failure) => Ok(VolumeEnd::Failed(failure)),
        }
    }

    /// Makes what is on the medium safe, and reads it back if that is wanted. The inner error is why it is not safe.
    fn secure(&mut self, medium: &Medium) -> Result<Result<(), String>, Stop> {
        let safe = medium.make_safe(self.bytes, self.records());
        if let Err(error) = safe {
            return Ok(Err(error.to_string()));
        }
        if let Err(reason) = self.volumes.finish(medium, self.bytes)? {
            return Ok(Err(reason));
        }
        if let Err(errno) = self.wait_until_read(medium)? {
            return Ok(Err(reason(errno)));
        }
        if self.verification.is_some() {
            self.verify(medium)?;
        }
        Ok(medium.leave(self.verification.is_some()).map_err(|error| error.to_string()))
    }

    /// Records on this medium.
    fn records(&self) -> u64 {
        self.on_volume / u64::from(self.started.job.ntrec)
    }

    /// All that was to go on this medium is on it.
    fn close(&mut self, medium: Medium, ended: Ended) -> Result<VolumeEnd, Stop> {
        if ended == Ended::Dump {
            return self.close_last(medium);
        }
        self.close_full(medium)
    }

    /// The last volume: only when it is safe is anything said of success, and the dump recorded.
    fn close_last(&mut self, medium: Medium) -> Result<VolumeEnd, Stop> {
        if let Err(reason) = self.secure(&medium)? {
            return self.name_failure(reason, medium);
        }
        let console = &self.started.console;
        if let Some(verification) = &mut self.verification {
            verification.finish().map_err(Stop::because)?;
            console.say(Message::Verified { volumes: self.filler.volume() });
        }
        let volumes = (!self.volumes.is_stdout()).then_some(self.filler.volume());
        let blocks = self.filler.total_blocks();
        console.say(Message::Written { blocks, volumes });
        if self.started.job.compress.is_some() {
            let bytes = self.bytes_before + self.bytes;
            console.say(Message::Compressed { blocks: self.written, bytes });
        }
        let seconds = self.started.clock.now() - self.progress.started();
        console.say(Message::Finished { seconds, blocks });
        let volumes = self.filler.volume();
        let place = match medium.kind {
            Kind::File => "on disk",
            Kind::Tape | Kind::Remote | Kind::RemoteInStep => "on tape",
            Kind::Stream => "written",
        };
        let sums = Sums { blocks, bytes: self.bytes_before + self.bytes, place, seconds };
        console.show(operator::Event::Done { volumes, sums });
        // dump says that it has recorded the dump before it closes the medium.
        let safe_at_close = self.volumes.are_safe_at_close();
        if !safe_at_close {
            self.record()?;
        }
        if let Err(failure) = self.volumes.close_safe(medium)? {
            return Ok(VolumeEnd::Failed(failure));
        }
        if safe_at_close {
            self.record()?;
        }
        console.broadcast(Attention::Done);
        console.say(Message::Done);
        Ok(VolumeEnd::Dump)
    }

    /// All is safe: writes the index, with `--index`, and has the monitor give it its name and enter the dump in the dumpdates file, with
    /// `-u`. Without either it is for the monitor to know that the dump is complete.
    fn record(&mut self) -> Result<(), Stop> {
        let index = self.write_index()?;
        let console = &self.started.console;
        let recorded = console.ask_to_record(&self.started.job.dumpdates)?;
        recorded.map_err(Stop::because)?;
        self.report_index(index);
        if self.started.job.update_dumpdates {
            let date = self.started.identity.date;
            let date = (date != 0).then(|| time::ctime(date));
            console.say(Message::Recorded { level: self.started.job.level, date: date.as_deref() });
        }
        Ok(())
    }

    /// The medium took `records` records of the chunk that it ended in, and no more.
    fn end_of_medium(&mut self, medium: Medium, records: u32) -> Result<VolumeEnd, Stop> {
        let console = &self.started.console;
        self.count_records(records);
        console.say(MediaMessage::EndOfTape);
        let full = reason(libc::ENOSPC);
        if self.volumes.is_stdout() {
            return Ok(VolumeEnd::Failed(Failure { reason: full, medium: Some(medium) }));
        }
        // Where another file has a name already the dump goes on by itself.
        if matches!(medium.kind, Kind::File | Kind::Stream)
            && !self.volumes.has_own_name(self.filler.volume() + 1)
        {
            console.say(Remark(format_args!("{}: {full}", medium.name.display())));
        }
        if self.on_volume == 0 {
            console.say(MediaMessage::EotAtStart);
            let name = medium.name.display();
            let ntrec = self.started.job.ntrec;
            match self.started.job.compress {
                None => console
                    .say(Remark(format_args!("{name} is too small for one record of {ntrec} tape blocks"))),
                Some(_) => console.say(Remark(format_args!("{name} is too small for one compressed chunk"))),
            }
            return Err(Stop::Told);
        }
        self.close_full(medium)
    }

    fn failed(&mut self, medium: Medium, errno: i32) -> Result<VolumeEnd, Stop> {
        if errno == libc::EPIPE && medium.kind == Kind::Stream && !self.volumes.is_command() {
            self.started.console.say(StopMessage::BrokenPipe);
            return Err(Stop::Told);
        }
        let reason = reason(errno);
        if errno == libc::EPROTO && medium.kind.is_remote() {
            let reason = format!("what the remote side sends is not of the rmt protocol: {reason}");
            return self.name_failure(reason, medium);
        }
        self.name_failure(reason, medium)
    }

    fn count(&mut self, blocks: u32, bytes: u64) {
        self.written += u64::from(blocks);
        self.on_volume += u64::from(blocks);
        self.bytes += bytes;
    }

    /// Counts records of the chunk that the ring stopped in; a compressed one has none.
    fn count_records(&mut self, records: u32) {
        let blocks = records * self.started.job.ntrec;
        self.count(blocks, u64::from(blocks) * TP_BSIZE as u64);
    }

    fn fill_chunk(&mut self) -> Result<Ended, Stop> {
        let (buffer, mut chunk) = self.crew.next_chunk();
        chunk.notices.clear();
        let ended =
            self.filler.fill(self.fs, buffer, &mut chunk).map_err(|error| stopped(self.started, error))?;
        if self.started.console.is_stopped() {
            return Err(Stop::Told);
        }
        // Which pass it is can be told at once; what is wrong with a file comes with the file.
        let console = &self.started.console;
        chunk.notices.retain(|(_, notice)| {
            let pass = match notice {
                Notice::DumpingDirectories => 3,
                Notice::DumpingFiles => 4,
                _ => return true,
            };
            console.notice(notice.clone());
            set_title(&pass_title(&self.started.disk_name, pass));
            console.show(operator::Event::Pass { pass });
            self.pass = pass;
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
            Event::Readable { key: SIGNALS } => self.started.console.take_signals(),
            Event::Readable { key } => match self.crew.socket_of(key) {
                Some(worker) => self.receive(worker),
                None => Ok(()),
            },
            Event::ChildExited { key, status } => match self.crew.child_of(key) {
                Some(worker) => Err(super::crew::Broken::Ended(worker, status).into()),
                None => Ok(()),
            },
            Event::Signal(Sig::Info) if self.reading_back.is_some() => {
                self.show_verifying(true);
                Ok(())
            }
            Event::Signal(Sig::Info) => {
                self.progress.ask();
                self.asked = true;
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
        let asked = self.started.clock.now();
        self.started.console.ask_to_wait(patience::record())?;
        self.progress.leave_out(self.started.clock.now() - asked);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Stop> {
        while self.stopped.is_none() {
            match self.crew.settle() {
                None => break,
                Some(Next::Written(InFlight { sequence, mut chunk, faults, first_record, .. }, placed)) => {
                    self.tell_notices(first_record, std::mem::take(&mut chunk.notices));
                    self.start_clock();
                    self.note_losses(&chunk, first_record, &faults);
                    self.tell_faults(&faults)?;
                    self.note_indexed(sequence, &chunk);
                    self.count(chunk.blocks, placed.bytes.into());
                    self.note_written(&chunk, placed);
                    if self.started.job.compress.is_some() && chunk.blocks > 0 {
                        self.frames.push(Entry {
                            compressed: placed.bytes,
                            decompressed: chunk.blocks * TP_BSIZE as u32,
                            checksum: placed.checksum,
                        });
                    }
                    self.crew.recycle(chunk);
                    self.tell_progress();
                }
                Some(Next::Checked(sequence, bytes, digest)) => self.checked(sequence, bytes, digest)?,
                Some(Next::Stopped(outcome)) => {
                    self.note_stopped(outcome);
                    let records = match outcome {
                        Outcome::Written(_) | Outcome::Checked { .. } | Outcome::Limit => 0,
                        Outcome::EndOfMedium { records, .. } | Outcome::Failed { records, .. } => records,
                    };
                    let told = self.crew.take_notices(records * self.started.job.ntrec);
                    let first_record = self.crew.stopped_in().map_or(0, |chunk| chunk.first_record);
                    self.tell_notices(first_record, told);
                    self.start_clock();
                    if let Some((oldest, faults)) = self.crew.faults_of_oldest(records) {
                        self.note_losses(&oldest.chunk, oldest.first_record, &faults);
                        self.tell_faults(&faults)?;
                    }
                    self.stopped = Some(outcome);
                }
            }
        }
        Ok(())
    }

    /// Notes what of the chunk that the medium ended in is on it.
    fn note_stopped(&mut self, outcome: Outcome) {
        let Outcome::EndOfMedium { records, digest } = outcome else { return };
        let blocks = records * self.started.job.ntrec;
        self.note_indexed_part(blocks);
        if let (Some(verification), Some(stopped)) =
            (self.verification.as_mut().filter(|_| blocks > 0), self.crew.stopped_in())
        {
            verification.wrote(Part::new(&stopped.chunk, blocks, blocks * TP_BSIZE as u32, digest));
        }
    }
}
