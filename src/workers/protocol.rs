// SPDX-License-Identifier: BSD-2-Clause
//! The messages between planner and workers: frames of 64 bytes, encoder and decoder.
//!
//! Each direction has a type of its own, so that no side decodes what the other may not send. Both check that the numbers fit: a worker
//! may have been taken over by what it read.

use std::fmt;
use std::num::NonZeroU64;

use crate::disk::Fault;
use crate::media::Kind;
use crate::workers::digest::Digest;

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 64;

/// What the planner sends to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// A medium to write to, whose descriptor comes along. All chunks of earlier epochs are forgotten.
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
    /// How the chunks of the next medium are encrypted.
    Key {
        /// The key of the payload.
        key: SecretWords,
        /// Bytes before the payload.
        head: u64,
        /// The byte of the file that the volume begins at.
        start: u64,
    },
    /// The medium is to be closed, and all chunks of earlier epochs forgotten.
    Release {
        /// The epoch that begins.
        epoch: u32,
    },
    /// A chunk to read and write.
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
        /// Tape blocks at its end that no reader needs.
        padding: u32,
        /// Bytes of the volume before it, if it is not compressed.
        start: u64,
    },
    /// Bytes of the planner's own, to be written as they are, or encrypted.
    AssignBytes {
        /// Their number among the chunks.
        sequence: u64,
        /// The epoch that they belong to.
        epoch: u32,
        /// The slot that they are in.
        slot: u32,
        /// How many they are.
        bytes: u32,
        /// Whether they are encrypted.
        sealing: Sealing,
    },
    /// Part of the medium to be read back. What it was made from goes into the slot.
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
    /// The first chunk of a medium may be written.
    Token(Token),
}

/// Whether bytes of the planner's own are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sealing {
    /// They are not.
    #[default]
    No,
    /// They are, and more follows.
    More,
    /// They are the end of the payload.
    Last,
}

const SEALINGS: [Sealing; 3] = [Sealing::No, Sealing::More, Sealing::Last];

/// A key in a frame, which is not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretWords(pub [u64; 4]);

impl fmt::Debug for SecretWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretWords")
    }
}

impl SecretWords {
    /// Of 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> SecretWords {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        SecretWords(words)
    }

    /// The 32 bytes.
    pub fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *bytes = word.to_ne_bytes();
        }
        bytes
    }
}

/// What a worker sends to the next one, and the planner to the first: a chunk may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The chunk.
    pub sequence: u64,
    /// The epoch of the token.
    pub epoch: u32,
    /// What is on the medium by then.
    pub volume: OnMedium,
}

/// What a worker sends to the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromWorker {
    /// The medium has been taken or closed, and no slot is touched any more.
    Ready {
        /// The epoch that began.
        epoch: u32,
    },
    /// Part of chunk `sequence` could not be read.
    Fault {
        /// The chunk.
        sequence: u64,
        /// The record of the chunk, from 0.
        record: u32,
        /// What happened.
        fault: Fault,
    },
    /// The remote tape that chunk `sequence` is written to has neither taken nor sent anything for long. It is waited for.
    Silent {
        /// The chunk.
        sequence: u64,
        /// The epoch of the chunk.
        epoch: u32,
    },
    /// Chunk `sequence` is done with, and the token passed on if it was written in full.
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
const KEY: u32 = 15;

/// The tag and the numbers of a frame.
type Words = [u64; FRAME_BYTES / 8];

/// Faults that a chunk of `blocks` tape blocks can have: one for each read, which is a tape block at least, and one for each sector.
pub fn most_faults(blocks: u32) -> usize {
    blocks as usize * 3
}

