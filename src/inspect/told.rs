// SPDX-License-Identifier: BSD-2-Clause
//! What the process that reads a dump prints: messages, and results.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use crate::event::Sig;
use crate::exit;
use crate::inspect::input::Input;
use crate::inspect::stream::Attend;
use crate::inspect::watch::Watch;
use crate::operator::{
    Bar, ChainLine, Change, Difference, FindingLine, LevelLine, Line, Lists, Operator, Remark, Results,
    SampleLine, Shown, SummaryLine,
};
use crate::os::errno::strerror;
use dumpstream::Decoded;
use dumpstream::reading::{Finding, Names, Summary};

/// The two ways out: messages, and results.
pub struct Told {
    operator: Operator,
    report: Results,
    ntrec: u32,
    /// Why the results could not be written.
    broken: Option<io::Error>,
    named_dump: bool,
    /// How many findings there were of each kind.
    found: BTreeMap<&'static str, u64>,
    watch: Watch,
    /// Data of files has no checksum.
    unchecked: bool,
}

/// Findings of one kind that are printed: a hostile dump has as many as it likes.
const MOST_FINDINGS: u64 = 1000;

impl Told {
    /// `ntrec` is the number of tape blocks in a record.
    pub fn new(operator: Operator, report: Results, ntrec: u32, watch: Watch) -> Told {
        Told {
            operator,
            report,
            ntrec,
            broken: None,
            named_dump: false,
            found: BTreeMap::new(),
            watch,
            unchecked: false,
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>) {
        if self.broken.is_none() {
            self.broken = write(&mut self.report).err();
        }
    }

    pub fn volume(&mut self, header: &Decoded) {
        if !std::mem::replace(&mut self.named_dump, true) {
            self.write(|report| report.dump(header));
        }
    }

    /// A finding, with a path of its inode.
    pub fn finding(&mut self, finding: &Finding, names: &mut Names) {
        // Paths of what is not printed are not looked for.
        let counted = self.found.get(finding.fault.word()).is_some_and(|&found| found >= MOST_FINDINGS);
        let path =
            finding.ino.filter(|_| !counted && finding.last.is_none()).and_then(|ino| names.path_of(ino));
        self.finding_at(finding, path.as_deref());
    }

    /// A finding, with this path.
    pub fn finding_at(&mut self, finding: &Finding, path: Option<&[u8]>) {
        // What is missing then was only not read.
        if self.watch.stopped().is_some() {
            return;
        }
        let found = self.found.entry(finding.fault.word()).or_default();
        *found += 1;
        if *found > MOST_FINDINGS {
            return;
        }
        let line = FindingLine { finding, path, ntrec: self.ntrec };
        match self.report.is_json() {
            true if self.broken.is_none() => self.broken = self.report.finding(&line).err(),
            true => {}
            false => self.operator.say(line),
        }
    }

    /// Contents were compared with digests.
    pub fn contents_are_checked(&mut self) {
        self.unchecked = false;
    }

    /// Says a line.
    pub fn say(&mut self, line: impl Line) {
        self.operator.say(line);
    }

    /// A volume begins.
    pub fn begin_volume(&mut self, volume: u32) {
        self.watch.begin_volume(volume);
    }

    /// Whether nothing more is to be read: a signal came, or the results cannot be written.
    pub fn is_stopped(&self) -> bool {
        self.watch.stopped().is_some() || self.broken.is_some()
    }

    /// Says that a signal ended the reading, if one did: then gives the exit code.
    pub fn interrupted(&mut self) -> Option<u8> {
        let sig = self.watch.stopped()?;
        self.clear_bar();
        let what = if sig == Sig::Int { "Interrupt received." } else { "Signal received." };
        self.operator.say(Remark(format_args!("{what} The dump was not read to its end.")));
        _ = self.report.flush();
        Some(exit::ABORTED)
    }

    fn clear_bar(&mut self) {
        self.operator.display().bar().into_iter().for_each(Bar::clear);
    }

    /// On a terminal, what was read and how fast.
    pub fn say_speed(&mut self) {
        self.clear_bar();
        if self.report.is_json() || !io::stderr().is_terminal() {
            return;
        }
        let (bytes, seconds) = self.watch.sums();
        let megabytes = bytes as f64 / 1e6;
        let speed = megabytes / seconds.max(0.001);
        self.operator
            .say(Remark(format_args!("{megabytes:.1} MB read in {seconds:.1} seconds, {speed:.1} MB/s")));
    }

    /// A line of an index.
    pub fn indexed(&mut self, line: &dumpstream::index::Line) {
        self.write(|report| report.indexed(line));
    }

    /// Another dump begins.
    pub fn begin_dump(&mut self) {
        self.named_dump = false;
    }

    /// A difference between two dumps.
    pub fn difference(&mut self, path: &[u8], difference: Difference) {
        self.write(|report| report.difference(path, &difference));
    }

    /// The end of a comparison of dumps with so much damage: gives the exit code.
    pub fn end_of_diff(mut self, damage: u64) -> u8 {
        self.unlisted();
        self.say_speed();
        self.close(damage)
    }

    /// The end of the results: gives the exit code.
    pub fn flush(self) -> u8 {
        self.close(0)
    }

    /// Says how many findings were not printed.
    pub fn unlisted(&mut self) {
        for (word, found) in std::mem::take(&mut self.found) {
            let Some(more) = found.checked_sub(MOST_FINDINGS).filter(|&more| more > 0) else { continue };
            match self.report.is_json() {
                true => self.write(|report| report.unlisted(word, more)),
                false => self.operator.say(Remark(format_args!("{more} more findings of this kind: {word}"))),
            }
        }
    }

    /// What happens to a name when the dump is restored; only as JSON.
    pub fn change(&mut self, path: &[u8], change: Change<'_>) {
        self.write(|report| report.change(path, &change));
    }

    /// What a restore would find wrong, or worth saying.
    pub fn of_restore(&mut self, path: &[u8], what: &str, is_fault: bool) {
        let (word, note) = if is_fault { ("not-restored", "") } else { ("restore-note", "note: ") };
        let found = self.found.entry(word).or_default();
        *found += 1;
        if *found > MOST_FINDINGS {
            return;
        }
        match (self.report.is_json(), is_fault) {
            (true, true) => self.write(|report| report.failure(path, what)),
            (true, false) => self.write(|report| report.note(path, what)),
            (false, _) => self.operator.say(Remark(format_args!("{note}{}: {what}", Shown(path)))),
        }
    }

    /// Which part of the dump is read.
    pub fn sample(&mut self, line: &SampleLine) {
        if !self.report.is_json() {
            self.operator.say(*line);
        }
        self.write(|report| report.sample(line));
    }

    /// The end of a dump in a chain.
    pub fn end_of_level(&mut self, summary: &Summary, line: &LevelLine) {
        self.unlisted();
        if !self.report.is_json() {
            self.operator.say(SummaryLine { summary, unchecked: self.unchecked });
            self.operator.say(line.clone());
        }
        self.write(|report| report.summary(summary));
        self.write(|report| report.level(line));
    }

    /// The end of a chain: gives the exit code.
    pub fn end_of_chain(mut self, line: ChainLine) -> u8 {
        if !self.report.is_json() {
            self.operator.say(line);
        }
        self.write(|report| report.chain(line));
        self.say_speed();
        self.close(line.bad as u64)
    }

    /// The end of a check: says what it came to, and gives the exit code.
    pub fn end(mut self, summary: &Summary) -> u8 {
        self.unlisted();
        if !self.report.is_json() {
            self.operator.say(SummaryLine { summary, unchecked: self.unchecked });
        }
        self.end_of_list(summary)
    }

    /// The end of a listing: gives the exit code.
    pub fn end_of_list(mut self, summary: &Summary) -> u8 {
        self.unlisted();
        self.write(|report| report.summary(summary));
        self.say_speed();
        self.close(summary.damage)
    }

    fn close(mut self, damage: u64) -> u8 {
        self.write(Results::flush);
        // The wait for room for the results.
        if let Some(code) = self.interrupted() {
            return code;
        }
        match self.broken {
            Some(error) => {
                self.operator.say(Remark(format_args!("standard output: {}", strerror(&error))));
                exit::STARTUP
            }
            None if damage > 0 => exit::ABORTED,
            None => exit::DONE,
        }
    }
}

impl Lists for Told {
    fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>) {
        Told::write(self, write);
    }

    fn volume(&mut self, header: &Decoded) {
        Told::volume(self, header);
    }

    fn finding(&mut self, finding: &Finding, names: &mut Names) {
        Told::finding(self, finding, names);
    }
}

impl Attend for Told {
    /// Shows the progress, too.
    fn ready(&mut self, input: &Input) -> bool {
        self.watch.ready(input, &mut self.operator)
    }

    fn no_checksum(&mut self) {
        self.unchecked = true;
    }
}
