// SPDX-License-Identifier: BSD-2-Clause
//! The end of a volume: its contents are made safe before success is reported or recorded.

use crate::dump::stop::{Reason, Stop, VolumeError};
use crate::dump::volumes::Ended;
use crate::dump::volumes::fault::{Fault, RemoteFault};
use crate::dump::volumes::medium::Medium;
use crate::dump::write::{VolumeEnd, Writing};
use crate::media::Kind;
use crate::monitor::index_file::IndexFile;
use crate::operator;
use crate::operator::{Attention, MediaMessage, Message, Remark, StopMessage, Sums};
use crate::os::time;
use dumpstream::TP_BSIZE;

impl Writing<'_> {
    /// Closes a medium that is full; there is more to come.
    pub(super) fn close_full(&mut self, mut medium: Medium) -> Result<VolumeEnd, VolumeError> {
        medium.unload = self.volumes.is_to_be_unloaded();
        if self.ledger.on_volume == 0 {
            return Err(Reason::NoRoom(medium.name).into());
        }
        if let Err(error) = self.secure(&medium) {
            return Err(self.failure(error, medium));
        }
        self.volumes.close_safe(medium)?;
        Ok(VolumeEnd::Full)
    }

    /// Makes what is on the medium safe, and reads it back if that is wanted.
    pub(super) fn secure(&mut self, medium: &Medium) -> Result<(), VolumeError> {
        medium.make_safe(self.ledger.bytes, self.records())?;
        self.volumes.finish(medium, self.ledger.bytes)?;
        self.wait_until_read(medium)?;
        if self.ledger.verification.is_some() {
            self.verify(medium)?;
        }
        Ok(medium.leave(self.ledger.verification.is_some())?)
    }

    /// Records on this medium.
    pub(super) fn records(&self) -> u64 {
        let record = u64::from(self.context.started.job.ntrec);
        match self.ledger.frames {
            None => self.ledger.on_volume / record,
            Some(_) => self.ledger.bytes / (record * TP_BSIZE as u64),
        }
    }

    /// All that was to go on this medium is on it.
    pub(super) fn close(&mut self, medium: Medium, ended: Ended) -> Result<VolumeEnd, VolumeError> {
        if ended == Ended::Dump {
            return self.close_last(medium);
        }
        self.close_full(medium)
    }

    /// The last volume: success is reported, and the dump recorded, only when the volume is safe.
    pub(super) fn close_last(&mut self, medium: Medium) -> Result<VolumeEnd, VolumeError> {
        if let Err(error) = self.secure(&medium) {
            return Err(self.failure(error, medium));
        }
        let console = self.context.console;
        if let Some(verification) = &mut self.ledger.verification {
            verification.finish()?;
            console.say(Message::Verified { volumes: self.filler.volume() });
        }
        let volumes = (!self.volumes.is_stdout()).then_some(self.filler.volume());
        let blocks = self.filler.total_blocks();
        console.say(Message::Written { blocks, volumes });
        if self.ledger.frames.is_some() {
            let bytes = self.ledger.all_bytes();
            console.say(Message::Compressed { blocks: self.ledger.written, bytes });
        }
        let seconds = self.course.seconds();
        console.say(Message::Finished { seconds, blocks });
        let volumes = self.filler.volume();
        let place = match medium.kind {
            Kind::File => "on disk",
            Kind::Tape | Kind::Remote | Kind::RemoteInStep => "on tape",
            Kind::Stream => "written",
        };
        let sums = Sums { blocks, bytes: self.ledger.all_bytes(), place, seconds };
        console.show(operator::Event::Done { volumes, sums });
        // dump says that it has recorded the dump before it closes the medium.
        let safe_at_close = self.volumes.are_safe_at_close();
        if !safe_at_close {
            self.record()?;
        }
        self.volumes.close_safe(medium)?;
        if safe_at_close {
            self.record()?;
        }
        self.context.questions.broadcast(Attention::Done);
        console.say(Message::Done);
        Ok(VolumeEnd::Dump)
    }

    /// All is safe: writes the index, with `--index`, and has the monitor give it its name and enter the dump in the dumpdates file, with
    /// `-u`. Without either it is for the monitor to know that the dump is complete.
    pub(super) fn record(&mut self) -> Result<(), Stop> {
        let index = self.write_index()?;
        let console = self.context.console;
        let (dumpdates, file) = (&self.context.started.job.dumpdates, self.context.started.index.as_ref());
        if let Some(unrecorded) = self.context.requests.ask_to_record(dumpdates)? {
            let line = unrecorded.line(dumpdates, self.index_name(), file.map(IndexFile::names));
            console.say(Remark(format_args!("{line}")));
            return Err(Stop::Told);
        }
        self.report_index(index);
        if self.context.started.job.update_dumpdates {
            let date = self.context.started.identity.date;
            let date = (date != 0).then(|| time::ctime(date));
            console.say(Message::Recorded { level: self.context.started.job.level, date: date.as_deref() });
        }
        Ok(())
    }

    /// The medium took no more.
    pub(super) fn end_of_medium(&mut self, medium: Medium) -> Result<VolumeEnd, VolumeError> {
        let console = self.context.console;
        console.say(MediaMessage::EndOfTape);
        let full = Fault::System(libc::ENOSPC);
        if self.volumes.is_stdout() {
            return Err(VolumeError::from(full).with(medium));
        }
        // Where another file has a name already the dump goes on by itself.
        if matches!(medium.kind, Kind::File | Kind::Stream)
            && !self.volumes.has_own_name(self.filler.volume() + 1)
        {
            console.say(Remark(format_args!("{}: {full}", medium.name.display())));
        }
        if self.ledger.on_volume == 0 {
            console.say(MediaMessage::EotAtStart);
            let name = medium.name.display();
            let ntrec = self.context.started.job.ntrec;
            match self.ledger.frames {
                None => console
                    .say(Remark(format_args!("{name} is too small for one record of {ntrec} tape blocks"))),
                Some(_) => console.say(Remark(format_args!("{name} is too small for one compressed chunk"))),
            }
            return Err(Stop::Told.into());
        }
        self.close_full(medium)
    }

    pub(super) fn failed(&mut self, medium: Medium, errno: i32) -> Result<VolumeEnd, VolumeError> {
        if errno == libc::EPIPE && medium.kind == Kind::Stream && !self.volumes.is_command() {
            self.context.console.say(StopMessage::BrokenPipe);
            return Err(Stop::Told.into());
        }
        let fault = match errno {
            libc::EPROTO if medium.kind.is_remote() => Fault::Remote(RemoteFault::Protocol),
            libc::ENOSPC if medium.kind.has_records() && self.ledger.head.is_some() => Fault::TapeTooShort,
            errno => Fault::System(errno),
        };
        Err(self.failure(fault.into(), medium))
    }
}
