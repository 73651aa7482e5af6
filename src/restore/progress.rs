// SPDX-License-Identifier: BSD-2-Clause
//! How far the reading is: a bar, or lines as dump(8) prints them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::inspect::input::Input;
use crate::job::ProgressStyle;
use crate::operator::{self, Operator, Restoring};
use crate::os::time::ctime;
use dumpstream::TP_BSIZE;

/// Tape blocks before the first line, as of dump(8).
const LEAST_BLOCKS: u64 = 500;

/// Seconds between two lines about a volume of unknown length.
const STEP: i64 = 300;

/// What has been shown of the volume that is read.
#[derive(Debug)]
pub struct Progress {
    style: ProgressStyle,
    volume: u32,
    lines: Option<operator::Progress>,
    due: i64,
}

impl Progress {
    /// Nothing has been read.
    pub fn new(style: ProgressStyle) -> Progress {
        Progress { style, volume: 0, lines: None, due: 0 }
    }

    /// A volume begins.
    pub fn begin(&mut self, volume: u32, input: &Input, operator: &Operator) {
        self.volume = volume;
        let size = input.size().map(|bytes| bytes / TP_BSIZE as u64);
        self.lines = size.map(|blocks| operator::Progress::new(now(), blocks));
        operator.display().bar().into_iter().for_each(operator::Bar::put_away);
    }

    /// Shows how far the volume has been read.
    pub fn read(&mut self, input: &Input, operator: &mut Operator) {
        if self.style == ProgressStyle::None || self.volume == 0 {
            return;
        }
        let bytes = input.offset() + input.bytes().len() as u64;
        if let Some(bar) = operator.display().bar() {
            return bar.read(self.volume, bytes, input.size());
        }
        let blocks = bytes / TP_BSIZE as u64;
        if self.style != ProgressStyle::Plain || blocks < LEAST_BLOCKS {
            return;
        }
        let now = now();
        match &mut self.lines {
            Some(lines) => {
                let (state, is_due) = lines.report(now, blocks, ctime);
                if is_due {
                    operator.tell(&Restoring::Note(format_args!("{state}")));
                }
            }
            None if now >= self.due => {
                self.due = now.saturating_add(STEP);
                let (volume, megabytes) = (self.volume, bytes / 1_000_000);
                operator.tell(&Restoring::Note(format_args!("volume {volume}, {megabytes} MB read")));
            }
            None => {}
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
