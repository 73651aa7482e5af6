// SPDX-License-Identifier: BSD-2-Clause
//! The planner's access to the operator: messages, and questions on the terminal.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::disk::Fault;
use crate::dump::clock::Clock;
use crate::dump::losses::Losses;
use crate::dump::passes::Notice;
use crate::dump::stop::Stop;
use crate::event::{Child, Event, EventQueue, Sig};
use crate::job::Job;
use crate::media::patience;
use crate::monitor::client::{NoReply, Outside};
use crate::monitor::protocol::{Reply, Request};
use crate::monitor::refusal::Unrecorded;
use crate::operator;
use crate::operator::{
    Action, Attention, DiskMessage, Line, Operator, Query, Question, REMIND_AFTER, Remark, StopMessage,
};
use crate::os::signals::already_taken;

const TTY: u64 = 1;
const REMINDER: u64 = 2;
const CHILDREN: u64 = 3;
const READABLE: u64 = 4;
const SIGNALS: u64 = 5;

const PATIENCE_KEY: u64 = 6;

/// Signals that come so soon after an answer were sent before it.
const JUST: Duration = Duration::from_millis(100);

/// How long another process may hold the lock on dumpdates before this is reported.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who read what could not be read. Dump has a master and three workers, which take records in turn, and each counts its own
/// read errors: as many of them are forgiven here, however many workers there are.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// The planner.
    Planner,
    /// Whoever reads this record of the dump (from 0).
    Record(u64),
}

/// Readers that dump has.
const READERS: usize = 4;

impl Reader {
    fn index(self) -> usize {
        match self {
            Reader::Planner => READERS - 1,
            Reader::Record(record) => (record % (READERS as u64 - 1)) as usize,
        }
    }
}

/// Messages go to standard error, questions to the terminal that was opened at the start.
pub struct Console {
    operator: RefCell<Operator>,
    clock: Clock,
    /// The terminal, or why there is none.
    tty: io::Result<OwnedFd>,
    notify: bool,
    /// Never ask a question (`--batch`).
    batch: bool,
    /// Read errors of a reader after which the operator is asked; 0: never.
    max_read_errors: u32,
    /// The disk's name in messages.
    disk: OsString,
    faults: Cell<[u32; READERS]>,
    stopped: Cell<bool>,
    /// When the operator answered last.
    answered: Cell<Option<Instant>>,
    losses: RefCell<Losses>,
    children: RefCell<Vec<Rc<Child>>>,
    outside: Option<Outside>,
    /// Gives, from the start of the dump on, the signals that end it or ask whether to: a queue made for one wait would miss what came just
    /// before, and a signal that two queues take may be given by one or by both.
    signals: RefCell<Option<EventQueue>>,
    /// A signal that ends the dump came.
    ended: Cell<bool>,
}

impl Console {
    /// A console for the dump of `disk` that `job` asks for.
    pub fn new(
        operator: Operator,
        tty: io::Result<OwnedFd>,
        clock: Clock,
        job: &Job,
        disk: OsString,
    ) -> Console {
        Console {
            operator: RefCell::new(operator),
            clock,
            tty,
            notify: job.notify,
            batch: job.batch,
            max_read_errors: job.max_read_errors,
            disk,
            faults: Cell::new([0; READERS]),
            stopped: Cell::new(false),
            answered: Cell::new(None),
            losses: RefCell::default(),
            children: RefCell::new(Vec::new()),
            outside: None,
            signals: RefCell::new(None),
            ended: Cell::new(false),
        }
    }

    /// Heeds, from now on and in all waits, those signals that the process takes and that end a dump or ask whether to. `queue` gives
    /// [`Event::Readable`] with `key` when one came: [`Console::take_signals`].
    pub fn heed_signals(&self, queue: &mut EventQueue, key: u64) -> io::Result<()> {
        let mut signals = EventQueue::new()?;
        signals.add_signals(&already_taken(&[Sig::Int, Sig::Term, Sig::Hup]))?;
        queue.add_readable(signals.as_fd(), key)?;
        self.signals.replace(Some(signals));
        Ok(())
    }

