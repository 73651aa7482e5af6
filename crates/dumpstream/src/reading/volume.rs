// SPDX-License-Identifier: BSD-2-Clause
//! The start of each volume, and its continuity with the previous one.

use super::Fault;
use super::reader::{Expect, Reader, Sink, skip};
use crate::TapeBlock;
use crate::decode::decode;
use crate::{Block, RecordType};

impl Reader {
    pub(super) fn first_volume(&mut self, block: &Block, sink: &mut impl Sink) {
        match decode(block) {
            Ok(header) if header.header.kind == RecordType::Tape => {
                self.remember(&header, sink);
                sink.volume(&header, self.place);
                self.begins_at(header.place.tapea.0);
                let volume = header.place.volume;
                if header.header.packed {
                    // Since 0.4b56 Linux's dump gives a volume's header the number of the tape block behind it, here too.
                    self.slack = 1;
                    self.next = self.next.wrapping_sub(1);
                }
                if volume > 1 {
                    self.partial = true;
                    self.open_before = Some(header.header.inumber);
                    self.shift = volume - self.place.volume.min(volume);
                    self.place.volume = volume;
                    self.here(sink, None, Fault::StartsAt(volume));
                    self.slack = 1;
                    self.next = header.place.tapea.0.wrapping_sub(1);
                    // Linux's dump and FreeBSD's can write a count below 0 there.
                    self.expect = match header.header.count {
                        0 => Expect::First,
                        count => {
                            self.tell_of_beginning(sink);
                            skip(u64::from(count), Expect::Header)
                        }
                    };
                }
            }
            Ok(_) => {
                self.here(sink, None, Fault::NoVolumeHeader);
                self.header(block, sink);
            }
            Err(error) => self.lose(error, sink),
        }
    }

    /// The header of a volume after the first one; `behind` is what the volume before left open.
    pub(super) fn later_volume(&mut self, block: &Block, behind: Expect, sink: &mut impl Sink) {
        let header = match decode(block) {
            Ok(header) if header.header.kind == RecordType::Tape => header,
            Ok(_) => {
                self.here(sink, None, Fault::NoVolumeHeader);
                self.abandon();
                return self.header(block, sink);
            }
            Err(error) => return self.lose(error, sink),
        };
        if !self.is_ours(&header) {
            self.here(sink, None, Fault::OtherDump);
        }
        sink.volume(&header, self.place);
        if let Some(volume) = Some(header.place.volume).filter(|&volume| volume != self.place.volume) {
            self.here(sink, None, Fault::WrongVolume(self.place.volume, volume));
        }
        let tapea = header.place.tapea.0;
        self.begins_at(tapea);
        self.marks.repeat(0);
        let fresh = skip(u64::from(header.header.count), Expect::Header);
        let at = tapea.checked_sub(self.next).filter(|_| self.numbered);
        let follows = self.numbered && self.follows(tapea);
        self.expect = match (behind, at) {
            (Expect::End(passed), _) => Expect::End(passed + 1),
            (Expect::Lost(_), _) => fresh,
            (behind, _) if follows => behind,
            (behind, None) if self.numbered => {
                let repeated = self.next - tapea;
                self.here(sink, None, Fault::Repeated(repeated));
                self.marks.repeat(repeated);
                skip(repeated, behind)
            }
            _ => {
                self.here(sink, None, Fault::Numbers(TapeBlock(self.next), TapeBlock(tapea)));
                self.abandon();
                fresh
            }
        };
        // The header has the number of the tape block behind it, or one of its own: the next header will tell.
        self.slack = 1;
        self.next = tapea.wrapping_sub(1);
        self.numbered = true;
    }

    /// Compares a tape block that, by the number in the volume's header, was on the volume before already. If it was not, that volume had
    /// more tape blocks than it should.
    pub(super) fn check_repeated(&mut self, block: &Block, sink: &mut impl Sink) {
        if let Some(back) = self.marks.is_another(block) {
            let (wanted, found) = (self.next.saturating_add(back), self.next);
            self.here(sink, None, Fault::Numbers(TapeBlock(wanted), TapeBlock(found)));
            self.abandon();
        }
    }

    /// Whether a header with this number can be the next one.
    pub(super) fn follows(&mut self, tapea: u64) -> bool {
        let fits = match tapea.checked_sub(self.next) {
            Some(more) if more <= self.slack => {
                self.own.is_none_or(|own| self.slack == 0 || own == (more == 1))
            }
            _ => false,
        };
        if fits && self.slack > 0 {
            self.own = Some(tapea > self.next);
        }
        fits
    }
}
