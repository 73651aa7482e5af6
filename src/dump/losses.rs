// SPDX-License-Identifier: BSD-2-Clause
//! Data lost to read errors and damage, by file: reported when the dump is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ufs::Ino;

/// Lines of the summary at most, without its first and its last.
const MOST_LINES: usize = 20;

/// What has been lost. A clone taken with a checkpoint goes back with it.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    files: BTreeMap<Ino, Loss>,
    /// Ranges of inodes that could not be read: the first, and the last. They neither overlap nor touch.
    inodes: BTreeMap<u32, u32>,
    groups: BTreeSet<u32>,
    /// Sectors that belong to nothing that is known.
    others: u64,
}

/// What a file has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Loss {
    /// Bytes of data that are zeros on the dump.
    bytes: u64,
    /// Part of what leads to its data, or of what had to be known of it, could not be read.
    part: bool,
    /// Something of it is damaged on the disk.
    damaged: bool,
}

impl Losses {
    /// Files, ranges of inodes and groups that have lost something.
    pub fn things(&self) -> usize {
        self.files.len() + self.inodes.len() + self.groups.len() + usize::from(self.others > 0)
    }

    /// `bytes` bytes of a file's data are zeros on the dump.
    pub fn data(&mut self, ino: Ino, bytes: u64) {
        let loss = self.files.entry(ino).or_default();
        loss.bytes = loss.bytes.saturating_add(bytes);
    }

    /// Part of a file's indirect blocks, of a directory or of extended attributes could not be read.
    pub fn part(&mut self, ino: Ino) {
        self.files.entry(ino).or_default().part = true;
    }

    /// A file is damaged: its inode or its addresses cannot be right.
    pub fn damaged(&mut self, ino: Ino) {
        self.files.entry(ino).or_default().damaged = true;
    }

    /// Inodes that could not be read.
    pub fn inodes(&mut self, first: Ino, last: Ino) {
        let (mut first, mut last) = (first.0, last.0);
        // What the new range meets becomes part of it.
        while let Some((&start, &end)) = self.inodes.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.inodes.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.inodes.insert(first, last);
    }

    /// Part of a group's header could not be read.
    pub fn group(&mut self, cg: u32) {
        self.groups.insert(cg);
    }

    /// A sector that belongs to no known file.
    pub fn other(&mut self) {
        self.others += 1;
    }

    /// The lines of the summary; none if nothing is lost. The first makes Amanda classify the dump as strange, which is intended.
    pub fn lines(&self) -> Vec<String> {
        let things = self.things();
        if things == 0 {
            return Vec::new();
        }
        let mut lines = vec!["errors have cost some of the data:".to_owned()];
        let files = self.files.iter().map(|(ino, loss)| format!("inode {ino}: {loss}"));
        let inodes = self.inodes.iter().map(|(first, last)| match first == last {
            true => format!("inode {first}: could not be read, not dumped if it was in use"),
            false => format!("inodes {first} to {last}: could not be read, not dumped if they were in use"),
        });
        let groups = self.groups.iter().map(|cg| format!("cylinder group {cg}: part could not be read"));
        let others = (self.others > 0).then(|| format!("{} sectors of no known file", self.others));
        lines.extend(files.chain(inodes).chain(groups).chain(others).take(MOST_LINES));
        if things > MOST_LINES {
            lines.push(format!("and {} more", things - MOST_LINES));
        }
        lines
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if self.bytes > 0 {
            write!(f, "{} bytes could not be read and were replaced by zeros", self.bytes)?;
            separator = "; ";
        }
        if self.part {
            write!(f, "{separator}part of its blocks or entries could not be read")?;
            separator = "; ";
        }
        if self.damaged {
            write!(f, "{separator}damaged, part of it is missing")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lost_says_nothing() {
        assert!(Losses::default().things() == 0 && Losses::default().lines().is_empty());
    }

    #[test]
    fn each_loss_has_its_line() {
        let mut losses = Losses::default();
        losses.data(Ino(7), 512);
        losses.data(Ino(7), 1024);
        losses.part(Ino(7));
        losses.damaged(Ino(5));
        losses.group(1);
        losses.other();
        let want = [
            "errors have cost some of the data:",
            "inode 5: damaged, part of it is missing",
            "inode 7: 1536 bytes could not be read and were replaced by zeros; part of its blocks or entries could not be read",
            "cylinder group 1: part could not be read",
            "1 sectors of no known file",
        ];
        assert_eq!(losses.lines(), want);
    }

    #[test]
    fn ranges_of_inodes_grow_together() {
        let mut losses = Losses::default();
        for (first, last) in [(10, 11), (14, 15), (12, 13), (20, 20), (9, 21), (30, 31), (25, 26), (28, 28)] {
            losses.inodes(Ino(first), Ino(last));
        }
        let got: Vec<_> = losses.inodes.iter().map(|(&first, &last)| (first, last)).collect();
        assert_eq!(got, [(9, 21), (25, 26), (28, 28), (30, 31)]);
        losses.inodes(Ino(0), Ino(u32::MAX));
        assert_eq!(losses.things(), 1);
    }

    #[test]
    fn there_is_an_end_to_the_summary() {
        let mut losses = Losses::default();
        (3..103).for_each(|ino| losses.part(Ino(ino)));
        let lines = losses.lines();
        assert_eq!(lines.len(), MOST_LINES + 2);
        assert_eq!(lines.last().map(String::as_str), Some("and 80 more"));
    }
}
