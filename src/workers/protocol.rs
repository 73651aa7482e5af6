// SPDX-License-Identifier: BSD-2-Clause
//! What planner and workers say to each other: frames of 64 bytes, encoder beside decoder.
//!
//! Both sides check that a frame is one that the other may send, and that its numbers fit: a worker may have been
//! taken over by what it read.

use std::fmt;
use std::num::NonZeroU64;

use crate::disk::Fault;
use crate::media::Kind;
use crate::workers::digest::Digest;

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
        /// Bytes of compressed chunks that it takes, with the table of them; none means as many as it does.
        limit: Option<NonZeroU64>,
        /// Whether room for that table is to be kept behind each chunk.
        keep_room: bool,
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
    /// Planner to worker: bytes of the planner's own, to be written as they are.
    AssignBytes {
        /// Their number among the chunks.
        sequence: u64,
        /// The epoch that they belong to.
        epoch: u32,
        /// The slot that they are in.
        slot: u32,
        /// How many they are.
        bytes: u32,
    },
    /// Planner to worker: part of the medium to be read back. What it was made from goes into the slot.
    AssignCheck {
        /// Its number among the chunks.
        sequence: u64,
        /// The epoch that it belongs to.
        epoch: u32,
        /// The slot.
        slot: u32,
        /// Where it begins, in bytes of a file; a tape is read in turn.
        offset: u64,
        /// Its bytes on the medium.
        bytes: u32,
        /// Tape blocks that they were made from; none of what is no part of the dump.
        blocks: u32,
    },
    /// Planner or worker to worker: chunk `sequence` may be written.
    Token {
        /// The chunk that may be written.
        sequence: u64,
        /// The epoch of the token.
        epoch: u32,
        /// What is on the medium by then.
        volume: OnMedium,
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
    /// Worker to planner: the remote tape that chunk `sequence` is written to has neither taken nor sent anything for long. It is waited for.
    Silent {
        /// The chunk.
        sequence: u64,
        /// The epoch of the chunk.
        epoch: u32,
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

/// How much of a volume is on its medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnMedium {
    /// Bytes.
    pub bytes: u64,
    /// Chunks that they are.
    pub chunks: u32,
}

/// What a chunk became on the medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Its bytes there.
    pub bytes: u32,
    /// The checksum of a compressed chunk, as the table of them has it.
    pub checksum: u32,
    /// Their digest, if they are to be read back.
    pub digest: Digest,
}

