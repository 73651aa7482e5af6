// SPDX-License-Identifier: BSD-2-Clause
//! Progress and estimated time of completion, with dump's formulas (`timeest`, sbin/dump/optr.c).

use std::ffi::OsStr;
use std::fmt;

use dumpstream::escape;

/// Seconds between two lines of progress.
const STEP: i64 = 300;
/// Tape blocks to be written before the end is estimated.
const LEAST_BLOCKS: u64 = 500;

/// When progress was last reported, and when writing started. Times are seconds since 1970.
#[derive(Clone, Debug)]
pub struct Progress {
    started: i64,
    scheduled: i64,
    estimate: u64,
}

/// How far the dump is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// So many percent are written, the rest takes `seconds`, until `date` (ctime(3), no newline).
    Percent {
        /// Of the estimate.
        percent: f64,
        /// That are left.
        seconds: i64,
        /// When it is done.
        date: String,
    },
    /// More is written than was estimated.
    Soon,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Soon => f.write_str("99.99% done, finished soon"),
            State::Percent { percent, seconds, date } => {
                let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
                write!(f, "{percent:3.2}% done, finished in {hours}:{minutes:02} at {date}")
            }
        }
    }
}

impl Progress {
    /// The dump starts to write at `started`, and `estimate` tape blocks are expected.
    pub fn new(started: i64, estimate: u64) -> Progress {
        Progress { started, scheduled: 0, estimate }
    }

    /// Leaves out the seconds that a change of volumes took.
    pub fn leave_out(&mut self, seconds: i64) {
        self.started = self.started.saturating_add(seconds);
    }

    /// When the dump would have started without the times left out.
    pub fn started(&self) -> i64 {
        self.started
    }

    /// Has the next [`Progress::report`] say a line (SIGINFO).
    pub fn ask(&mut self) {
        self.scheduled = 0;
    }

    /// How far the dump is at `now`, with `written` tape blocks, and whether a line is due.
    /// A line is due at the first call and every 300 s after that, but is printed only after 500 blocks.
    pub fn report(&mut self, now: i64, written: u64, ctime: impl Fn(i64) -> String) -> (State, bool) {
        let due = now >= self.scheduled;
        if due {
            self.scheduled = now.saturating_add(STEP);
        }
        if written > self.estimate {
            return (State::Soon, due);
        }
        let seconds = self.seconds_left(now, written);
        let percent = match self.estimate {
            0 => 0.0,
            estimate => written as f64 * 100.0 / estimate as f64,
        };
        let date = ctime(now.saturating_add(seconds));
        (State::Percent { percent, seconds, date }, due && written >= LEAST_BLOCKS)
    }

    /// The seconds for the rest at the speed so far.
    fn seconds_left(&self, now: i64, written: u64) -> i64 {
        if written == 0 {
            return 0;
        }
        let elapsed = now.saturating_sub(self.started) as f64;
        (elapsed / written as f64 * self.estimate as f64 - elapsed) as i64
    }
}

/// The process title while nothing is written yet, and at the start of passes III and IV.
pub fn pass_title(disk: &OsStr, pass: u8) -> String {
    let what = if matches!(pass, 1 | 4) { "regular files" } else { "directories" };
    format!("{}: pass {pass}: {what}", escape::name(disk))
}

/// The process title while the dump is written.
pub fn title(disk: &OsStr, pass: u8, state: &State) -> String {
    match state {
        State::Soon => format!("{}: {state}", escape::name(disk)),
        State::Percent { .. } => format!("{}: pass {pass}: {state}", escape::name(disk)),
    }
}

/// The process title while a volume is read back.
pub fn verify_title(disk: &OsStr, volume: u32, state: &State) -> String {
    format!("{}: verifying volume {volume}: {state}", escape::name(disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(progress: &mut Progress, now: i64, written: u64) -> Option<String> {
        let (state, say) = progress.report(now, written, |date| format!("<{date}>"));
        say.then(|| state.to_string())
    }

    #[test]
    fn a_line_every_five_minutes() {
        let mut progress = Progress::new(1000, 10_000);
        assert_eq!(said(&mut progress, 1000, 10), None);
        assert_eq!(said(&mut progress, 1299, 2000), None);
        let line = "25.00% done, finished in 0:15 at <2200>";
        assert_eq!(said(&mut progress, 1300, 2500).as_deref(), Some(line));
        assert_eq!(said(&mut progress, 1599, 3000), None);
        let line = "33.33% done, finished in 0:20 at <2800>";
        assert_eq!(said(&mut progress, 1600, 3333).as_deref(), Some(line));
    }

    #[test]
    fn siginfo_asks_for_a_line() {
        let mut progress = Progress::new(0, 10_000);
        assert_eq!(said(&mut progress, 0, 10), None);
        progress.ask();
        assert_eq!(said(&mut progress, 10, 499), None, "too few blocks");
        progress.ask();
        let line = "5.00% done, finished in 1:03 at <4000>";
        assert_eq!(said(&mut progress, 200, 500).as_deref(), Some(line));
        assert_eq!(said(&mut progress, 201, 600), None);
    }

    #[test]
    fn more_than_estimated() {
        let mut progress = Progress::new(0, 20);
        let line = "99.99% done, finished soon";
        assert_eq!(said(&mut progress, 0, 32).as_deref(), Some(line));
        assert_eq!(said(&mut progress, 1, 64), None);
        assert_eq!(said(&mut progress, 300, 64).as_deref(), Some(line));
        let mut progress = Progress::new(0, 600);
        let line = "100.00% done, finished in 0:00 at <60>";
        assert_eq!(said(&mut progress, 60, 600).as_deref(), Some(line));
    }

    #[test]
    fn time_of_questions_is_left_out() {
        let mut progress = Progress::new(0, 2000);
        progress.leave_out(1000);
        assert_eq!(progress.started(), 1000);
        let line = "50.00% done, finished in 0:01 at <1200>";
        assert_eq!(said(&mut progress, 1100, 1000).as_deref(), Some(line));
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        for (start, estimate, now, written) in
            [(0, 0, 0, 0), (i64::MIN, u64::MAX, i64::MAX, 1), (100, 1000, 0, 600)]
        {
            let mut progress = Progress::new(start, estimate);
            let (state, _) = progress.report(now, written, |_| String::new());
            assert!(state.to_string().contains("% done, finished in "), "{state}");
        }
    }

    #[test]
    fn titles() {
        let disk = OsStr::new("/dev/da0");
        assert_eq!(pass_title(disk, 1), "/dev/da0: pass 1: regular files");
        assert_eq!(pass_title(disk, 2), "/dev/da0: pass 2: directories");
        assert_eq!(pass_title(disk, 3), "/dev/da0: pass 3: directories");
        assert_eq!(pass_title(disk, 4), "/dev/da0: pass 4: regular files");
        let state = State::Percent { percent: 1.5, seconds: 7325, date: "then".into() };
        let want = "/dev/da0: pass 3: 1.50% done, finished in 2:02 at then";
        assert_eq!(title(disk, 3, &state), want);
        assert_eq!(title(disk, 4, &State::Soon), "/dev/da0: 99.99% done, finished soon");
        let want = "/dev/da0: verifying volume 2: 1.50% done, finished in 2:02 at then";
        assert_eq!(verify_title(disk, 2, &state), want);
    }
}
