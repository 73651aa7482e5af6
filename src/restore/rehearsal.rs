// SPDX-License-Identifier: BSD-2-Clause
//! `capdump --check` of a chain of dumps: each is checked, and what `-r` would do with it is found while it is read.

use std::ops::Range;

use crate::exit;
use crate::inspect::input::Input;
use crate::inspect::open::{Opened, Refused, start};
use crate::inspect::sinks::Check;
use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::inspect::{NTREC, volumes};
use crate::job::Reading;
use crate::operator::{ChainLine, Change, LevelLine, Operator, Results, Taken};
use crate::os::process::Inherited;
use crate::os::time;
use crate::restore::replay::{self, Replay, Replayed};
use dumpstream::reading::{Finding, Names, Place, Sink};
use dumpstream::{Block, Decoded, InodeMap};
use ufs::Ino;

/// Checks dumps of so many volumes each; gives the exit code.
pub fn check(reading: &Reading, levels: &[usize], mut operator: Operator, inherited: Inherited) -> u8 {
    let opened = match start(reading, &mut operator, inherited) {
        Ok(opened) => opened,
        Err(Refused) => return exit::STARTUP,
    };
    let Opened { mut inputs, results, watch, .. } = opened;
    let report = Results::new(results, reading.json, time::date_hm);
    let told = Told::new(operator, report, reading.ntrec.unwrap_or(NTREC), watch);
    let mut both = Both { check: Check::new(told, None), replay: Replay::default() };
    let (mut bad, mut at) = (0, 0);
    for (number, count) in levels.iter().enumerate() {
        let range: Range<usize> = at..at + count;
        at = range.end;
        match both.level(reading, &mut inputs[range]) {
            Ok(is_good) => bad += usize::from(!is_good),
            // Something has been read already.
            Err(exit::STARTUP) if number > 0 => return exit::ABORTED,
            Err(code) => return code,
        }
    }
    both.check.told.end_of_chain(ChainLine { dumps: levels.len(), bad })
}

/// The check, and what `-r` would do.
struct Both {
    check: Check,
    replay: Replay,
}

impl Both {
    /// Reads the next dump of the chain. Whether nothing is wrong with it.
    ///
    /// Errors: the exit code, if one of its volumes is not a dump or a signal came, which has been reported.
    fn level(&mut self, reading: &Reading, inputs: &mut [Input]) -> Result<bool, u8> {
        self.check.told.begin_dump();
        let (summary, mut names) = volumes::all(reading, inputs, self, false)?;
        let told = &mut self.check.told;
        let Replayed { level, taken, faults } = self.replay.end(&mut names, told);
        let is_good = summary.damage == 0 && faults == 0 && taken.is_ok();
        let taken = taken.map_or_else(|refused| Taken::Refused(refused.to_string()), Taken::Restored);
        told.end_of_level(&summary, &LevelLine { level, taken, is_good });
        Ok(is_good)
    }
}

impl replay::Told for Told {
    fn change(&mut self, path: &[u8], change: Change<'_>) {
        self.change(path, change);
    }

    fn fault(&mut self, path: &[u8], what: &str) {
        self.of_restore(path, what, true);
    }

    fn note(&mut self, path: &[u8], what: &str) {
        self.of_restore(path, what, false);
    }
}

impl Enough for Both {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        self.check.told()
    }

    fn is_enough(&self) -> bool {
        self.check.is_enough()
    }
}

impl Sink for Both {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        self.replay.finding(&finding, names, &mut self.check.told);
        self.check.finding(finding, names);
    }

    fn volume(&mut self, header: &Decoded, place: Place) {
        self.replay.volume(header);
        self.check.volume(header, place);
    }

    fn directories(&mut self, names: &mut Names, used: Option<&InodeMap>, dumped: Option<&InodeMap>) {
        self.replay.directories(names, used, dumped, &mut self.check.told);
    }

    fn inode(&mut self, header: &Decoded, _place: Place, names: &mut Names) {
        self.replay.inode(header, names, &mut self.check.told);
    }

    fn data(&mut self, ino: Ino, is_data: bool, block: &Block) {
        self.replay.data(ino, is_data, block);
    }
}