/// How the writing of a chunk went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is on the medium.
    Written(Placed),
    /// Nothing of it is: compressed it would go past the volume's limit.
    Limit,
    /// The medium ended after so many whole records of the chunk.
    EndOfMedium {
        /// Records on the medium.
        records: u32,
        /// Their digest, if they are to be read back.
        digest: Digest,
    },
    /// It was read back.
    Checked {
        /// Bytes that could be read.
        bytes: u32,
        /// Their digest.
        digest: Digest,
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
const LIMIT: u32 = 10;
const ASSIGN_BYTES: u32 = 11;
const ASSIGN_CHECK: u32 = 12;
const CHECKED: u32 = 13;
const SILENT: u32 = 14;

impl Frame {
    /// How it goes over a socket: a tag, then its numbers in turn, 8 bytes each.
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        match *self {
            Frame::Medium { epoch, kind, limit, keep_room } => {
                let limit = limit.map_or(0, NonZeroU64::get);
                pack(MEDIUM, [epoch.into(), kind.code().into(), limit, keep_room.into()])
            }
            Frame::Release { epoch } => pack(RELEASE, [epoch.into()]),
            Frame::Ready { epoch } => pack(READY, [epoch.into()]),
            Frame::Assign { sequence, epoch, slot, blocks, extents } => {
                pack(ASSIGN, [sequence, epoch.into(), slot.into(), blocks.into(), extents.into()])
            }
            Frame::AssignBytes { sequence, epoch, slot, bytes } => {
                pack(ASSIGN_BYTES, [sequence, epoch.into(), slot.into(), bytes.into()])
            }
            Frame::AssignCheck { sequence, epoch, slot, offset, bytes, blocks } => {
                let numbers = [sequence, epoch.into(), slot.into(), offset, bytes.into(), blocks.into()];
                pack(ASSIGN_CHECK, numbers)
            }
            Frame::Token { sequence, epoch, volume } => {
                pack(TOKEN, [sequence, epoch.into(), volume.bytes, volume.chunks.into()])
            }
            Frame::Fault { sequence, record, fault } => {
                let errno = u64::from(fault.errno.cast_unsigned()) << 32 | u64::from(record);
                let sizes = u64::from(fault.count) << 32 | u64::from(fault.got);
                pack(FAULT, [sequence, fault.sector.into(), errno, fault.block, sizes])
            }
            Frame::Silent { sequence, epoch } => pack(SILENT, [sequence, epoch.into()]),
            Frame::Done { sequence, epoch, outcome } => {
                let told = |tag, number, digest: Digest| {
                    let [a, b, c, d] = digest.words();
                    pack(tag, [sequence, epoch.into(), number, a, b, c, d])
                };
                match outcome {
                    Outcome::Written(Placed { bytes, checksum, digest }) => {
                        told(WRITTEN, u64::from(checksum) << 32 | u64::from(bytes), digest)
                    }
                    Outcome::Checked { bytes, digest } => told(CHECKED, bytes.into(), digest),
                    Outcome::EndOfMedium { records, digest } => told(END_OF_MEDIUM, records.into(), digest),
                    Outcome::Limit => pack(LIMIT, [sequence, epoch.into()]),
                    Outcome::Failed { records, errno } => {
                        let errno = u64::from(errno.cast_unsigned());
                        pack(FAILED, [sequence, epoch.into(), records.into(), errno])
                    }
                }
            }
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
    let digest = Digest::from_words([words[4], words[5], words[6], words[7]]);
    let done = |outcome| Some(Frame::Done { sequence, epoch: small(2)?, outcome });
    match tag {
        MEDIUM => Some(Frame::Medium {
            epoch: small(1)?,
            kind: Kind::from_code(small(2)?)?,
            limit: NonZeroU64::new(words[3]),
            keep_room: flag(words[4])?,
        }),
        RELEASE => Some(Frame::Release { epoch: small(1)? }),
        READY => Some(Frame::Ready { epoch: small(1)? }),
        ASSIGN => Some(Frame::Assign {
            sequence,
            epoch: small(2)?,
            slot: small(3)?,
            blocks: small(4)?,
            extents: small(5)?,
        }),
        ASSIGN_BYTES => {
            Some(Frame::AssignBytes { sequence, epoch: small(2)?, slot: small(3)?, bytes: small(4)? })
        }
        ASSIGN_CHECK => Some(Frame::AssignCheck {
            sequence,
            epoch: small(2)?,
            slot: small(3)?,
            offset: words[4],
            bytes: small(5)?,
            blocks: small(6)?,
        }),
        TOKEN => {
            let volume = OnMedium { bytes: words[3], chunks: small(4)? };
            Some(Frame::Token { sequence, epoch: small(2)?, volume })
        }
        FAULT => Some(Frame::Fault {
            sequence,
            record: words[3] as u32,
            fault: Fault {
                sector: flag(words[2])?,
                errno: ((words[3] >> 32) as u32).cast_signed(),
                block: words[4],
                count: (words[5] >> 32) as u32,
                got: words[5] as u32,
            },
        }),
        SILENT => Some(Frame::Silent { sequence, epoch: small(2)? }),
        WRITTEN => {
            let (bytes, checksum) = (words[3] as u32, (words[3] >> 32) as u32);
            done(Outcome::Written(Placed { bytes, checksum, digest }))
        }
        LIMIT => done(Outcome::Limit),
        END_OF_MEDIUM => done(Outcome::EndOfMedium { records: small(3)?, digest }),
        CHECKED => done(Outcome::Checked { bytes: small(3)?, digest }),
        FAILED => done(Outcome::Failed { records: small(3)?, errno: small(4)?.cast_signed() }),
        _ => None,
    }
}

fn flag(word: u64) -> Option<bool> {
    match word {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn pack<const N: usize>(tag: u32, numbers: [u64; N]) -> [u8; FRAME_BYTES] {
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
        let digest = Digest::of(b"bytes");
        let fault = Fault { sector: true, errno: 5, block: 1 << 40, count: 65536, got: 512 };
        for frame in [
            Frame::Medium { epoch: 3, kind: Kind::Tape, limit: None, keep_room: false },
            Frame::Medium { epoch: 3, kind: Kind::File, limit: NonZeroU64::new(1 << 40), keep_room: true },
            Frame::Release { epoch: 4 },
            Frame::Ready { epoch: 3 },
            Frame::Assign { sequence: 1 << 50, epoch: 2, slot: 5, blocks: 1020, extents: 99 },
            Frame::AssignBytes { sequence: 1 << 50, epoch: 2, slot: 5, bytes: 99 },
            Frame::AssignCheck { sequence: 1 << 50, epoch: 2, slot: 5, offset: 1 << 60, bytes: 9, blocks: 8 },
            Frame::Token { sequence: 7, epoch: 1, volume: OnMedium { bytes: 1 << 40, chunks: 9 } },
            Frame::Fault { sequence: 7, record: 9, fault },
            Frame::Silent { sequence: 7, epoch: 9 },
            Frame::Done {
                sequence: 7,
                epoch: 1,
                outcome: Outcome::Written(Placed { bytes: 9, checksum: u32::MAX, digest }),
            },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::Limit },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::Checked { bytes: 9, digest } },
            Frame::Done { sequence: 7, epoch: 1, outcome: Outcome::EndOfMedium { records: 4, digest } },
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
