// SPDX-License-Identifier: BSD-2-Clause
//! Progress for programs: one JSON object per line. The manual page (PROGRESS) describes the format.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::operator::Sums;
use crate::os::output;
use dumpstream::escape;

/// How often progress is reported at most.
const EVERY: Duration = Duration::from_secs(1);

/// Most bytes of a name in a line, where each of its two names stands in JSON: a pipe takes a line of 512 bytes whole or not at all.
const LONGEST: usize = 140;

/// What is reported.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the manual page has what the fields are")]
pub enum Event<'a> {
    /// The dump begins; `date` and `base` are seconds since 1970.
    Start { level: i32, disk: &'a OsStr, output: &'a OsStr, date: i64, base: i64 },
    /// A pass begins.
    Pass { pass: u8 },
    /// The size is estimated.
    Estimate { blocks: i64, tapes: Option<f64> },
    /// A volume begins.
    Volume { volume: u32, output: &'a OsStr },
    /// How far the dump is; `left` is in seconds.
    Progress { pass: u8, volume: u32, blocks: u64, estimate: u64, left: Option<i64> },
    /// How many bytes of a volume are read back, of `total`; `left` is in seconds.
    Verify { volume: u32, bytes: u64, total: u64, left: Option<i64> },
    /// The operator is asked.
    Question { text: &'a str },
    /// The operator has answered.
    Answer { yes: bool },
    /// All is written.
    Done { volumes: u32, sums: Sums },
    /// Something is lost: so many files, ranges of inodes and groups.
    Lost { things: usize },
    /// The program ends with this exit status.
    End { status: u8 },
}

/// The descriptor that lines go to.
#[derive(Debug)]
pub struct Report {
    fd: OwnedFd,
    /// The reader has closed it.
    closed: bool,
    progress_at: Option<Instant>,
}

impl Report {
    /// Reports to `fd`.
    pub fn new(fd: OwnedFd) -> Report {
        Report { fd, closed: false, progress_at: None }
    }

    /// The descriptor.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Writes a line. Progress comes once a second at most, but for the start of a reading back. A line that the reader has no room for is left out: the dump does
    /// not wait for it.
    pub fn write(&mut self, event: Event<'_>, time: i64) {
        if matches!(event, Event::Progress { .. } | Event::Verify { .. }) {
            let is_start = matches!(event, Event::Verify { bytes: 0, .. });
            if !is_start && self.progress_at.is_some_and(|at| at.elapsed() < EVERY) {
                return;
            }
            self.progress_at = Some(Instant::now());
        }
        if self.closed || !output::has_room(self.fd.as_fd()) {
            return;
        }
        let line = object(event, time).to_string();
        let line = format!("{}\n", escape::json(&line));
        self.closed = output::write(self.fd.as_fd(), line.as_bytes()).is_err();
    }
}

fn name(name: &OsStr) -> String {
    let name = String::from_utf8_lossy(name.as_bytes());
    let mut length = 0;
    let fits = |&c: &char| {
        let quoted = serde_json::Value::from(c.to_string()).to_string();
        length += escape::json(&quoted).len() - 2;
        length <= LONGEST
    };
    name.chars().take_while(fits).collect()
}

fn object(event: Event<'_>, time: i64) -> Value {
    let (kind, mut object) = match event {
        Event::Start { level, disk, output, date, base } => {
            let (disk, output) = (name(disk), name(output));
            let version = env!("CARGO_PKG_VERSION");
            let fields = json!({
                "version": version, "level": level, "disk": disk, "output": output, "date": date, "base": base,
            });
            ("start", fields)
        }
        Event::Pass { pass } => ("pass", json!({ "pass": pass })),
        Event::Estimate { blocks, tapes } => ("estimate", json!({ "blocks": blocks, "tapes": tapes })),
        Event::Volume { volume, output } => ("volume", json!({ "volume": volume, "output": name(output) })),
        Event::Progress { pass, volume, blocks, estimate, left } => {
            let fields = json!({
                "pass": pass, "volume": volume, "blocks": blocks, "estimate": estimate, "left": left,
            });
            ("progress", fields)
        }
        Event::Verify { volume, bytes, total, left } => {
            ("verify", json!({ "volume": volume, "bytes": bytes, "total": total, "left": left }))
        }
        Event::Question { text } => ("question", json!({ "text": text })),
        Event::Answer { yes } => ("answer", json!({ "yes": yes })),
        Event::Done { volumes, sums: Sums { blocks, seconds, .. } } => {
            ("done", json!({ "blocks": blocks, "volumes": volumes, "seconds": seconds }))
        }
        Event::Lost { things } => ("lost", json!({ "things": things })),
        Event::End { status } => ("end", json!({ "status": status })),
    };
    if let Value::Object(fields) = &mut object {
        fields.insert("event".to_owned(), kind.into());
        fields.insert("time".to_owned(), time.into());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};

    fn report() -> (Report, std::fs::File) {
        let (read, write) = output::pipe().unwrap();
        (Report::new(write), read.into())
    }

    #[test]
    fn a_line_is_an_object() {
        let (mut report, read) = report();
        let disk = OsStr::new("a \"b\"\n");
        report.write(Event::Start { level: 0, disk, output: OsStr::new("-"), date: 5, base: 0 }, 7);
        report.write(Event::Estimate { blocks: 10, tapes: None }, 7);
        drop(report);
        let lines: Vec<Value> =
            BufReader::new(read).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["disk"], &lines[0]["time"]), (&json!("a \"b\"\n"), &json!(7)));
        assert_eq!(lines[1], json!({ "event": "estimate", "time": 7, "blocks": 10, "tapes": null }));
    }

    #[test]
    fn nobody_is_waited_for() {
        let (mut report, mut read) = report();
        let long = "x\u{202e}\u{e0041}".repeat(5000);
        for _ in 0..2000 {
            report.write(Event::Volume { volume: 1, output: OsStr::new(&long) }, 0);
        }
        drop(report);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("}\n") && text.lines().all(|line| line.len() < 512), "whole lines only");
        let (mut report, read) = self::report();
        drop(read);
        report.write(Event::Pass { pass: 1 }, 0);
        assert!(report.closed);
    }
}
