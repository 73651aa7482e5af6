// SPDX-License-Identifier: BSD-2-Clause
//! What planner and workers say to each other: frames of 64 bytes, encoder beside decoder.
//!
//! Both sides check that a frame is one that the other may send, and that its numbers fit: a worker may have been
//! taken over by what it read.

use std::fmt;

use crate::disk::Fault;
use crate::media::Kind;

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 64;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Planner to worker: a medium to write to, whose descriptor comes along. All chunks of earlier epochs are forgotten.
    Medium {
        /// The epoch that begins.
        epoch: u32,
        /// How it is written to.
        kind: Kind,
    },
    /// Planner to worker: the medium is to be closed, and all chunks of earlier epochs forgotten.
    Release {
        /// The epoch that begins.
        epoch: u32,
    },
    /// Worker to planner: the medium has been taken or closed, and no slot is touched any more.
    Ready {
        /// The epoch that began.
        epoch: u32,
    },
    /// Planner to worker: a chunk to read and write.
    Assign {
        /// The chunk's number.
        sequence: u64,
        /// The epoch that it belongs to.
        epoch: u32,
        /// The slot that it is in.
        slot: u32,
        /// Its tape blocks.
        blocks: u32,
        /// Extents in its list.
        extents: u32,
    },
    /// Planner or worker to worker: chunk `sequence` may be written.
    Token {
        /// The chunk that may be written.
        sequence: u64,
        /// The epoch of the token.
        epoch: u32,
    },
    /// Worker to planner: part of chunk `sequence` could not be read.
    Fault {
        /// The chunk.
        sequence: u64,
        /// The record of the chunk, from 0.
        record: u32,
        /// What happened.
        fault: Fault,
    },
    /// Worker to planner: chunk `sequence` is done with, and the token passed on if it was written in full.
    Done {
        /// The chunk.
        sequence: u64,
        /// The epoch of the chunk.
        epoch: u32,
        /// How it went.
        outcome: Outcome,
    },
}

/// How the writing of a chunk went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is on the medium.
    Written,
    /// The medium ended after so many whole records of the chunk.
    EndOfMedium {
        /// Records on the medium.
        records: u32,
    },
    /// Writing failed after so many whole records.
    Failed {
        /// Records on the medium.
        records: u32,
        /// Why (errno).
        errno: i32,
    },
}

/// A frame that says nothing known, or says it wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFrame {
    /// Its tag.
    pub tag: u32,
    /// Its length in bytes.
    pub length: usize,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a frame of {} bytes with tag {} is not one of the ring's", self.length, self.tag)
    }
}

impl std::error::Error for BadFrame {}

const MEDIUM: u32 = 1;
const READY: u32 = 2;
const ASSIGN: u32 = 3;
const TOKEN: u32 = 4;
const FAULT: u32 = 5;
const WRITTEN: u32 = 6;
const END_OF_MEDIUM: u32 = 7;
const FAILED: u32 = 8;
const RELEASE: u32 = 9;

impl Frame {
    /// How it goes over a socket: a tag, then its numbers in turn, 8 bytes each.
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        match *self {
            Frame::Medium { epoch, kind } => pack(MEDIUM, [epoch.into(), kind.code().into(), 0, 0, 0]),
            Frame::Release { epoch } => pack(RELEASE, [epoch.into(), 0, 0, 0, 0]),
            Frame::Ready { epoch } => pack(READY, [epoch.into(), 0, 0, 0, 0]),
            Frame::Assign { sequence, epoch, slot, blocks, extents } => {
                pack(ASSIGN, [sequence, epoch.into(), slot.into(), blocks.into(), extents.into()])
            }
            Frame::Token { sequence, epoch } => pack(TOKEN, [sequence, epoch.into(), 0, 0, 0]),
            Frame::Fault { sequence, record, fault } => {
                let errno = u64::from(fault.errno.cast_unsigned()) << 32 | u64::from(record);
                let sizes = u64::from(fault.count) << 32 | u64::from(fault.got);
                pack(FAULT, [sequence, fault.sector.into(), errno, fault.block, sizes])
            }
            Frame::Done { sequence, epoch, outcome } => match outcome {
                Outcome::Written => pack(WRITTEN, [sequence, epoch.into(), 0, 0, 0]),
                Outcome::EndOfMedium { records } => {
                    pack(END_OF_MEDIUM, [sequence, epoch.into(), records.into(), 0, 0])
                }
                Outcome::Failed { records, errno } => {
                    let errno = u64::from(errno.cast_unsigned());
                    pack(FAILED, [sequence, epoch.into(), records.into(), errno, 0])
                }
            },
        }
    }

    /// Reads what a socket gave.
    ///
    /// Errors: it has not the length of a frame, its tag is not known, or a number is too large for what it means.
    pub fn decode(bytes: &[u8]) -> Result<Frame, BadFrame> {
        let (words, _) = bytes.as_chunks::<8>();
        let words: [u64; FRAME_BYTES / 8] = match <[[u8; 8]; 8]>::try_from(words) {
            Ok(words) if bytes.len() == FRAME_BYTES => words.map(u64::from_ne_bytes),
            _ => return Err(BadFrame { tag: 0, length: bytes.len() }),
        };
        let tag = u32::try_from(words[0]).unwrap_or(u32::MAX);
        parse(tag, &words).ok_or(BadFrame { tag, length: bytes.len() })
    }
}

