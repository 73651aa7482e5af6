// SPDX-License-Identifier: BSD-2-Clause
//! A tape drive that is none: `tape [BYTES-PER-SECOND [BUFFER [RECORD]]]` takes standard input at a drive's pace.
//!
//! The drive begins to move when its buffer is full, and takes from it at its rate. When the buffer is empty, the drive has to stop,
//! go back and wait until it is full again: that is what makes tapes slow and wears them out. How often is said at the end.
//! Preset is an LTO drive's: 400 MB/s, 32 MB, records of 64 KiB.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

struct Drive {
    rate: f64,
    room: f64,
    /// Bytes that wait to be written.
    held: f64,
    /// Since when the tape moves and what is held is up to date.
    moving: Option<Instant>,
    stops: u32,
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<f64>().expect("a number"));
    let rate = numbers.next().unwrap_or(400e6);
    let room = numbers.next().unwrap_or(32e6);
    let mut record = vec![0; numbers.next().unwrap_or(65536.0) as usize];
    let mut drive = Drive { rate, room, held: 0.0, moving: None, stops: 0 };
    let mut input = std::io::stdin().lock();
    let start = Instant::now();
    let mut total = 0.0;
    while input.read_exact(&mut record).is_ok() {
        drive.take(record.len() as f64);
        total += record.len() as f64;
    }
    let seconds = start.elapsed().as_secs_f64();
    let line = format!("{:.0} MB in {seconds:.2} s, stopped {} times\n", total / 1e6, drive.stops);
    std::io::stderr().write_all(line.as_bytes()).expect("somebody who reads");
}

impl Drive {
    /// Takes a record; waits until there is room for it.
    fn take(&mut self, bytes: f64) {
        self.go_on();
        while self.held + bytes > self.room {
            if self.moving.is_none() {
                self.moving = Some(Instant::now());
            }
            std::thread::sleep(Duration::from_secs_f64((self.held + bytes - self.room) / self.rate));
            self.go_on();
        }
        self.held += bytes;
    }

    /// Lets the tape take what time has gone for.
    fn go_on(&mut self) {
        let Some(since) = self.moving else { return };
        let now = Instant::now();
        self.held -= (now - since).as_secs_f64() * self.rate;
        self.moving = Some(now);
        if self.held < 0.0 {
            self.held = 0.0;
            self.moving = None;
            self.stops += 1;
        }
    }
}
