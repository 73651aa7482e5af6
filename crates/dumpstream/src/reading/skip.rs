// SPDX-License-Identifier: BSD-2-Clause
//! What comes next, for readers that skip what they do not need.

use super::reader::{Expect, Reader};

impl Reader {
    /// How many tape blocks of a file's data come next that need not be looked at.
    pub fn pending_data(&self) -> u64 {
        match (&self.expect, &self.file) {
            (Expect::Data, Some(file)) if file.scan.is_none() => file.pending(),
            _ => 0,
        }
    }

    /// Passes over so many tape blocks, of [`Reader::pending_data`], without having read them.
    pub fn skip_data(&mut self, blocks: u64) {
        let blocks = blocks.min(self.pending_data());
        let Some(file) = self.file.as_mut().filter(|_| blocks > 0) else { return };
        file.skip(blocks);
        self.expect = if file.wants_data() { Expect::Data } else { Expect::Header };
        self.marks.pass();
        self.count(blocks);
    }

    /// How many tape blocks come before the next header, as far as that is known.
    pub fn announced(&self) -> u64 {
        match (&self.expect, &self.file) {
            (Expect::Data, Some(file)) => file.pending(),
            (Expect::Map(_, left), _) => (*left).into(),
            _ => 0,
        }
    }

    /// Whether a header is searched for.
    pub fn is_searching(&self) -> bool {
        matches!(self.expect, Expect::Lost(_) | Expect::First | Expect::End(_))
    }
}
