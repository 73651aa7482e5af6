// SPDX-License-Identifier: BSD-2-Clause
//! Passes III and IV: keeps the ring busy, and sees the volumes through.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use super::console::Reader;
use super::crew::{Crew, News};
use super::planner::{on_signal, reason, stopped};
use super::source::Source;
use super::start::{Medium, Started};
use super::{Stop, exit};
use crate::disk::{Disk, Fault};
use crate::event::{Event, EventQueue, Sig};
use crate::operator::{MediaMessage, Message, Progress, Remark, StopMessage};
use crate::os::{output, time};
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
    medium: &'a Medium,
    fs: &'a FileSystem<Source<'d>>,
    queue: &'a mut EventQueue,
    crew: Crew,
    filler: Filler,
    /// Tape blocks that are on media.
    written: u64,
    progress: Progress,
    events: Vec<Event>,
}

impl<'a, 'd> Writing<'a, 'd> {
    /// Forks the workers.
    #[expect(clippy::too_many_arguments, reason = "called once, with what the passes left")]
    pub fn start(
        started: &'a Started,
        medium: &'a Medium,
        fs: &'a FileSystem<Source<'d>>,
        disk: &Disk<'_>,
        slots: Slots,
        filler: Filler,
        estimate: i64,
        queue: &'a mut EventQueue,
    ) -> Result<Writing<'a, 'd>, Stop> {
        let crew = Crew::start(slots, disk, queue)?;
        sandbox::enter(Role::Planner).map_err(Stop::because)?;
        started.console.watch(crew.children());
        let now = started.clock.now();
        let progress = Progress::new(now, u64::try_from(estimate).unwrap_or(0));

        Ok(Writing { started, medium, fs, queue, crew, filler, written: 0, progress, events: Vec::new() })
    }

    /// Writes the dump. Gives the exit code.
    ///
    /// Errors: the dump is given up; no worker is left.
    pub fn run(mut self) -> Result<u8, Stop> {
        let result = self.write_volume().and_then(|()| self.make_safe());
        let patience = if result.is_ok() { LEAVE } else { Duration::ZERO };
        self.started.console.watch(Rc::from([]));
        let Writing { started, medium, filler, progress, crew, queue, .. } = self;
        crew.dismiss(queue, patience)?;
        result?;
        finish(started, medium, &filler, &progress);
        Ok(exit::DONE)
    }

    fn write_volume(&mut self) -> Result<(), Stop> {
        let inode = self.filler.begin_volume();
        self.crew.take_medium(self.medium.fd.as_fd(), self.medium.kind)?;
        self.wait_until_ready()?;
        self.crew.start_writing()?;
        if self.filler.volume() > 1 {
            self.started
                .console
                .say(MediaMessage::VolumeBegins { volume: self.filler.volume(), inode: inode.0.into() });
        }
        let mut ended = Ended::Full;
        loop {
            while ended == Ended::Full && self.crew.has_room() {
                ended = self.fill_chunk()?;
            }
            if ended != Ended::Full && self.crew.is_idle() {
                return Ok(());
            }
            self.handle_events()?;
        }
    }

    fn fill_chunk(&mut self) -> Result<Ended, Stop> {
        let console = &self.started.console;
        let (buffer, mut chunk) = self.crew.next_chunk();
        let ended = self
            .filler
            .fill(self.fs, buffer, &mut chunk, &mut |notice| console.notice(notice))
            .map_err(|error| stopped(self.started, error))?;
        if console.is_stopped() {
            return Err(Stop::Told);
        }
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
        let mut events = std::mem::take(&mut self.events);
        self.queue.wait(&mut events, None)?;
        for event in &events {
            self.handle(*event)?;
        }
        self.events = events;
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Readable { key } => match self.crew.socket_of(key) {
                Some(worker) => self.receive(worker),
                None => Ok(()),
            },
            Event::ChildExited { key, status } => match self.crew.child_of(key) {
                Some(worker) => Err(super::crew::Broken::Ended(worker, status).into()),
                None => Ok(()),
            },
            Event::Signal(Sig::Info) => {
                self.progress.ask();
                self.tell_progress();
                Ok(())
            }
            Event::Signal(signal) => on_signal(self.started, signal),
            Event::Writable { .. } | Event::Timer { .. } => Ok(()),
        }
    }

    /// Takes one frame; when there are more, the queue says so again.
    fn receive(&mut self, worker: u32) -> Result<(), Stop> {
        match self.crew.receive(worker)? {
            Some(News::Done) => self.settle(),
            Some(News::Ready | News::Fault) | None => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<(), Stop> {
        while let Some(next) = self.crew.settle() {
            match next {
                Next::Written(InFlight { chunk, faults, .. }) => {
                    self.tell_faults(&faults)?;
                    if self.written == 0 {
                        // Dump looks at the clock after each record, and first after the first one.
                        self.written = u64::from(self.started.job.ntrec);
                        self.tell_progress();
                        self.written = 0;
                    }
                    self.written += u64::from(chunk.blocks);
                    self.crew.recycle(chunk);
                    self.tell_progress();
                }
                Next::Stopped(outcome) => return Err(self.write_failed(outcome)),
            }
        }
        Ok(())
    }

    fn tell_faults(&self, faults: &[(u64, Fault)]) -> Result<(), Stop> {
        let console = &self.started.console;
        for &(record, fault) in faults {
            console.fault(Reader::Record(record), fault);
        }
        if console.is_stopped() { Err(Stop::Told) } else { Ok(()) }
    }

    fn tell_progress(&mut self) {
        let now = self.started.clock.now();
        let (state, due) = self.progress.report(now, self.written, time::ctime);
        if due {
            self.started.console.say(Message::Progress(&state));
        }
    }

    fn write_failed(&mut self, outcome: Outcome) -> Stop {
        let console = &self.started.console;
        match outcome {
            Outcome::Failed { errno: libc::EPIPE, .. } => console.say(StopMessage::BrokenPipe),
            Outcome::Failed { errno, .. } => {
                console.say(MediaMessage::WriteErrorOn(&self.medium.name));
                console.say(Remark(format_args!("{}", reason(errno))));
            }
            _ => {
                console.say(MediaMessage::EndOfTape);
                console.say(MediaMessage::WriteErrorOn(&self.medium.name));
            }
        }
        console.say(MediaMessage::CannotRecover);
        Stop::Told
    }

    /// Everything is written: a file is cut to the dump's length, so that nothing of a longer one before it is left, and brought to
    /// its disk.
    fn make_safe(&mut self) -> Result<(), Stop> {
        self.crew.release_medium()?;
        self.wait_until_ready()?;
        if !self.medium.regular || self.medium.stdout {
            return Ok(());
        }
        let fd = self.medium.fd.as_fd();
        let safe = output::ftruncate(fd, self.written * TP_BSIZE as u64).and_then(|()| output::fsync(fd));
        safe.map_err(|error| {
            self.started.console.say(MediaMessage::WriteErrorOn(&self.medium.name));
            Stop::because(error)
        })
    }
}

/// All is safe: says so.
fn finish(started: &Started, medium: &Medium, filler: &Filler, progress: &Progress) {
    let console = &started.console;
    let volumes = (!medium.stdout).then_some(filler.volume());
    let blocks = filler.total_blocks();
    console.say(Message::Written { blocks, volumes });
    console.say(Message::Finished { seconds: started.clock.now() - progress.started(), blocks });
    if !medium.stdout {
        console.say(Message::Closing(&medium.name));
    }
    console.say(Message::Done);
}