fn parse(tag: u32, words: &[u64; FRAME_BYTES / 8]) -> Option<Frame> {
    let small = |index: usize| u32::try_from(words[index]).ok();
    let sequence = words[1];
    let done = |outcome| Some(Frame::Done { sequence, epoch: small(2)?, outcome });
    match tag {
        MEDIUM => Some(Frame::Medium { epoch: small(1)?, kind: Kind::from_code(small(2)?)? }),
        RELEASE => Some(Frame::Release { epoch: small(1)? }),
        READY => Some(Frame::Ready { epoch: small(1)? }),
        ASSIGN => Some(Frame::Assign {
            sequence,
            epoch: small(2)?,
            slot: small(3)?,
            blocks: small(4)?,
            extents: small(5)?,
        }),
        TOKEN => Some(Frame::Token { sequence, epoch: small(2)? }),
        FAULT => Some(Frame::Fault {
            sequence,
            record: words[3] as u32,
            fault: Fault {
                sector: match words[2] {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
                errno: ((words[3] >> 32) as u32).cast_signed(),
                block: words[4],
                count: (words[5] >> 32) as u32,
                got: words[5] as u32,
            },
        }),
        WRITTEN => done(Outcome::Written),
        END_OF_MEDIUM => done(Outcome::EndOfMedium { records: small(3)? }),
        FAILED => done(Outcome::Failed { records: small(3)?, errno: small(4)?.cast_signed() }),
        _ => None,
    }
}

fn pack(tag: u32, numbers: [u64; 5]) -> [u8; FRAME_BYTES] {
    let mut out = [0; FRAME_BYTES];
    out[..8].copy_from_slice(&u64::from(tag).to_ne_bytes());
    for (bytes, number) in out[8..].chunks_exact_mut(8).zip(numbers) {
        bytes.copy_from_slice(&number.to_ne_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let fault = Fault { sector: true, errno: 5, block: 1 << 40, count: 65536, got: 512 };
        for frame in [
            Frame::Medium { epoch: 3, kind: Kind::Tape },
            Frame::Release { epoch: 4 },
            Frame::Ready { epoch: 3 },
            Frame::Assign { sequence: 1 << 50, epoch: 2, slot: 5, blocks: 1020, extents: 99 },
            Frame::Token { sequence: 7, epoch: 1 },
            Frame::Fault { sequence: 7, record: 9, fault },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::Written },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::EndOfMedium { records: 4 } },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::Failed { records: 0, errno: 28 } },
        ] {
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert!(Frame::decode(&[]).is_err());
        assert!(Frame::decode(&[0; FRAME_BYTES]).is_err());
        assert!(Frame::decode(&[0xff; FRAME_BYTES]).is_err());
        assert!(Frame::decode(&Frame::Ready { epoch: 1 }.encode()[..63]).is_err());
        let mut long = Frame::Ready { epoch: 1 }.encode();
        long[13] = 1;
        assert!(Frame::decode(&long).is_err(), "an epoch over 32 bits");
    }
}
