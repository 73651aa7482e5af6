// SPDX-License-Identifier: BSD-2-Clause
//! What has been written: one value, which goes back to a mark when a volume has to be written again.

use crate::compress::{Entry, Form, SeekTable, skippable};
use crate::dump::losses::Losses;
use crate::dump::stop::Reason;
use crate::dump::write::places::{Indexing, IndexingMark};
use crate::dump::write::written::Verification;
use crate::encrypt::in_payload;
use crate::job::Job;
use crate::workers::Placed;
use dumpstream::TP_BSIZE;

/// What is on the media, and what is noted of it.
pub(super) struct Ledger {
    /// Tape blocks that are on media.
    pub written: u64,
    /// Tape blocks that are on this medium.
    pub on_volume: u64,
    /// Bytes of this medium that are written.
    pub bytes: u64,
    /// Bytes on media before this one.
    pub bytes_before: u64,
    /// The frames of this medium; none where chunks are records.
    pub frames: Option<SeekTable>,
    /// Bytes of the header that this medium begins with, if it is encrypted.
    pub head: Option<u64>,
    /// With `--verify`, what is to be read back.
    pub verification: Option<Verification>,
    /// With `--index`, what it will say.
    pub indexing: Option<Indexing>,
}

/// What a volume's first try is taken back to.
pub(super) struct Mark {
    written: u64,
    indexing: Option<IndexingMark>,
    losses: Losses,
}

impl Ledger {
    pub fn new(job: &Job, indexing: Option<Indexing>) -> Ledger {
        Ledger {
            written: 0,
            on_volume: 0,
            bytes: 0,
            bytes_before: 0,
            frames: job.compress.map(|_| SeekTable::default()),
            head: None,
            verification: job.verify.then(|| Verification::new(job.ntrec)),
            indexing,
        }
    }

    /// The state before a volume; `losses` is what the dump has lost so far.
    pub fn mark(&self, losses: &Losses) -> Mark {
        let indexing = self.indexing.as_ref().map(Indexing::mark);
        Mark { written: self.written, indexing, losses: losses.clone() }
    }

    /// Forgets what was noted since the mark, in `losses` too.
    pub fn roll_back(&mut self, mark: Mark, losses: &mut Losses) {
        self.written = mark.written;
        if let (Some(indexing), Some(mark)) = (&mut self.indexing, mark.indexing) {
            indexing.go_back(mark);
        }
        *losses = mark.losses;
    }

    /// A volume begins, on an empty medium, with a header of `head` bytes if it is encrypted.
    pub fn begin_volume(&mut self, volume: u32, head: Option<u64>) {
        (self.on_volume, self.bytes, self.head) = (0, 0, head);
        self.frames.iter_mut().for_each(SeekTable::clear);
        if let Some(verification) = &mut self.verification {
            verification.begin_volume(volume);
        }
        self.indexing.iter_mut().for_each(Indexing::begin_volume);
    }

    /// The volume is complete, and another one follows.
    pub fn end_volume(&mut self) {
        self.bytes_before += self.bytes;
    }

    /// Where the next frame begins on this medium, or in what it is decrypted to, and in its uncompressed stream.
    pub fn next_frame(&self) -> Option<(u64, u64)> {
        let at = self.head.map_or(self.bytes, |head| in_payload(self.bytes, head));
        self.frames.as_ref().map(|_| (at, self.on_volume * TP_BSIZE as u64))
    }

    /// What ends this medium if it has frames, before it is encrypted: the table, and what pads it.
    ///
    /// Errors: too many frames.
    pub fn end(&mut self, form: Form) -> Result<Option<Vec<u8>>, Reason> {
        let Some(frames) = self.frames.as_mut().filter(|frames| !frames.entries().is_empty()) else {
            return Ok(None);
        };
        let padding = form.padding(self.bytes, frames.entries().len() as u64);
        frames.pad(padding);
        let table = frames.encode().ok_or(Reason::TooManyFrames)?;
        Ok(Some([skippable(padding as usize), table].concat()))
    }

    /// Bytes on all media.
    pub fn all_bytes(&self) -> u64 {
        self.bytes_before + self.bytes
    }

    /// Counts a chunk of `blocks` tape blocks that is on the medium in full.
    pub fn wrote(&mut self, blocks: u32, placed: &Placed) {
        self.count(blocks, placed.bytes.into());
        if let Some(frames) = self.frames.as_mut().filter(|_| blocks > 0) {
            let decompressed = blocks * TP_BSIZE as u32;
            let compressed = match self.head {
                Some(_) => in_payload(placed.bytes.into(), 0) as u32,
                None => placed.bytes,
            };
            frames.push(Entry { compressed, decompressed, checksum: placed.checksum });
        }
    }

    /// Counts tape blocks of a chunk that the ring stopped in; a compressed one has none.
    pub fn wrote_part(&mut self, blocks: u32) {
        self.count(blocks, u64::from(blocks) * TP_BSIZE as u64);
    }

    fn count(&mut self, blocks: u32, bytes: u64) {
        self.written += u64::from(blocks);
        self.on_volume += u64::from(blocks);
        self.bytes += bytes;
    }
}
