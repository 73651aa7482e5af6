// SPDX-License-Identifier: BSD-2-Clause
//! How far the writing is: lines of progress, events, and the title of the process.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use crate::dump::clock::Clock;
use crate::dump::console::Console;
use crate::operator::{Event, Message, Progress, State, pass_title, title, verify_title};
use crate::os::process::set_title;
use crate::os::time;

/// Requests for progress that come so soon after another count as that one: a terminal sends SIGINFO to every process of a job, and the
/// monitor passes on what it receives.
const SAME_REQUEST: Duration = Duration::from_millis(250);

/// The course of the writing.
pub(super) struct Course<'a> {
    console: &'a Console<'a>,
    clock: Clock,
    /// The disk's name in the process's title.
    disk: &'a OsStr,
    progress: Progress,
    /// Whether dump would have looked at the clock: it does after each record.
    started: bool,
    /// SIGINFO came: the next line of progress is wanted, however it is shown.
    asked: bool,
    /// When the last request came.
    requested: Option<Instant>,
    /// While a volume is read back, since when, and how many bytes it has.
    reading_back: Option<Progress>,
    /// Tape blocks expected.
    estimate: u64,
    /// The pass that chunks are filled from.
    pass: u8,
    /// When the process's title was last set, seconds since 1970: dump sets it after each record, here once a second does.
    titled: i64,
}

impl<'a> Course<'a> {
    /// Of the dump of `disk`, of about `estimate` tape blocks, that begins now.
    pub fn new(console: &'a Console<'a>, clock: Clock, disk: &'a OsStr, estimate: u64) -> Course<'a> {
        let progress = Progress::new(clock.now(), estimate);
        let (started, asked, requested, reading_back) = (false, false, None, None);
        let (pass, titled) = (3, 0);
        Course {
            console,
            clock,
            disk,
            progress,
            started,
            asked,
            requested,
            reading_back,
            estimate,
            pass,
            titled,
        }
    }

    /// Seconds since the beginning, without those that were left out.
    pub fn seconds(&self) -> i64 {
        self.clock.now() - self.progress.started()
    }

    /// Does what the dump waits for, and leaves its time out.
    pub fn leave_out<E>(&mut self, wait: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let asked = self.clock.now();
        wait()?;
        self.progress.leave_out(self.clock.now() - asked);
        Ok(())
    }

    /// A pass begins.
    pub fn begin_pass(&mut self, pass: u8) {
        set_title(&pass_title(self.disk, pass));
        self.console.show(Event::Pass { pass });
        self.pass = pass;
    }

    /// The first line of progress comes a step after the first record, which has so many tape blocks.
    pub fn start(&mut self, volume: u32, record: u32) {
        if !std::mem::replace(&mut self.started, true) {
            self.tell(volume, record.into());
        }
    }

    /// Notes that SIGINFO came; false if it belongs to the request before.
    pub fn request(&mut self) -> bool {
        let now = Instant::now();
        let again = self.requested.is_some_and(|at| now.duration_since(at) < SAME_REQUEST);
        if !again {
            self.requested = Some(now);
        }
        !again
    }

    /// The operator asks how far it is.
    pub fn ask(&mut self) {
        self.progress.ask();
        self.asked = true;
    }

    /// Tells that so many tape blocks are written.
    pub fn tell(&mut self, volume: u32, blocks: u64) {
        let now = self.clock.now();
        let (state, due) = self.progress.report(now, blocks, time::ctime);
        let wanted = std::mem::take(&mut self.asked) || self.console.operator().display().has_lines();
        if due && wanted {
            self.console.say(Message::Progress(&state));
        }
        let left = match &state {
            State::Percent { seconds, .. } => Some(*seconds),
            State::Soon => None,
        };
        let (pass, estimate) = (self.pass, self.estimate);
        self.console.show(Event::Progress { pass, volume, blocks, estimate, left });
        if now != self.titled {
            self.titled = now;
            set_title(&title(self.disk, self.pass, &state));
        }
    }

    /// A volume of `total` bytes is read back from now on.
    pub fn begin_reading_back(&mut self, total: u64) {
        self.reading_back = Some(Progress::new(self.clock.now(), total));
    }

    /// It is read back.
    pub fn end_reading_back(&mut self) {
        self.reading_back = None;
    }

    /// Whether a volume is read back.
    pub fn is_reading_back(&self) -> bool {
        self.reading_back.is_some()
    }

    /// Shows that `bytes` of `total` bytes of the volume were read back; prints it only when that is `asked` for. Does nothing when no volume
    /// is read back.
    pub fn show_reading_back(&mut self, volume: u32, (bytes, total): (u64, u64), asked: bool) {
        let Some(progress) = &mut self.reading_back else { return };
        let now = self.clock.now();
        let (state, _) = progress.report(now, bytes, time::ctime);
        let left = match &state {
            State::Percent { seconds, .. } if bytes > 0 => Some(*seconds),
            _ => None,
        };
        if asked {
            // At the start there is no speed to tell the end from.
            let state = (bytes > 0).then_some(&state);
            let message =
                state.map_or(Message::Verifying { volume }, |state| Message::Checked { volume, state });
            self.console.say(message);
        }
        self.console.show(Event::Verify { volume, bytes, total, left });
        if now != self.titled || bytes == 0 {
            self.titled = now;
            set_title(&verify_title(self.disk, volume, &state));
        }
    }
}