    /// Takes the signals that came: after an interrupt the operator is asked whether to abort.
    ///
    /// Errors: the dump is to be ended.
    pub fn take_signals(&self) -> Result<(), Stop> {
        // A terminal sends an interrupt to the monitor as well, which passes it on: what came while the operator was asked is answered.
        if self.take_interrupt()? && !self.was_just_asked() {
            self.say(StopMessage::Interrupted);
            if self.ask(Question::AbortDump)? {
                return Err(Stop::Told);
            }
        }
        Ok(())
    }

    /// Whether an interrupt came. Errors: a signal that ends the dump came, now or before.
    fn take_interrupt(&self) -> Result<bool, Stop> {
        let mut events = Vec::new();
        if let Some(signals) = &mut *self.signals.borrow_mut() {
            signals.wait(&mut events, Some(Duration::ZERO))?;
        }
        let came = |sig| events.contains(&Event::Signal(sig));
        if came(Sig::Term) || came(Sig::Hup) {
            self.ended.set(true);
        }
        if self.ended.get() { Err(Stop::Told) } else { Ok(came(Sig::Int)) }
    }

    /// Whose end breaks off a question.
    pub fn watch(&self, children: Vec<Rc<Child>>) {
        self.children.replace(children);
    }

    /// Gives it the monitor.
    pub fn set_outside(&mut self, outside: Outside) {
        self.outside = Some(outside);
    }

