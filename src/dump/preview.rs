// SPDX-License-Identifier: BSD-2-Clause
//! `-S --list`: passes III and IV without an output. What they place is read as a dump, and listed.

use std::io;
use std::time::Duration;

use crate::dump::console::Console;
use crate::dump::context::Context;
use crate::dump::passes::Notice;
use crate::dump::source::Faults;
use crate::dump::stop::{Reason, Stop};
use crate::dump::volumes::{Chunk, Ended, Filler, What};
use crate::dump::write::SIGNALS;
use crate::event::{Event, EventQueue};
use crate::exit;
use crate::operator::{FindingLine, List, Lists, Results};
use crate::os::time;
use dumpstream::reading::{Finding, Names, Reader};
use dumpstream::{Block, Decoded, TP_BSIZE};

/// Data that is not read: whoever lists does not look at it.
const UNREAD: Block = [0; TP_BSIZE];

/// Where the listing goes.
struct Out<'a> {
    console: &'a Console<'a>,
    ntrec: u32,
    results: Results,
    broken: Option<io::Error>,
    named_dump: bool,
}

impl Lists for Out<'_> {
    fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>) {
        if self.broken.is_none() {
            self.broken = write(&mut self.results).err();
        }
    }

    fn volume(&mut self, header: &Decoded) {
        if !std::mem::replace(&mut self.named_dump, true) {
            self.write(|results| results.dump(header));
        }
    }

    fn finding(&mut self, finding: &Finding, names: &mut Names) {
        let path = finding.ino.filter(|_| finding.last.is_none()).and_then(|ino| names.path_of(ino));
        let line = FindingLine { finding, path: path.as_deref(), ntrec: self.ntrec };
        match self.results.is_json() {
            true => self.write(|results| results.finding(&line)),
            false => self.console.say(line),
        }
    }
}

impl Context<'_> {
    /// Reports what was met in a record.
    fn tell(&self, record: u64, notice: Notice) {
        match notice {
            // Nothing is dumped.
            Notice::DumpingDirectories | Notice::DumpingFiles => {}
            Notice::Unread { ino, offset, bytes } => self.tell_unread(record, ino, offset, bytes),
            notice => self.errors.notice(notice),
        }
    }

    /// Lists what `filler` places in chunks of `chunk_blocks` tape blocks, on standard output; as JSON if that is wanted.
    /// Gives the exit code.
    ///
    /// Errors: the disk or the listing cannot go on.
    pub(super) fn list(
        &self,
        mut filler: Filler,
        chunk_blocks: u32,
        json: bool,
        queue: &mut EventQueue,
    ) -> Result<u8, Stop> {
        let results = Results::new(Box::new(io::stdout()), json, time::date_hm);
        let mut list = List(Out {
            console: self.console,
            ntrec: self.started.job.ntrec,
            results,
            broken: None,
            named_dump: false,
        });
        let (mut reader, mut chunk, mut events) = (Reader::default(), Chunk::default(), Vec::new());
        let mut buffer = vec![0; chunk_blocks as usize * TP_BSIZE];
        filler.begin_volume();
        reader.begin_volume(1);
        let (ntrec, mut first_record) = (u64::from(self.started.job.ntrec), 0);
        loop {
            chunk.notices.clear();
            let ended =
                filler.fill(self.fs, &mut buffer, &mut chunk).map_err(|error| self.errors.stop(error))?;
            for (at, notice) in chunk.notices.drain(..) {
                self.tell(first_record + u64::from(at) / ntrec, notice);
            }
            first_record += u64::from(chunk.blocks) / ntrec;
            if self.errors.is_stopped() {
                return Err(Stop::Told);
            }
            let (blocks, _) = buffer.as_chunks::<TP_BSIZE>();
            for piece in &chunk.pieces {
                let at = piece.at as usize..(piece.at + piece.blocks) as usize;
                match piece.what {
                    What::Disk(_) => (0..piece.blocks).for_each(|_| reader.block(&UNREAD, &mut list)),
                    _ => blocks[at].iter().for_each(|block| reader.block(block, &mut list)),
                }
            }
            queue.wait(&mut events, Some(Duration::ZERO))?;
            if events.contains(&Event::Readable { key: SIGNALS }) {
                self.questions.take_signals()?;
            }
            if ended == Ended::Dump || list.0.broken.is_some() {
                break;
            }
        }
        let summary = reader.finish(&mut list);
        list.0.write(|results| results.summary(&summary));
        list.0.write(Results::flush);
        if let Some(error) = list.0.broken {
            return Err(Reason::Listing(error).into());
        }
        let lossy = self.errors.tell_losses();
        Ok(if self.started.job.strict && lossy { exit::UNREADABLE } else { exit::DONE })
    }
}
