// SPDX-License-Identifier: BSD-2-Clause
//! Requests of the planner to the monitor: sent, waited for, and what ends the wait heeded.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::dump::console::Console;
use crate::dump::questions::Questions;
use crate::dump::stop::Stop;
use crate::dump::waits::SIGNALS;
use crate::event::{Event, EventQueue};
use crate::monitor::client::{NoReply, Outside};
use crate::monitor::protocol::{Reply, Request};
use crate::monitor::refusal::Unrecorded;
use crate::operator::Remark;

const READABLE: u64 = 4;
const PATIENCE_KEY: u64 = 6;

/// How long another process may hold the lock on dumpdates before this is reported.
const PATIENCE: Duration = Duration::from_secs(2);

/// The monitor, as it is asked.
pub struct Requests<'a> {
    monitor: &'a Outside,
    console: &'a Console<'a>,
    questions: &'a Questions<'a>,
}

impl<'a> Requests<'a> {
    /// To `monitor`.
    pub fn new(monitor: &'a Outside, console: &'a Console<'a>, questions: &'a Questions<'a>) -> Requests<'a> {
        Requests { monitor, console, questions }
    }

    /// Asks the monitor something, and waits for its reply.
    ///
    /// Errors: it is gone; a worker has ended; a signal that ends the dump came.
    pub fn ask(&self, request: &Request) -> Result<(Reply, Option<OwnedFd>), Stop> {
        self.monitor.ask(request)?;
        self.questions.wait_readable(self.monitor.socket().as_fd(), None)?;
        Ok(self.monitor.reply()?)
    }

    /// As [`Requests::ask`], when what the monitor does depends on a remote tape: the operator is asked whether to wait for that.
    pub fn ask_for_tape(&self, request: &Request) -> Result<(Reply, Option<OwnedFd>), Stop> {
        self.monitor.ask(request)?;
        self.questions.wait_for_tape(self.monitor.socket().as_fd())?;
        Ok(self.monitor.reply()?)
    }

    /// Has the monitor record the dump, and waits for its reply. Gives why it is not recorded, if it is not.
    ///
    /// Errors: as [`Requests::ask`]; the dump is not recorded then. While nothing has to be waited for, no signal comes between the
    /// request and the reply, so that what is recorded is also reported.
    pub fn ask_to_record(&self, dumpdates: &Path) -> Result<Option<Unrecorded>, Stop> {
        self.monitor.ask(&Request::Record)?;
        let mut canceled = None;
        loop {
            let mut queue = EventQueue::new()?;
            queue.add_readable(self.monitor.socket().as_fd(), READABLE)?;
            queue.wait(&mut Vec::new(), None)?;
            match self.monitor.reply()?.0 {
                Reply::Recorded => return Ok(None),
                Reply::Unrecorded(unrecorded) => return Ok(Some(unrecorded)),
                Reply::Canceled => return Err(canceled.unwrap_or(Stop::Told)),
                Reply::Waiting => {
                    if let Err(stop) = self.wait_for_lock(dumpdates) {
                        self.monitor.ask(&Request::CancelRecord)?;
                        canceled = Some(stop);
                    }
                }
                reply => return Err(NoReply::Unknown(reply).into()),
            }
        }
    }

    /// Waits until the monitor, which waits for a lock, replies; says so when that takes long.
    fn wait_for_lock(&self, dumpdates: &Path) -> Result<(), Stop> {
        let mut queue = self.questions.waits.queue()?;
        queue.add_readable(self.monitor.socket().as_fd(), READABLE)?;
        queue.add_timer(PATIENCE_KEY, PATIENCE, false)?;
        let mut events = Vec::new();
        loop {
            queue.wait(&mut events, None)?;
            for event in &events {
                match event {
                    Event::ChildExited { status, .. } => return Err((*status).into()),
                    Event::Readable { key: SIGNALS } => self.questions.take_signals()?,
                    Event::Readable { .. } => return Ok(()),
                    Event::Timer { .. } => {
                        let path = dumpdates.display();
                        self.console
                            .say(Remark(format_args!("waiting for another process to unlock {path}")));
                    }
                    Event::Writable { .. } | Event::Signal(_) => {}
                }
            }
        }
    }
}