impl ToWorker {
    /// As it is sent: a tag, then its numbers in turn, 8 bytes each.
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        match *self {
            ToWorker::Medium { epoch, kind, limit, keep_room } => {
                let limit = limit.map_or(0, NonZeroU64::get);
                pack(MEDIUM, [epoch.into(), kind.code().into(), limit, keep_room.into()])
            }
            ToWorker::Key { key: SecretWords([a, b, c, d]), head, start } => {
                pack(KEY, [a, b, c, d, head, start])
            }
            ToWorker::Release { epoch } => pack(RELEASE, [epoch.into()]),
            ToWorker::Assign { sequence, epoch, slot, blocks, extents, padding, start } => {
                let [epoch, slot] = [epoch.into(), slot.into()];
                let [blocks, extents, padding] = [blocks.into(), extents.into(), padding.into()];
                pack(ASSIGN, [sequence, epoch, slot, blocks, extents, padding, start])
            }
            ToWorker::AssignBytes { sequence, epoch, slot, bytes, sealing } => {
                let numbers = [sequence, epoch.into(), slot.into(), bytes.into(), sealing as u64];
                pack(ASSIGN_BYTES, numbers)
            }
            ToWorker::AssignCheck { sequence, epoch, slot, offset, bytes, blocks } => {
                let numbers = [sequence, epoch.into(), slot.into(), offset, bytes.into(), blocks.into()];
                pack(ASSIGN_CHECK, numbers)
            }
            ToWorker::Token(token) => token.encode(),
        }
    }

    /// Decodes what was received.
    ///
    /// Errors: it has not the length of a frame, its tag is not known, or a number is too large for what it means.
    pub fn decode(bytes: &[u8]) -> Result<ToWorker, BadFrame> {
        decode(bytes, |tag, words| {
            let small = |index: usize| u32::try_from(words[index]).ok();
            let sequence = words[1];
            match tag {
                MEDIUM => Some(ToWorker::Medium {
                    epoch: small(1)?,
                    kind: Kind::from_code(small(2)?)?,
                    limit: NonZeroU64::new(words[3]),
                    keep_room: flag(words[4])?,
                }),
                KEY => Some(ToWorker::Key {
                    key: SecretWords([words[1], words[2], words[3], words[4]]),
                    head: words[5],
                    start: words[6],
                }),
                RELEASE => Some(ToWorker::Release { epoch: small(1)? }),
                ASSIGN => Some(ToWorker::Assign {
                    sequence,
                    epoch: small(2)?,
                    slot: small(3)?,
                    blocks: small(4)?,
                    extents: small(5)?,
                    padding: small(6)?,
                    start: words[7],
                }),
                ASSIGN_BYTES => Some(ToWorker::AssignBytes {
                    sequence,
                    epoch: small(2)?,
                    slot: small(3)?,
                    bytes: small(4)?,
                    sealing: *SEALINGS.get(usize::try_from(words[5]).ok()?)?,
                }),
                ASSIGN_CHECK => Some(ToWorker::AssignCheck {
                    sequence,
                    epoch: small(2)?,
                    slot: small(3)?,
                    offset: words[4],
                    bytes: small(5)?,
                    blocks: small(6)?,
                }),
                TOKEN => token(words).map(ToWorker::Token),
                _ => None,
            }
        })
    }
}

impl Token {
    /// See [`ToWorker::encode`].
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        let Token { sequence, epoch, volume } = *self;
        pack(TOKEN, [sequence, epoch.into(), volume.bytes, volume.chunks.into()])
    }

    /// See [`ToWorker::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Token, BadFrame> {
        decode(bytes, |tag, words| if tag == TOKEN { token(words) } else { None })
    }
}

