// SPDX-License-Identifier: BSD-2-Clause
//! Signals and progress while a dump is read.

use std::time::{Duration, Instant};

use crate::event::Sig;
use crate::inspect::input::Input;
use crate::inspect::signals::Shared;
use crate::operator::{Bar, Operator, Remark};

/// Signals are looked for so often where nothing is waited for: reads of a file can be many and short.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What is done about the signals, and what was read so far.
pub struct Watch {
    signals: Shared,
    started: Instant,
    /// When signals were looked for last.
    looked: Option<Instant>,
    /// The number of the volume.
    volume: u32,
    /// Bytes of the volumes before, and of all where that is known.
    before: u64,
    total: Option<u64>,
    /// Bytes read of this volume.
    here: u64,
}

impl Watch {
    /// Nothing is read yet.
    pub fn new(signals: &Shared) -> Watch {
        Watch {
            signals: signals.clone(),
            started: Instant::now(),
            looked: None,
            volume: 0,
            before: 0,
            total: None,
            here: 0,
        }
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
        self.signals.borrow().stopped()
    }

    /// Bytes read, and the seconds that it took.
    pub fn sums(&self) -> (u64, f64) {
        (self.before + self.here, self.started.elapsed().as_secs_f64())
    }

    /// Looks after signals and progress, and waits until `input` can be read where that may take long. False: a signal ends
    /// the reading.
    pub fn ready(&mut self, input: &Input, operator: &mut Operator) -> bool {
        self.here = input.offset() + input.bytes().len() as u64;
        if !input.can_wait() && self.looked.is_some_and(|looked| looked.elapsed() < BETWEEN_LOOKS) {
            return self.stopped().is_none();
        }
        self.looked = Some(Instant::now());
        if let Some(bar) = operator.display().bar() {
            self.show(bar);
        }
        while self.stopped().is_none() {
            let mut signals = self.signals.borrow_mut();
            // Of what cannot be waited for, a read blocks.
            let waited = input.can_wait().then(|| signals.wait_readable(input.fd())).and_then(Result::ok);
            let is_ready = waited.unwrap_or_else(|| {
                signals.poll();
                true
            });
            let is_asked = signals.is_asked();
            // A message may wait, too.
            drop(signals);
            if is_asked {
                self.say(operator);
            }
            if is_ready {
                break;
            }
        }
        self.stopped().is_none()
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