    /// The terminal, if there is one.
    pub fn tty(&self) -> Option<BorrowedFd<'_>> {
        self.tty.as_ref().ok().map(AsFd::as_fd)
    }

    /// Whether the operator has answered within the last moment.
    fn was_just_asked(&self) -> bool {
        self.answered.get().is_some_and(|at| at.elapsed() < JUST)
    }

    /// Whether the operator can be asked.
    pub fn can_ask(&self) -> bool {
        !self.batch && self.tty.is_ok()
    }

    /// Gives the socket to the monitor away.
    pub fn take_outside(&mut self) -> Option<Outside> {
        self.outside.take()
    }

    /// The socket to the monitor.
    pub fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }

    /// Notifies the operator group, with `-n`.
    pub fn broadcast(&self, attention: Attention) {
        if let (true, Some(outside)) = (self.notify, &self.outside) {
            let text = self.operator.borrow().broadcast(attention);
            // A failed notification does not stop the dump.
            let _ = outside.ask(&Request::Broadcast(text));
        }
    }

    /// Says one line.
    pub fn say(&self, message: impl Line) {
        self.operator.borrow_mut().say(message);
    }

    /// Shows what happens now beside the messages.
    pub fn show(&self, event: operator::Event<'_>) {
        self.operator.borrow_mut().show(event, self.clock.now());
    }

    /// The way to the operator, for what has no prefix.
    pub fn operator(&self) -> std::cell::RefMut<'_, Operator> {
        self.operator.borrow_mut()
    }

    /// What has been lost so far.
    pub fn losses(&self) -> std::cell::RefMut<'_, Losses> {
        self.losses.borrow_mut()
    }

    /// Whether the operator chose to abort because of read errors.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Reports a read error. After more than `--max-read-errors` of one reader, the operator is asked whether to continue.
    pub fn fault(&self, reader: Reader, fault: Fault) {
        if self.is_stopped() {
            return;
        }
        let reason = io::Error::from_raw_os_error(fault.errno);
        let reason = crate::os::errno::strerror(&reason);
        let block = i64::try_from(fault.block).unwrap_or(i64::MAX);
        let (count, got) = (u64::from(fault.count), u64::from(fault.got));
        let disk = &self.disk;
        let message = match (fault.sector, fault.errno) {
            (false, 0) => DiskMessage::ShortReadError { disk, block, count, got },
            (false, _) => DiskMessage::ReadError { disk, reason: &reason, block, count },
            (true, 0) => DiskMessage::SectorShortRead { disk, sector: block, count, got },
            (true, _) => DiskMessage::SectorReadError { disk, reason: &reason, sector: block, count },
        };
        self.say(message);
        if !fault.sector {
            self.count_fault(reader);
        }
    }

    /// Prints a notice of a pass.
    pub fn notice(&self, notice: Notice) {
        if self.is_stopped() {
            return;
        }
        if let Some(ino) = notice.loss() {
            self.losses().damaged(ino);
        }
        match notice {
            Notice::DumpingDirectories => self.say(crate::operator::Message::DumpingDirectories),
            Notice::DumpingFiles => self.say(crate::operator::Message::DumpingFiles),
            Notice::CorruptDirectory(ino) => {
                self.say(DiskMessage::CorruptedDirectory { inode: ino.0.into() })
            }
            Notice::CorruptEntry(_, ino, maxino) => {
                self.say(DiskMessage::CorruptedEntry { inode: ino.0.into(), maxino });
            }
            Notice::Directory(ino, at, damage) => match at {
                Some(at) => self.say(Remark(format_args!("directory inode {ino}, byte {at}: {damage}"))),
                None => self.say(Remark(format_args!("directory inode {ino}: {damage}"))),
            },
            // Reported where its record is known.
            Notice::Unread { .. } => {}
            Notice::EntryType(ino) => {
                self.say(Remark(format_args!("inode {ino}: d_type of its directory entry is wrong")))
            }
            Notice::UndefinedType(mode) => {
                self.say(DiskMessage::UndefinedType { mode: u32::from(mode) & 0o170_000 });
            }
            Notice::Warning(warning) => self.say(Remark(format_args!("WARNING: {warning}"))),
            Notice::Damaged(error) => {
                self.say(Remark(format_args!("{error}")));
                self.count_fault(Reader::Planner);
            }
        }
    }

    fn count_fault(&self, reader: Reader) {
        let mut faults = self.faults.get();
        let count = &mut faults[reader.index()];
        *count = count.saturating_add(1);
        let too_many = self.max_read_errors > 0 && *count > self.max_read_errors;
        self.faults.set(faults);
        if !too_many {
            return;
        }
        self.say(DiskMessage::TooManyReadErrors { disk: &self.disk, most: self.max_read_errors });
        self.broadcast(Attention::Ailing);
        self.say(DiskMessage::Unrecoverable);
        match self.ask(Question::Continue) {
            Ok(true) => {
                faults[reader.index()] = 0;
                self.faults.set(faults);
            }
            Ok(false) | Err(Stop::Told) => self.stopped.set(true),
            Err(Stop::Because(reason)) => {
                self.say(Remark(format_args!("{reason}")));
                self.stopped.set(true);
            }
        }
    }

    /// Asks the operator, and waits for the answer.
    ///
    /// Errors: there is no terminal, or it gives nothing; a signal that ends the dump came; a worker has ended.
    pub fn ask(&self, question: Question) -> Result<bool, Stop> {
        self.show(operator::Event::Question { text: question.text() });
        let bar = self.operator.borrow_mut().suspend();
        let answer = match bar {
            Some(bar) => bar.suspend(|| self.ask_at_terminal(question)),
            None => self.ask_at_terminal(question),
        };
        self.operator.borrow_mut().resume();
        if let Ok(yes) = answer {
            self.answered.set(Some(Instant::now()));
            self.show(operator::Event::Answer { yes });
        }
        answer
    }

    fn ask_at_terminal(&self, question: Question) -> Result<bool, Stop> {
        if self.batch {
            self.say(StopMessage::NotAsked(question));
            return Err(Stop::Told);
        }
        let tty = match &self.tty {
            Ok(tty) => tty,
            Err(error) => {
                let reason = crate::os::errno::strerror(error);
                self.say(StopMessage::NoTty { reason: &reason });
                self.say(StopMessage::NotAskedWithoutTty(question));
                return Err(Stop::Told);
            }
        };
        let mut queue = self.waiting_queue()?;
        queue.add_readable(tty.as_fd(), TTY)?;
        let (mut query, actions) = Query::ask(question, self.notify);
        let mut answer = self.act(&mut queue, actions)?;
        let mut events = Vec::new();
        while answer.is_none() {
            queue.wait(&mut events, None)?;
            for event in &events {
                let actions = match event {
                    Event::Readable { key: SIGNALS } => {
                        // The operator is being asked already.
                        self.take_interrupt()?;
                        continue;
                    }
                    Event::Readable { .. } => query.input(&self.read_tty(tty)),
                    Event::Timer { .. } => query.remind(),
                    Event::ChildExited { status, .. } => return Err((*status).into()),
                    Event::Signal(_) | Event::Writable { .. } => continue,
                };
                answer = answer.or(self.act(&mut queue, actions)?);
            }
        }
        answer.ok_or(Stop::Told)
    }

    /// Asks the monitor something, and waits for its reply.
    ///
    /// Errors: it is gone; a worker has ended; a signal that ends the dump came.
    pub fn ask_outside(&self, request: &Request) -> Result<(Reply, Option<OwnedFd>), Stop> {
        let Some(outside) = &self.outside else { return Err(NoReply::Gone.into()) };
        outside.ask(request)?;
        self.wait_readable(outside.socket().as_fd(), None)?;
        Ok(outside.reply()?)
    }

    /// As [`Console::ask_outside`], when what the monitor does depends on a remote tape: the operator is asked whether to wait for that.
    pub fn ask_outside_for_tape(&self, request: &Request) -> Result<(Reply, Option<OwnedFd>), Stop> {
        let Some(outside) = &self.outside else { return Err(NoReply::Gone.into()) };
        outside.ask(request)?;
        self.wait_for_tape(outside.socket().as_fd())?;
        Ok(outside.reply()?)
    }

    /// Waits until `fd` can be read, which depends on a remote tape. Errors: as [`Console::ask_outside`], or it is not to be waited for.
    pub fn wait_for_tape(&self, fd: BorrowedFd<'_>) -> Result<(), Stop> {
        while !self.wait_readable(fd, Some(patience::device()))? {
            self.ask_to_wait(patience::device())?;
        }
        Ok(())
    }

    /// Has the monitor record the dump, and waits for its reply. Gives why it is not recorded, if it is not.
    ///
    /// Errors: as [`Console::ask_outside`]; the dump is not recorded then. While nothing has to be waited for, no signal comes between the
    /// request and the reply, so that what is recorded is also reported.
    pub fn ask_to_record(&self, dumpdates: &Path) -> Result<Option<Unrecorded>, Stop> {
        let Some(outside) = &self.outside else { return Err(NoReply::Gone.into()) };
        outside.ask(&Request::Record)?;
        let mut canceled = None;
        loop {
            let mut queue = EventQueue::new()?;
            queue.add_readable(outside.socket().as_fd(), READABLE)?;
            queue.wait(&mut Vec::new(), None)?;
            match outside.reply()?.0 {
                Reply::Recorded => return Ok(None),
                Reply::Unrecorded(unrecorded) => return Ok(Some(unrecorded)),
                Reply::Canceled => return Err(canceled.unwrap_or(Stop::Told)),
                Reply::Waiting => {
                    if let Err(stop) = self.wait_for_lock(outside, dumpdates) {
                        outside.ask(&Request::CancelRecord)?;
                        canceled = Some(stop);
                    }
                }
                reply => return Err(NoReply::Unknown(reply).into()),
            }
        }
    }

    /// Waits until the monitor, which waits for a lock, replies; says so when that takes long.
    fn wait_for_lock(&self, outside: &Outside, dumpdates: &Path) -> Result<(), Stop> {
        let mut queue = self.waiting_queue()?;
        queue.add_readable(outside.socket().as_fd(), READABLE)?;
        queue.add_timer(PATIENCE_KEY, PATIENCE, false)?;
        let mut events = Vec::new();
        loop {
            queue.wait(&mut events, None)?;
            for event in &events {
                match event {
                    Event::ChildExited { status, .. } => return Err((*status).into()),
                    Event::Readable { key: SIGNALS } => self.take_signals()?,
                    Event::Readable { .. } => return Ok(()),
                    Event::Timer { .. } => {
                        let path = dumpdates.display();
                        self.say(Remark(format_args!("waiting for another process to unlock {path}")));
                    }
                    Event::Writable { .. } | Event::Signal(_) => {}
                }
            }
        }
    }

    /// Waits until `fd` can be read; false when `patience` is over before. Errors: as [`Console::ask_outside`].
    fn wait_readable(&self, fd: BorrowedFd<'_>, patience: Option<Duration>) -> Result<bool, Stop> {
        let mut queue = self.waiting_queue()?;
        queue.add_readable(fd, READABLE)?;
        let end = patience.map(|patience| Instant::now() + patience);
        let mut events = Vec::new();
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            queue.wait(&mut events, left)?;
            // What ends the dump comes before what there is to read.
            for event in &events {
                match event {
                    Event::ChildExited { status, .. } => return Err((*status).into()),
                    Event::Readable { key: SIGNALS } => self.take_signals()?,
                    _ => {}
                }
            }
            if events.iter().any(|event| matches!(event, Event::Readable { key: READABLE })) {
                return Ok(true);
            }
            if events.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Says that the remote tape does not answer, and asks whether to wait for it.
    ///
    /// Errors: it is not to be waited for, or the operator cannot be asked.
    pub fn ask_to_wait(&self, waited: Duration) -> Result<(), Stop> {
        // A worker may have reported it while the operator was asked.
        if self.was_just_asked() {
            return Ok(());
        }
        let minutes = waited.as_secs() / 60;
        self.say(Remark(format_args!("the remote tape does not answer (waited {minutes} minutes)")));
        if self.ask(Question::Wait)? { Ok(()) } else { Err(Stop::Told) }
    }

    /// A queue for the events that end a wait: a signal, and the exit of a child. Errors: the dump has been ended already.
    fn waiting_queue(&self) -> Result<EventQueue, Stop> {
        if self.ended.get() {
            return Err(Stop::Told);
        }
        let mut queue = EventQueue::new()?;
        if let Some(signals) = &*self.signals.borrow() {
            queue.add_readable(signals.as_fd(), SIGNALS)?;
        }
        for child in self.children.borrow().iter() {
            queue.add_child(child, CHILDREN)?;
        }
        Ok(queue)
    }

    fn read_tty(&self, tty: &OwnedFd) -> Vec<u8> {
        let mut bytes = [0; 256];
        let length = crate::os::output::read(tty.as_fd(), &mut bytes).unwrap_or(0);
        bytes[..length].to_vec()
    }

    fn act(&self, queue: &mut EventQueue, actions: Vec<Action>) -> Result<Option<bool>, Stop> {
        for action in actions {
            match action {
                Action::Print(text) => self.operator.borrow_mut().print(&text),
                Action::SetTimer => queue.add_timer(REMINDER, Duration::from_secs(REMIND_AFTER), false)?,
                Action::Answer(answer) => return Ok(Some(answer)),
                Action::GiveUp => {
                    self.say(StopMessage::ExcessiveQueries);
                    return Err(Stop::Told);
                }
                Action::Broadcast => self.broadcast(Attention::Question),
            }
        }
        Ok(None)
    }
}