impl FromWorker {
    /// See [`ToWorker::encode`].
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        match *self {
            FromWorker::Ready { epoch } => pack(READY, [epoch.into()]),
            FromWorker::Fault { sequence, record, fault } => {
                let errno = u64::from(fault.errno.cast_unsigned()) << 32 | u64::from(record);
                let sizes = u64::from(fault.count) << 32 | u64::from(fault.got);
                pack(FAULT, [sequence, fault.sector.into(), errno, fault.block, sizes])
            }
            FromWorker::Silent { sequence, epoch } => pack(SILENT, [sequence, epoch.into()]),
            FromWorker::Done { sequence, epoch, outcome } => {
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

    /// See [`ToWorker::decode`].
    pub fn decode(bytes: &[u8]) -> Result<FromWorker, BadFrame> {
        decode(bytes, |tag, words| {
            let small = |index: usize| u32::try_from(words[index]).ok();
            let sequence = words[1];
            let digest = Digest::from_words([words[4], words[5], words[6], words[7]]);
            let done = |outcome| Some(FromWorker::Done { sequence, epoch: small(2)?, outcome });
            match tag {
                READY => Some(FromWorker::Ready { epoch: small(1)? }),
                FAULT => Some(FromWorker::Fault {
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
                SILENT => Some(FromWorker::Silent { sequence, epoch: small(2)? }),
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
        })
    }
}

/// The message that `parse` makes of a frame's tag and words.
fn decode<M>(bytes: &[u8], parse: impl FnOnce(u32, &Words) -> Option<M>) -> Result<M, BadFrame> {
    let (words, _) = bytes.as_chunks::<8>();
    let words: Words = match <[[u8; 8]; 8]>::try_from(words) {
        Ok(words) if bytes.len() == FRAME_BYTES => words.map(u64::from_ne_bytes),
        _ => return Err(BadFrame { tag: 0, length: bytes.len() }),
    };
    let tag = u32::try_from(words[0]).unwrap_or(u32::MAX);
    parse(tag, &words).ok_or(BadFrame { tag, length: bytes.len() })
}

fn token(words: &Words) -> Option<Token> {
    let small = |index: usize| u32::try_from(words[index]).ok();
    let volume = OnMedium { bytes: words[3], chunks: small(4)? };
    Some(Token { sequence: words[1], epoch: small(2)?, volume })
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
        let token = Token { sequence: 7, epoch: 1, volume: OnMedium { bytes: 1 << 40, chunks: 9 } };
        let limit = NonZeroU64::new(1 << 40);
        for frame in [
            ToWorker::Medium { epoch: 3, kind: Kind::Tape, limit: None, keep_room: false },
            ToWorker::Medium { epoch: 3, kind: Kind::File, limit, keep_room: true },
            ToWorker::Release { epoch: 4 },
            ToWorker::Assign {
                sequence: 1 << 50,
                epoch: 2,
                slot: 5,
                blocks: 1020,
                extents: 99,
                padding: 9,
                start: 1 << 60,
            },
            ToWorker::AssignBytes { sequence: 1 << 50, epoch: 2, slot: 5, bytes: 99, sealing: Sealing::Last },
            ToWorker::Key { key: SecretWords::new(&[7; 32]), head: 200, start: 1 << 40 },
            ToWorker::AssignCheck {
                sequence: 1 << 50,
                epoch: 2,
                slot: 5,
                offset: 1 << 60,
                bytes: 9,
                blocks: 8,
            },
            ToWorker::Token(token),
        ] {
            assert_eq!(ToWorker::decode(&frame.encode()), Ok(frame));
            assert!(FromWorker::decode(&frame.encode()).is_err(), "no worker may send {frame:?}");
            assert_eq!(Token::decode(&frame.encode()).is_ok(), frame == ToWorker::Token(token));
        }
        let done = |outcome| FromWorker::Done { sequence: 7, epoch: 1, outcome };
        for frame in [
            FromWorker::Ready { epoch: 3 },
            FromWorker::Fault { sequence: 7, record: 9, fault },
            FromWorker::Silent { sequence: 7, epoch: 9 },
            done(Outcome::Written(Placed { bytes: 9, checksum: u32::MAX, digest })),
            done(Outcome::Limit),
            done(Outcome::Checked { bytes: 9, digest }),
            done(Outcome::EndOfMedium { records: 4, digest }),
            done(Outcome::Failed { records: 0, errno: 28 }),
        ] {
            assert_eq!(FromWorker::decode(&frame.encode()), Ok(frame));
            assert!(ToWorker::decode(&frame.encode()).is_err(), "the planner does not send {frame:?}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let ready = FromWorker::Ready { epoch: 1 }.encode();
        let mut long = ready;
        long[13] = 1;
        for bytes in [&[][..], &[0; FRAME_BYTES], &[0xff; FRAME_BYTES], &ready[..63], &long] {
            assert!(
                FromWorker::decode(bytes).is_err()
                    && ToWorker::decode(bytes).is_err()
                    && Token::decode(bytes).is_err()
            );
        }
    }
}
