// SPDX-License-Identifier: BSD-2-Clause
//! Signals and progress while a dump is read.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Instant;

use crate::event::{Event, EventQueue, Sig};
use crate::inspect::input::Input;
use crate::operator::{Bar, Operator, Remark};
use crate::os::signals;

/// What is done about the signals, and what was read so far.
pub struct Watch {
    queue: EventQueue,
    events: Vec<Event>,
    started: Instant,
    /// The number of the volume, and its descriptor where it is waited for.
    volume: u32,
    waiting: Option<i32>,
    /// Bytes of the volumes before, and of all where that is known.
    before: u64,
    total: Option<u64>,
    /// Bytes read of this volume.
    here: u64,
    stopped: Option<Sig>,
}

/// The input's key in the queue.
const INPUT: u64 = 1;

impl Watch {
    /// Takes the signals: from now on they do nothing by themselves.
    ///
    /// Errors: those of the event queue.
    pub fn new() -> io::Result<Watch> {
        let mut queue = EventQueue::new()?;
        queue.add_signals(&signals::heeded(&Sig::ALL))?;
        Ok(Watch {
            queue,
            events: Vec::new(),
            started: Instant::now(),
            volume: 0,
            waiting: None,
            before: 0,
            total: None,
            here: 0,
            stopped: None,
        })
    }

    /// The sum of the volumes' sizes, if all are known.
    pub fn set_total(&mut self, total: Option<u64>) {
        self.total = total.filter(|&total| total > 0);
    }

    /// The next volume begins.
    pub fn begin_volume(&mut self, volume: u32) {
        self.before += std::mem::take(&mut self.here);
        self.volume = volume;
    }

    /// The signal that ends the reading, when one came.
    pub fn stopped(&self) -> Option<Sig> {
        self.stopped
    }

    /// Bytes read, and the seconds that it took.
    pub fn sums(&self) -> (u64, f64) {
        (self.before + self.here, self.started.elapsed().as_secs_f64())
    }

    /// Looks after signals and progress, and waits until `input` can be read where that may take long. False: a signal ends
    /// the reading.
    pub fn ready(&mut self, input: &Input, operator: &mut Operator) -> bool {
        self.here = input.offset() + input.bytes().len() as u64;
        if let Some(bar) = operator.display().bar() {
            self.show(bar);
        }
        let waits = input.can_wait() && self.is_in_queue(input);
        while self.stopped.is_none() {
            let mut events = std::mem::take(&mut self.events);
            let timeout = (!waits).then_some(std::time::Duration::ZERO);
            let failed = self.queue.wait(&mut events, timeout).is_err();
            let readable = events.iter().any(|event| matches!(event, Event::Readable { .. }));
            for event in &events {
                match event {
                    Event::Signal(Sig::Info) => self.say(operator),
                    Event::Signal(sig) => self.stopped = Some(*sig),
                    _ => {}
                }
            }
            self.events = events;
            if !waits || readable || failed {
                break;
            }
        }
        self.stopped.is_none()
    }

    /// Whether the queue reports when `input` can be read. If not, reading blocks.
    fn is_in_queue(&mut self, input: &Input) -> bool {
        let fd = input.fd();
        if self.waiting == Some(fd.as_raw_fd()) {
            return true;
        }
        let added = self.queue.add_readable(fd, INPUT).is_ok();
        self.waiting = added.then_some(fd.as_raw_fd());
        added
    }

    /// The input is not read any more.
    pub fn end_volume(&mut self, input: &Input) {
        if self.waiting.take().is_some() {
            _ = self.queue.remove(input.fd());
        }
    }

    fn show(&self, bar: &Bar) {
        bar.read(self.volume, self.before + self.here, self.total);
    }

    fn say(&self, operator: &mut Operator) {
        let (bytes, seconds) = self.sums();
        let (volume, megabytes) = (self.volume, bytes / 1_000_000);
        match self.total {
            Some(total) => {
                let percent = (bytes as f64 * 100.0 / total as f64).min(100.0);
                let left = if bytes == 0 { 0.0 } else { seconds * (total as f64 / bytes as f64 - 1.0) };
                let left = left.max(0.0) as u64;
                let (hours, minutes) = (left / 3600, left % 3600 / 60);
                operator.say(Remark(format_args!(
                    "{percent:.2}% done, volume {volume}, {megabytes} MB read, finished in {hours}:{minutes:02}"
                )));
            }
            None => operator.say(Remark(format_args!("volume {volume}, {megabytes} MB read"))),
        }
    }
}
