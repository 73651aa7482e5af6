// SPDX-License-Identifier: BSD-2-Clause
//! Questions to the operator, on the terminal that was opened at the start, and waits that may lead to one.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::dump::console::Console;
use crate::dump::stop::Stop;
use crate::dump::waits::{SIGNALS, Waits};
use crate::event::{Event, EventQueue};
use crate::job::Job;
use crate::media::patience;
use crate::monitor::client::Outside;
use crate::monitor::protocol::Request;
use crate::operator;
use crate::operator::{Action, Attention, Query, Question, REMIND_AFTER, Remark, StopMessage};

const TTY: u64 = 1;
const REMINDER: u64 = 2;
const READABLE: u64 = 4;

/// Signals that come so soon after an answer were sent before it.
const JUST: Duration = Duration::from_millis(100);

/// What asks.
pub struct Questions<'a> {
    console: &'a Console<'a>,
    /// Notifies the operator group, with `notify`.
    monitor: &'a Outside,
    /// The terminal, or why there is none.
    tty: &'a io::Result<OwnedFd>,
    notify: bool,
    /// Never ask a question (`--batch`).
    batch: bool,
    /// When the operator answered last.
    answered: Cell<Option<Instant>>,
    /// What ends a question without an answer.
    pub waits: Waits,
}

impl<'a> Questions<'a> {
    /// Asks as `job` has it.
    pub fn new(
        job: &Job,
        console: &'a Console<'a>,
        monitor: &'a Outside,
        tty: &'a io::Result<OwnedFd>,
    ) -> Questions<'a> {
        let (notify, batch) = (job.notify, job.batch);
        Questions { console, monitor, tty, notify, batch, answered: Cell::new(None), waits: Waits::default() }
    }

    /// Takes the signals that came: after an interrupt the operator is asked whether to abort.
    ///
    /// Errors: the dump is to be ended.
    pub fn take_signals(&self) -> Result<(), Stop> {
        // A terminal sends an interrupt to the monitor as well, which passes it on: what came while the operator was asked is answered.
        if self.waits.take_interrupt()? && !self.was_just_asked() {
            self.console.say(StopMessage::Interrupted);
            if self.ask(Question::AbortDump)? {
                return Err(Stop::Told);
            }
        }
        Ok(())
    }

    /// Whether the operator has answered within the last moment.
    fn was_just_asked(&self) -> bool {
        self.answered.get().is_some_and(|at| at.elapsed() < JUST)
    }

    /// Notifies the operator group, with `-n`.
    pub fn broadcast(&self, attention: Attention) {
        if self.notify {
            let text = self.console.operator().broadcast(attention);
            // A failed notification does not stop the dump.
            let _ = self.monitor.ask(&Request::Broadcast(text));
        }
    }

    /// Asks the operator, and waits for the answer.
    ///
    /// Errors: there is no terminal, or it gives nothing; a signal that ends the dump came; a worker has ended.
    pub fn ask(&self, question: Question) -> Result<bool, Stop> {
        self.console.show(operator::Event::Question { text: question.text() });
        let bar = self.console.operator().suspend();
        let answer = match bar {
            Some(bar) => bar.suspend(|| self.ask_at_terminal(question)),
            None => self.ask_at_terminal(question),
        };
        self.console.operator().resume();
        if let Ok(yes) = answer {
            self.answered.set(Some(Instant::now()));
            self.console.show(operator::Event::Answer { yes });
        }
        answer
    }

    fn ask_at_terminal(&self, question: Question) -> Result<bool, Stop> {
        if self.batch {
            self.console.say(StopMessage::NotAsked(question));
            return Err(Stop::Told);
        }
        let tty = match self.tty {
            Ok(tty) => tty,
            Err(error) => {
                let reason = crate::os::errno::strerror(error);
                self.console.say(StopMessage::NoTty { reason: &reason });
                self.console.say(StopMessage::NotAskedWithoutTty(question));
                return Err(Stop::Told);
            }
        };
        let mut queue = self.waits.queue()?;
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
                        self.waits.take_interrupt()?;
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

    /// Waits until `fd` can be read, which depends on a remote tape. Errors: as [`Questions::wait_readable`], or it is not to be waited for.
    pub fn wait_for_tape(&self, fd: BorrowedFd<'_>) -> Result<(), Stop> {
        while !self.wait_readable(fd, Some(patience::device()))? {
            self.ask_to_wait(patience::device())?;
        }
        Ok(())
    }

    /// Waits until `fd` can be read; false when `patience` is over before. Errors: a worker has ended; a signal that ends the dump came.
    pub fn wait_readable(&self, fd: BorrowedFd<'_>, patience: Option<Duration>) -> Result<bool, Stop> {
        let mut queue = self.waits.queue()?;
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
        self.console.say(Remark(format_args!("the remote tape does not answer (waited {minutes} minutes)")));
        if self.ask(Question::Wait)? { Ok(()) } else { Err(Stop::Told) }
    }

    fn read_tty(&self, tty: &OwnedFd) -> Vec<u8> {
        let mut bytes = [0; 256];
        let length = crate::os::output::read(tty.as_fd(), &mut bytes).unwrap_or(0);
        bytes[..length].to_vec()
    }

    fn act(&self, queue: &mut EventQueue, actions: Vec<Action>) -> Result<Option<bool>, Stop> {
        for action in actions {
            match action {
                Action::Print(text) => self.console.operator().print(&text),
                Action::SetTimer => queue.add_timer(REMINDER, Duration::from_secs(REMIND_AFTER), false)?,
                Action::Answer(answer) => return Ok(Some(answer)),
                Action::GiveUp => {
                    self.console.say(StopMessage::ExcessiveQueries);
                    return Err(Stop::Told);
                }
                Action::Broadcast => self.broadcast(Attention::Question),
            }
        }
        Ok(None)
    }
}
